//! /query, /query_range, /format_query, /parse_query.

use std::time::{Duration, Instant};

use promql::{QueryResult, QueryStats, Value, ValueType};
use query::{Budget, TimeGrid};
use store::Snapshot;

use crate::ast;
use crate::call::{Answer, Call};
use crate::engine::{self, Evaluation, Times};
use crate::error::ApiError;
use crate::json::{push_key, push_str};
use crate::limits::{MAX_ANNOTATIONS, MAX_POINTS_PER_SERIES};
use crate::render::QueryData;
use crate::reply::Reply;
use crate::time;

/// What both forms of a query have in common.
struct Asked {
    text: String,
    expr: promql::Expr,
    limit: usize,
    lookback: Option<Duration>,
    stats: bool,
    stats_warning: Option<String>,
    received: Instant,
}

/// An expression at one time.
pub async fn instant(call: Call) -> Answer {
    let limit = call.params.limit()?;
    let at = call.params.time_or("time", call.backend.now_ms())?;
    let timeout = timeout(&call)?;
    let asked = asked(&call, limit)?;
    call.read(timeout, move |call, source, budget| evaluate(call, source, budget, asked, Times::Instant(at))).await
}

/// An expression at every step of a range.
pub async fn range(call: Call) -> Answer {
    let p = &call.params;
    let limit = p.limit()?;
    let (start, end) = (p.time("start")?, p.time("end")?);
    if end < start {
        return Err(ApiError::parameter("end", "end timestamp must not be before start time"));
    }
    let step_ns = time::parse_duration(p.get("step")).map_err(|e| ApiError::parameter("step", e))?;
    if step_ns <= 0 {
        return Err(ApiError::parameter("step", "zero or negative query resolution step widths are not accepted. Try a positive integer"));
    }
    let step = step_ns / 1_000_000;
    if step == 0 {
        return Err(ApiError::parameter("step", "a step below one millisecond is not accepted. Try 0.001 or more"));
    }
    if (i128::from(end) - i128::from(start)) * 1_000_000 / i128::from(step_ns) > i128::from(MAX_POINTS_PER_SERIES) {
        return Err(ApiError::bad(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
        ));
    }
    let timeout = timeout(&call)?;
    let asked = asked(&call, limit)?;
    let kind = asked.expr.value_type();
    if !matches!(kind, ValueType::Scalar | ValueType::Vector) {
        let why = format!("invalid expression type {:?} for range query, must be Scalar or instant Vector", kind.documented());
        return Err(ApiError::parameter("query", why));
    }
    call.read(timeout, move |call, source, budget| evaluate(call, source, budget, asked, Times::Range(TimeGrid { start, end, step }))).await
}

fn timeout(call: &Call) -> Result<Option<Duration>, ApiError> {
    match call.params.get("timeout") {
        "" => Ok(None),
        text => {
            let ns = time::parse_duration(text).map_err(|e| ApiError::parameter("timeout", e))?;
            Ok(Some(Duration::from_nanos(u64::try_from(ns).unwrap_or(0))))
        }
    }
}

fn asked(call: &Call, limit: usize) -> Result<Asked, ApiError> {
    let p = &call.params;
    let lookback = match p.get("lookback_delta") {
        "" => None,
        text => {
            let ns = time::parse_duration(text).map_err(|e| ApiError::bad(format!("error parsing lookback delta duration: {e}")))?;
            u64::try_from(ns).ok().filter(|ns| *ns > 0).map(Duration::from_nanos)
        }
    };
    let stats = p.get("stats");
    let deprecated = !matches!(stats, "" | "true" | "all");
    Ok(Asked {
        text: p.get("query").to_owned(),
        expr: engine::parse(&call.backend, p.get("query"))?,
        limit,
        lookback,
        stats: !stats.is_empty(),
        stats_warning: deprecated.then(|| {
            format!("value {stats:?} for parameter \"stats\" is deprecated and will be rejected in the next major release, use \"true\" or \"all\"")
        }),
        received: Instant::now(),
    })
}

fn evaluate(call: &Call, source: &Snapshot, budget: &Budget, asked: Asked, times: Times) -> Result<Reply, ApiError> {
    let queued = asked.received.elapsed();
    let evaluation = Evaluation { backend: &call.backend, source, budget, lookback: asked.lookback };
    let QueryResult { mut value, annotations, stats } = evaluation.run(&asked.expr, times)?;
    let took = asked.received.elapsed();
    let (mut warnings, infos) = annotations.texts(&asked.text, MAX_ANNOTATIONS, MAX_ANNOTATIONS);
    warnings.extend(asked.stats_warning);
    if truncate(&mut value, asked.limit) {
        warnings.push("results truncated due to limit".into());
    }
    let stats = if asked.stats { stats_json(&stats, queued, took) } else { vec![] };
    Ok(Reply::pieces(QueryData::new(value, &stats)).with_notes(warnings, infos))
}

/// Cuts vectors and matrices to the first `limit` series; 0 = no limit.
fn truncate(value: &mut Value, limit: usize) -> bool {
    let length = match value {
        Value::Vector(v) => v.len(),
        Value::Matrix(m) => m.len(),
        _ => 0,
    };
    if limit == 0 || length <= limit {
        return false;
    }
    match value {
        Value::Vector(v) => v.truncate(limit),
        Value::Matrix(m) => m.truncate(limit),
        _ => {}
    }
    true
}

fn stats_json(stats: &QueryStats, queued: Duration, took: Duration) -> Vec<u8> {
    let evaluation = took.saturating_sub(queued).as_secs_f64();
    let timings = [
        ("evalTotalTime", evaluation),
        ("resultSortTime", 0.0),
        ("queryPreparationTime", 0.0),
        ("innerEvalTime", evaluation),
        ("execQueueTime", queued.as_secs_f64()),
        ("execTotalTime", took.as_secs_f64()),
    ];
    let samples =
        [("totalQueryableSamples", stats.total_samples), ("samplesRead", stats.samples_read), ("peakSamples", stats.peak_samples)];
    let mut out = b"{".to_vec();
    push_key(&mut out, "timings");
    out.push(b'{');
    for (key, value) in timings {
        push_key(&mut out, key);
        out.extend_from_slice(format!("{value:.9}").as_bytes());
    }
    out.push(b'}');
    push_key(&mut out, "samples");
    out.push(b'{');
    for (key, value) in samples {
        push_key(&mut out, key);
        out.extend_from_slice(value.to_string().as_bytes());
    }
    out.extend_from_slice(b"}}");
    out
}

/// The expression in Prometheus' layout.
pub async fn format(call: Call) -> Answer {
    let expr = engine::parse(&call.backend, call.params.get("query"))?;
    call.reply(Reply::write(|out| push_str(out, &engine::pretty(&expr))))
}

/// The expression as a tree.
pub async fn parse(call: Call) -> Answer {
    let expr = engine::parse(&call.backend, call.params.get("query"))?;
    call.reply(Reply::write(|out| ast::push_expr(out, &expr)))
}
