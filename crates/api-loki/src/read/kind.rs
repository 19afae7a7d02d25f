//! The type of a field's value as Logs Drilldown names it, and how values of a type are shown.

use std::borrow::Cow;

/// The first that fits, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Int,
    Float,
    Boolean,
    /// with Go's units
    Duration,
    /// with decimal or binary units
    Bytes,
    String,
}

impl Kind {
    pub fn of(value: &str) -> Kind {
        if value.parse::<i64>().is_ok() {
            Kind::Int
        } else if value.parse::<f64>().is_ok() {
            Kind::Float
        } else if matches!(value, "t" | "T" | "TRUE" | "true" | "True" | "f" | "F" | "FALSE" | "false" | "False") {
            Kind::Boolean
        } else if is_go_duration(value) {
            Kind::Duration
        } else if bytes(value).is_some() {
            Kind::Bytes
        } else {
            Kind::String
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Int => "int",
            Kind::Float => "float",
            Kind::Boolean => "boolean",
            Kind::Duration => "duration",
            Kind::Bytes => "bytes",
            Kind::String => "string",
        }
    }
}

/// Sizes are shown in one way: `20kB`, `8.0kB`.
pub fn normalise(value: &str, kind: Kind) -> Cow<'_, str> {
    match bytes(value) {
        Some(n) if kind == Kind::Bytes => Cow::Owned(show_bytes(n)),
        _ => Cow::Borrowed(value),
    }
}

fn is_go_duration(text: &str) -> bool {
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest.is_empty() {
        return false;
    }
    while !rest.is_empty() {
        let number = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let (n, tail) = rest.split_at(number);
        if n.matches('.').count() > 1 || !n.bytes().any(|b| b.is_ascii_digit()) {
            return false;
        }
        let unit = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        if !matches!(&tail[..unit], "ns" | "us" | "µs" | "μs" | "ms" | "s" | "m" | "h") {
            return false;
        }
        rest = &tail[unit..];
    }
    true
}

/// `1.5KiB`, `20 kB`, `7MB`: letters in any case, commas allowed in the number.
fn bytes(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ',')).unwrap_or(text.len());
    let number: f64 = text[..end].replace(',', "").parse().ok()?;
    let unit = text[end..].trim().to_ascii_lowercase();
    let (letter, binary) = match unit.as_str() {
        "" | "b" => (None, false),
        u => {
            let u = u.strip_suffix('b').unwrap_or(u);
            let base = u.strip_suffix('i').unwrap_or(u);
            let mut chars = base.chars();
            let letter = chars.next().filter(|_| chars.next().is_none())?;
            (Some("kmgtpe".find(letter)?), base.len() < u.len())
        }
    };
    let factor = letter.map_or(1.0, |i| if binary { 1024f64 } else { 1000f64 }.powi(i as i32 + 1));
    let size = number * factor;
    (0.0..=u64::MAX as f64).contains(&size).then_some(size as u64)
}

fn show_bytes(n: u64) -> String {
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    if n < 10 {
        return format!("{n}B");
    }
    let (mut value, mut unit) = (n as f64, 0);
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let rounded = (value * 10.0 + 0.5).floor() / 10.0;
    if rounded < 10.0 { format!("{rounded:.1}{}", UNITS[unit]) } else { format!("{rounded:.0}{}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, want: &str) {
        let kind = Kind::of(value);
        assert_eq!(format!("{} {}", kind.as_str(), normalise(value, kind)), want, "{value}");
    }

    #[test]
    fn kinds_and_their_values() {
        check("17", "int 17");
        check("-1.50", "float -1.50");
        check("1e3", "float 1e3");
        check("true", "boolean true");
        check("24.68ms", "duration 24.68ms");
        check("1h2m", "duration 1h2m");
        check("20KB", "bytes 20kB");
        check("7960B", "bytes 8.0kB");
        check("1.0MiB", "bytes 1.0MB");
        check("5 B", "bytes 5B");
        check("1d", "string 1d");
        check("kB", "string kB");
        check("10.0.1.8", "string 10.0.1.8");
        check("", "string ");
        check("1.1.1s", "string 1.1.1s");
    }
}
