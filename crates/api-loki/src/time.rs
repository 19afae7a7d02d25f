//! Times, durations and steps as Loki's parameters write them, with the texts of its errors.

use jiff::Timestamp;

const SECOND: i64 = 1_000_000_000;

/// Unix nanoseconds from float seconds (anything with a dot), whole seconds (up to 10 characters), nanoseconds, or RFC 3339.
pub fn parse_timestamp(text: &str) -> Result<i64, String> {
    if text.contains('.')
        && let Some(ns) = float_seconds(text)
    {
        return Ok(ns);
    }
    match text.parse::<i64>() {
        Ok(n) if text.len() <= 10 => Ok(n.saturating_mul(SECOND)),
        Ok(n) => Ok(n),
        Err(e) => match text.parse::<Timestamp>() {
            // A date alone, or a time without a zone, is no RFC 3339.
            Ok(t) if text.contains('T') => i64::try_from(t.as_nanosecond()).map_err(|_| format!("time {text} is out of range")),
            _ => Err(format!("strconv.ParseInt: parsing {}: {}", quote(text), int_error(&e))),
        },
    }
}

/// Fractions count to the millisecond.
fn float_seconds(text: &str) -> Option<i64> {
    let seconds: f64 = text.parse().ok().filter(|s: &f64| s.is_finite())?;
    let ms = (seconds.fract() * 1000.0).round() as i64;
    Some((seconds.trunc() as i64).saturating_mul(SECOND).saturating_add(ms * 1_000_000))
}

fn int_error(e: &std::num::ParseIntError) -> &'static str {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    match e.kind() {
        PosOverflow | NegOverflow => "value out of range",
        _ => "invalid syntax",
    }
}

/// A whole number as Go's `Atoi` reads it.
pub fn parse_int(text: &str) -> Result<i64, String> {
    text.parse().map_err(|e| format!("strconv.Atoi: parsing {}: {}", quote(text), int_error(&e)))
}

/// Go's `%q` as far as error texts need it.
pub fn quote(text: &str) -> String {
    format!("{text:?}")
}

/// Nanoseconds from float seconds or a Prometheus duration: `step` and `interval`. May be zero or negative.
pub fn parse_step(text: &str) -> Result<i64, String> {
    if let Ok(seconds) = text.parse::<f64>() {
        let ns = seconds * SECOND as f64;
        if !ns.is_finite() || ns.abs() > i64::MAX as f64 {
            return Err(format!("cannot parse {} to a valid duration. It overflows int64", quote(text)));
        }
        return Ok(ns as i64);
    }
    parse_duration(text).ok_or_else(|| format!("cannot parse {} to a valid duration", quote(text)))
}

/// Nanoseconds of a Prometheus duration: `1d`, `1h30m`, `15000ms`; units fall, each at most once. `0` needs no unit.
pub fn parse_duration(text: &str) -> Option<i64> {
    const UNITS: [(&str, i64); 7] =
        [("y", 31_536_000_000), ("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    if text == "0" {
        return Some(0);
    }
    let (mut rest, mut next, mut total) = (text, 0, 0i64);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let n: i64 = rest.get(..digits)?.parse().ok()?;
        rest = rest.get(digits..)?;
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = rest.get(..letters)?;
        let at = UNITS.iter().position(|u| u.0 == unit).filter(|i| *i >= next)?;
        total = total.checked_add(n.checked_mul(UNITS[at].1)?)?;
        (rest, next) = (rest.get(letters..)?, at + 1);
    }
    if text.is_empty() { None } else { total.checked_mul(1_000_000) }
}

/// `2026-01-15T10:29:49.11780085Z`: UTC, fraction without trailing zeros.
pub fn rfc3339(ns: i64) -> String {
    Timestamp::from_nanosecond(i128::from(ns)).map_or_else(|_| ns.to_string(), |t| t.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: &str) {
        let got = parse_timestamp(text).map_or_else(|e| e, |ns| ns.to_string());
        assert_eq!(got, want, "{text}");
    }

    #[test]
    fn timestamps() {
        check("1768471800", "1768471800000000000");
        check("1768471800.5", "1768471800500000000");
        check("1768471800.123456789", "1768471800123000000");
        check("4000000000", "4000000000000000000");
        check("17684718001", "17684718001");
        check("1768471800000000001", "1768471800000000001");
        check("2026-01-15T10:10:00Z", "1768471800000000000");
        check("2026-01-15T11:10:00.25+01:00", "1768471800250000000");
        check("-5", "-5000000000");
        check("yesterday", r#"strconv.ParseInt: parsing "yesterday": invalid syntax"#);
        check("2026-01-15", r#"strconv.ParseInt: parsing "2026-01-15": invalid syntax"#);
        check("99999999999999999999", r#"strconv.ParseInt: parsing "99999999999999999999": value out of range"#);
        check("", r#"strconv.ParseInt: parsing "": invalid syntax"#);
        check("99999999999", "99999999999");
    }

    #[test]
    fn steps_and_durations() {
        for (text, want) in
            [("15000ms", 15 * SECOND), ("1m30s", 90 * SECOND), ("2.5", 2_500_000_000), ("-1", -SECOND), ("0", 0), ("1d", 86_400 * SECOND)]
        {
            assert_eq!(parse_step(text), Ok(want), "{text}");
        }
        for text in ["often", "-1m", "", "1s1m", "1m1m", "1", "5x", "99999999999999y"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
        assert_eq!(parse_step("often"), Err(r#"cannot parse "often" to a valid duration"#.into()));
        assert_eq!(parse_step("1e300"), Err(r#"cannot parse "1e300" to a valid duration. It overflows int64"#.into()));
    }

    #[test]
    fn times_are_shown_in_utc_without_trailing_zeros() {
        assert_eq!(rfc3339(1_768_472_989_117_800_850), "2026-01-15T10:29:49.11780085Z");
        assert_eq!(rfc3339(4_102_444_800_000_000_000), "2100-01-01T00:00:00Z");
    }
}
