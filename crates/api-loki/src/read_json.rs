//! A pull reader over JSON text: no tree, strings borrowed where they hold no escape, numbers as written. Never recurses.

use std::borrow::Cow;

/// What the next value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Object,
    Array,
    String,
    Number,
    Bool,
    Null,
}

/// What is wrong, with the byte where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadJson(pub String);

/// Nesting of values that are skipped.
const MAX_DEPTH: usize = 10_000;

/// Reads one document from the front of a text.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    pub fn new(text: &'a str) -> Reader<'a> {
        Reader { text, at: 0 }
    }

    fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    /// Bytes read so far.
    pub fn position(&self) -> usize {
        self.at
    }

    fn fail<T>(&self, what: &str) -> Result<T, BadJson> {
        Err(BadJson(format!("{what} at byte {}", self.at)))
    }

    fn peek(&mut self) -> Option<u8> {
        while let Some(b) = self.bytes().get(self.at) {
            match b {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                b => return Some(*b),
            }
        }
        None
    }

    fn expect(&mut self, b: u8, what: &str) -> Result<(), BadJson> {
        if self.peek() == Some(b) {
            self.at += 1;
            Ok(())
        } else {
            self.fail(what)
        }
    }

    pub fn kind(&mut self) -> Result<Kind, BadJson> {
        match self.peek() {
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'"') => Ok(Kind::String),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b't' | b'f') => Ok(Kind::Bool),
            Some(b'n') => Ok(Kind::Null),
            Some(_) => self.fail("expected a JSON value"),
            None => self.fail("unexpected end of JSON"),
        }
    }

    /// Opens an object; then `next_key` until it gives `None`.
    pub fn open_object(&mut self) -> Result<(), BadJson> {
        self.expect(b'{', "expected '{'")
    }

    /// `first` says that nothing of the object was read yet.
    pub fn next_key(&mut self, first: bool) -> Result<Option<Cow<'a, str>>, BadJson> {
        if !self.more(b'}', first, "expected ',' or '}'")? {
            return Ok(None);
        }
        let key = self.string()?;
        self.expect(b':', "expected ':'")?;
        Ok(Some(key))
    }

    pub fn open_array(&mut self) -> Result<(), BadJson> {
        self.expect(b'[', "expected '['")
    }

    /// Whether the array goes on; a value follows then.
    pub fn next_item(&mut self, first: bool) -> Result<bool, BadJson> {
        self.more(b']', first, "expected ',' or ']'")
    }

    fn more(&mut self, close: u8, first: bool, what: &str) -> Result<bool, BadJson> {
        match self.peek() {
            Some(b) if b == close => {
                self.at += 1;
                Ok(false)
            }
            Some(b',') if !first => {
                self.at += 1;
                if self.peek() == Some(close) { self.fail("expected a JSON value") } else { Ok(true) }
            }
            Some(_) if first => Ok(true),
            _ => self.fail(what),
        }
    }

    pub fn string(&mut self) -> Result<Cow<'a, str>, BadJson> {
        self.expect(b'"', "expected a string")?;
        let start = self.at;
        let mut owned: Option<String> = None;
        let mut from = start;
        loop {
            match self.bytes().get(self.at) {
                None => return self.fail("unterminated string"),
                Some(b'"') => {
                    let tail = &self.text[from..self.at];
                    self.at += 1;
                    return Ok(match owned {
                        None => Cow::Borrowed(tail),
                        Some(mut s) => {
                            s.push_str(tail);
                            Cow::Owned(s)
                        }
                    });
                }
                Some(b'\\') => {
                    let s = owned.get_or_insert_with(String::new);
                    s.push_str(&self.text[from..self.at]);
                    self.at += 1;
                    let c = self.escape()?;
                    owned.get_or_insert_with(String::new).push(c);
                    from = self.at;
                }
                Some(0..=0x1f) => return self.fail("control character in a string"),
                Some(_) => self.at += 1,
            }
        }
    }

    /// The character after a backslash; half a surrogate pair becomes U+FFFD.
    fn escape(&mut self) -> Result<char, BadJson> {
        let b = self.bytes().get(self.at).copied();
        self.at += 1;
        Ok(match b {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let high = self.hex4()?;
                if (0xd800..0xdc00).contains(&high) && self.bytes().get(self.at..self.at + 2) == Some(b"\\u") {
                    let back = self.at;
                    self.at += 2;
                    let low = self.hex4()?;
                    if (0xdc00..0xe000).contains(&low) {
                        return Ok(char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)).unwrap_or('\u{fffd}'));
                    }
                    self.at = back;
                }
                char::from_u32(high).unwrap_or('\u{fffd}')
            }
            _ => return self.fail("invalid escape in a string"),
        })
    }

    fn hex4(&mut self) -> Result<u32, BadJson> {
        let digits = self.text.get(self.at..self.at.saturating_add(4)).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|d| u32::from_str_radix(d, 16).ok()) {
            Some(n) => {
                self.at += 4;
                Ok(n)
            }
            None => self.fail("invalid \\u escape"),
        }
    }

    /// A number, `true`, `false` or `null` as written.
    pub fn literal(&mut self) -> Result<&'a str, BadJson> {
        self.peek();
        let rest = &self.text[self.at..];
        let len = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.')).count();
        let word = &rest[..len];
        if !(matches!(word, "true" | "false" | "null") || is_number(word)) {
            return self.fail("expected a JSON value");
        }
        self.at += len;
        Ok(word)
    }

    /// Steps over one value of any kind and gives its text.
    pub fn skip(&mut self) -> Result<&'a str, BadJson> {
        self.peek();
        let start = self.at;
        // The open brackets, innermost last: '{' or '['; `first` is per level.
        let mut open: Vec<(u8, bool)> = vec![];
        loop {
            match self.kind()? {
                Kind::Object => {
                    self.open_object()?;
                    open.push((b'{', true));
                }
                Kind::Array => {
                    self.open_array()?;
                    open.push((b'[', true));
                }
                Kind::String => _ = self.string()?,
                _ => _ = self.literal()?,
            }
            if open.len() > MAX_DEPTH {
                return self.fail("too deeply nested");
            }
            loop {
                let Some((bracket, first)) = open.last_mut() else { return Ok(&self.text[start..self.at]) };
                let (bracket, was_first) = (*bracket, std::mem::replace(first, false));
                let more = if bracket == b'{' { self.next_key(was_first)?.is_some() } else { self.next_item(was_first)? };
                if more {
                    break;
                }
                open.pop();
            }
        }
    }
}

fn is_number(word: &str) -> bool {
    let digits = |s: &str| s.bytes().take_while(u8::is_ascii_digit).count();
    let mut s = word.strip_prefix('-').unwrap_or(word);
    let n = digits(s);
    if n == 0 || (n > 1 && s.starts_with('0')) {
        return false;
    }
    s = &s[n..];
    if let Some(f) = s.strip_prefix('.') {
        match digits(f) {
            0 => return false,
            n => s = &f[n..],
        }
    }
    if let Some(e) = s.strip_prefix(['e', 'E']) {
        let e = e.strip_prefix(['+', '-']).unwrap_or(e);
        return digits(e) == e.len() && !e.is_empty();
    }
    s.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: &str) {
        let got = Reader::new(text).skip().map_or_else(|e| format!("error: {}", e.0), str::to_owned);
        assert_eq!(got, want, "{text}");
    }

    #[test]
    fn skips_whole_values_and_refuses_broken_ones() {
        check(r#" {"a":[1,{"b":"]"}],"c":null} x"#, r#"{"a":[1,{"b":"]"}],"c":null}"#);
        check("[]", "[]");
        check("-1.5e+3,", "-1.5e+3");
        check("[1,]", "error: expected a JSON value at byte 3");
        check("{\"a\":1,}", "error: expected a JSON value at byte 7");
        check("{\"a\" 1}", "error: expected ':' at byte 5");
        check("{nonsense", "error: expected a string at byte 1");
        check("[1 2]", "error: expected ',' or ']' at byte 3");
        check("01", "error: expected a JSON value at byte 0");
        check("\"ab", "error: unterminated string at byte 3");
        check("", "error: unexpected end of JSON at byte 0");
        check(&"[".repeat(20_000), "error: too deeply nested at byte 10001");
    }

    #[test]
    fn strings_as_serde_reads_them() {
        for text in [r#""plain""#, r#""a\"b\\\/\b\f\n\r\t""#, r#""\u00e9\ud83d\ude80""#, r#""\u0000""#, "\"юни 🚀\""] {
            assert_eq!(Reader::new(text).string().unwrap(), serde_json::from_str::<String>(text).unwrap(), "{text}");
        }
        assert_eq!(Reader::new(r#""\ud800x""#).string().unwrap(), "\u{fffd}x");
        assert_eq!(Reader::new(r#""\ud800\u0041""#).string().unwrap(), "\u{fffd}A");
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_it(text in "[\\[\\]{}:,\"a0\\\\u-]{0,24}") {
            let ours = Reader::new(&text).skip().is_ok_and(|t| t.len() == text.len());
            proptest::prop_assert_eq!(ours, serde_json::from_str::<serde_json::Value>(&text).is_ok() || ours && text.contains("\\u"));
        }
    }
}
