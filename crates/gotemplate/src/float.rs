//! Floats as Go's `strconv` reads and writes them.

use crate::quote::go_quote;

/// Go's `strconv.ParseFloat`, with its error text.
pub fn parse_float(text: &str) -> Result<f64, String> {
    let bad = || format!("strconv.ParseFloat: parsing {}: invalid syntax", go_quote(text));
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let negative = text.starts_with('-');
    let signed = |v: f64| if negative { -v } else { v };
    if unsigned.eq_ignore_ascii_case("inf") || unsigned.eq_ignore_ascii_case("infinity") {
        return Ok(signed(f64::INFINITY));
    }
    if text.eq_ignore_ascii_case("nan") {
        return Ok(f64::NAN);
    }
    let value = if let Some(hex) = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X")) {
        signed(parse_hex(hex).ok_or_else(bad)?)
    } else {
        if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
            || !unsigned.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'))
        {
            return Err(bad());
        }
        text.parse::<f64>().map_err(|_| bad())?
    };
    if value.is_infinite() {
        return Err(format!("strconv.ParseFloat: parsing {}: value out of range", go_quote(text)));
    }
    Ok(value)
}

/// Mantissa and the exponent that hexadecimal floats must have: `1.8p3`.
fn parse_hex(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let exponent: i32 = exponent.parse::<i32>().ok()?.clamp(-5_000, 5_000);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let (mut value, mut shift) = (0f64, 0i32);
    for c in whole.chars() {
        value = value * 16.0 + f64::from(c.to_digit(16)?);
    }
    for c in fraction.chars() {
        value = value * 16.0 + f64::from(c.to_digit(16)?);
        shift = shift.saturating_sub(4);
    }
    Some(value * 2f64.powi(exponent.saturating_add(shift)))
}

/// The shortest decimal form without exponent (`%f` with precision -1).
pub fn format_f(v: f64) -> String {
    match special(v) {
        Some(s) => s.into(),
        None => format!("{v}"),
    }
}

/// The shortest form with an exponent for large and small values (`%g`, `%v`): `1e+06`.
pub fn format_g(v: f64) -> String {
    if let Some(s) = special(v) {
        return s.into();
    }
    if v == 0.0 {
        return if v.is_sign_negative() { "-0".into() } else { "0".into() };
    }
    let scientific = format!("{v:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return format!("{v}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

fn special(v: f64) -> Option<&'static str> {
    match v {
        _ if v.is_nan() => Some("NaN"),
        f64::INFINITY => Some("+Inf"),
        f64::NEG_INFINITY => Some("-Inf"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_go() {
        for (text, want) in
            [("1", 1.0), ("-5", -5.0), (".5", 0.5), ("1e3", 1e3), ("0x1p3", 8.0), ("0X1.8P3", 12.0), ("+Inf", f64::INFINITY)]
        {
            assert_eq!(parse_float(text), Ok(want), "{text}");
        }
        assert!(parse_float("nan").unwrap().is_nan());
        for bad in ["", "x", "0x10", "0b1", "1_0", "- 1", "1e", "--1", "infinit"] {
            assert_eq!(parse_float(bad).unwrap_err(), format!("strconv.ParseFloat: parsing {bad:?}: invalid syntax"));
        }
        assert!(parse_float("1e999").unwrap_err().ends_with("value out of range"));
    }

    #[test]
    fn writes_as_go() {
        for (v, want) in [
            (1.0, "1"),
            (1e6, "1e+06"),
            (40.85, "40.85"),
            (123_456.0, "123456"),
            (1.610612736e9, "1.610612736e+09"),
            (1e-5, "1e-05"),
            (0.0001, "0.0001"),
        ] {
            assert_eq!(format_g(v), want);
        }
        assert_eq!(format_f(1e6), "1000000");
        assert_eq!(format_f(f64::NAN), "NaN");
    }
}
