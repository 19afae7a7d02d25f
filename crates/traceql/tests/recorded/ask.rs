//! A case's request put to the engine.

use query::Budget;
use serde_json::Value;
use traceql::script::MemorySource;
use traceql::{MetricsOptions, SearchOptions, TagSearch};

use crate::render;

pub struct Answer {
    pub status: u64,
    pub body: Value,
}

/// `None` for requests that are not the engine's: pages, traces by id, bad parameters.
pub fn ask(case: &Value, source: &MemorySource) -> Option<Answer> {
    let path = case["path"].as_str()?;
    if case["name"].as_str()?.starts_with("tempo-error-params") || case.get("headers").is_some_and(|h| h.get("Accept").is_some()) {
        return None;
    }
    let p = &case["params"];
    let result = match path {
        "/api/metrics/query_range" | "/api/metrics/query" => metrics(p, path == "/api/metrics/query", source)?,
        "/api/search"
            if p.get("q").is_none_or(|q| q == "")
                || p.get("tags").is_some()
                || p.get("minDuration").is_some()
                || p.get("maxDuration").is_some() =>
        {
            tags_search(p, source)?
        }
        "/api/search" => search(p, source)?,
        _ => return None,
    };
    Some(match result {
        Ok(body) => Answer { status: 200, body },
        Err(text) => Answer { status: 400, body: Value::String(text) },
    })
}

fn search_options(p: &Value) -> Option<SearchOptions> {
    let number = |key: &str, default: u64| p.get(key).map_or(Some(default), Value::as_u64);
    let range = match (p.get("start"), p.get("end")) {
        (None, None) => None,
        (start, end) => Some((start?.as_u64()? * 1_000_000_000, end?.as_u64()? * 1_000_000_000)),
    };
    Some(SearchOptions { range, limit: number("limit", 20)? as usize, spans_per_spanset: number("spss", 3)? as usize })
}

fn search(p: &Value, source: &MemorySource) -> Option<Result<Value, String>> {
    let text = p.get("q").and_then(Value::as_str).filter(|q| !q.is_empty()).unwrap_or("{}");
    let options = search_options(p)?;
    let run = || {
        let q = traceql::compile(text)?;
        traceql::search(&q, &options, source, &Budget::unlimited())
    };
    Some(run().map(|r| render::search(&r, p.get("q").is_some())).map_err(|e| format!("invalid TraceQL query: {e}")))
}

fn tags_search(p: &Value, source: &MemorySource) -> Option<Result<Value, String>> {
    let duration = |key: &str| p.get(key).map(|d| go_duration(d.as_str().unwrap_or_default()));
    let tags = p.get("tags").and_then(Value::as_str).unwrap_or_default();
    let q = TagSearch::parse(tags, duration("minDuration"), duration("maxDuration"));
    let options = search_options(p)?;
    let run = || traceql::search_tags(&q?, &options, source, &Budget::unlimited()).map_err(|e| e.to_string());
    Some(run().map(|r| render::search(&r, false)))
}

/// Enough of Go's durations for the cases: one number and one unit.
pub fn go_duration(text: &str) -> u64 {
    let unit = text.find(|c: char| c.is_alphabetic()).unwrap_or(text.len());
    let scale = match &text[unit..] {
        "ns" => 1.0,
        "us" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        "m" => 60e9,
        "h" => 3600e9,
        other => panic!("no unit {other}"),
    };
    (text[..unit].parse::<f64>().expect("a number") * scale) as u64
}

fn metrics(p: &Value, instant: bool, source: &MemorySource) -> Option<Result<Value, String>> {
    let text = p.get("q").or(p.get("query"))?.as_str()?;
    let seconds = |key: &str| p.get(key)?.as_u64().map(|t| if t > 99_999_999_999 { t } else { t * 1_000_000_000 });
    let (start, end) = (seconds("start")?, seconds("end")?);
    let step = match p.get("step") {
        None => traceql::default_step(start, end),
        Some(s) => s.as_str().map(steps)?,
    };
    let max_series = p.get("maxSeries").and_then(Value::as_u64).unwrap_or(0) as usize;
    let options = MetricsOptions { start, end, step, exemplars: 100, max_series };
    let run = || {
        let q = traceql::compile(text)?;
        let ask = if instant { traceql::query_instant } else { traceql::query_range };
        ask(&q, &options, source, &Budget::unlimited())
    };
    Some(run().map(|r| render::metrics(&r, instant)).map_err(|e| e.to_string()))
}

/// `300`, `150.5`, `5m`, `2m30s`.
fn steps(text: &str) -> u64 {
    match text.parse::<f64>() {
        Ok(seconds) => (seconds * 1e9) as u64,
        Err(_) => {
            text.split_inclusive(|c: char| c.is_alphabetic() && c != 'm' || c == 'm')
                .fold((0, String::new()), |(sum, held), part| {
                    let whole = format!("{held}{part}");
                    match whole.strip_suffix('m') {
                        Some(_) if text.contains(&format!("{whole}s")) => (sum, whole),
                        _ => (sum + go_duration(&whole), String::new()),
                    }
                })
                .0
        }
    }
}
