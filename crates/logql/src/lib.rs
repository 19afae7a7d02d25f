//! LogQL: the query language of Grafana Loki, from text to answers over a `query::LogSource`.
//!
//! The way in: `parse` gives an `Expr`; a `LogExpr` is answered by `eval_logs`, a `MetricExpr` by `eval_metric`. Everything is
//! synchronous and pure: time is a parameter, rows come through the source, errors carry Loki's texts.

mod dedup;
pub mod limits;
mod live;
mod logs;
mod metrics;
mod pipeline;
#[cfg(test)]
mod robustness;
#[cfg(any(test, feature = "script"))]
pub mod script;
mod syntax;
mod template;
#[cfg(test)]
mod testing;
mod units;

pub use live::LiveQuery;
pub use logs::{Entry, LogOptions, LogResult, StreamEntries, eval_logs};
pub use metrics::{MetricOptions, MetricResult, Sample, Series, Value, align, eval_metric};
pub use syntax::ast;
pub use syntax::ast::{Expr, LogExpr, MetricExpr};
pub use syntax::{Features, ParseError, format_query, parse, parse_log, parse_metric, parse_selector};
