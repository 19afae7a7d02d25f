//! The read contract between engines and stores: what is asked (selectors, time ranges), what comes back (columns of rows), and the
//! budget that every query runs under.
//!
//! An engine takes `&dyn MetricSource`, `&dyn LogSource` or `&dyn SpanSource` and never learns where rows lie. A source is an immutable
//! view: what it holds does not change while a query reads it.

mod budget;
mod grid;
mod logs;
mod metrics;
mod spans;

pub use budget::{Budget, BudgetLimits, QueryError};
pub use grid::TimeGrid;
pub use logs::{Direction, LogPart, LogRange, LogSource, StreamStats};
pub use metrics::{ExemplarSeries, LabelQuery, MetricSource, Selector, Series, SeriesBuf};
pub use spans::{SpanRange, SpanRef, SpanSource, TraceSpans};
