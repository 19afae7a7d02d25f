//! Numbers as Go reads and writes them.

/// The NaN that Prometheus stores for every NaN it reads, so that none is taken for the stale marker.
const NORMAL_NAN: f64 = f64::from_bits(0x7ff8_0000_0000_0001);

/// A sample value: decimal or scientific, `Inf`, `NaN`. No hexadecimal, no digit groups, nothing out of range.
pub fn parse_float(text: &str) -> Result<f64, String> {
    if text.bytes().any(|b| matches!(b, b'p' | b'P' | b'_')) {
        return Err("unsupported character in float".to_owned());
    }
    let refused = |why: &str| Err(format!("strconv.ParseFloat: parsing {text:?}: {why}"));
    match text.parse::<f64>() {
        Ok(v) if v.is_nan() => Ok(NORMAL_NAN),
        Ok(v) if v.is_infinite() && text.bytes().any(|b| b.is_ascii_digit()) => refused("value out of range"),
        Ok(v) => Ok(v),
        Err(_) => refused("invalid syntax"),
    }
}

/// OpenMetrics' canonical form, in which `le` and `quantile` are stored: always with a point or an exponent.
pub fn canonical(v: f64) -> String {
    if v.is_nan() {
        return "NaN".into();
    }
    if v.is_infinite() {
        return if v > 0.0 { "+Inf".into() } else { "-Inf".into() };
    }
    let scientific = format!("{v:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    // Go's shortest 'g' form turns to an exponent below 1e-04 and from 1e+06 on.
    if v != 0.0 && !(-4..6).contains(&exponent) {
        return go_exponent(digits, exponent);
    }
    let plain = format!("{v}");
    if plain.contains('.') { plain } else { format!("{plain}.0") }
}

fn go_exponent(digits: &str, exponent: i32) -> String {
    format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_forms() {
        for (v, text) in [
            (1.0, "1.0"),
            (10.0, "10.0"),
            (0.5, "0.5"),
            (0.0, "0.0"),
            (1e6, "1e+06"),
            (123_456.0, "123456.0"),
            (1e-5, "1e-05"),
            (1.5e7, "1.5e+07"),
        ] {
            assert_eq!(canonical(v), text);
        }
        assert_eq!(canonical(f64::INFINITY), "+Inf");
    }

    #[test]
    fn reads_what_go_reads() {
        for good in ["NaN", "+Inf", "inf", "Infinity", ".5", "5.", "+7", "1e-400", "2E-4"] {
            assert!(parse_float(good).is_ok(), "{good}");
        }
        for bad in ["0x1p-2", "1_000", "many", "", "1e400", "1\r"] {
            assert!(parse_float(bad).is_err(), "{bad}");
        }
    }
}
