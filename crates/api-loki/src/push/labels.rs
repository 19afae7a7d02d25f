//! Reads a stream's label text: `{job="x", env="y"}`, as Prometheus writes label sets.

use std::borrow::Cow;

use super::request::Pairs;

/// The pairs in the order written. Errors say where and what.
pub fn parse(text: &str) -> Result<Pairs<'static>, String> {
    let mut p = Parser { text, at: 0 };
    p.braces().map_err(|e| format!("error parsing labels '{}' with error: 1:{}: parse error: {e}", shorten(text), p.at + 1))
}

/// Whether a label may be named so.
pub fn is_name(name: &str) -> bool {
    name.bytes().enumerate().all(|(i, b)| b == b'_' || b.is_ascii_alphabetic() || (i > 0 && b.is_ascii_digit())) && !name.is_empty()
}

/// Error texts quote what was sent, but not megabytes of it.
pub fn shorten(text: &str) -> &str {
    let end = (0..=text.len().min(1_024)).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
    &text[..end]
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn peek(&mut self) -> Option<u8> {
        while self.text.as_bytes().get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.text.as_bytes().get(self.at).copied()
    }

    fn expect(&mut self, b: u8, what: &str) -> Result<(), String> {
        match self.peek() {
            Some(found) if found == b => {
                self.at += 1;
                Ok(())
            }
            None => Err(format!("unexpected end of input, expected {what}")),
            Some(_) => Err(format!("expected {what}")),
        }
    }

    fn braces(&mut self) -> Result<Pairs<'static>, String> {
        let mut pairs = vec![];
        self.expect(b'{', "\"{\"")?;
        while self.peek() != Some(b'}') {
            let name = self.name()?;
            self.expect(b'=', "\"=\"")?;
            let value = self.value()?;
            pairs.push((Cow::Owned(name), Cow::Owned(value)));
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {}
                _ => return Err("unexpected end of input inside braces, expected \",\" or \"}\"".into()),
            }
        }
        self.at += 1;
        match self.peek() {
            None => Ok(pairs),
            Some(_) => Err("unexpected text after the labels".into()),
        }
    }

    fn name(&mut self) -> Result<String, String> {
        self.peek();
        let rest = &self.text[self.at..];
        let len = rest.bytes().take_while(|b| *b == b'_' || b.is_ascii_alphanumeric()).count();
        let name = &rest[..len];
        if !is_name(name) {
            return Err("expected a label name of letters, digits and underscores".into());
        }
        self.at += len;
        Ok(name.to_owned())
    }

    /// A string in double quotes with Go's escapes, or in backquotes without any.
    fn value(&mut self) -> Result<String, String> {
        let quote = self.peek().filter(|q| matches!(q, b'"' | b'`')).ok_or("expected a quoted label value")?;
        self.at += 1;
        let rest = &self.text[self.at..];
        let mut out = String::new();
        let mut chars = rest.char_indices();
        while let Some((i, c)) = chars.next() {
            match c {
                c if c == char::from(quote) => {
                    self.at += i + 1;
                    return Ok(out);
                }
                '\\' if quote == b'"' => out.push(escape(&mut chars).ok_or("invalid escape in a label value")?),
                '\n' if quote == b'"' => return Err("newline in a label value".into()),
                c => out.push(c),
            }
        }
        Err("unterminated label value".into())
    }
}

fn escape(chars: &mut std::str::CharIndices<'_>) -> Option<char> {
    let code = |chars: &mut std::str::CharIndices<'_>, first: u32, n: usize, radix: u32| {
        let mut v = first;
        for _ in 0..n {
            v = v.checked_mul(radix)?.checked_add(chars.next()?.1.to_digit(radix)?)?;
        }
        char::from_u32(v)
    };
    Some(match chars.next()?.1 {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        c @ ('\\' | '"' | '\'') => c,
        'x' => code(chars, 0, 2, 16)?,
        'u' => code(chars, 0, 4, 16)?,
        'U' => code(chars, 0, 8, 16)?,
        c @ '0'..='3' => code(chars, c.to_digit(8)?, 2, 8)?,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: &str) {
        let got = parse(text).map_or_else(|e| e, |p| p.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join(";"));
        assert_eq!(got, want, "{text}");
    }

    #[test]
    fn label_texts() {
        check(r#"{job="proto", b="2", a="1"}"#, "job=proto;b=2;a=1");
        check(r#" { a = "x" , } "#, "a=x");
        check("{}", "");
        check(r#"{a="q\"\\\n\u00e9\x41",b=`r\n`}"#, "a=q\"\\\néA;b=r\\n");
        check(r#"{a="}"}"#, "a=}");
    }

    #[test]
    fn what_does_not_parse_says_where() {
        let at = |text: &str, rest: &str| check(text, &format!("error parsing labels '{text}' with error: {rest}"));
        at("{job=", "1:6: parse error: expected a quoted label value");
        at(r#"{not-ok="x"}"#, "1:5: parse error: expected \"=\"");
        at(r#"{1a="x"}"#, "1:2: parse error: expected a label name of letters, digits and underscores");
        at(r#"{a="x""#, "1:7: parse error: unexpected end of input inside braces, expected \",\" or \"}\"");
        at(r#"{a="x} "#, "1:5: parse error: unterminated label value");
        at(r#"{a="\q"}"#, "1:5: parse error: invalid escape in a label value");
        at(r#"{} x"#, "1:4: parse error: unexpected text after the labels");
        at("", "1:1: parse error: unexpected end of input, expected \"{\"");
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read(value in "\\PC{0,12}") {
            let text = format!("{{a={value:?}}}");
            // Rust writes some characters as \u{..}, which Go does not.
            if !text.contains("\\u{") {
                proptest::prop_assert_eq!(parse(&text).unwrap(), vec![("a".into(), value.into())]);
            }
        }

        #[test]
        fn no_text_breaks_it(text in "[{}=,\"`a1\\\\u\u{e9} ]{0,16}") {
            if let Ok(pairs) = parse(&text) {
                proptest::prop_assert!(pairs.iter().all(|(n, _)| is_name(n)));
            }
        }
    }
}
