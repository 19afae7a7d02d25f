//! TraceQL, the language of Tempo 3: lex, parse, print, check, plan and evaluate over any `query::SpanSource`.

mod answer;
pub mod ast;
pub mod limits;

pub use answer::{
    Exemplar, MetricSeries, MetricsOptions, MetricsResult, ROOT_MISSING, ScopeTags, SearchOptions, SearchResult, ServiceStats, SpanMatch,
    SpansetMatch, TagOptions, TagScope, TagValue, TraceMatch,
};
