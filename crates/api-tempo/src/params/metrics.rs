//! Parameters of `/api/metrics/query_range` and `/api/metrics/query`, and of their streamed forms.

use api::Params;

use super::{check_query_size, go};
use crate::error::ApiError;
use crate::limits::{DEFAULT_METRICS_SINCE_NS, MAX_EXEMPLARS, MAX_METRICS_INTERVALS, MAX_METRICS_RANGE_NS, MAX_SERIES};

/// A checked metrics query. Times in Unix nanoseconds, not yet aligned.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricsRequest {
    pub query: String,
    pub start: u64,
    pub end: u64,
    /// never 0; the whole range for an instant query
    pub step: u64,
    /// one sample over the whole range
    pub instant: bool,
    pub exemplars: u32,
    pub max_series: u32,
}

impl MetricsRequest {
    /// `now` in Unix nanoseconds.
    pub fn read(p: &Params, now: i64, instant: bool) -> Result<MetricsRequest, ApiError> {
        let (start, end) = range(p, now)?;
        let step = match p.given("step") {
            Some(text) if !instant => parse_step(text)?,
            _ => 0,
        };
        let number = |name: &str| p.given(name).and_then(|t| go::parse_uint(t, 32).ok()).unwrap_or(0) as u32;
        let whole = instant || p.given("instant").is_some_and(|t| go::parse_bool(t) == Ok(true));
        let query = p.given("q").or(p.given("query")).unwrap_or("").to_owned();
        MetricsRequest { query, start, end, step, instant: whole, exemplars: number("exemplars"), max_series: number("maxSeries") }
            .checked()
    }

    pub fn from_range(r: proto::tempopb::QueryRangeRequest, now: i64) -> Result<MetricsRequest, ApiError> {
        let (start, end) = defaulted(r.start, r.end, now);
        MetricsRequest {
            query: r.query,
            start,
            end,
            step: r.step,
            instant: r.instant.unwrap_or(false),
            exemplars: r.exemplars,
            max_series: r.max_series,
        }
        .checked()
    }

    pub fn from_instant(r: proto::tempopb::QueryInstantRequest, now: i64) -> Result<MetricsRequest, ApiError> {
        let (start, end) = defaulted(r.start, r.end, now);
        MetricsRequest { query: r.query, start, end, step: 0, instant: true, exemplars: 0, max_series: 0 }.checked()
    }

    /// Fills in what was not given and refuses ranges and steps over the limits.
    fn checked(mut self) -> Result<MetricsRequest, ApiError> {
        check_query_size(&self.query)?;
        if self.end <= self.start {
            return Err(ApiError::bad("end must be greater than start"));
        }
        let range = self.end - self.start;
        if range > MAX_METRICS_RANGE_NS {
            let (limit, got) = (go::format_duration(MAX_METRICS_RANGE_NS as i64), go::format_duration(range.min(i64::MAX as u64) as i64));
            return Err(ApiError::bad(format!(
                "metrics query time range exceeds the maximum allowed duration of {limit}: {got} requested"
            )));
        }
        if self.instant {
            self.step = range;
        } else if self.step == 0 {
            self.step = default_step(range);
        }
        let smallest = range / MAX_METRICS_INTERVALS;
        if self.step < smallest {
            let (step, smallest) = (go::format_duration(self.step as i64), go::format_duration(smallest as i64));
            return Err(ApiError::bad(format!("step of {step} is too small, minimum step for given range is {smallest}")));
        }
        self.exemplars = if self.exemplars == 0 { MAX_EXEMPLARS } else { self.exemplars.min(MAX_EXEMPLARS) };
        self.max_series = if self.max_series == 0 { MAX_SERIES } else { self.max_series.min(MAX_SERIES) };
        Ok(self)
    }
}

/// Streamed requests without a range ask for the last hour.
fn defaulted(start: u64, end: u64, now: i64) -> (u64, u64) {
    if start == 0 && end == 0 {
        return (now.saturating_sub(DEFAULT_METRICS_SINCE_NS).max(0) as u64, now.max(0) as u64);
    }
    (start, end)
}

/// `since` counts back from the end, or from now if that is earlier; it is read only where the start is not given.
fn range(p: &Params, now: i64) -> Result<(u64, u64), ApiError> {
    let bad = |name: &str, e: String| ApiError::bad(format!("rpc error: code = Code(400) desc = could not parse '{name}' parameter: {e}"));
    let time = |name: &str| p.given(name).map(|t| go::parse_time(t).map_err(|e| bad(name, e))).transpose();
    let since = p.given("since").map(|t| go::parse_prometheus_duration(t).map_err(|e| bad("since", e))).transpose()?;
    let end = time("end")?;
    let start = match time("start")? {
        Some(t) => t,
        None => end.unwrap_or(now).min(now).saturating_sub(since.unwrap_or(DEFAULT_METRICS_SINCE_NS)),
    };
    Ok((start.max(0) as u64, end.unwrap_or(now).max(0) as u64))
}

/// Float seconds, a Prometheus duration or one of Go's.
fn parse_step(text: &str) -> Result<u64, ApiError> {
    let bad = |why: &str| ApiError::bad(format!("rpc error: code = Code(400) desc = cannot parse {}{why}", go::quote(text)));
    let ns = match text.parse::<f64>() {
        Ok(s) if (s * 1e9).abs() > i64::MAX as f64 => return Err(bad(" to a valid duration. It overflows int64")),
        Ok(s) if s.is_finite() => (s * 1e9) as i64,
        _ => go::parse_prometheus_duration(text).or_else(|_| go::parse_go_duration(text)).map_err(|_| bad(" to a valid duration"))?,
    };
    if ns <= 0 {
        return Err(bad(": step must be positive"));
    }
    Ok(ns as u64)
}

/// About 240 points, at round steps.
fn default_step(range: u64) -> u64 {
    const S: u64 = 1_000_000_000;
    let step = range / 240;
    if range < 60 * S {
        const SHORT: u64 = S / 20;
        return (step / SHORT * SHORT).max(SHORT);
    }
    let round = [3600 * S, 300 * S, 60 * S, 15 * S, 5 * S, S].into_iter().find(|unit| *unit <= step).unwrap_or(S);
    (step / round * round).max(S)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(query: &str, want: &str) {
        let got = match MetricsRequest::read(&Params::from_query(query), 2_000_000_000_000_000_000, false) {
            Ok(r) => format!("{}..{} step {} {} {}", r.start, r.end, go::format_duration(r.step as i64), r.exemplars, r.max_series),
            Err(e) => format!("{} {}", e.status.as_u16(), e.text),
        };
        assert_eq!(got, want, "{query}");
    }

    #[test]
    fn ranges_and_steps() {
        check("start=1768471500&end=1768472100", "1768471500000000000..1768472100000000000 step 2s 100 1000");
        check("start=1768471500&end=1768471560", "1768471500000000000..1768471560000000000 step 1s 100 1000");
        check("start=1768471200&end=1768473000", "1768471200000000000..1768473000000000000 step 5s 100 1000");
        check("start=1&end=301&step=150.5&exemplars=5&maxSeries=2", "1000000000..301000000000 step 2m30.5s 5 2");
        check("start=1&end=301&step=0.5m", "1000000000..301000000000 step 30s 100 1000");
        check("end=1768472100&since=10m&step=5m", "1768471500000000000..1768472100000000000 step 5m0s 100 1000");
        check("step=1m", "1999996400000000000..2000000000000000000 step 1m0s 100 1000");
    }

    #[test]
    fn errors() {
        check("start=5&end=5", "400 end must be greater than start");
        check(
            "start=x",
            "400 rpc error: code = Code(400) desc = could not parse 'start' parameter: strconv.ParseInt: parsing \"x\": invalid syntax",
        );
        check(
            "since=-1h",
            "400 rpc error: code = Code(400) desc = could not parse 'since' parameter: not a valid duration string: \"-1h\"",
        );
        check("start=1&end=1801&step=x", "400 rpc error: code = Code(400) desc = cannot parse \"x\" to a valid duration");
        check("start=1&end=1801&step=-1m", "400 rpc error: code = Code(400) desc = cannot parse \"-1m\": step must be positive");
        check("start=1&end=1801&step=0.0000001", "400 step of 100ns is too small, minimum step for given range is 180ms");
        check(
            "start=1&end=90001&step=1m",
            "400 metrics query time range exceeds the maximum allowed duration of 24h0m0s: 25h0m0s requested",
        );
    }
}
