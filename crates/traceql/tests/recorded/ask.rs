//! A case's request put to the engine.

use query::Budget;
use serde_json::{Value, json};
use traceql::script::MemorySource;
use traceql::{MetricsOptions, SearchOptions, TagOptions, TagScope, TagSearch, TagValue};

use crate::render;

pub struct Answer {
    pub status: u64,
    pub body: Value,
}

/// `None` for requests that are not the engine's: pages, traces by id, bad parameters.
pub fn ask(case: &Value, source: &MemorySource) -> Option<Answer> {
    let path = case["path"].as_str()?;
    if ["tempo-error-params", "tempo-pages"].iter().any(|g| case["name"].as_str().is_some_and(|n| n.starts_with(g)))
        || case.get("headers").is_some_and(|h| h.get("Accept").is_some())
    {
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
        "/api/search/tags" | "/api/v2/search/tags" => names(p, path.contains("v2"), source)?,
        _ => {
            let (v2, tag) = match path.strip_prefix("/api/search/tag/") {
                Some(rest) => (false, rest),
                None => (true, path.strip_prefix("/api/v2/search/tag/")?),
            };
            values(&decoded(tag.strip_suffix("/values")?), p, v2, source)?
        }
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
            text.split_inclusive(|c: char| c.is_alphabetic())
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

fn tag_options(p: &Value) -> Option<TagOptions> {
    let seconds = |key: &str| p.get(key)?.as_u64().map(|t| if t > 99_999_999_999 { t } else { t * 1_000_000_000 });
    let range = if p.get("start").is_some() { Some((seconds("start")?, seconds("end")?)) } else { None };
    let limit = p.get("limit").and_then(Value::as_u64).unwrap_or(0) as usize;
    Some(TagOptions { range, filter: p.get("q").and_then(Value::as_str).map(str::to_owned), limit, max_bytes: 0 })
}

fn names(p: &Value, v2: bool, source: &MemorySource) -> Option<Result<Value, String>> {
    use TagScope::*;
    let scopes = match (p.get("scope").and_then(Value::as_str).unwrap_or_default(), v2) {
        ("", true) | ("none", true) => vec![Event, Instrumentation, Intrinsic, Link, Resource, Span],
        ("", false) | ("none", false) => vec![Event, Instrumentation, Link, Resource, Span],
        ("trace", _) => vec![],
        (one, _) => [Event, Instrumentation, Intrinsic, Link, Resource, Span].into_iter().filter(|s| s.name() == one).collect(),
    };
    let found = traceql::tag_names(&scopes, &tag_options(p)?, source, &Budget::unlimited()).map_err(|e| e.to_string());
    Some(found.map(|found| {
        if v2 {
            return json!({ "scopes": found.iter().map(|s| json!({ "name": s.scope.name(), "tags": s.tags })).collect::<Vec<_>>() });
        }
        let all: std::collections::BTreeSet<&String> = found.iter().flat_map(|s| &s.tags).collect();
        json!({ "tagNames": all })
    }))
}

fn values(tag: &str, p: &Value, v2: bool, source: &MemorySource) -> Option<Result<Value, String>> {
    let options = tag_options(p)?;
    if !v2 {
        let found = traceql::tag_values_v1(tag, &options, source, &Budget::unlimited()).map_err(|e| e.to_string());
        return Some(found.map(|all| json!({ "tagValues": all })));
    }
    let run = || {
        let tag = traceql::parse_attribute(tag).map_err(|e| e.to_string())?;
        traceql::tag_values(&tag, &options, source, &Budget::unlimited()).map_err(|e| e.to_string())
    };
    let value = |v: &TagValue| if v.value.is_empty() { json!({ "type": v.kind }) } else { json!({ "type": v.kind, "value": v.value }) };
    Some(run().map(|all| json!({ "tagValues": all.iter().map(value).collect::<Vec<_>>() })))
}

fn decoded(path: &str) -> String {
    let (mut out, mut rest) = (vec![], path.as_bytes());
    while let [first, tail @ ..] = rest {
        match (first, tail) {
            (b'%', [a, b, more @ ..]) => {
                let digits = [*a, *b];
                let hex = std::str::from_utf8(&digits).ok().and_then(|d| u8::from_str_radix(d, 16).ok());
                out.push(hex.expect("two hex digits"));
                rest = more;
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(out).expect("UTF-8")
}
