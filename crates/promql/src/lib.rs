//! PromQL, the query language of Prometheus 3.14: text to tree (`parse`), tree to text (`Display`, `pretty`), tree to values (`instant`, `range`).
//!
//! The evaluator reads from a `query::MetricSource` under a `query::Budget` and knows no storage, no clock and no wire format.

pub mod annotations;
pub mod ast;
mod eval;
mod features;
pub mod format;
mod functions;
mod hist;
mod kahan;
mod limits;
mod parse;
mod plan;
mod print;
#[cfg(feature = "script")]
pub mod script;
mod span;
mod stack;
mod value;

pub use annotations::Annotations;
pub use ast::{Expr, ValueType};
pub use eval::{Options, instant, range};
pub use features::Features;
pub use functions::{Function, function, functions};
pub use hist::bounds;
pub use parse::{parse, parse_selector};
pub use print::pretty;
pub use span::{ParseError, Span};
pub use value::{QueryResult, QueryStats, Sample, SampleValue, Series, Value};
