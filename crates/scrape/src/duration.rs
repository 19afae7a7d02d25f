//! Durations and sizes as Prometheus' configuration writes them.

use std::time::Duration;

const UNITS: [(&str, u64); 7] =
    [("y", 365 * 86_400_000), ("w", 7 * 86_400_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// `0`, or units from the largest to the smallest, each once: `1h30m`, `15s`, `100ms`.
pub fn parse(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let (mut total, mut rest, mut next) = (0u64, text, 0);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest.get(..digits)?.parse().ok()?;
        rest = rest.get(digits..)?;
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = UNITS.iter().position(|(u, _)| Some(*u) == rest.get(..letters))?;
        if unit < next {
            return None;
        }
        next = unit + 1;
        total = number.checked_mul(UNITS[unit].1)?.checked_add(total)?;
        rest = rest.get(letters..)?;
    }
    (!text.is_empty()).then_some(Duration::from_millis(total))
}

/// The shortest form that `parse` reads back: 90 s is `1m30s`. Years, weeks and days are used where nothing is left over.
pub fn format(duration: Duration) -> String {
    let mut ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if ms == 0 {
        return "0s".into();
    }
    let mut out = String::new();
    for (unit, size) in UNITS {
        let whole_only = size > 86_400_000 || unit == "d";
        if ms >= size && (!whole_only || ms % size == 0) {
            out.push_str(&format!("{}{unit}", ms / size));
            ms %= size;
        }
    }
    out
}

/// Bytes with an optional unit; `KB` and `KiB` alike are powers of 1024, as Prometheus reads them.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text.get(..digits)?.parse().ok()?;
    let shift = match text.get(digits..)? {
        "" | "B" => 0,
        "K" | "KB" | "KiB" => 10,
        "M" | "MB" | "MiB" => 20,
        "G" | "GB" | "GiB" => 30,
        "T" | "TB" | "TiB" => 40,
        "P" | "PB" | "PiB" => 50,
        _ => return None,
    };
    number.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_round_trip() {
        for text in ["15s", "1m30s", "1h", "100ms", "1d", "2w", "1y", "1m1ms", "36h"] {
            assert_eq!(format(parse(text).unwrap()), text);
        }
        for bad in ["", "15", "s", "1s1m", "1s1s", "-1s", "1 s", "99999999999999999999s", "1.5s", "ä"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert_eq!(parse("0"), Some(Duration::ZERO));
    }

    #[test]
    fn sizes() {
        assert_eq!((parse_bytes("10MB"), parse_bytes("7"), parse_bytes("1KiB")), (Some(10 << 20), Some(7), Some(1024)));
        assert_eq!((parse_bytes("x"), parse_bytes("1 MB"), parse_bytes("99999999PB")), (None, None, None));
    }
}
