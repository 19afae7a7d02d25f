//! Writes JSON by hand into one buffer: strings, label objects, samples. Answers are large and flat, so no tree is built.

use std::fmt::Write;

/// A string with its quotes. Control characters, quotes and backslashes are escaped; so are U+2028 and U+2029, as Go does.
pub fn string(out: &mut String, text: &str) {
    out.push('"');
    let bytes = text.as_bytes();
    let mut done = 0;
    for (i, b) in bytes.iter().enumerate() {
        let escape = match b {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..=0x1f => "",
            0xe2 if matches!(bytes.get(i + 1..i + 3), Some([0x80, 0xa8 | 0xa9])) => "",
            _ => continue,
        };
        out.push_str(&text[done..i]);
        done = i + 1;
        match (escape, b) {
            ("", 0xe2) => {
                out.push_str(if bytes[i + 2] == 0xa8 { "\\u2028" } else { "\\u2029" });
                done = i + 3;
            }
            ("", control) => _ = write!(out, "\\u{control:04x}"),
            _ => out.push_str(escape),
        }
    }
    out.push_str(&text[done..]);
    out.push('"');
}

/// An object of strings.
pub fn object<'a>(out: &mut String, pairs: impl Iterator<Item = (&'a str, &'a str)>) {
    out.push('{');
    for (i, (name, value)) in pairs.enumerate() {
        if i > 0 {
            out.push(',');
        }
        string(out, name);
        out.push(':');
        string(out, value);
    }
    out.push('}');
}

/// An array; `each` writes one item.
pub fn array<T>(out: &mut String, items: impl IntoIterator<Item = T>, mut each: impl FnMut(&mut String, T)) {
    out.push('[');
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        each(out, item);
    }
    out.push(']');
}

/// Seconds with a fraction only where there is one, as Prometheus writes times.
pub fn seconds(out: &mut String, ms: i64) {
    let (whole, rest) = (ms.unsigned_abs() / 1000, ms.unsigned_abs() % 1000);
    if ms < 0 {
        out.push('-');
    }
    _ = write!(out, "{whole}");
    if rest != 0 {
        let fraction = format!("{rest:03}");
        out.push('.');
        out.push_str(fraction.trim_end_matches('0'));
    }
}

/// `[seconds,"value"]`; the time in nanoseconds is cut to milliseconds.
pub fn sample(out: &mut String, ns: i64, value: f64) {
    out.push('[');
    seconds(out, ns.div_euclid(1_000_000));
    out.push_str(",\"");
    number(out, value);
    out.push_str("\"]");
}

/// The shortest digits that read back the same, without an exponent; NaN, +Inf and -Inf by name.
pub fn number(out: &mut String, value: f64) {
    match value {
        v if v.is_nan() => out.push_str("NaN"),
        v if v == f64::INFINITY => out.push_str("+Inf"),
        v if v == f64::NEG_INFINITY => out.push_str("-Inf"),
        v => _ = write!(out, "{v}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_read_back() {
        for text in ["", "plain", "q\"b\\n\n\r\t", "\u{0}\u{1f}\u{7f}", "юни 🚀 \u{2028}x\u{2029}", "€ and â", "<&>"] {
            let mut out = String::new();
            string(&mut out, text);
            assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text, "{out}");
        }
    }

    #[track_caller]
    fn check(ns: i64, value: f64, want: &str) {
        let mut out = String::new();
        sample(&mut out, ns, value);
        assert_eq!(out, want);
    }

    #[test]
    fn samples() {
        check(1_768_471_800_000_000_000, 51.0, r#"[1768471800,"51"]"#);
        check(1_768_471_800_500_000_000, 0.1, r#"[1768471800.5,"0.1"]"#);
        check(1_768_471_800_120_456_789, f64::NAN, r#"[1768471800.12,"NaN"]"#);
        check(-1_500_000_000, f64::INFINITY, r#"[-1.5,"+Inf"]"#);
        check(0, 1e21, r#"[0,"1000000000000000000000"]"#);
        check(4_000_000_000_000_000_000, f64::NEG_INFINITY, r#"[4000000000,"-Inf"]"#);
    }
}
