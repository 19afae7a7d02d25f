//! Durations: Go's (`1h30m0s`, unit needed), Prometheus' (`1d12h`, whole units) and the mix that LogQL literals accept.

use std::fmt::Write;

use super::go_quote;

/// Prometheus' units, largest first, in nanoseconds.
const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 86_400 * SECOND),
    ("w", 7 * 86_400 * SECOND),
    ("d", 86_400 * SECOND),
    ("h", 3_600 * SECOND),
    ("m", 60 * SECOND),
    ("s", SECOND),
    ("ms", 1_000_000),
];
const SECOND: u64 = 1_000_000_000;

/// Go's `time.ParseDuration`; nanoseconds. The error is Go's text.
pub fn parse_go_duration(text: &str) -> Result<i64, String> {
    let bad = || format!("time: invalid duration {}", go_quote(text));
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(bad());
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let whole_len = rest.bytes().take_while(u8::is_ascii_digit).count();
        let whole: u64 = if whole_len == 0 { 0 } else { rest[..whole_len].parse().map_err(|_| bad())? };
        if whole > 1 << 63 {
            return Err(bad());
        }
        rest = &rest[whole_len..];
        let mut fraction = "";
        let mut has_dot = false;
        if let Some(after) = rest.strip_prefix('.') {
            has_dot = true;
            let n = after.bytes().take_while(u8::is_ascii_digit).count();
            fraction = &after[..n];
            rest = &after[n..];
        }
        if whole_len == 0 && (!has_dot || fraction.is_empty()) {
            return Err(bad());
        }
        let unit_len = rest.bytes().position(|b| b == b'.' || b.is_ascii_digit()).unwrap_or(rest.len());
        if unit_len == 0 {
            return Err(format!("time: missing unit in duration {}", go_quote(text)));
        }
        let scale: u64 = match &rest[..unit_len] {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => SECOND,
            "m" => 60 * SECOND,
            "h" => 3_600 * SECOND,
            unit => return Err(format!("time: unknown unit {} in duration {}", go_quote(unit), go_quote(text))),
        };
        rest = &rest[unit_len..];
        let mut part = whole.checked_mul(scale).ok_or_else(bad)?;
        if !fraction.is_empty() {
            let f: f64 = format!("0.{fraction}").parse().map_err(|_| bad())?;
            part = part.checked_add((f * scale as f64).round() as u64).ok_or_else(bad)?;
        }
        total = total.checked_add(part).filter(|t| *t <= 1 << 63).ok_or_else(bad)?;
    }
    if negative {
        return Ok((total as i64).wrapping_neg());
    }
    i64::try_from(total).map_err(|_| bad())
}

/// Prometheus' duration as it stands in `[..]`; nanoseconds. The error is Prometheus' text.
pub fn parse_range_duration(text: &str) -> Result<i64, String> {
    if text == "0" {
        return Ok(0);
    }
    if text.is_empty() {
        return Err("empty duration string".into());
    }
    let bad = || format!("not a valid duration string: {}", go_quote(text));
    let (mut rest, mut next, mut total) = (text, 0usize, 0u64);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return Err(bad());
        }
        let number: u64 = rest[..digits].parse().map_err(|_| bad())?;
        rest = &rest[digits..];
        let unit_len = rest.bytes().position(|b| b.is_ascii_digit()).unwrap_or(rest.len());
        if unit_len == 0 {
            return Err(bad());
        }
        let unit = &rest[..unit_len];
        rest = &rest[unit_len..];
        let Some(at) = UNITS.iter().position(|(u, _)| *u == unit) else {
            return Err(format!("unknown unit {} in duration {}", go_quote(unit), go_quote(text)));
        };
        if at < next {
            return Err(bad());
        }
        next = at + 1;
        total = number
            .checked_mul(UNITS[at].1)
            .and_then(|n| total.checked_add(n))
            .filter(|t| i64::try_from(*t).is_ok())
            .ok_or("duration out of range")?;
    }
    Ok(total as i64)
}

/// A literal outside brackets: Prometheus' form first, else Go's.
pub fn parse_literal_duration(text: &str) -> Option<i64> {
    parse_range_duration(text).or_else(|_| parse_go_duration(text)).ok()
}

/// How many bytes at the start of `text` form a duration literal: `1h30m` of `1h30mb`; 0 = none.
pub fn literal_duration_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut end) = (0, 0);
    loop {
        let number = bytes[at..].iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
        if number == 0 || !bytes[at..at + number].iter().any(u8::is_ascii_digit) {
            return end;
        }
        let rest = &text[at + number..];
        let units = ["ms", "µs", "μs", "us", "ns", "y", "w", "d", "h", "m", "s"];
        let Some(unit) = units.iter().find(|u| rest.starts_with(**u)) else { return end };
        at += number + unit.len();
        end = at;
    }
}

/// Go's `Duration.String()`: `1h30m0s`, `5ms`, `1.5µs`.
pub fn format_go_duration(ns: i64) -> String {
    let (sign, u) = (if ns < 0 { "-" } else { "" }, ns.unsigned_abs());
    if u == 0 {
        return "0s".into();
    }
    if u < SECOND {
        let (unit, scale) = match u {
            0..1_000 => ("ns", 1),
            1_000..1_000_000 => ("µs", 1_000),
            _ => ("ms", 1_000_000),
        };
        return format!("{sign}{}{unit}", decimal(u, scale));
    }
    let minutes = u / (60 * SECOND);
    let mut out = sign.to_owned();
    if minutes >= 60 {
        let _ = write!(out, "{}h", minutes / 60);
    }
    if minutes > 0 {
        let _ = write!(out, "{}m", minutes % 60);
    }
    let _ = write!(out, "{}s", decimal(u % (60 * SECOND), SECOND));
    out
}

fn decimal(value: u64, scale: u64) -> String {
    let fraction = value % scale;
    if fraction == 0 {
        return (value / scale).to_string();
    }
    let width = scale.ilog10() as usize;
    let digits = format!("{fraction:0width$}");
    format!("{}.{}", value / scale, digits.trim_end_matches('0'))
}

/// Prometheus' `Duration.String()`: `1h30m`, `1d`, `90s` as `1m30s`.
pub fn format_range_duration(ns: i64) -> String {
    let mut ms = ns.unsigned_abs() / 1_000_000;
    if ms == 0 {
        return "0s".into();
    }
    let mut out = if ns < 0 { "-".to_owned() } else { String::new() };
    for (unit, scale) in UNITS {
        let scale = scale / 1_000_000;
        // Years and weeks are only used where they leave no rest.
        if matches!(unit, "y" | "w") && !ms.is_multiple_of(scale) {
            continue;
        }
        let n = ms / scale;
        if n > 0 {
            let _ = write!(out, "{n}{unit}");
            ms -= n * scale;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_durations() {
        let ok = |s: &str, ns: i64| assert_eq!(parse_go_duration(s), Ok(ns), "{s}");
        ok("1h2m3.5s", 3_723_500_000_000);
        ok("-5s", -5_000_000_000);
        ok("250us", 250_000);
        ok("1.5µs", 1_500);
        ok("0", 0);
        let err = |s: &str, e: &str| assert_eq!(parse_go_duration(s).unwrap_err(), e, "{s}");
        err("oops", r#"time: invalid duration "oops""#);
        err("90", r#"time: missing unit in duration "90""#);
        err("1d", r#"time: unknown unit "d" in duration "1d""#);
        err("", r#"time: invalid duration """#);
    }

    #[test]
    fn range_durations() {
        assert_eq!(parse_range_duration("1h30m"), Ok(5_400_000_000_000));
        let err = |s: &str, e: &str| assert_eq!(parse_range_duration(s).unwrap_err(), e, "{s}");
        err("5x", r#"unknown unit "x" in duration "5x""#);
        err("5", r#"not a valid duration string: "5""#);
        err("", "empty duration string");
        err("1.5h", r#"unknown unit "." in duration "1.5h""#);
        err("5m:1m", r#"unknown unit "m:" in duration "5m:1m""#);
        err("-5m", r#"not a valid duration string: "-5m""#);
        err("1m1h", r#"not a valid duration string: "1m1h""#);
    }

    #[test]
    fn prints() {
        assert_eq!(format_range_duration(5_400_000_000_000), "1h30m");
        assert_eq!(format_range_duration(90_000_000_000), "1m30s");
        assert_eq!(format_range_duration(86_400_000_000_000), "1d");
        assert_eq!(format_range_duration(1_500_000_000), "1s500ms");
        assert_eq!(format_go_duration(300_000_000_000), "5m0s");
        assert_eq!(format_go_duration(5_400_000_000_000), "1h30m0s");
        assert_eq!(format_go_duration(5_000_000), "5ms");
        assert_eq!(format_go_duration(1_500), "1.5µs");
        assert_eq!(format_go_duration(-1_500_000_000), "-1.5s");
    }

    #[test]
    fn literal_lengths() {
        assert_eq!(literal_duration_len("1h30m)"), 5);
        assert_eq!(literal_duration_len("1mb"), 2);
        assert_eq!(literal_duration_len("5x"), 0);
        assert_eq!(literal_duration_len("1.5h"), 4);
        assert_eq!(literal_duration_len("10ms "), 4);
    }
}
