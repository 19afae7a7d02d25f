//! query_range, query, the legacy query, format_query.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{Request, StatusCode, header};
use query::{LogRange, TimeGrid};

use crate::error::ApiError;
use crate::face::{Ask, Face, json_answer};
use crate::json;
use crate::limits::{MAX_ENTRIES, MAX_QUERY_SECONDS};
use crate::params::{Bounds, align, bounds, direction, interval, limit, query_text, step};
use crate::stats::Stats;
use crate::time::{parse_timestamp, rfc3339};

use super::engine::{Cut, LogQuery, MetricQuery, Parsed, Value, format as lay_out, parse};
use super::render::{self, Line};

/// /loki/api/v1/query_range: lines, or a matrix.
pub async fn range(State(face): State<Arc<Face>>, req: Request<Body>) -> Result<Response, ApiError> {
    let ask = Ask::read(&face, req).await?;
    let text = query_text(&ask.params)?;
    let b = bounds(&ask.params, ask.now)?;
    check_length(&ask, b)?;
    let (limit, direction) = (limit(&ask.params)?, direction(&ask.params)?);
    let (step, interval) = (step(&ask.params, b)?, interval(&ask.params)?);
    match parse(text, ask.extensions(), ask.now)? {
        Parsed::Logs(q) => {
            check_entries(limit)?;
            logs(&ask, q, Cut { range: LogRange { start: b.start, end: b.end }, direction, limit, interval }).await
        }
        Parsed::Metric(q) => {
            let b = align(b, step);
            metrics(&ask, q, TimeGrid { start: b.start, end: b.end, step }, false).await
        }
    }
}

/// /loki/api/v1/query: a vector or a scalar at one time.
pub async fn instant(State(face): State<Arc<Face>>, req: Request<Body>) -> Result<Response, ApiError> {
    let ask = Ask::read(&face, req).await?;
    let text = query_text(&ask.params)?;
    let time = ask.params.given("time").map_or(Ok(ask.now), parse_timestamp).map_err(ApiError::bad)?;
    limit(&ask.params)?;
    direction(&ask.params)?;
    match parse(text, ask.extensions(), ask.now)? {
        Parsed::Logs(_) => {
            Err(ApiError::bad("log queries are not supported as an instant query type, please change your query to a range query type"))
        }
        Parsed::Metric(q) => metrics(&ask, q, TimeGrid::instant(time), true).await,
    }
}

/// Loki refuses ranges of more than a month; here only where everything is to be as shipped.
fn check_length(ask: &Ask, b: Bounds) -> Result<(), ApiError> {
    let seconds = b.end.saturating_sub(b.start) / 1_000_000_000;
    if seconds <= MAX_QUERY_SECONDS || ask.extensions() {
        return Ok(());
    }
    let (h, m, s) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    Err(ApiError::bad(format!("the query time range exceeds the limit (query length: {h}h{m}m{s}s, limit: 30d1h)")))
}

fn check_entries(limit: usize) -> Result<(), ApiError> {
    if limit > MAX_ENTRIES {
        let text = format!("max entries limit per query exceeded, limit > max_entries_limit_per_query ({limit} > {MAX_ENTRIES})");
        return Err(ApiError::bad(text));
    }
    Ok(())
}

async fn logs(ask: &Ask, q: LogQuery, cut: Cut) -> Result<Response, ApiError> {
    let budget = ask.budget();
    let flags = ask.encoding_flags();
    let lines = ask.run(&budget, move |source, budget| q.lines(source, cut, budget)).await?;
    let stats = Stats::of(&budget, lines.len() as u64, ask.started.elapsed());
    let views: Vec<Line<'_>> = lines.iter().map(Line::of).collect();
    Ok(json_answer(render::streams(&views, &flags, &stats)))
}

async fn metrics(ask: &Ask, q: MetricQuery, grid: TimeGrid, instant: bool) -> Result<Response, ApiError> {
    let budget = ask.budget();
    let partial = ask.is_drilldown();
    let answer = ask.run(&budget, move |source, budget| q.eval(source, grid, instant, partial, budget)).await?;
    let warnings = &answer.warnings;
    let entries = match &answer.value {
        Value::Matrix(m) => m.len(),
        Value::Vector(v) => v.len(),
        Value::Scalar(_) => 1,
    };
    let stats = Stats::of(&budget, entries as u64, ask.started.elapsed());
    Ok(json_answer(match &answer.value {
        Value::Matrix(all) => render::matrix(all.iter().map(|s| (&s.labels, s.points.iter().copied())), warnings, &stats),
        Value::Vector(all) => render::vector(all.iter().map(|s| (&s.labels, grid.start, s.value)), warnings, &stats),
        Value::Scalar(v) => render::scalar(grid.start, *v, &stats),
    }))
}

/// /loki/api/v1/format_query. Errors are JSON here.
pub async fn format(State(face): State<Arc<Face>>, req: Request<Body>) -> Result<Response, ApiError> {
    let ask = Ask::read(&face, req).await?;
    let mut out = String::new();
    match lay_out(query_text(&ask.params)?, ask.extensions()) {
        Ok(text) => {
            out.push_str("{\"status\":\"success\",\"data\":");
            json::string(&mut out, &text);
            out.push('}');
            Ok(json_answer(out))
        }
        Err(text) => {
            out.push_str("{\"status\":\"invalid-query\",\"error\":");
            json::string(&mut out, &text);
            out.push_str("}\n");
            Ok((StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "application/json; charset=UTF-8")], out).into_response())
        }
    }
}

/// /api/prom/query: log queries alone, in the first API's shape.
pub async fn legacy(State(face): State<Arc<Face>>, req: Request<Body>) -> Result<Response, ApiError> {
    let ask = Ask::read(&face, req).await?;
    let b = bounds(&ask.params, ask.now)?;
    let (limit, direction) = (limit(&ask.params)?, direction(&ask.params)?);
    check_entries(limit)?;
    let text = match ask.params.given("regexp") {
        None => query_text(&ask.params)?.to_owned(),
        Some(re) => format!("{} |~ {:?}", query_text(&ask.params)?, re),
    };
    let Parsed::Logs(q) = parse(&text, ask.extensions(), ask.now)? else {
        return Err(ApiError::bad("legacy endpoints only support streams result type, current type is matrix"));
    };
    let cut = Cut { range: LogRange { start: b.start, end: b.end }, direction, limit, interval: 0 };
    let budget = ask.budget();
    let lines = ask.run(&budget, move |source, budget| q.lines(source, cut, budget)).await?;
    let views: Vec<Line<'_>> = lines.iter().map(Line::of).collect();
    let mut out = String::from("{\"streams\":");
    json::array(&mut out, render::group(&views, false), |out, (labels, lines)| {
        out.push_str("{\"labels\":");
        json::string(out, &labels.to_string());
        out.push_str(",\"entries\":");
        json::array(out, lines, |out, l| {
            out.push_str(&format!("{{\"ts\":\"{}\",\"line\":", rfc3339(l.ts)));
            json::string(out, l.line);
            out.push('}');
        });
        out.push('}');
    });
    out.push_str(",\"stats\":");
    Stats::of(&budget, lines.len() as u64, ask.started.elapsed()).write(&mut out);
    out.push('}');
    Ok(json_answer(out))
}
