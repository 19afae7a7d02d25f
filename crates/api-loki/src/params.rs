//! The parameters that several endpoints share: time bounds, limit, direction, step, interval.

use api::Params;
use query::Direction;

use crate::error::ApiError;
use crate::limits::{DEFAULT_ENTRIES, DEFAULT_SINCE_SECONDS, MAX_POINTS, MAX_QUERY_BYTES};
use crate::time::{parse_duration, parse_int, parse_step, parse_timestamp, quote};

const SECOND: i64 = 1_000_000_000;

/// Start and end in Unix nanoseconds, start <= end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub start: i64,
    pub end: i64,
}

/// `end` defaults to now, `since` to an hour, `start` to `since` before the earlier of `end` and now.
pub fn bounds(p: &Params, now: i64) -> Result<Bounds, ApiError> {
    let bad = |name: &str, e: String| ApiError::bad(format!("could not parse '{name}' parameter: {e}"));
    let since = match p.given("since") {
        None => DEFAULT_SINCE_SECONDS * SECOND,
        Some(s) => parse_duration(s).ok_or_else(|| bad("since", format!("not a valid duration string: {}", quote(s))))?,
    };
    let time = |name: &str| p.given(name).map(|v| parse_timestamp(v).map_err(|e| bad(name, e))).transpose();
    let end = time("end")?.unwrap_or(now);
    let start = time("start")?.unwrap_or_else(|| end.min(now).saturating_sub(since));
    if end < start {
        return Err(ApiError::bad("end timestamp must not be before or equal to start time"));
    }
    Ok(Bounds { start, end })
}

pub fn query_text(p: &Params) -> Result<&str, ApiError> {
    let text = p.get("query").unwrap_or("");
    if text.len() > MAX_QUERY_BYTES {
        return Err(ApiError::bad(format!("input size too long ({} > {MAX_QUERY_BYTES})", text.len())));
    }
    Ok(text)
}

/// The number of lines asked for.
pub fn limit(p: &Params) -> Result<usize, ApiError> {
    match p.given("limit") {
        None => Ok(DEFAULT_ENTRIES),
        Some(s) => match parse_int(s).map_err(ApiError::bad)? {
            n if n <= 0 => Err(ApiError::bad("limit must be a positive value")),
            n => Ok(usize::try_from(n).unwrap_or(usize::MAX)),
        },
    }
}

/// A count that must not be negative; absent or zero gives `default`.
pub fn count(p: &Params, names: &[&str], default: usize) -> Result<usize, ApiError> {
    match names.iter().find_map(|n| p.given(n)) {
        None => Ok(default),
        Some(s) => match parse_int(s).map_err(ApiError::bad)? {
            n if n < 0 => Err(ApiError::bad("limit must be a positive value")),
            0 => Ok(default),
            n => Ok(usize::try_from(n).unwrap_or(usize::MAX)),
        },
    }
}

pub fn direction(p: &Params) -> Result<Direction, ApiError> {
    match p.given("direction") {
        None => Ok(Direction::Backward),
        Some(d) if d.eq_ignore_ascii_case("backward") => Ok(Direction::Backward),
        Some(d) if d.eq_ignore_ascii_case("forward") => Ok(Direction::Forward),
        Some(d) => Err(ApiError::bad(format!("invalid direction '{d}'"))),
    }
}

/// The step in nanoseconds, above zero; by default such that the range has about 250 points.
pub fn step(p: &Params, b: Bounds) -> Result<i64, ApiError> {
    let step = match p.given("step") {
        None => ((b.end.saturating_sub(b.start)) / SECOND / 250).max(1) * SECOND,
        // Prometheus' durations and times are whole milliseconds.
        Some(s) => parse_step(s).map_err(ApiError::bad)? / 1_000_000 * 1_000_000,
    };
    if step <= 0 {
        return Err(ApiError::bad("zero or negative query resolution step widths are not accepted. Try a positive integer"));
    }
    if b.end.saturating_sub(b.start) / step > MAX_POINTS {
        return Err(ApiError::bad(
            "exceeded maximum resolution of 11,000 points per time series. Try increasing the value of the step parameter",
        ));
    }
    Ok(step)
}

/// Nanoseconds that lines must lie apart, 0 = all.
pub fn interval(p: &Params) -> Result<i64, ApiError> {
    let interval = p.given("interval").map_or(Ok(0), parse_step).map_err(ApiError::bad)?;
    if interval < 0 { Err(ApiError::bad("interval must be >= 0")) } else { Ok(interval) }
}

/// Metric range queries are asked at multiples of the step: start rounded down, end up.
pub fn align(b: Bounds, step: i64) -> Bounds {
    let start = b.start.div_euclid(step).saturating_mul(step);
    let up = i64::from(b.end.rem_euclid(step) != 0);
    Bounds { start, end: b.end.div_euclid(step).saturating_add(up).saturating_mul(step) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_768_473_000 * SECOND;

    #[track_caller]
    fn check<T: std::fmt::Debug>(query: &str, read: impl Fn(&Params) -> Result<T, ApiError>, want: &str) {
        let got = read(&Params::from_query(query)).map_or_else(|e| format!("{}: {}", e.status.as_u16(), e.text), |v| format!("{v:?}"));
        assert_eq!(got, want, "{query}");
    }

    #[track_caller]
    fn check_bounds(query: &str, want: &str) {
        check(query, |p| bounds(p, NOW).map(|b| (b.start / SECOND, b.end / SECOND)), want);
    }

    #[test]
    fn time_bounds_and_their_defaults() {
        check_bounds("", "(1768469400, 1768473000)");
        check_bounds("start=1&end=2", "(1, 2)");
        check_bounds("end=1768472100&since=90s", "(1768472010, 1768472100)");
        check_bounds("start=5&end=1768472100&since=90s", "(5, 1768472100)");
        check_bounds("end=1768476600", "(1768469400, 1768476600)");
        check_bounds("start=2&end=2", "(2, 2)");
        check_bounds("start=3&end=2", "400: end timestamp must not be before or equal to start time");
        check_bounds("start=x", r#"400: could not parse 'start' parameter: strconv.ParseInt: parsing "x": invalid syntax"#);
        check_bounds("since=long", r#"400: could not parse 'since' parameter: not a valid duration string: "long""#);
    }

    #[test]
    fn limits_and_direction() {
        check("", limit, "100");
        check("limit=7", limit, "7");
        check("limit=0", limit, "400: limit must be a positive value");
        check("limit=many", limit, r#"400: strconv.Atoi: parsing "many": invalid syntax"#);
        check("limit=0", |p| count(p, &["limit"], 9), "9");
        check("direction=FORWARD", direction, "Forward");
        check("direction=up", direction, "400: invalid direction 'up'");
    }

    #[test]
    fn steps() {
        let b = Bounds { start: 0, end: 1000 * SECOND };
        check("", |p| step(p, b), "4000000000");
        check("step=15000ms", |p| step(p, b), "15000000000");
        check("step=1.5", |p| step(p, b), "1500000000");
        check("step=0", |p| step(p, b), "400: zero or negative query resolution step widths are not accepted. Try a positive integer");
        check("step=-1m", |p| step(p, b), r#"400: cannot parse "-1m" to a valid duration"#);
        let text = "400: exceeded maximum resolution of 11,000 points per time series. Try increasing the value of the step parameter";
        check("step=0.05", |p| step(p, b), text);
        check("interval=-1", interval, "400: interval must be >= 0");
    }

    #[test]
    fn alignment_widens_to_multiples_of_the_step() {
        assert_eq!(align(Bounds { start: 1_506, end: 1_806 }, 60), Bounds { start: 1_500, end: 1_860 });
        assert_eq!(align(Bounds { start: 1_500, end: 1_500 }, 60), Bounds { start: 1_500, end: 1_500 });
        assert_eq!(align(Bounds { start: -5, end: -1 }, 60), Bounds { start: -60, end: 0 });
    }
}
