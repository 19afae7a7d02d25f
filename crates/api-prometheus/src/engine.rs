//! The one place that calls the query engine: texts in, trees, selectors and results out, errors in the API's words.

use std::time::Duration;

use api::Backend;
use model::Matcher;
use promql::{Expr, Features, Options, QueryResult};
use query::{Budget, TimeGrid};
use store::Snapshot;

use crate::error::ApiError;

/// The language as the server's feature flags make it.
pub fn features(backend: &Backend) -> Features {
    Features::from_flags(&backend.settings.features.0)
}

/// An expression; the error names the parameter.
pub fn parse(backend: &Backend, text: &str) -> Result<Expr, ApiError> {
    promql::parse(text, &features(backend)).map_err(|e| ApiError::parameter("query", e))
}

/// The selectors of `match[]`. Each must rule out series that have none of its labels.
pub fn selectors<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Vec<Vec<Matcher>>, String> {
    texts
        .map(|text| {
            let matchers = promql::parse_selector(text).map_err(|e| e.to_string())?;
            if matchers.iter().all(Matcher::matches_empty) {
                return Err("match[] must contain at least one non-empty matcher".into());
            }
            Ok(matchers)
        })
        .collect()
}

pub use promql::pretty;

/// When an expression is evaluated, in Unix milliseconds.
#[derive(Debug, Clone, Copy)]
pub enum Times {
    Instant(i64),
    Range(TimeGrid),
}

/// What a query is evaluated with.
pub struct Evaluation<'a> {
    pub backend: &'a Backend,
    pub source: &'a Snapshot,
    pub budget: &'a Budget,
    /// how far selectors look back; `None` = as the engine does
    pub lookback: Option<Duration>,
}

impl Evaluation<'_> {
    pub fn run(&self, expr: &Expr, times: Times) -> Result<QueryResult, ApiError> {
        let mut options = Options { features: features(self.backend), ..Options::default() };
        if let Some(lookback) = self.lookback {
            options.lookback_ms = i64::try_from(lookback.as_millis()).unwrap_or(i64::MAX);
        }
        let result = match times {
            Times::Instant(t) => promql::instant(expr, t, self.source, &options, self.budget),
            Times::Range(grid) => promql::range(expr, grid, self.source, &options, self.budget),
        };
        result.map_err(ApiError::from)
    }
}
