//! TraceQL, the language of Tempo 3: lex, parse, print, check, plan and evaluate over any `query::SpanSource`.

mod answer;
pub mod ast;
mod check;
mod fold;
mod lexer;
pub mod limits;
mod names;
mod parser;
mod print;

use query::QueryError;

pub use answer::{
    Exemplar, MetricSeries, MetricsOptions, MetricsResult, ROOT_MISSING, ScopeTags, SearchOptions, SearchResult, ServiceStats, SpanMatch,
    SpansetMatch, TagOptions, TagScope, TagValue, TraceMatch,
};
pub use ast::{Attribute, Query};
pub use check::{CheckError, check};
pub use parser::{ParseError, parse, parse_attribute};

/// Parses and checks; an error's text is Tempo's without its `invalid TraceQL query: `.
pub fn compile(text: &str) -> Result<Query, QueryError> {
    let query = parse(text).map_err(|e| QueryError::Bad(e.to_string()))?;
    check(&query).map_err(|e| QueryError::Bad(e.to_string()))?;
    Ok(query)
}
