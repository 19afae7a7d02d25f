//! Parameters of the tag name and tag value endpoints.

use api::Params;
use query::SpanRange;

use super::{go, one_of_two, uint};
use crate::error::ApiError;

/// Whose tags are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagScope {
    /// every scope
    None,
    Resource,
    Span,
    Intrinsic,
    Event,
    Link,
    Instrumentation,
    /// known to the language, without attributes
    Trace,
}

impl TagScope {
    pub fn parse(text: &str) -> Result<TagScope, ApiError> {
        Ok(match text {
            "" | "none" => TagScope::None,
            "resource" => TagScope::Resource,
            "span" => TagScope::Span,
            "intrinsic" => TagScope::Intrinsic,
            "event" => TagScope::Event,
            "link" => TagScope::Link,
            "instrumentation" => TagScope::Instrumentation,
            "trace" => TagScope::Trace,
            other => return Err(ApiError::bad(format!("invalid scope: {other}"))),
        })
    }
}

/// A checked request for tag names.
#[derive(Debug, Clone, PartialEq)]
pub struct TagsRequest {
    pub scope: TagScope,
    /// a filter, not checked: what cannot be read does not filter
    pub query: String,
    pub range: SpanRange,
    /// names per scope, 0 = all
    pub limit: usize,
}

/// A checked request for the values of a tag.
#[derive(Debug, Clone, PartialEq)]
pub struct ValuesRequest {
    pub tag: String,
    pub query: String,
    pub range: SpanRange,
    /// 0 = all
    pub limit: usize,
}

impl TagsRequest {
    /// `now` in Unix nanoseconds.
    pub fn read(p: &Params, now: i64) -> Result<TagsRequest, ApiError> {
        let scope = TagScope::parse(p.get("scope").unwrap_or(""))?;
        let range = range(p, now)?;
        // A limit that cannot be read is no limit here, unlike on the values endpoints.
        let limit = p.given("limit").and_then(|t| go::parse_uint(t, 32).ok()).unwrap_or(0);
        Ok(TagsRequest { scope, query: p.get("q").unwrap_or("").to_owned(), range, limit: limit as usize })
    }

    pub fn from_proto(r: proto::tempopb::SearchTagsRequest) -> Result<TagsRequest, ApiError> {
        let scope = TagScope::parse(&r.scope)?;
        Ok(TagsRequest { scope, query: r.query, range: seconds(r.start, r.end)?, limit: r.max_tags_per_scope as usize })
    }
}

impl ValuesRequest {
    pub fn read(tag: &str, p: &Params, now: i64) -> Result<ValuesRequest, ApiError> {
        let limit = uint(p, "limit", 32)?.unwrap_or(0);
        uint(p, "maxStaleValues", 32)?;
        Ok(ValuesRequest { tag: tag.to_owned(), query: p.get("q").unwrap_or("").to_owned(), range: range(p, now)?, limit: limit as usize })
    }

    pub fn from_proto(r: proto::tempopb::SearchTagValuesRequest) -> Result<ValuesRequest, ApiError> {
        if r.tag_name.is_empty() {
            return Err(ApiError::bad("please provide a non-empty tagName"));
        }
        Ok(ValuesRequest { tag: r.tag_name, query: r.query, range: seconds(r.start, r.end)?, limit: r.max_tag_values as usize })
    }
}

/// Both ends or neither, in any of the time forms; `since` wins.
fn range(p: &Params, now: i64) -> Result<SpanRange, ApiError> {
    let bad = |name: &str, e: String| ApiError::bad(format!("error parsing date range: could not parse '{name}' parameter: {e}"));
    let clip = |t: i64| t.max(0) as u64;
    if let Some(text) = p.given("since") {
        let since = go::parse_prometheus_duration(text).map_err(|e| bad("since", e))?;
        return Ok(SpanRange { start: clip(now.saturating_sub(since)), end: clip(now) });
    }
    let time = |name: &str| p.given(name).map(|t| go::parse_time(t).map_err(|e| bad(name, e))).transpose();
    match (time("start")?, time("end")?) {
        (None, None) => Ok(SpanRange::ALL),
        (Some(start), Some(end)) if end <= start => Err(ApiError::bad(format!(
            "http parameter start must be before end. received start={} end={}",
            start / 1_000_000_000,
            end / 1_000_000_000
        ))),
        (Some(start), Some(end)) => Ok(SpanRange { start: clip(start), end: clip(end) }),
        _ => Err(one_of_two()),
    }
}

fn seconds(start: u32, end: u32) -> Result<SpanRange, ApiError> {
    match (start, end) {
        (0, 0) => Ok(SpanRange::ALL),
        (0, _) | (_, 0) => Err(one_of_two()),
        _ => {
            super::ordered(u64::from(start), u64::from(end))?;
            Ok(SpanRange { start: u64::from(start) * 1_000_000_000, end: u64::from(end) * 1_000_000_000 })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(query: &str, want: &str) {
        let got = match TagsRequest::read(&Params::from_query(query), 0) {
            Ok(r) => format!("{:?} {:?} {}..{} {}", r.scope, r.query, r.range.start, r.range.end, r.limit),
            Err(e) => format!("{} {}", e.status.as_u16(), e.text),
        };
        assert_eq!(got, want, "{query}");
    }

    #[test]
    fn tags() {
        check("scope=span&q={}&start=1&end=2&limit=3", "Span \"{}\" 1000000000..2000000000 3");
        check("limit=x", "None \"\" 0..18446744073709551615 0");
        check("start=1768471200.5&end=2026-01-15T10:30:00Z", "None \"\" 1768471200500000000..1768473000000000000 0");
        check("scope=foo", "400 invalid scope: foo");
        check("start=1", "400 error parsing date range: only one of start and end provided: must provide both or neither");
        check(
            "start=x&end=1",
            "400 error parsing date range: could not parse 'start' parameter: strconv.ParseInt: parsing \"x\": invalid syntax",
        );
        check("since=x", "400 error parsing date range: could not parse 'since' parameter: not a valid duration string: \"x\"");
    }

    #[test]
    fn values() {
        let bad = |q: &str| ValuesRequest::read("name", &Params::from_query(q), 0).unwrap_err().text;
        assert_eq!(bad("limit=x"), "invalid limit: strconv.ParseUint: parsing \"x\": invalid syntax");
        assert_eq!(bad("maxStaleValues=x"), "invalid maxStaleValues: strconv.ParseUint: parsing \"x\": invalid syntax");
    }
}
