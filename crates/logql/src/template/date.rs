//! Times: Go's layouts (`2006-01-02 15:04:05`), conversions, methods.

use std::fmt::Write;

use gotemplate::Entry;

use super::zone::{self, Zone};
use super::{Args, Lines, Val};

const SECOND: i128 = 1_000_000_000;
const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// Unix nanoseconds (wide: layouts without a year start in year 0) and the zone to show them in.
#[derive(Debug, Clone, PartialEq)]
pub struct Time {
    pub ns: i128,
    pub zone: Zone,
}

pub const FUNCTIONS: &[Entry<Lines>] = &[
    Entry("now", 0, 0, |c, _| Ok(utc(i128::from(c.now)))),
    Entry("date", 2, 2, |_, a| match &a.values[1] {
        Val::Int(s) => Ok(Val::str(format(&Time { ns: i128::from(*s) * SECOND, zone: Zone::Utc }, a.text(0)?))),
        _ => Ok(Val::str(format(a.time(1)?, a.text(0)?))),
    }),
    Entry("toDate", 2, 2, |_, a| Ok(to_date(a.text(0)?, Zone::Utc, a.text(1)?))),
    Entry("toDateInZone", 3, 3, |_, a| Ok(to_date(a.text(0)?, zone::find(a.text(1)?), a.text(2)?))),
    Entry("unixEpoch", 1, 1, |_, a| Ok(Val::str(a.time(0)?.ns.div_euclid(SECOND).to_string()))),
    Entry("unixEpochMillis", 1, 1, |_, a| Ok(Val::str(a.time(0)?.ns.div_euclid(1_000_000).to_string()))),
    Entry("unixEpochNanos", 1, 1, |_, a| Ok(Val::str(a.time(0)?.ns.to_string()))),
    Entry("unixToTime", 1, 1, |_, a| unix_to_time(a)),
];

pub fn utc<'d>(ns: i128) -> Val<'d> {
    Val::Time(Time { ns, zone: Zone::Utc })
}

/// The number of digits says the unit.
fn unix_to_time<'d>(a: &Args<'_, 'd>) -> Result<Val<'d>, String> {
    let text = a.text(0)?;
    let n: i128 = text.parse::<i64>().map_err(|_| format!("unable to parse time '{text}'"))?.into();
    let unit = match text.len() {
        5 => 86_400 * SECOND,
        10 => SECOND,
        13 => 1_000_000,
        16 => 1_000,
        19 => 1,
        _ => return Err(format!("unable to parse time '{text}': it has no 5, 10, 13, 16 or 19 digits")),
    };
    Ok(utc(n * unit))
}

/// What cannot be parsed is the zero time, 1 January of year 1.
fn to_date<'d>(layout: &str, zone: Zone, text: &str) -> Val<'d> {
    match parse(layout, &zone, text) {
        Some(t) => Val::Time(t),
        None => utc(i128::from(days_from_civil(1, 1, 1)) * 86_400 * SECOND),
    }
}

/// What methods of Go's time give: `__timestamp__.Year`.
pub fn method<'d>(t: &Time, name: &str, args: &[Val<'d>]) -> Result<Val<'d>, String> {
    let c = civil(t);
    if let ("Format", [Val::Str(layout)]) = (name, args) {
        return Ok(Val::str(format(t, layout)));
    }
    if !args.is_empty() {
        return Err(format!("wrong number of args for {name}"));
    }
    let int = |v: i128| Ok(Val::Int(i64::try_from(v).unwrap_or(0)));
    match name {
        "Unix" => int(t.ns.div_euclid(SECOND)),
        "UnixMilli" => int(t.ns.div_euclid(1_000_000)),
        "UnixMicro" => int(t.ns.div_euclid(1_000)),
        "UnixNano" => int(t.ns),
        "Year" => int(c.year.into()),
        "Month" => Ok(Val::str(MONTHS[c.month as usize - 1])),
        "Day" => int(c.day.into()),
        "Hour" => int(c.hour.into()),
        "Minute" => int(c.minute.into()),
        "Second" => int(c.second.into()),
        "Nanosecond" => int(c.nanos.into()),
        "Weekday" => Ok(Val::str(DAYS[c.weekday as usize])),
        "YearDay" => int(c.year_day.into()),
        "String" => Ok(Val::str(default_text(t))),
        "UTC" => Ok(utc(t.ns)),
        _ => Err(format!("can't evaluate field {name} in type time.Time")),
    }
}

/// How Go prints a time without a layout.
pub fn default_text(t: &Time) -> String {
    format(t, "2006-01-02 15:04:05.999999999 -0700 MST")
}

struct Civil {
    year: i64,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
    nanos: u32,
    weekday: u32,
    year_day: u32,
    offset: i32,
    zone: String,
}

fn civil(t: &Time) -> Civil {
    let seconds = i64::try_from(t.ns.div_euclid(SECOND)).unwrap_or(0);
    let (offset, zone) = t.zone.at(seconds);
    let local = seconds.saturating_add(offset.into());
    let (days, rest) = (local.div_euclid(86_400), local.rem_euclid(86_400) as u32);
    let (year, month, day) = civil_from_days(days);
    Civil {
        year,
        month,
        day,
        hour: rest / 3600,
        minute: rest / 60 % 60,
        second: rest % 60,
        nanos: t.ns.rem_euclid(SECOND) as u32,
        weekday: (days + 4).rem_euclid(7) as u32,
        year_day: (days - days_from_civil(year, 1, 1) + 1) as u32,
        offset,
        zone,
    }
}

fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let m = i64::from(month);
    let doy = (153 * (if m > 2 { m - 3 } else { m + 9 }) + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let z = days + 719_468;
    let (era, doe) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 } as u32;
    let year = yoe + era * 400 + i64::from(month <= 2);
    (year, month, (doy - (153 * mp + 2) / 5 + 1) as u32)
}

/// A piece of a layout. Longer names first where one starts another.
const PIECES: [&str; 38] = [
    "January",
    "Jan",
    "Monday",
    "Mon",
    "MST",
    "2006",
    "__2",
    "_2006",
    "_2",
    "002",
    "01",
    "02",
    "03",
    "04",
    "05",
    "06",
    "15",
    "Z070000",
    "Z07:00:00",
    "Z07:00",
    "Z0700",
    "Z07",
    "-070000",
    "-07:00:00",
    "-07:00",
    "-0700",
    "-07",
    "PM",
    "pm",
    "1",
    "2",
    "3",
    "4",
    "5",
    "\0",
    "\0",
    "\0",
    "\0",
];

#[derive(Debug, PartialEq, Clone, Copy)]
enum Piece<'a> {
    Text(&'a str),
    Std(&'static str),
    /// digits, and whether trailing zeros are left out (`.999`)
    Fraction(char, usize, bool),
}

fn pieces(layout: &str) -> Vec<Piece<'_>> {
    let mut out = vec![];
    let (mut text, mut at) = (0, 0);
    while at < layout.len() {
        let rest = &layout[at..];
        let found = fraction(rest).or_else(|| PIECES.iter().find(|p| rest.starts_with(**p)).map(|p| (Piece::Std(p), p.len())));
        match found {
            // Jan must not be the start of another word
            Some((Piece::Std("Jan" | "Mon"), len)) if rest[len..].starts_with(|c: char| c.is_ascii_lowercase()) => {
                at += len;
            }
            // `_2006` is an underscore and a year
            Some((Piece::Std("_2006"), _)) => at += 1,
            Some((piece, len)) => {
                if text < at {
                    out.push(Piece::Text(&layout[text..at]));
                }
                out.push(piece);
                at += len;
                text = at;
            }
            None => at += rest.chars().next().map_or(1, char::len_utf8),
        }
    }
    if text < layout.len() {
        out.push(Piece::Text(&layout[text..]));
    }
    out
}

fn fraction(rest: &str) -> Option<(Piece<'_>, usize)> {
    let lead = rest.chars().next().filter(|c| matches!(c, '.' | ','))?;
    let digit = rest[1..].chars().next().filter(|c| matches!(c, '0' | '9'))?;
    let n = rest[1..].chars().take_while(|c| *c == digit).count();
    let ends = !rest[1 + n..].starts_with(|c: char| c.is_ascii_digit());
    ends.then_some((Piece::Fraction(lead, n, digit == '9'), n + 1))
}

pub fn format(t: &Time, layout: &str) -> String {
    let c = civil(t);
    let mut out = String::new();
    for piece in pieces(layout) {
        let twelve = if c.hour.is_multiple_of(12) { 12 } else { c.hour % 12 };
        let _ = match piece {
            Piece::Text(s) => write!(out, "{s}"),
            Piece::Fraction(lead, n, trims) => {
                let digits = &format!("{:09}", c.nanos)[..n.min(9)];
                let digits = if trims { digits.trim_end_matches('0') } else { digits };
                if digits.is_empty() { Ok(()) } else { write!(out, "{lead}{digits}") }
            }
            Piece::Std(std) => match std {
                "January" => write!(out, "{}", MONTHS[c.month as usize - 1]),
                "Jan" => write!(out, "{}", &MONTHS[c.month as usize - 1][..3]),
                "Monday" => write!(out, "{}", DAYS[c.weekday as usize]),
                "Mon" => write!(out, "{}", &DAYS[c.weekday as usize][..3]),
                "MST" => write!(out, "{}", c.zone),
                "2006" => write!(out, "{:04}", c.year),
                "06" => write!(out, "{:02}", c.year.rem_euclid(100)),
                "01" => write!(out, "{:02}", c.month),
                "1" => write!(out, "{}", c.month),
                "02" => write!(out, "{:02}", c.day),
                "_2" => write!(out, "{:2}", c.day),
                "2" => write!(out, "{}", c.day),
                "002" => write!(out, "{:03}", c.year_day),
                "__2" => write!(out, "{:3}", c.year_day),
                "15" => write!(out, "{:02}", c.hour),
                "03" => write!(out, "{twelve:02}"),
                "3" => write!(out, "{twelve}"),
                "04" => write!(out, "{:02}", c.minute),
                "4" => write!(out, "{}", c.minute),
                "05" => write!(out, "{:02}", c.second),
                "5" => write!(out, "{}", c.second),
                "PM" => write!(out, "{}", if c.hour >= 12 { "PM" } else { "AM" }),
                "pm" => write!(out, "{}", if c.hour >= 12 { "pm" } else { "am" }),
                zone => write!(out, "{}", offset_text(zone, c.offset)),
            },
        };
    }
    out
}

fn offset_text(piece: &str, offset: i32) -> String {
    if piece.starts_with('Z') && offset == 0 {
        return "Z".into();
    }
    let (sign, a) = (if offset < 0 { '-' } else { '+' }, offset.unsigned_abs());
    let (h, m, s) = (a / 3600, a / 60 % 60, a % 60);
    match &piece[1..] {
        "07" => format!("{sign}{h:02}"),
        "0700" => format!("{sign}{h:02}{m:02}"),
        "07:00" => format!("{sign}{h:02}:{m:02}"),
        "070000" => format!("{sign}{h:02}{m:02}{s:02}"),
        _ => format!("{sign}{h:02}:{m:02}:{s:02}"),
    }
}

#[derive(Default)]
struct Fields {
    year: i64,
    month: Option<u32>,
    day: Option<u32>,
    year_day: Option<u32>,
    hour: u32,
    pm: Option<bool>,
    minute: u32,
    second: u32,
    nanos: u32,
    offset: Option<i32>,
    utc: bool,
}

/// Go's `time.ParseInLocation`.
pub fn parse(layout: &str, zone: &Zone, text: &str) -> Option<Time> {
    let mut f = Fields::default();
    let mut rest = text;
    let all = pieces(layout);
    for (i, piece) in all.iter().enumerate() {
        rest = match *piece {
            Piece::Text(s) => rest.strip_prefix(s)?,
            Piece::Fraction(_, n, trims) => read_fraction(&mut f, rest, n, trims)?,
            Piece::Std(std) => {
                let rest = read(&mut f, std, rest)?;
                // A fraction may follow the seconds without being in the layout.
                let seconds = matches!(std, "05" | "5") && !matches!(all.get(i + 1), Some(Piece::Fraction(..)));
                if seconds && rest.starts_with(['.', ',']) && rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
                    let n = rest[1..].bytes().take_while(u8::is_ascii_digit).count();
                    read_fraction(&mut f, rest, n, false)?
                } else {
                    rest
                }
            }
        };
    }
    if !rest.is_empty() {
        return None;
    }
    time_of(&f, zone)
}

fn time_of(f: &Fields, zone: &Zone) -> Option<Time> {
    let hour = match f.pm {
        Some(true) if f.hour < 12 => f.hour + 12,
        Some(false) if f.hour == 12 => 0,
        _ => f.hour,
    };
    let (month, day) = (f.month.unwrap_or(1), f.day.unwrap_or(1));
    let leap = f.year % 4 == 0 && (f.year % 100 != 0 || f.year % 400 == 0);
    let longest = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    if !(1..=12).contains(&month) || day < 1 || day > longest[month as usize - 1] || hour > 23 || f.minute > 59 || f.second > 59 {
        return None;
    }
    let mut days = days_from_civil(f.year, month, day);
    if let Some(n) = f.year_day {
        days = days_from_civil(f.year, 1, 1) + i64::from(n) - 1;
    }
    let local = days * 86_400 + i64::from(hour * 3600 + f.minute * 60 + f.second);
    let (seconds, zone) = match f.offset {
        Some(0) => (local, Zone::Utc),
        Some(o) => (local - i64::from(o), Zone::Fixed(o)),
        None if f.utc => (local, Zone::Utc),
        None => {
            let guess = local - i64::from(zone.at(local).0);
            (local - i64::from(zone.at(guess).0), zone.clone())
        }
    };
    Some(Time { ns: i128::from(seconds) * SECOND + i128::from(f.nanos), zone })
}

fn read<'a>(f: &mut Fields, std: &str, text: &'a str) -> Option<&'a str> {
    let (value, rest) = match std {
        "2006" => digits(text, 4, 4)?,
        "06" | "01" | "02" | "03" | "04" | "05" => digits(text, 2, 2)?,
        "15" => digits(text, 2, 2)?,
        "_2" => digits(text.strip_prefix(' ').unwrap_or(text), 1, 2)?,
        "1" | "2" | "3" | "4" | "5" => digits(text, 1, 2)?,
        "002" => digits(text, 3, 3)?,
        "__2" => digits(text.trim_start_matches(' '), 1, 3)?,
        _ => (0, text),
    };
    match std {
        "2006" => f.year = value.into(),
        "06" => f.year = i64::from(value) + if value >= 69 { 1900 } else { 2000 },
        "01" | "1" => f.month = Some(value),
        "02" | "2" | "_2" => f.day = Some(value),
        "002" | "__2" => f.year_day = Some(value),
        "15" | "03" | "3" => f.hour = value,
        "04" | "4" => f.minute = value,
        "05" | "5" => f.second = value,
        "PM" | "pm" => {
            let word = text.get(..2)?;
            f.pm = Some(match word.to_ascii_uppercase().as_str() {
                "PM" => true,
                "AM" => false,
                _ => return None,
            });
            return Some(&text[2..]);
        }
        "January" | "Jan" | "Monday" | "Mon" => return read_name(f, std, text),
        "MST" => {
            let n = text.bytes().take_while(u8::is_ascii_uppercase).count();
            f.utc |= &text[..n] == "UTC";
            return (n >= 3).then(|| &text[n..]);
        }
        zone if zone.starts_with(['Z', '-']) => return read_offset(f, zone, text),
        _ => {}
    }
    Some(rest)
}

fn read_name<'a>(f: &mut Fields, std: &str, text: &'a str) -> Option<&'a str> {
    let short = std.len() == 3;
    let names: &[&str] = if std.starts_with('J') { &MONTHS } else { &DAYS };
    let cut = |n: &'static str| if short { &n[..3] } else { n };
    let hit = |n: &&'static str| text.get(..cut(n).len()).is_some_and(|t| t.eq_ignore_ascii_case(cut(n)));
    let names: Vec<&'static str> = if std.starts_with('J') {
        MONTHS.to_vec()
    } else {
        names.iter().map(|n| DAYS[DAYS.iter().position(|d| d == n).unwrap_or(0)]).collect()
    };
    let at = names.iter().position(hit)?;
    if std.starts_with('J') {
        f.month = Some(at as u32 + 1);
    }
    Some(&text[cut(names[at]).len()..])
}

fn digits(text: &str, least: usize, most: usize) -> Option<(u32, &str)> {
    let n = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    (n >= least).then(|| text[..n].parse().ok().map(|v| (v, &text[n..])))?
}

fn read_fraction<'a>(f: &mut Fields, text: &'a str, n: usize, optional: bool) -> Option<&'a str> {
    let Some(rest) = text.strip_prefix(['.', ',']) else { return optional.then_some(text) };
    let have = rest.bytes().take_while(u8::is_ascii_digit).count();
    let take = if optional { have } else { n };
    if have < take || take == 0 {
        return None;
    }
    f.nanos = format!("{:0<9}", &rest[..take.min(9)]).parse().ok()?;
    Some(&rest[take..])
}

fn read_offset<'a>(f: &mut Fields, piece: &str, text: &'a str) -> Option<&'a str> {
    if piece.starts_with('Z') && text.starts_with('Z') {
        f.offset = Some(0);
        return Some(&text[1..]);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let mut rest = &text[1..];
    let mut seconds = 0i32;
    for (i, scale) in [3600, 60, 1].into_iter().enumerate().take(piece[1..].replace(':', "").len() / 2) {
        if i > 0 && piece.contains(':') {
            rest = rest.strip_prefix(':')?;
        }
        let (v, r) = digits(rest, 2, 2)?;
        seconds += v as i32 * scale;
        rest = r;
    }
    f.offset = Some(sign * seconds);
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: i128 = 1_768_471_200_608_099_011;

    #[test]
    fn formats() {
        let t = Time { ns: T, zone: Zone::Utc };
        for (layout, want) in [
            ("2006-01-02T15:04:05.000Z07:00", "2026-01-15T10:00:00.608Z"),
            ("Mon Jan _2 15:04:05.999999999", "Thu Jan 15 10:00:00.608099011"),
            ("January 2, 06 03:04PM -0700 MST 002", "January 15, 26 10:00AM +0000 UTC 015"),
            ("юникод", "юникод"),
        ] {
            assert_eq!(format(&t, layout), want);
        }
    }

    #[test]
    fn parses() {
        let unix = |layout: &str, zone: &str, text: &str| parse(layout, &zone::find(zone), text).map(|t| t.ns.div_euclid(SECOND));
        assert_eq!(unix("2006-01-02", "", "2026-01-15"), Some(1_768_435_200));
        assert_eq!(unix("2006-01-02T15:04:05", "America/New_York", "2026-01-15T10:00:00"), Some(1_768_489_200));
        assert_eq!(unix("15:04", "No/Where", "10:00"), Some(-62_167_183_200));
        assert_eq!(unix("2006-01-02T15:04:05Z07:00", "", "2026-01-15T11:00:00.5+01:00"), Some(1_768_471_200));
        assert_eq!(unix("Jan 2 2006 3:04PM", "", "Feb 30 2026 1:00PM"), None);
        assert_eq!(unix("2006", "", "x"), None);
    }
}
