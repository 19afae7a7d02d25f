//! The one place that calls the query engine: texts in, trees, selectors and results out, errors in the API's words.

use api::Backend;
use model::Matcher;
use promql::{Expr, Features};

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

/// Evaluates at every time of the grid.
pub fn evaluate(
    _backend: &Backend,
    _source: &store::Snapshot,
    _budget: &query::Budget,
    _expr: &Expr,
    _grid: query::TimeGrid,
    _instant: bool,
    _lookback: Option<std::time::Duration>,
) -> Result<promql::QueryResult, ApiError> {
    Err(ApiError::new(crate::error::Kind::Internal, "engine"))
}
