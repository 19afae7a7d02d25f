//! Numbers and times as Prometheus prints them.

use std::io::Write;

/// A sample value: shortest form that reads back the same, exponent only below 1e-6 and from 1e21 on.
pub fn push_value(out: &mut Vec<u8>, v: f64) {
    let abs = v.abs();
    if v.is_finite() && abs != 0.0 && !(1e-6..1e21).contains(&abs) {
        push_exponent(out, v);
    } else {
        push_plain(out, v);
    }
}

/// The plain notation, whatever the size: scalar results.
pub fn push_plain(out: &mut Vec<u8>, v: f64) {
    if v.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if v.is_infinite() {
        out.extend_from_slice(if v > 0.0 { b"+Inf" } else { b"-Inf" });
    } else if v.fract() == 0.0 && v.abs() < 9e15 && (v != 0.0 || v.is_sign_positive()) {
        push_int(out, v as i64);
    } else {
        let _ = write!(out, "{v}");
    }
}

/// Exponent notation with at least two digits of exponent: `1e-07`, `1.5e+21`.
pub fn push_exponent(out: &mut Vec<u8>, v: f64) {
    let text = format!("{v:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |d| ('-', d));
    let _ = write!(out, "{mantissa}e{sign}{digits:0>2}");
}

/// A decimal integer.
pub fn push_int(out: &mut Vec<u8>, v: i64) {
    let mut digits = [0u8; 20];
    let (mut at, mut rest) = (digits.len(), v.unsigned_abs());
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if v < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

/// Unix milliseconds as seconds: no fraction, or three digits of it.
pub fn push_time(out: &mut Vec<u8>, ms: i64) {
    if ms < 0 {
        out.push(b'-');
    }
    let ms = ms.unsigned_abs();
    push_int(out, (ms / 1000) as i64);
    let fraction = ms % 1000;
    if fraction != 0 {
        let _ = write!(out, ".{fraction:03}");
    }
}

/// A value as text, in the form of `push_value`.
pub fn value_text(v: f64) -> String {
    let mut out = Vec::new();
    push_value(&mut out, v);
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(f: fn(&mut Vec<u8>, f64), v: f64, want: &str) {
        let mut out = Vec::new();
        f(&mut out, v);
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }

    #[test]
    fn values() {
        for (v, want) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-17.0, "-17"),
            (0.1, "0.1"),
            (1e-6, "0.000001"),
            (9.9e-7, "9.9e-07"),
            (1e-100, "1e-100"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (-1.5e300, "-1.5e+300"),
            (5e-324, "5e-324"),
            (9_007_199_254_740_993.0, "9007199254740992"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            check(push_value, v, want);
        }
        check(push_plain, 1e-7, "0.0000001");
        check(push_plain, 1e21, "1000000000000000000000");
    }

    #[test]
    fn times() {
        for (ms, want) in [(0, "0"), (1, "0.001"), (10, "0.010"), (1500, "1.500"), (-1500, "-1.500"), (1_768_472_400_124, "1768472400.124")]
        {
            let mut out = Vec::new();
            push_time(&mut out, ms);
            assert_eq!(String::from_utf8(out).unwrap(), want);
        }
    }
}
