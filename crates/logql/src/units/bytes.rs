//! Byte sizes as people write them: `1.5KB`, `2 MiB`, `2,048`.

use super::parse_float;

const KI: u64 = 1 << 10;

/// Units by lower-case name; the long list is what values may use.
fn scale(unit: &str) -> Option<u64> {
    let unit = unit.to_lowercase();
    Some(match unit.as_str() {
        "" | "b" => 1,
        "kb" | "k" => 1_000,
        "mb" | "m" => 1_000_000,
        "gb" | "g" => 1_000_000_000,
        "tb" | "t" => 1_000_000_000_000,
        "pb" | "p" => 1_000_000_000_000_000,
        "eb" | "e" => 1_000_000_000_000_000_000,
        "kib" | "ki" => KI,
        "mib" | "mi" => KI.pow(2),
        "gib" | "gi" => KI.pow(3),
        "tib" | "ti" => KI.pow(4),
        "pib" | "pi" => KI.pow(5),
        "eib" | "ei" => KI.pow(6),
        _ => return None,
    })
}

/// A size in a label's value: case-blind units, commas allowed. The error is the text Loki shows.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let end = text.bytes().position(|b| !(b.is_ascii_digit() || b == b'.' || b == b',')).unwrap_or(text.len());
    let number = parse_float(&text[..end].replace(',', ""))?;
    let unit = text[end..].trim();
    let scale = scale(unit).ok_or_else(|| format!("unhandled size name: {}", unit.to_lowercase()))?;
    let value = number * scale as f64;
    if value >= u64::MAX as f64 {
        return Err(format!("too large: {text}"));
    }
    Ok(value as u64)
}

/// The length and value of a size literal at the start of a query text; case-sensitive, a unit is needed.
pub fn parse_bytes_literal(text: &str) -> Option<(usize, u64)> {
    let digits = text.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "kB", "KB", "MB", "GB", "TB", "PB", "EB", "B"];
    let rest = text.get(digits..)?;
    let unit = units.iter().find(|u| rest.starts_with(**u))?;
    let end = digits + unit.len();
    if digits == 0 || text[end..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
        return None;
    }
    parse_bytes(&text[..end]).ok().map(|v| (end, v))
}

/// As go-humanize prints sizes, without the space: `3.0kB`, `15MB`.
pub fn format_bytes(value: u64) -> String {
    if value < 10 {
        return format!("{value}B");
    }
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let e = (value as f64).log(1_000.0).floor().min(6.0) as usize;
    let v = (value as f64 / 1_000f64.powi(e as i32) * 10.0 + 0.5).floor() / 10.0;
    if v < 10.0 { format!("{v:.1}{}", UNITS[e]) } else { format!("{v:.0}{}", UNITS[e]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads() {
        for (text, want) in
            [("1KB", 1_000), ("1KiB", 1_024), ("2Kb", 2_000), ("2,048", 2_048), ("1.5B", 1), ("2 kB", 2_000), ("1024", 1_024)]
        {
            assert_eq!(parse_bytes(text), Ok(want), "{text}");
        }
        assert_eq!(parse_bytes("oops").unwrap_err(), r#"strconv.ParseFloat: parsing "": invalid syntax"#);
        assert_eq!(parse_bytes("1XB").unwrap_err(), "unhandled size name: xb");
    }

    #[test]
    fn literals_and_printing() {
        assert_eq!(parse_bytes_literal("3KB)"), Some((3, 3_000)));
        assert_eq!(parse_bytes_literal("1mb"), None);
        assert_eq!(parse_bytes_literal("5BX"), None);
        assert_eq!(format_bytes(3_000), "3.0kB");
        assert_eq!(format_bytes(1_500), "1.5kB");
        assert_eq!(format_bytes(5), "5B");
        assert_eq!(format_bytes(25_000_000), "25MB");
    }
}
