//! Times and durations in request parameters, and their error texts.

/// The outermost times of the API in Unix milliseconds, and how they are spelt.
pub const MIN_TIME_MS: i64 = -9_223_309_901_257_974_000;
pub const MAX_TIME_MS: i64 = 9_223_309_901_257_974_999;
const MIN_TIME_TEXT: &str = "-292273086-05-16T16:47:06Z";
const MAX_TIME_TEXT: &str = "292277025-08-18T07:12:54.999999999Z";

/// Unix seconds with a fraction (rounded to milliseconds), or RFC 3339, to Unix milliseconds.
pub fn parse_time(text: &str) -> Result<i64, String> {
    if let Some(seconds) = parse_float(text).filter(|s| s.is_finite()) {
        if seconds.abs() >= 9.2e15 {
            return Ok(if seconds < 0.0 { MIN_TIME_MS } else { MAX_TIME_MS });
        }
        let whole = seconds.trunc();
        let nanos = ((seconds.fract() * 1000.0).round() / 1000.0 * 1e9) as i128;
        let ms = (whole as i128 * 1_000_000_000 + nanos).div_euclid(1_000_000);
        return Ok((ms as i64).clamp(MIN_TIME_MS, MAX_TIME_MS));
    }
    match text {
        MIN_TIME_TEXT => Ok(MIN_TIME_MS),
        MAX_TIME_TEXT => Ok(MAX_TIME_MS),
        _ => rfc3339(text).ok_or_else(|| format!("cannot parse {text:?} to a valid timestamp")),
    }
}

/// Seconds with a fraction, or `1h30m`, to nanoseconds.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    if let Some(seconds) = parse_float(text).filter(|s| !s.is_nan()) {
        let ns = seconds * 1e9;
        if !(i64::MIN as f64..=i64::MAX as f64).contains(&ns) {
            return Err(format!("cannot parse {text:?} to a valid duration. It overflows int64"));
        }
        return Ok(ns as i64);
    }
    let ms = promql::format::parse_duration(text).ok();
    ms.and_then(|ms| ms.checked_mul(1_000_000)).ok_or_else(|| format!("cannot parse {text:?} to a valid duration"))
}

/// A float as Go reads it: decimal or hexadecimal, `_` between digits, Inf and NaN in any case; out of range is no number.
pub fn parse_float(text: &str) -> Option<f64> {
    let body = text.strip_prefix(['+', '-']).unwrap_or(text);
    if body.starts_with("0x") || body.starts_with("0X") {
        return hex_float(&body[2..]).map(|v| if text.starts_with('-') { -v } else { v });
    }
    let named = matches!(body.to_ascii_lowercase().as_str(), "inf" | "infinity" | "nan");
    if !named && !body.bytes().next().is_some_and(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    let v: f64 = if text.contains('_') && underscores_ok(body) { text.replace('_', "").parse().ok()? } else { text.parse().ok()? };
    if v.is_infinite() && !named { None } else { Some(v) }
}

fn underscores_ok(body: &str) -> bool {
    let bytes = body.as_bytes();
    let digit = |i: Option<usize>| i.and_then(|i| bytes.get(i)).is_some_and(u8::is_ascii_digit);
    (0..bytes.len()).filter(|i| bytes[*i] == b'_').all(|i| digit(i.checked_sub(1)) && digit(Some(i + 1)))
}

/// `1.8p3` after the `0x`; the exponent is obligatory in Go.
fn hex_float(body: &str) -> Option<f64> {
    let (mantissa, exponent) = body.split_once(['p', 'P'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.len() + fraction.len() == 0 || whole.len() + fraction.len() > 13 {
        return None;
    }
    let digits = u64::from_str_radix(&format!("{whole}{fraction}"), 16).ok()?;
    let exponent: i32 = exponent.parse().ok().filter(|e: &i32| e.abs() < 900)?;
    Some(digits as f64 * 2f64.powi(exponent - 4 * fraction.len() as i32))
}

/// `2026-01-15T10:20:00.5+02:00` to Unix milliseconds (floor).
fn rfc3339(text: &str) -> Option<i64> {
    let b = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = b.get(from..to)?;
        digits.iter().all(u8::is_ascii_digit).then(|| digits.iter().fold(0, |n, d| n * 10 + i64::from(d - b'0')))
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if (b[4], b[7], b[10], b[13], b[16]) != (b'-', b'-', b'T', b':', b':') {
        return None;
    }
    let mut at = 19;
    let mut ms = 0;
    if matches!(b.get(at), Some(b'.' | b',')) {
        let digits = b[at + 1..].iter().take_while(|d| d.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        ms = (0..3).fold(0, |n, i| n * 10 + if i < digits { i64::from(b[at + 1 + i] - b'0') } else { 0 });
        at += 1 + digits;
    }
    let offset = match b.get(at)? {
        b'Z' if b.len() == at + 1 => 0,
        sign @ (b'+' | b'-') if b.len() == at + 6 && b[at + 3] == b':' => {
            let (h, m) = (number(at + 1, at + 3)?, number(at + 4, at + 6)?);
            if h > 24 || m > 60 {
                return None;
            }
            (h * 60 + m) * if *sign == b'+' { 60 } else { -60 }
        }
        _ => return None,
    };
    if hour > 23 || minute > 59 || second > 59 || !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) {
        return None;
    }
    let seconds = days_before(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
    Some(seconds * 1000 + ms)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar (years counted from March).
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let in_era = y - era * 400;
    let in_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719_468
}

/// Unix milliseconds as RFC 3339 in UTC; a fraction only where there is one.
pub fn rfc3339_text(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| "0001-01-01T00:00:00Z".into(), |t| t.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (text, want) in [
            ("1768472400.1236", 1_768_472_400_124),
            ("1.7684724000e+09", 1_768_472_400_000),
            ("1768472399.9990001", 1_768_472_399_999),
            ("-1.5", -1500),
            ("0", 0),
            ("1_000", 1_000_000),
            ("0x1p4", 16_000),
            ("1768471260000", 1_768_471_260_000_000),
            ("1e300", MAX_TIME_MS),
            ("2026-01-15T10:20:00Z", 1_768_472_400_000),
            ("2026-01-15T10:20:00.123456789Z", 1_768_472_400_123),
            ("2026-01-15T12:20:00.5+02:00", 1_768_472_400_500),
            ("2026-01-15T04:50:00-05:30", 1_768_472_400_000),
            ("1969-12-31T23:59:59.5Z", -500),
            (MIN_TIME_TEXT, MIN_TIME_MS),
            (MAX_TIME_TEXT, MAX_TIME_MS),
        ] {
            assert_eq!(parse_time(text), Ok(want), "{text}");
        }
        for bad in [
            "",
            "abc",
            "2026-01-15",
            "2026-01-15T10:20:00",
            "2026-02-30T00:00:00Z",
            "2026-01-15T10:20:00.Z",
            "1e400",
            "NaN",
            "Inf",
            "é026-01-15T10:20:00Z",
        ] {
            assert_eq!(parse_time(bad), Err(format!("cannot parse {bad:?} to a valid timestamp")));
        }
    }

    #[test]
    fn durations() {
        for (text, want) in [
            ("15", 15_000_000_000),
            ("0.5", 500_000_000),
            ("4m60s", 300_000_000_000),
            ("300000ms", 300_000_000_000),
            ("1d", 86_400_000_000_000),
            ("0", 0),
            ("-15", -15_000_000_000),
        ] {
            assert_eq!(parse_duration(text), Ok(want), "{text}");
        }
        for bad in ["", "x", "30s1m", "1m1m", "5", "m"].iter().filter(|t| **t != "5") {
            assert_eq!(parse_duration(bad), Err(format!("cannot parse {bad:?} to a valid duration")));
        }
        assert_eq!(parse_duration("1e30"), Err("cannot parse \"1e30\" to a valid duration. It overflows int64".into()));
        assert!(parse_duration("1000000y").is_err());
    }

    #[test]
    fn texts() {
        assert_eq!(rfc3339_text(1_768_472_400_000), "2026-01-15T10:20:00Z");
    }
}
