//! Parameters of `/api/search` and of the streamed Search.

use api::Params;
use query::SpanRange;
use traceql::TagSearch;

use super::{check_query_size, go, one_of_two, ordered, uint};
use crate::error::ApiError;
use crate::limits::{DEFAULT_SEARCH_LIMIT, DEFAULT_SPANS_PER_SPANSET, MAX_SEARCH_LIMIT, MAX_SEARCH_RANGE_SECONDS, MAX_SPANS_PER_SPANSET};

/// What is searched for.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// a TraceQL text; the empty one finds everything
    Query(String),
    /// pairs and trace durations, the older form
    Tags(TagSearch),
}

/// A checked search.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchRequest {
    pub what: What,
    /// everything where the request names no range
    pub range: SpanRange,
    pub limit: u32,
    pub spans_per_spanset: u32,
}

impl SearchRequest {
    /// `now` in Unix nanoseconds.
    pub fn read(p: &Params, now: i64) -> Result<SearchRequest, ApiError> {
        let query = p.given("q");
        let tags = p.given("tags");
        if query.is_some() && tags.is_some() {
            return Err(ApiError::bad("invalid request: can't specify tags and q in the same query"));
        }
        let range = match p.given("since") {
            Some(text) => {
                let since = go::parse_prometheus_duration(text)
                    .map_err(|e| ApiError::bad(format!("error parsing date range: could not parse 'since' parameter: {e}")))?;
                SpanRange { start: now.saturating_sub(since).max(0) as u64, end: now.max(0) as u64 }
            }
            None => match (p.given("start"), uint(p, "start", 32)?, uint(p, "end", 32)?) {
                (None, _, Some(_)) => return Err(one_of_two()),
                (_, start, end) => seconds_range(start, end)?,
            },
        };
        let (min_duration, max_duration) = (duration(p, "minDuration")?, duration(p, "maxDuration")?);
        let tags =
            TagSearch::parse(tags.unwrap_or(""), min_duration, max_duration).map_err(|e| ApiError::bad(format!("invalid tags: {e}")))?;
        if let (Some(min), Some(max)) = (min_duration, max_duration)
            && max < min
        {
            return Err(ApiError::bad("invalid maxDuration: must be greater than minDuration"));
        }
        let limit = match uint(p, "limit", 32)? {
            Some(0) => return Err(ApiError::bad("invalid limit: must be a positive number")),
            given => given.unwrap_or(u64::from(DEFAULT_SEARCH_LIMIT)),
        };
        let spss = uint(p, "spss", 32)?.unwrap_or(u64::from(DEFAULT_SPANS_PER_SPANSET));
        // Without a query this is the older form, which shows no spansets.
        let what = match query {
            Some(q) => What::Query(q.to_owned()),
            None => What::Tags(tags),
        };
        SearchRequest { what, range, limit: 0, spans_per_spanset: 0 }.limited(limit, spss)
    }

    /// The streamed form. Numbers that are 0 were not set.
    pub fn from_proto(r: proto::tempopb::SearchRequest) -> Result<SearchRequest, ApiError> {
        if !r.query.is_empty() && !r.tags.is_empty() {
            return Err(ApiError::bad("invalid request: can't specify tags and q in the same query"));
        }
        let set = |v: u32| (v > 0).then_some(u64::from(v));
        let range = seconds_range(set(r.start), set(r.end))?;
        let ms = |v: u32| (v > 0).then_some(u64::from(v) * 1_000_000);
        let what = if r.query.is_empty() {
            let tags = r.tags.into_iter().collect();
            What::Tags(TagSearch { tags, min_duration: ms(r.min_duration_ms), max_duration: ms(r.max_duration_ms) })
        } else {
            What::Query(r.query)
        };
        let limit = set(r.limit).unwrap_or(u64::from(DEFAULT_SEARCH_LIMIT));
        let spss = set(r.spans_per_span_set).unwrap_or(u64::from(DEFAULT_SPANS_PER_SPANSET));
        SearchRequest { what, range, limit: 0, spans_per_spanset: 0 }.limited(limit, spss)
    }

    fn limited(self, limit: u64, spss: u64) -> Result<SearchRequest, ApiError> {
        if limit > u64::from(MAX_SEARCH_LIMIT) {
            return Err(ApiError::bad(format!("limit {limit} exceeds max limit {MAX_SEARCH_LIMIT}")));
        }
        if spss > u64::from(MAX_SPANS_PER_SPANSET) {
            return Err(ApiError::bad(format!("spans per span set exceeds {MAX_SPANS_PER_SPANSET}. received {spss}")));
        }
        if let What::Query(q) = &self.what {
            check_query_size(q)?;
        }
        // 0 spans asks for as many as are allowed.
        let spss = if spss == 0 { MAX_SPANS_PER_SPANSET } else { spss as u32 };
        Ok(SearchRequest { limit: limit as u32, spans_per_spanset: spss, ..self })
    }
}

/// Both or neither, in epoch seconds.
fn seconds_range(start: Option<u64>, end: Option<u64>) -> Result<SpanRange, ApiError> {
    if start.is_none() && end.is_none() {
        return Ok(SpanRange::ALL);
    }
    let (start, end) = (start.unwrap_or(0), end.unwrap_or(0));
    ordered(start, end)?;
    let limit = MAX_SEARCH_RANGE_SECONDS;
    if end - start > u64::from(limit) {
        let limit = go::format_duration(i64::from(limit) * 1_000_000_000);
        return Err(ApiError::bad(format!("range specified by start and end exceeds {limit}. received start={start} end={end}")));
    }
    Ok(SpanRange { start: start * 1_000_000_000, end: end * 1_000_000_000 })
}

fn duration(p: &Params, name: &str) -> Result<Option<u64>, ApiError> {
    match p.given(name).map(go::parse_go_duration) {
        None => Ok(None),
        Some(Ok(ns)) if ns >= 0 => Ok(Some(ns as u64)),
        Some(Ok(_)) => Err(ApiError::bad(format!("invalid {name}: must not be negative"))),
        Some(Err(e)) => Err(ApiError::bad(format!("invalid {name}: {e}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(query: &str, want: &str) {
        let got = match SearchRequest::read(&Params::from_query(query), 2_000_000_000_000_000_000) {
            Ok(r) => format!("{:?} {}..{} limit {} spss {}", r.what, r.range.start, r.range.end, r.limit, r.spans_per_spanset),
            Err(e) => format!("{} {}", e.status.as_u16(), e.text),
        };
        assert_eq!(got, want, "{query}");
    }

    #[test]
    fn what_is_searched() {
        check("q={}", "Query(\"{}\") 0..18446744073709551615 limit 20 spss 3");
        check("", "Tags(TagSearch { tags: [], min_duration: None, max_duration: None }) 0..18446744073709551615 limit 20 spss 3");
        check(
            "tags=a%3Db&minDuration=1ms&start=1&end=2&limit=7&spss=9",
            "Tags(TagSearch { tags: [(\"a\", \"b\")], min_duration: Some(1000000), max_duration: None }) 1000000000..2000000000 limit 7 spss 9",
        );
        check("q={}&since=1h&start=x", "Query(\"{}\") 1999996400000000000..2000000000000000000 limit 20 spss 3");
    }

    #[test]
    fn errors() {
        check("q={}&tags=a", "400 invalid request: can't specify tags and q in the same query");
        check("q={}&start=5", "400 http parameter start must be before end. received start=5 end=0");
        check("q={}&end=5", "400 error parsing date range: only one of start and end provided: must provide both or neither");
        check("q={}&start=5&end=5", "400 http parameter start must be before end. received start=5 end=5");
        check("q={}&start=x&end=5", "400 invalid start: strconv.ParseUint: parsing \"x\": invalid syntax");
        check("q={}&start=1&end=999999", "400 range specified by start and end exceeds 168h0m0s. received start=1 end=999999");
        check("q={}&limit=0", "400 invalid limit: must be a positive number");
        check("q={}&limit=-1", "400 invalid limit: strconv.ParseUint: parsing \"-1\": invalid syntax");
        check("q={}&limit=300000", "400 limit 300000 exceeds max limit 262144");
        check("q={}&spss=101", "400 spans per span set exceeds 100. received 101");
        check("tags=a%3Db+a%3Dc", "400 invalid tags: tag a has been set twice");
        check("minDuration=x", "400 invalid minDuration: time: invalid duration \"x\"");
        check("minDuration=2s&maxDuration=1s", "400 invalid maxDuration: must be greater than minDuration");
    }
}
