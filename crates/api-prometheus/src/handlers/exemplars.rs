//! /query_exemplars: the exemplars of every series that an expression selects.

use axum::response::IntoResponse;
use http::StatusCode;
use model::Matcher;
use query::{ExemplarSeries, MetricSource};

use crate::call::{Answer, Call};
use crate::engine;
use crate::error::ApiError;
use crate::json::{push_key, push_labels, push_list};
use crate::number::{push_time, push_value};
use crate::reply::Reply;

/// An expression without selectors has no exemplars and no body.
pub async fn query_exemplars(call: Call) -> Answer {
    let (start, end) = call.params.range()?;
    if end < start {
        return Err(ApiError::bad("end timestamp must not be before start timestamp"));
    }
    let expr = promql::parse(call.params.get("query"), &engine::features(&call.backend)).map_err(|e| ApiError::bad(e.to_string()))?;
    let selectors: Vec<Vec<Matcher>> = expr.selectors().into_iter().map(<[Matcher]>::to_vec).collect();
    if selectors.is_empty() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    call.read(None, move |_, source, budget| {
        let found = source.exemplars(&selectors, start, end, budget)?;
        Ok(Reply::write(|out| push_list(out, &found, push_series)))
    })
    .await
}

/// `seriesLabels` stands first: Grafana's reader wants it so.
fn push_series(out: &mut Vec<u8>, series: &ExemplarSeries) {
    out.push(b'{');
    push_key(out, "seriesLabels");
    push_labels(out, &series.labels);
    push_key(out, "exemplars");
    push_list(out, &series.exemplars, |out, e| {
        out.push(b'{');
        push_key(out, "labels");
        push_labels(out, &e.labels);
        push_key(out, "value");
        out.push(b'"');
        push_value(out, e.v);
        out.push(b'"');
        push_key(out, "timestamp");
        push_time(out, e.t);
        out.push(b'}');
    });
    out.push(b'}');
}
