//! String literals as Go writes and reads them.

use std::fmt::Write;

/// Go's `strconv.Quote`.
pub fn go_quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => {
                let _ = write!(out, "\\x{:02x}", c as u32);
            }
            c if c.is_control() || ('\u{200b}'..='\u{200f}').contains(&c) || c == '\u{feff}' || ('\u{2028}'..='\u{202e}').contains(&c) => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The text between the quotes of a Go string in double quotes, with its escapes resolved; `None` if one is wrong.
///
/// Byte escapes (`\xff`) that do not form UTF-8 become the replacement character.
pub fn unquote_go(body: &str) -> Option<String> {
    if !body.contains('\\') {
        return Some(body.to_owned());
    }
    let mut out: Vec<u8> = Vec::with_capacity(body.len());
    let mut chars = body.chars();
    let mut utf8 = [0; 4];
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.extend_from_slice(c.encode_utf8(&mut utf8).as_bytes());
            continue;
        }
        let code = |chars: &mut std::str::Chars<'_>, n: usize, radix: u32, first: u32| -> Option<u32> {
            (0..n).try_fold(first, |v, _| Some(v * radix + chars.next()?.to_digit(radix)?))
        };
        match chars.next()? {
            'a' => out.push(7),
            'b' => out.push(8),
            'f' => out.push(12),
            'n' => out.push(b'\n'),
            'r' => out.push(b'\r'),
            't' => out.push(b'\t'),
            'v' => out.push(11),
            '\\' => out.push(b'\\'),
            '"' => out.push(b'"'),
            'x' => out.push(code(&mut chars, 2, 16, 0)? as u8),
            'u' => out.extend_from_slice(char::from_u32(code(&mut chars, 4, 16, 0)?)?.encode_utf8(&mut utf8).as_bytes()),
            'U' => out.extend_from_slice(char::from_u32(code(&mut chars, 8, 16, 0)?)?.encode_utf8(&mut utf8).as_bytes()),
            d @ '0'..='7' => out.push(u8::try_from(code(&mut chars, 2, 8, d.to_digit(8)?)?).ok()?),
            _ => return None,
        }
    }
    Some(String::from_utf8(out).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips() {
        for s in ["", "a\"b\\c", "tab\t\n", "é🚀", "\u{1b}[31m"] {
            let q = go_quote(s);
            assert_eq!(unquote_go(&q[1..q.len() - 1]).as_deref(), Some(s));
        }
        assert_eq!(go_quote("\u{1b}"), r#""\x1b""#);
        assert_eq!(unquote_go(r"\q"), None);
        assert_eq!(unquote_go(r"\101\u00e9").as_deref(), Some("Aé"));
    }
}
