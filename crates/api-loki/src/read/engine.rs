//! The one place that calls the LogQL engine: parsed queries with the limits and options of this face.

use logql::ast::Stage;
use logql::{Expr, Features, LogExpr, LogOptions, MetricExpr, MetricOptions, MetricResult, ParseError};
use model::{Labels, Matcher};
use query::{Budget, Direction, LogRange, LogSource, QueryError, TimeGrid};

use crate::error::ApiError;
use crate::limits::MAX_SERIES;

pub use logql::{Entry, LiveQuery, Value};

impl From<ParseError> for ApiError {
    fn from(e: ParseError) -> ApiError {
        ApiError::bad(e.to_string())
    }
}

/// A query for lines.
pub struct LogQuery {
    expr: LogExpr,
    /// Unix nanoseconds
    now: i64,
}

/// A query for numbers.
pub struct MetricQuery {
    expr: MetricExpr,
    now: i64,
}

pub enum Parsed {
    Logs(LogQuery),
    Metric(MetricQuery),
}

/// `extensions`: stages that Loki lacks (xml, csv) are understood too. `now` (Unix nanoseconds) is what templates see as the time.
pub fn parse(text: &str, extensions: bool, now: i64) -> Result<Parsed, ApiError> {
    Ok(match logql::parse(text, &Features { extensions })? {
        Expr::Log(expr) => Parsed::Logs(LogQuery { expr, now }),
        Expr::Metric(expr) => Parsed::Metric(MetricQuery { expr, now }),
    })
}

/// The query laid out; the error is Loki's text.
pub fn format(text: &str, extensions: bool) -> Result<String, String> {
    logql::format_query(text, &Features { extensions }).map_err(|e| e.to_string())
}

/// Which lines of a log query are answered.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    pub range: LogRange,
    pub direction: Direction,
    pub limit: usize,
    /// nanoseconds that lines must lie apart, 0 = every line
    pub interval: i64,
}

impl LogQuery {
    /// Whether the selector takes a stream.
    pub fn selects(&self, stream: &Labels) -> bool {
        self.expr.matchers.iter().all(|m| m.matches_labels(stream))
    }

    /// One more condition on the streams.
    pub fn narrow(&mut self, matcher: Matcher) {
        self.expr.matchers.push(matcher);
    }

    /// Compiled once, to be fed batch by batch.
    pub fn live(&self) -> Result<LiveQuery, QueryError> {
        LiveQuery::new(&self.expr, self.now)
    }

    /// Whether no stage changes a line or its labels.
    pub fn only_filters(&self) -> bool {
        self.expr.stages.iter().all(|s| matches!(s, Stage::LineFilter(_) | Stage::LabelFilter(_)))
    }

    /// A metric query is refused.
    pub fn parse(text: &str, extensions: bool, now: i64) -> Result<LogQuery, ApiError> {
        Ok(LogQuery { expr: logql::parse_log(text, &Features { extensions })?, now })
    }

    /// The lines in the cut's direction.
    pub fn lines(&self, source: &dyn LogSource, cut: Cut, budget: &Budget) -> Result<Vec<Entry>, QueryError> {
        let Cut { range, direction, limit, interval } = cut;
        let options = LogOptions { range, direction, limit, interval, now: self.now };
        Ok(logql::eval_logs(&self.expr, &options, source, budget)?.entries)
    }
}

impl MetricQuery {
    /// Over a grid, or at one instant. `partial`: too many series are cut with a warning instead of an error.
    pub fn eval(
        &self,
        source: &dyn LogSource,
        grid: TimeGrid,
        instant: bool,
        partial: bool,
        budget: &Budget,
    ) -> Result<MetricResult, QueryError> {
        let options = MetricOptions { grid, instant, max_series: MAX_SERIES, partial, now: self.now };
        logql::eval_metric(&self.expr, &options, source, budget)
    }
}
