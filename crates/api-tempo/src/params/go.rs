//! Numbers, durations and times as Go's standard library and Prometheus read and spell them, with their error texts.

/// Go's `strconv.ParseUint(s, 10, bits)`.
pub fn parse_uint(s: &str, bits: u32) -> Result<u64, String> {
    let fail = |why| Err(format!("strconv.ParseUint: parsing {}: {why}", quote(s)));
    if s.is_empty() || !s.bytes().all(|b| b.is_ascii_digit()) {
        return fail("invalid syntax");
    }
    match s.parse::<u64>() {
        Ok(v) if bits >= 64 || v >> bits == 0 => Ok(v),
        _ => fail("value out of range"),
    }
}

/// Go's `strconv.ParseInt(s, 10, 64)`.
pub fn parse_int(s: &str) -> Result<i64, String> {
    let fail = |why| Err(format!("strconv.ParseInt: parsing {}: {why}", quote(s)));
    let digits = s.strip_prefix(['-', '+']).unwrap_or(s);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return fail("invalid syntax");
    }
    s.parse::<i64>().or_else(|_| fail("value out of range"))
}

/// Go's `strconv.ParseBool`.
pub fn parse_bool(s: &str) -> Result<bool, String> {
    match s {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("strconv.ParseBool: parsing {}: invalid syntax", quote(s))),
    }
}

/// Go's `strconv.Quote`, as far as error texts need it.
pub fn quote(s: &str) -> String {
    format!("{s:?}")
}

/// Go's `time.ParseDuration`, in nanoseconds.
pub fn parse_go_duration(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {}", quote(text));
    let (negative, mut s) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if s == "0" {
        return Ok(0);
    }
    if s.is_empty() {
        return Err(invalid());
    }
    let mut total: f64 = 0.0;
    let mut exact: i64 = 0;
    while !s.is_empty() {
        let number = s.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(s.len());
        let (digits, rest) = s.split_at(number);
        let value: f64 = digits.parse().map_err(|_| invalid())?;
        let unit_end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let (unit, rest) = rest.split_at(unit_end);
        if unit.is_empty() {
            return Err(format!("time: missing unit in duration {}", quote(text)));
        }
        let Some(scale) = go_unit(unit) else {
            return Err(format!("time: unknown unit {} in duration {}", quote(unit), quote(text)));
        };
        total += value * scale as f64;
        // Whole numbers stay exact beyond a float's 53 bits.
        let part = digits.parse::<i64>().ok().and_then(|v| v.checked_mul(scale)).unwrap_or((value * scale as f64).round() as i64);
        exact = exact.saturating_add(part);
        s = rest;
    }
    if total > i64::MAX as f64 {
        return Err(invalid());
    }
    Ok(if negative { -exact } else { exact })
}

fn go_unit(unit: &str) -> Option<i64> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// Prometheus' `model.ParseDuration` (`1d2h`, units in falling order, each once), in nanoseconds.
pub fn parse_prometheus_duration(text: &str) -> Result<i64, String> {
    const UNITS: [(&str, i64); 7] =
        [("y", 31_536_000_000), ("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    if text.is_empty() {
        return Err("empty duration string".into());
    }
    if text == "0" {
        return Ok(0);
    }
    let invalid = || format!("not a valid duration string: {}", quote(text));
    let (mut s, mut next, mut ms) = (text, 0, 0i64);
    while !s.is_empty() {
        let digits = s.find(|c: char| !c.is_ascii_digit()).ok_or_else(invalid)?;
        let (number, rest) = s.split_at(digits);
        let unit_end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (unit, rest) = rest.split_at(unit_end);
        let at = UNITS.iter().position(|(u, _)| *u == unit).filter(|at| *at >= next).ok_or_else(invalid)?;
        if number.is_empty() {
            return Err(invalid());
        }
        let part = number.parse::<i64>().ok().and_then(|n| n.checked_mul(UNITS[at].1)).and_then(|n| ms.checked_add(n));
        ms = part.ok_or("duration out of range")?;
        next = at + 1;
        s = rest;
    }
    ms.checked_mul(1_000_000).ok_or_else(|| "duration out of range".into())
}

/// A duration as Go prints it: `180ms`, `24h0m0s`, `1m0.5s`.
pub fn format_duration(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let n = ns.unsigned_abs();
    let decimal = |unit: u64, name: &str| {
        let (whole, rest) = (n / unit, n % unit);
        let width = unit.ilog10() as usize;
        let digits = format!("{rest:0width$}");
        let digits = digits.trim_end_matches('0');
        if rest == 0 { format!("{sign}{whole}{name}") } else { format!("{sign}{whole}.{digits}{name}") }
    };
    match n {
        0 => "0s".into(),
        1..=999 => format!("{sign}{n}ns"),
        1_000..=999_999 => decimal(1_000, "µs"),
        1_000_000..=999_999_999 => decimal(1_000_000, "ms"),
        _ => {
            let seconds = n / 1_000_000_000;
            let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
            let fraction = format!("{:09}", n % 1_000_000_000);
            let fraction = fraction.trim_end_matches('0');
            let point = if fraction.is_empty() { "" } else { "." };
            let minutes = if seconds >= 60 { format!("{m}m") } else { String::new() };
            let hours = if h > 0 { format!("{h}h") } else { String::new() };
            format!("{sign}{hours}{minutes}{s}{point}{fraction}s")
        }
    }
}

/// A time of the tag and metrics endpoints in Unix nanoseconds: seconds up to ten digits, nanoseconds above, float seconds, RFC 3339.
pub fn parse_time(text: &str) -> Result<i64, String> {
    if text.contains('.')
        && let Ok(f) = text.parse::<f64>()
        && f.is_finite()
    {
        // Fractions count to the millisecond, as the peers round them.
        let (whole, fraction) = (f.trunc(), (f.fract() * 1000.0).round() / 1000.0);
        return Ok(((whole as i64).saturating_mul(1_000_000_000)).saturating_add((fraction * 1e9) as i64));
    }
    match parse_int(text) {
        Ok(seconds) if text.len() <= 10 => Ok(seconds.saturating_mul(1_000_000_000)),
        Ok(ns) => Ok(ns),
        Err(why) => match text.parse::<jiff::Timestamp>() {
            Ok(t) if text.contains(['T', 't']) => Ok(i64::try_from(t.as_nanosecond()).unwrap_or(i64::MAX)),
            _ => Err(why),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show<T: ToString>(r: Result<T, String>) -> String {
        r.map_or_else(|e| e, |v| v.to_string())
    }

    #[test]
    fn numbers() {
        for (text, want) in [
            ("5", "5"),
            ("-1", "strconv.ParseUint: parsing \"-1\": invalid syntax"),
            ("1.5", "strconv.ParseUint: parsing \"1.5\": invalid syntax"),
            ("", "strconv.ParseUint: parsing \"\": invalid syntax"),
            ("1768471200000000000", "strconv.ParseUint: parsing \"1768471200000000000\": value out of range"),
        ] {
            assert_eq!(show(parse_uint(text, 32)), want);
        }
        assert_eq!(show(parse_int("-7")), "-7");
        assert_eq!(show(parse_int("99999999999999999999")), "strconv.ParseInt: parsing \"99999999999999999999\": value out of range");
    }

    #[test]
    fn go_durations() {
        for (text, want) in [
            ("1h30m", "5400000000000"),
            ("0.7s", "700000000"),
            ("1ns", "1"),
            ("-1m", "-60000000000"),
            ("0", "0"),
            ("x", "time: invalid duration \"x\""),
            ("5", "time: missing unit in duration \"5\""),
            ("1y", "time: unknown unit \"y\" in duration \"1y\""),
            ("99999999h", "time: invalid duration \"99999999h\""),
        ] {
            assert_eq!(show(parse_go_duration(text)), want, "{text}");
        }
    }

    #[test]
    fn prometheus_durations() {
        for (text, want) in [
            ("1d", "86400000000000"),
            ("1h30m", "5400000000000"),
            ("300000ms", "300000000000"),
            ("x", "not a valid duration string: \"x\""),
            ("-1h", "not a valid duration string: \"-1h\""),
            ("1m1h", "not a valid duration string: \"1m1h\""),
            ("", "empty duration string"),
            ("99999999999999y", "duration out of range"),
        ] {
            assert_eq!(show(parse_prometheus_duration(text)), want, "{text}");
        }
    }

    #[test]
    fn durations_print_as_in_go() {
        for (ns, want) in [
            (0, "0s"),
            (100, "100ns"),
            (1_500, "1.5µs"),
            (180_000_000, "180ms"),
            (61_352_339, "61.352339ms"),
            (86_400_000_000_000, "24h0m0s"),
            (60_500_000_000, "1m0.5s"),
            (-1_000_000_000, "-1s"),
        ] {
            assert_eq!(format_duration(ns), want);
        }
    }

    #[test]
    fn times() {
        for (text, want) in [
            ("1768471500", "1768471500000000000"),
            ("1768471500123456789", "1768471500123456789"),
            ("1768471500.25", "1768471500250000000"),
            ("2026-01-15T10:05:00Z", "1768471500000000000"),
            ("2026-01-15T11:05:00+01:00", "1768471500000000000"),
            ("2026-01-15", "strconv.ParseInt: parsing \"2026-01-15\": invalid syntax"),
            ("x", "strconv.ParseInt: parsing \"x\": invalid syntax"),
        ] {
            assert_eq!(show(parse_time(text)), want, "{text}");
        }
    }
}
