//! Numbers, strings, durations and label sets in the textual forms that PromQL's messages and printer use.

use std::fmt::Write as _;

use model::Labels;

/// Where bytes that are no UTF-8 stand in a string: `\xff` in a query becomes the character at this number plus 0xff.
const RAW_BYTES: u32 = 0x10_ff00;

/// The text of bytes; those that are no UTF-8 become private characters that `quote` shows as bytes again.
pub fn text_of_bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().filter_map(|b| char::from_u32(RAW_BYTES + u32::from(*b))));
    }
    out
}

/// Any text but the empty one is a label name, as long as it is UTF-8.
pub fn is_label_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| (RAW_BYTES..=RAW_BYTES + 0xff).contains(&(c as u32)))
}

/// A double-quoted string literal with backslash escapes, printable Unicode left as it is.
pub fn quote(s: &str) -> String {
    let mut out = String::with_capacity(s.len() + 2);
    out.push('"');
    for c in s.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => drop(write!(out, "\\x{:02x}", c as u32)),
            c if (RAW_BYTES..=RAW_BYTES + 0xff).contains(&(c as u32)) => drop(write!(out, "\\x{:02x}", c as u32 - RAW_BYTES)),
            c if is_invisible(c) && (c as u32) < 0x10000 => drop(write!(out, "\\u{:04x}", c as u32)),
            c if is_invisible(c) => drop(write!(out, "\\U{:08x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Characters that have no picture of their own: control, format, private and odd spaces.
fn is_invisible(c: char) -> bool {
    let u = c as u32;
    matches!(u, 0x80..=0xa0 | 0xad | 0x1680 | 0x2000..=0x200f | 0x2028..=0x202f | 0x205f..=0x206f | 0x3000 | 0xfeff)
        || matches!(u, 0xe000..=0xf8ff | 0xfff0..=0xfffb | 0xffff | 0xe0000..=0xe0fff | 0xf0000..)
}

/// A character between single quotes, as messages show one.
pub fn quote_char(c: char) -> String {
    match c {
        '\'' => "'\\''".into(),
        '"' => "'\"'".into(),
        c => {
            let quoted = quote(c.encode_utf8(&mut [0; 4]));
            format!("'{}'", &quoted[1..quoted.len() - 1])
        }
    }
}

/// Shortest text that reads back as the same number, never with an exponent.
pub fn float_plain(v: f64) -> String {
    if v.is_nan() {
        "NaN".into()
    } else if v.is_infinite() {
        if v > 0.0 { "+Inf".into() } else { "-Inf".into() }
    } else {
        format!("{v}")
    }
}

/// Shortest text, with an exponent from 1e6 and below 1e-4: how messages show numbers.
pub fn float_g(v: f64) -> String {
    if !v.is_finite() {
        return float_plain(v);
    }
    let scientific = format!("{v:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if v == 0.0 || (-4..6).contains(&exponent) {
        return format!("{v}");
    }
    format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

/// `digits` significant digits, trailing zeros cut: C's `%.<digits>g`.
pub fn float_significant(v: f64, digits: usize) -> String {
    if !v.is_finite() || v == 0.0 {
        return float_g(v);
    }
    let scientific = format!("{v:.*e}", digits.saturating_sub(1));
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let cut = |s: &str| if s.contains('.') { s.trim_end_matches('0').trim_end_matches('.').to_owned() } else { s.to_owned() };
    if exponent < -4 || exponent >= digits as i32 {
        return format!("{}e{}{:02}", cut(mantissa), if exponent < 0 { '-' } else { '+' }, exponent.abs());
    }
    cut(&format!("{v:.*}", (digits as i32 - 1 - exponent).max(0) as usize))
}

/// Milliseconds as a Prometheus duration: `1h30m`, `0s`; a sign where negative.
pub fn duration(ms: i64) -> String {
    if ms == 0 {
        return "0s".into();
    }
    let mut out = String::new();
    let mut rest = ms.unsigned_abs();
    if ms < 0 {
        out.push('-');
    }
    // Years and weeks are only used when nothing is left over.
    for (unit, length, exact) in [
        ("y", 31_536_000_000, true),
        ("w", 604_800_000, true),
        ("d", 86_400_000, false),
        ("h", 3_600_000, false),
        ("m", 60_000, false),
        ("s", 1_000, false),
        ("ms", 1, false),
    ] {
        if exact && !rest.is_multiple_of(length) {
            continue;
        }
        if rest >= length {
            let _ = write!(out, "{}{unit}", rest / length);
            rest %= length;
        }
    }
    out
}

/// Reads a duration such as `1h30m`: units y w d h m s ms in falling order. The error is a sentence for the user.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    if text == "0" {
        return Ok(0);
    }
    if text.is_empty() {
        return Err("empty duration string".into());
    }
    let bad = || format!("not a valid duration string: {}", quote(text));
    let out_of_range = || "duration out of range".to_owned();
    const UNITS: [(&str, i64); 7] =
        [("y", 31_536_000_000), ("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    let (mut rest, mut next_unit, mut total) = (text, 0, 0i64);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let letters = rest.bytes().skip(digits).take_while(|b| !b.is_ascii_digit()).count();
        let (number, unit) = (&rest[..digits], &rest[digits..digits + letters]);
        if digits == 0 || letters == 0 {
            return Err(bad());
        }
        let at = UNITS.iter().position(|(name, _)| *name == unit);
        let at = at.ok_or_else(|| format!("unknown unit {} in duration {}", quote(unit), quote(text)))?;
        if at < next_unit {
            return Err(bad());
        }
        let value: i64 = number.parse().map_err(|_| out_of_range())?;
        total = value.checked_mul(UNITS[at].1).and_then(|v| total.checked_add(v)).ok_or_else(out_of_range)?;
        next_unit = at + 1;
        rest = &rest[digits + letters..];
    }
    // Durations are held in nanoseconds by everything that speaks to us.
    if total > i64::MAX / 1_000_000 { Err(out_of_range()) } else { Ok(total) }
}

/// A label name that needs no quotes.
pub fn is_plain_label_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b == b'_' || b.is_ascii_alphabetic()) && bytes.all(|b| b == b'_' || b.is_ascii_alphanumeric())
}

/// `{a="b", c="d"}`, names quoted where needed: the form of error texts.
pub fn labels(l: &Labels) -> String {
    let mut out = String::from("{");
    for (i, (name, value)) in l.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        if is_plain_label_name(name) {
            out.push_str(name);
        } else {
            out.push_str(&quote(name));
        }
        out.push('=');
        out.push_str(&quote(value));
    }
    out.push('}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (v, want) in [
            (0.5, "0.5"),
            (-2.0, "-2"),
            (1e300, "1e+300"),
            (0.00001, "1e-05"),
            (f64::INFINITY, "+Inf"),
            (123_456_789.0, "1.23456789e+08"),
            (999_999.0, "999999"),
        ] {
            assert_eq!(float_g(v), want);
        }
        assert_eq!(float_significant(12.345, 2), "12");
        assert_eq!(float_significant(1234.5, 2), "1.2e+03");
        assert_eq!(float_significant(0.5, 2), "0.5");
        assert_eq!(float_plain(1e21), "1000000000000000000000");
    }

    #[test]
    fn durations() {
        for (text, ms) in
            [("5m", 300_000), ("1h30m", 5_400_000), ("1w", 604_800_000), ("1y", 31_536_000_000), ("8d", 691_200_000), ("1s1ms", 1_001)]
        {
            assert_eq!(parse_duration(text), Ok(ms));
            assert_eq!(duration(ms), text);
        }
        assert_eq!(duration(-90_000), "-1m30s");
        for bad in ["", "5", "5mm", "1m1h", "m", "99999999999999999999y"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn quoting() {
        assert_eq!(quote("a\"b\\\n\u{1}ç"), "\"a\\\"b\\\\\\n\\x01ç\"");
        assert_eq!(quote_char('\''), "'\\''");
        assert_eq!(quote(&text_of_bytes(b"a\xc5z")), "\"a\\xc5z\"");
        assert!(!is_label_name(&text_of_bytes(b"\xff")) && is_label_name("ç") && !is_label_name(""));
    }
}
