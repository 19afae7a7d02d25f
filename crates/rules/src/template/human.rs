//! Numbers and times for people: the `humanize` family.

use jiff::Timestamp;
use promql::format::float_significant;

const BIG: [&str; 8] = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
const SMALL: [&str; 8] = ["m", "u", "n", "p", "f", "a", "z", "y"];

fn four(v: f64) -> String {
    float_significant(v, 4)
}

/// `1234567` → `1.235M`, `0.001` → `1m`.
pub fn humanize(v: f64) -> String {
    if v == 0.0 || !v.is_finite() {
        return four(v);
    }
    if v.abs() >= 1.0 {
        return scaled(v, 1_000.0, &BIG);
    }
    let (value, unit) = small(v);
    format!("{}{unit}", four(value))
}

/// With powers of 1024: `1536` → `1.5ki`.
pub fn humanize1024(v: f64) -> String {
    if v.abs() <= 1.0 || !v.is_finite() {
        return four(v);
    }
    scaled(v, 1_024.0, &["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"])
}

fn scaled(v: f64, by: f64, units: &[&'static str]) -> String {
    let (mut value, mut unit) = (v, "");
    for u in units {
        if value.abs() < by {
            break;
        }
        (value, unit) = (value / by, u);
    }
    format!("{}{unit}", four(value))
}

fn small(v: f64) -> (f64, &'static str) {
    let (mut value, mut unit) = (v, "");
    for u in SMALL {
        if value.abs() >= 1.0 {
            break;
        }
        (value, unit) = (value * 1_000.0, u);
    }
    (value, unit)
}

/// Seconds: `90061` → `1d 1h 1m 1s`.
pub fn duration(v: f64) -> String {
    if !v.is_finite() {
        return four(v);
    }
    if v == 0.0 {
        return "0s".into();
    }
    if v.abs() < 1.0 {
        let (value, unit) = small(v);
        return format!("{}{unit}s", four(value));
    }
    let (sign, v) = if v < 0.0 { ("-", -v) } else { ("", v) };
    let whole = v as i64;
    let (seconds, minutes, hours, days) = (whole % 60, whole / 60 % 60, whole / 3_600 % 24, whole / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{sign}{}s", four(v)),
        (0, 0, _) => format!("{sign}{minutes}m {seconds}s"),
        (0, _, _) => format!("{sign}{hours}h {minutes}m {seconds}s"),
        _ => format!("{sign}{days}d {hours}h {minutes}m {seconds}s"),
    }
}

pub fn percentage(v: f64) -> String {
    format!("{}%", four(v * 100.0))
}

/// Unix seconds to nanoseconds; times beyond year 9999 are refused.
pub fn nanoseconds(v: f64) -> Result<i128, String> {
    let ns = v * 1e9;
    if ns.is_finite() && Timestamp::from_nanosecond(ns as i128).is_ok() {
        Ok(ns as i128)
    } else {
        Err(format!("{v} cannot be represented as a nanoseconds timestamp since it overflows int64"))
    }
}

/// `2006-01-02 15:04:05 +0000 UTC`, with a fraction where there is one.
pub fn time(ns: i128) -> String {
    let Ok(t) = Timestamp::from_nanosecond(ns) else { return String::new() };
    let fraction = ns.rem_euclid(1_000_000_000);
    let fraction = if fraction == 0 { String::new() } else { format!(".{}", format!("{fraction:09}").trim_end_matches('0')) };
    format!("{}{fraction} +0000 UTC", t.strftime("%Y-%m-%d %H:%M:%S"))
}

/// Seconds as Go prints a duration: `1h2m3.5s`, `1.5ms`.
pub fn go_duration(v: f64) -> String {
    let ns = (v * 1e9) as i64;
    let (sign, abs) = if ns < 0 { ("-", ns.unsigned_abs()) } else { ("", ns.unsigned_abs()) };
    let part = |value: u64, unit: u64| format!("{}", value as f64 / unit as f64);
    match abs {
        0 => "0s".into(),
        1..1_000 => format!("{sign}{abs}ns"),
        1_000..1_000_000 => format!("{sign}{}µs", part(abs, 1_000)),
        1_000_000..1_000_000_000 => format!("{sign}{}ms", part(abs, 1_000_000)),
        _ => {
            let (hours, minutes) = (abs / 3_600_000_000_000, abs / 60_000_000_000 % 60);
            let seconds = part(abs % 60_000_000_000, 1_000_000_000);
            match (hours, minutes) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, _) => format!("{sign}{minutes}m{seconds}s"),
                _ => format!("{sign}{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}
