//! Time zones by name: the system's database where there is one, else rules for the commonest.

use jiff::Timestamp;
use jiff::tz::TimeZone;

#[derive(Debug, Clone, PartialEq)]
pub enum Zone {
    Utc,
    /// seconds east
    Fixed(i32),
    Named(TimeZone),
}

/// Zones known without a database, with their POSIX rules.
const RULES: [(&str, &str); 34] = [
    ("America/New_York", "EST5EDT,M3.2.0,M11.1.0"),
    ("America/Toronto", "EST5EDT,M3.2.0,M11.1.0"),
    ("US/Eastern", "EST5EDT,M3.2.0,M11.1.0"),
    ("America/Chicago", "CST6CDT,M3.2.0,M11.1.0"),
    ("US/Central", "CST6CDT,M3.2.0,M11.1.0"),
    ("America/Denver", "MST7MDT,M3.2.0,M11.1.0"),
    ("US/Mountain", "MST7MDT,M3.2.0,M11.1.0"),
    ("America/Phoenix", "MST7"),
    ("America/Los_Angeles", "PST8PDT,M3.2.0,M11.1.0"),
    ("US/Pacific", "PST8PDT,M3.2.0,M11.1.0"),
    ("America/Sao_Paulo", "<-03>3"),
    ("Europe/London", "GMT0BST,M3.5.0/1,M10.5.0"),
    ("Europe/Dublin", "GMT0IST,M3.5.0/1,M10.5.0"),
    ("Europe/Lisbon", "WET0WEST,M3.5.0/1,M10.5.0"),
    ("Europe/Paris", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Madrid", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Rome", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Amsterdam", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Stockholm", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Zurich", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Vienna", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Warsaw", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Helsinki", "EET-2EEST,M3.5.0/3,M10.5.0/4"),
    ("Europe/Athens", "EET-2EEST,M3.5.0/3,M10.5.0/4"),
    ("Europe/Kiev", "EET-2EEST,M3.5.0/3,M10.5.0/4"),
    ("Europe/Moscow", "MSK-3"),
    ("Asia/Dubai", "<+04>-4"),
    ("Asia/Kolkata", "IST-5:30"),
    ("Asia/Shanghai", "CST-8"),
    ("Asia/Singapore", "<+08>-8"),
    ("Asia/Tokyo", "JST-9"),
    ("Australia/Sydney", "AEST-10AEDT,M10.1.0,M4.1.0/3"),
    ("Pacific/Auckland", "NZST-12NZDT,M9.5.0,M4.1.0/3"),
];

/// An unknown name is UTC, as Loki has it.
pub fn find(name: &str) -> Zone {
    let safe = !name.is_empty() && !name.contains("..") && name.split('/').all(|p| !p.is_empty());
    if matches!(name, "" | "UTC" | "Etc/UTC" | "Local") || !safe {
        return Zone::Utc;
    }
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-' | b'+'));
    let file = || std::fs::read(format!("/usr/share/zoneinfo/{name}")).ok();
    if let Some(tz) = plain.then(file).flatten().and_then(|data| TimeZone::tzif(name, &data).ok()) {
        return Zone::Named(tz);
    }
    let rule = RULES.iter().find(|r| r.0 == name).and_then(|r| TimeZone::posix(r.1).ok());
    rule.map_or(Zone::Utc, Zone::Named)
}

impl Zone {
    /// Seconds east of UTC and the abbreviation at an instant (Unix seconds).
    pub fn at(&self, seconds: i64) -> (i32, String) {
        match self {
            Zone::Utc => (0, "UTC".into()),
            Zone::Fixed(0) => (0, "UTC".into()),
            Zone::Fixed(s) => {
                let (sign, a) = (if *s < 0 { '-' } else { '+' }, s.unsigned_abs());
                let minutes = if a / 60 % 60 == 0 { String::new() } else { format!("{:02}", a / 60 % 60) };
                (*s, format!("{sign}{:02}{minutes}", a / 3600))
            }
            Zone::Named(tz) => match Timestamp::from_second(seconds) {
                Ok(t) => {
                    let info = tz.to_offset_info(t);
                    (info.offset().seconds(), info.abbreviation().to_owned())
                }
                Err(_) => (0, "UTC".into()),
            },
        }
    }
}
