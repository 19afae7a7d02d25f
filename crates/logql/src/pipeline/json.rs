//! `json`: every field of an object as a label, nested names joined by `_`; and the scanner that all JSON stages share.

use std::borrow::Cow;

use super::row::{LineError, Row};
use super::sanitize_into;
use crate::limits::MAX_VALUE_DEPTH;

/// What Loki says of any line that is no JSON object.
pub const NO_OBJECT: &str = "Value looks like object, but can't find closing '}' symbol";

#[derive(Debug)]
pub struct JsonFields;

impl JsonFields {
    pub fn run(&self, row: &mut Row<'_>) {
        let line = row.detached_line();
        let mut name = String::new();
        if flatten(&line, &mut name, &mut |name, value| {
            if row.may_want(name) {
                row.extract(name, &value.text());
            }
        })
        .is_none()
        {
            row.fail(LineError::Json, NO_OBJECT);
        }
    }
}

/// A value as it stands in the text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// between the quotes, escapes unresolved
    Str(&'a str),
    /// a number, true or false
    Plain(&'a str),
    Null,
    /// the whole text with its brackets
    Object(&'a str),
    Array(&'a str),
}

impl<'a> Value<'a> {
    /// What a label shows: strings without quotes and escapes, everything else as written, null as nothing.
    pub fn text(&self) -> Cow<'a, str> {
        match self {
            Value::Str(s) => unescape(s),
            Value::Plain(s) | Value::Object(s) | Value::Array(s) => Cow::Borrowed(s),
            Value::Null => Cow::Borrowed(""),
        }
    }
}

/// Calls `found` for each scalar of an object, in order. `None` if the text is malformed; what came before has been reported.
pub fn flatten<'a>(text: &'a str, name: &mut String, found: &mut dyn FnMut(&str, Value<'a>)) -> Option<()> {
    Scanner::new(text).flatten(name, 0, found)
}

/// Reads JSON piece by piece without building a tree. Lenient where Loki is: what follows the outer value is not looked at.
#[derive(Debug, Clone)]
pub struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub fn new(text: &'a str) -> Scanner<'a> {
        Scanner { text, at: 0 }
    }

    /// What has not been read, from the next byte that is no space.
    pub fn rest(&mut self) -> &'a str {
        self.peek();
        self.text.get(self.at..).unwrap_or("")
    }

    /// The next byte that is no space.
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(self.at) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        if self.peek()? != byte {
            return None;
        }
        self.at += 1;
        Some(())
    }

    fn flatten(&mut self, name: &mut String, depth: usize, found: &mut dyn FnMut(&str, Value<'a>)) -> Option<()> {
        let base = name.len();
        self.members(|s, key| {
            name.truncate(base);
            if base > 0 {
                name.push('_');
            }
            if key.contains('\\') {
                sanitize_into(&unescape(key), name)
            } else {
                sanitize_into(key, name)
            }
            if s.peek()? == b'{' && depth < MAX_VALUE_DEPTH {
                s.flatten(name, depth + 1, found)?;
            } else if let v @ (Value::Str(_) | Value::Plain(_)) = s.value()? {
                found(name, v);
            }
            Some(true)
        })
    }

    /// Calls `each` with every key of an object, standing before its value; it must consume the value, or answer `Some(false)` to stop.
    pub fn members(&mut self, mut each: impl FnMut(&mut Scanner<'a>, &'a str) -> Option<bool>) -> Option<()> {
        self.eat(b'{')?;
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            let key = self.string()?;
            self.eat(b':')?;
            if !each(self, key)? {
                return Some(());
            }
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    /// The i-th item of an array, `Some(None)` if there are not so many.
    pub fn item(&mut self, index: usize) -> Option<Option<Value<'a>>> {
        self.eat(b'[')?;
        if self.peek()? == b']' {
            return Some(None);
        }
        for i in 0.. {
            let value = self.value()?;
            if i == index {
                return Some(Some(value));
            }
            match self.peek()? {
                b',' => self.at += 1,
                b']' => return Some(None),
                _ => return None,
            }
        }
        None
    }

    /// The text between quotes.
    fn string(&mut self) -> Option<&'a str> {
        self.eat(b'"')?;
        let start = self.at;
        let bytes = self.text.as_bytes();
        loop {
            let step = memchr::memchr2(b'"', b'\\', bytes.get(self.at..)?)?;
            self.at += step;
            if bytes[self.at] == b'"' {
                self.at += 1;
                return self.text.get(start..self.at - 1);
            }
            self.at += 2;
        }
    }

    /// Reads any value.
    pub fn value(&mut self) -> Option<Value<'a>> {
        match self.peek()? {
            b'"' => self.string().map(Value::Str),
            b'{' => self.brackets().map(Value::Object),
            b'[' => self.brackets().map(Value::Array),
            _ => {
                let rest = &self.text[self.at..];
                let len = rest.bytes().position(|b| matches!(b, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r')).unwrap_or(rest.len());
                let word = &rest[..len];
                self.at += len;
                match word.as_bytes() {
                    b"null" => Some(Value::Null),
                    b"true" | b"false" => Some(Value::Plain(word)),
                    [b'-' | b'0'..=b'9', ..] => Some(Value::Plain(word)),
                    _ => None,
                }
            }
        }
    }

    /// A whole object or array, by counting brackets outside of strings.
    fn brackets(&mut self) -> Option<&'a str> {
        let (start, bytes) = (self.at, self.text.as_bytes());
        let mut depth = 0usize;
        loop {
            match *bytes.get(self.at)? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return self.text.get(start..self.at);
            }
        }
    }
}

/// Resolves the escapes of a JSON string; a wrong one leaves the text as it is.
pub fn unescape(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    match unescape_owned(raw) {
        Some(s) => Cow::Owned(s),
        None => Cow::Borrowed(raw),
    }
}

fn unescape_owned(raw: &str) -> Option<String> {
    let mut out = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    let hex = |chars: &mut std::str::Chars<'_>| (0..4).try_fold(0, |v, _| Some(v * 16 + chars.next()?.to_digit(16)?));
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        out.push(match chars.next()? {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            c @ ('"' | '\\' | '/' | '\'') => c,
            'u' => {
                let high: u32 = hex(&mut chars)?;
                let mut after = chars.clone();
                let pair = (0xd800..0xdc00).contains(&high) && after.next() == Some('\\') && after.next() == Some('u');
                match if pair { hex(&mut after).filter(|low| (0xdc00..0xe000).contains(low)) } else { None } {
                    Some(low) => {
                        chars = after;
                        char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))?
                    }
                    None => char::from_u32(high).unwrap_or('\u{fffd}'),
                }
            }
            _ => return None,
        });
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, want: &str, fine: bool) {
        let mut out = vec![];
        let mut name = String::new();
        let ok = flatten(line, &mut name, &mut |n, v| out.push(format!("{n}={}", v.text()))).is_some();
        assert_eq!((out.join(" "), ok), (want.to_owned(), fine), "{line}");
    }

    #[test]
    fn fields() {
        check(r#"{"a":"x","o":{"b":1,"y":{"z":true}},"n":null,"arr":[1,{"q":2}],"f":1.50}"#, "a=x o_b=1 o_y_z=true f=1.50", true);
        check(r#" {"a b":1,"c.d":"x","1st":true,"ключ":"v","e-f":{"g h":2}}"#, "a_b=1 c_d=x _1st=true ____=v e_f_g_h=2", true);
        check(r#"{"esc":"tab\tq\u0022\u00e9\ud83d\ude80"}"#, "esc=tab\tq\"é🚀", true);
        check("{}", "", true);
    }

    #[test]
    fn broken_lines_keep_what_came_before() {
        check(r#"{"ok":1,"bad""#, "ok=1", false);
        check("plain", "", false);
        check("", "", false);
        check(r#"{"a":{"b":1,"c":}}"#, "a_b=1", false);
        check(r#"{"a":1} trailing"#, "a=1", true);
        check(r#"{"a":"unterminated\"#, "", false);
    }
}
