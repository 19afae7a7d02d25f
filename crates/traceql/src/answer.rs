//! What queries ask besides their text, and what they answer: plain data that a face renders.

use std::collections::BTreeMap;

use model::{AnyValue, KeyValue};

/// Options of `search` and `search_tags`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchOptions {
    /// Unix nanoseconds, both included; a trace counts if any of it lies inside. `None`: everything.
    pub range: Option<(u64, u64)>,
    /// most traces; the newest by start are answered
    pub limit: usize,
    /// most spans listed per spanset; `matched` counts all
    pub spans_per_spanset: usize,
}

/// The newest matching traces.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SearchResult {
    /// by falling start, ties by trace id
    pub traces: Vec<TraceMatch>,
    pub inspected_traces: u64,
    pub inspected_spans: u64,
    pub inspected_bytes: u64,
}

/// A trace of a search answer; metadata is of the whole stored trace, not of the matches.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TraceMatch {
    pub trace_id: [u8; 16],
    /// empty where the root says none; `ROOT_MISSING` where there is no root
    pub root_service: String,
    pub root_name: String,
    /// Unix nanoseconds
    pub start: u64,
    pub duration_ns: u64,
    /// spans and errors per service.name
    pub service_stats: BTreeMap<String, ServiceStats>,
    /// none for `search_tags`
    pub spansets: Vec<SpansetMatch>,
}

/// `TraceMatch::root_service` of a trace without a root span.
pub const ROOT_MISSING: &str = "<root span not yet received>";

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ServiceStats {
    pub spans: u32,
    pub errors: u32,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct SpansetMatch {
    /// at most `spans_per_spanset`, by start
    pub spans: Vec<SpanMatch>,
    pub matched: u32,
    /// `by(...)` values and aggregates, durations and keywords as text
    pub attributes: Vec<KeyValue>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct SpanMatch {
    pub span_id: [u8; 8],
    /// only where the query speaks of the name
    pub name: Option<String>,
    pub start: u64,
    pub duration_ns: u64,
    /// what the query speaks of, key as in the answer (`http.status_code`, `status`), durations and keywords as text
    pub attributes: Vec<KeyValue>,
}

/// Options of `query_range` and `query_instant`. Times are Unix nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsOptions {
    pub start: u64,
    pub end: u64,
    /// not read by `query_instant`
    pub step: u64,
    /// most exemplars per series, 0 = none
    pub exemplars: u32,
    /// most series, 0 = no limit
    pub max_series: usize,
}

/// Series of a TraceQL metrics query, sorted by number of labels, keys, values.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MetricsResult {
    pub series: Vec<MetricSeries>,
    /// why the answer is not whole (status PARTIAL), if so
    pub partial: Option<String>,
    pub inspected_traces: u64,
    pub inspected_spans: u64,
    pub inspected_bytes: u64,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct MetricSeries {
    /// typed, in the order of by()
    pub labels: Vec<KeyValue>,
    /// (Unix milliseconds, value), ascending; an instant answer has exactly one
    pub samples: Vec<(i64, f64)>,
    pub exemplars: Vec<Exemplar>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Exemplar {
    /// `trace:id`, the values that the query speaks of
    pub labels: Vec<KeyValue>,
    pub value: f64,
    /// the right edge of the span's interval
    pub timestamp_ms: i64,
}

/// Where attribute names are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TagScope {
    Event,
    Instrumentation,
    Intrinsic,
    Link,
    Resource,
    Span,
}

/// What `tag_names` and `tag_values` look at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagOptions {
    /// Unix nanoseconds, both included: only spans that overlap count. `None`: everything.
    pub range: Option<(u64, u64)>,
    /// a query; its first spanset filter narrows the spans. What cannot be read or has no such filter means no filter.
    pub filter: Option<String>,
    /// most names per scope, most values; 0 = all
    pub limit: usize,
    /// most bytes of names or values, 0 = no limit; the answer is cut there
    pub max_bytes: usize,
}

/// The names of one scope, sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeTags {
    pub scope: TagScope,
    pub tags: Vec<String>,
}

/// `kind` is string, int, float, bool, duration or keyword.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TagValue {
    pub kind: &'static str,
    pub value: String,
}

impl TagScope {
    pub fn name(self) -> &'static str {
        match self {
            TagScope::Event => "event",
            TagScope::Instrumentation => "instrumentation",
            TagScope::Intrinsic => "intrinsic",
            TagScope::Link => "link",
            TagScope::Resource => "resource",
            TagScope::Span => "span",
        }
    }
}

impl MetricSeries {
    pub fn label(&self, key: &str) -> Option<&AnyValue> {
        self.labels.iter().find(|l| l.key == key).map(|l| &l.value)
    }
}
