//! Functions of single floats: mathematics, rounding, the calendar.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The plain function of that name.
pub fn function(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "acos" => f64::acos,
        "acosh" => f64::acosh,
        "asin" => f64::asin,
        "asinh" => asinh,
        "atan" => f64::atan,
        "atanh" => f64::atanh,
        "ceil" => f64::ceil,
        "cos" => f64::cos,
        "cosh" => f64::cosh,
        "deg" => |v| v * 180.0 / std::f64::consts::PI,
        "exp" => f64::exp,
        "floor" => f64::floor,
        "ln" => f64::ln,
        "log10" => f64::log10,
        "log2" => f64::log2,
        "rad" => |v| v * std::f64::consts::PI / 180.0,
        "sgn" => sign,
        "sin" => f64::sin,
        "sinh" => f64::sinh,
        "sqrt" => f64::sqrt,
        "tan" => f64::tan,
        "tanh" => f64::tanh,
        _ => return None,
    })
}

/// Rust's answers +Inf for -Inf.
fn asinh(v: f64) -> f64 {
    if v.is_infinite() { v } else { v.asinh() }
}

fn sign(v: f64) -> f64 {
    if v < 0.0 {
        -1.0
    } else if v > 0.0 {
        1.0
    } else {
        v
    }
}

/// To the nearest multiple, ties up.
pub fn round(v: f64, to: f64) -> f64 {
    let inverse = 1.0 / to;
    (v * inverse + 0.5).floor() / inverse
}

/// The calendar function of that name, of Unix seconds (UTC).
pub fn date(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "day_of_month" => |v| on(v, |d| f64::from(d.day())),
        "day_of_week" => |v| on(v, |d| f64::from(d.weekday().to_sunday_zero_offset())),
        "day_of_year" => |v| on(v, |d| f64::from(d.day_of_year())),
        "days_in_month" => |v| on(v, |d| f64::from(d.days_in_month())),
        "hour" => |v| on(v, |d| f64::from(d.hour())),
        "minute" => |v| on(v, |d| f64::from(d.minute())),
        "month" => |v| on(v, |d| f64::from(d.month())),
        "year" => |v| on(v, |d| f64::from(d.year())),
        _ => return None,
    })
}

/// NaN for times that no calendar holds (years beyond ±9999).
fn on(seconds: f64, f: fn(jiff::civil::DateTime) -> f64) -> f64 {
    if seconds.is_nan() {
        return f64::NAN;
    }
    match Timestamp::from_second(seconds as i64) {
        Ok(t) => f(t.to_zoned(TimeZone::UTC).datetime()),
        Err(_) => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calendar() {
        let t = 1_456_790_399.0; // 2016-02-29T23:59:59Z
        let at = |name| date(name).unwrap()(t);
        assert_eq!([at("year"), at("month"), at("day_of_month"), at("day_of_week"), at("days_in_month")], [2016.0, 2.0, 29.0, 1.0, 29.0]);
        assert_eq!([at("hour"), at("minute"), at("day_of_year")], [23.0, 59.0, 60.0]);
        assert!(date("year").unwrap()(1e300).is_nan());
    }

    #[test]
    fn rounding() {
        assert_eq!([round(2.5, 1.0), round(-2.5, 1.0), round(7.0, 5.0)], [3.0, -2.0, 5.0]);
    }
}
