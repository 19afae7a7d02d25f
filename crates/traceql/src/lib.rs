//! TraceQL, the language of Tempo 3: lex, parse, print, check, plan and evaluate over any `query::SpanSource`.

mod aggregate;
mod answer;
pub mod ast;
mod bits;
mod check;
mod eval;
mod fold;
mod lexer;
pub mod limits;
mod metrics;
mod names;
mod parser;
mod pipeline;
mod plan;
mod print;
mod relation;
#[cfg(any(test, feature = "script"))]
pub mod script;
mod search;
mod tags;
mod trace;
mod value;
mod view;

use query::QueryError;

pub use answer::{
    Exemplar, MetricSeries, MetricsOptions, MetricsResult, ROOT_MISSING, ScopeTags, SearchOptions, SearchResult, ServiceStats, SpanMatch,
    SpansetMatch, TagOptions, TagScope, TagValue, TraceMatch,
};
pub use ast::{Attribute, Query};
pub use check::{CheckError, check};
pub use metrics::{default_step, query_instant, query_range};
pub use parser::{ParseError, parse, parse_attribute};
pub use search::{TagSearch, filter_spans, search, search_tags};
pub use tags::{tag_names, tag_values, tag_values_v1};

/// Parses and checks; an error's text is Tempo's without its `invalid TraceQL query: `.
pub fn compile(text: &str) -> Result<Query, QueryError> {
    let query = parse(text).map_err(|e| QueryError::Bad(e.to_string()))?;
    check(&query).map_err(|e| QueryError::Bad(e.to_string()))?;
    Ok(query)
}
