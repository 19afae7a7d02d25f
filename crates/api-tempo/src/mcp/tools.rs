//! The tools a model can call: each is one of the API's queries, answered as text.

use serde_json::{Value, json};

use super::{INVALID_PARAMS, docs};
use crate::error::ApiError;
use crate::inward::Caller;
use crate::json::{llm_tag_values, llm_trace, to_json};
use crate::params::{MetricsRequest, SearchRequest, TagsRequest, TraceRequest, ValuesRequest};
use crate::trace::diff::Format;
use api::Params;

const RANGE: [(&str, &str, bool); 2] = [
    ("start", "Start of the time range: RFC 3339, or Unix seconds", false),
    ("end", "End of the time range: RFC 3339, or Unix seconds", false),
];

/// Name, what it does, arguments beside the time range, whether it takes a time range.
type Tool = (&'static str, &'static str, &'static [(&'static str, &'static str, bool)], bool);

const TOOLS: [Tool; 9] = [
    ("traceql-search", "Search for traces with a TraceQL query", &[("query", "TraceQL query", true)], true),
    (
        "traceql-metrics-instant",
        "One value per series of a TraceQL metrics query over the whole range",
        &[("query", "TraceQL metrics query", true)],
        true,
    ),
    (
        "traceql-metrics-range",
        "A time series per group of a TraceQL metrics query",
        &[("query", "TraceQL metrics query", true), ("step", "Distance of the points, for example 1m", false)],
        true,
    ),
    ("get-trace", "A whole trace by its id", &[("trace_id", "The trace's id in hex", true)], false),
    (
        "trace-diff",
        "Compare two traces: what became slower, failed, appeared or vanished",
        &[
            ("base_trace_id", "Id of the trace to compare with", true),
            ("compare_trace_id", "Id of the trace that is judged", true),
            ("format", "trace-summary-v0-composed (default), trace-summary-v0-native or trace-patch-v0", false),
        ],
        false,
    ),
    (
        "get-attribute-names",
        "Names of attributes that can be used in TraceQL",
        &[("scope", "resource, span, event, link, instrumentation or none", false)],
        true,
    ),
    (
        "get-attribute-values",
        "Values of an attribute",
        &[
            ("name", "Scoped name, for example resource.service.name", true),
            ("filter-query", "Only of spans that meet this TraceQL filter", false),
        ],
        true,
    ),
    ("docs-traceql", "Documentation of TraceQL", &[("name", "query, basic, aggregates, structural or metrics", true)], false),
    ("docs-config", "Documentation of the configuration", &[("name", "overview or reference", true)], false),
];

pub fn list() -> Vec<Value> {
    TOOLS
        .iter()
        .map(|(name, what, arguments, ranged)| {
            let range: &[_] = if *ranged { &RANGE } else { &[] };
            let all = || arguments.iter().chain(range);
            let properties: serde_json::Map<String, Value> =
                all().map(|(n, d, _)| ((*n).to_owned(), json!({"type": "string", "description": d}))).collect();
            let required: Vec<&str> = all().filter(|(_, _, required)| *required).map(|(n, _, _)| *n).collect();
            let schema = json!({"type": "object", "properties": properties, "required": required});
            json!({"name": name, "description": what, "inputSchema": schema, "annotations": {"readOnlyHint": true}})
        })
        .collect()
}

/// Runs a tool. What the tool itself says went wrong is an answer (`isError`), so that the model can read it.
pub async fn call(caller: &Caller, params: &Value) -> Result<Value, (i64, String)> {
    let name = params["name"].as_str().unwrap_or("");
    let Some((_, _, arguments, _)) = TOOLS.iter().find(|(n, ..)| *n == name) else {
        return Err((INVALID_PARAMS, format!("tool {name} is not offered")));
    };
    let given = &params["arguments"];
    if let Some((missing, ..)) = arguments.iter().find(|(n, _, required)| *required && text(given, n).is_empty()) {
        return Ok(said(&format!("argument {missing} is required"), true));
    }
    Ok(match run(caller, name, given).await {
        Ok(text) => said(&text, false),
        Err(e) => said(&e.text, true),
    })
}

fn said(text: &str, is_error: bool) -> Value {
    json!({"content": [{"type": "text", "text": text}], "isError": is_error})
}

async fn run(caller: &Caller, name: &str, given: &Value) -> Result<String, ApiError> {
    let now = caller.now();
    // The search endpoint reads seconds only, the others read every form.
    let seconds = |n: &str| match text(given, n) {
        t if t.is_empty() => Ok(t),
        t => crate::params::go::parse_time(&t)
            .map(|ns| (ns / 1_000_000_000).to_string())
            .map_err(|e| ApiError::bad(format!("invalid {n}: {e}"))),
    };
    let with = |names: &[(&str, &str)]| {
        let mut p = Params::default();
        for (param, argument) in names {
            p.0.push(((*param).to_owned(), text(given, argument)));
        }
        p
    };
    let range = [("start", "start"), ("end", "end")];
    match name {
        "traceql-search" => {
            let mut p = with(&[("q", "query")]);
            p.0.push(("start".into(), seconds("start")?));
            p.0.push(("end".into(), seconds("end")?));
            Ok(to_json(&caller.search(SearchRequest::read(&p, now)?).await?))
        }
        "traceql-metrics-instant" => {
            let p = with(&[("q", "query"), range[0], range[1]]);
            Ok(to_json(&caller.query_instant(MetricsRequest::read(&p, now, true)?).await?))
        }
        "traceql-metrics-range" => {
            let p = with(&[("q", "query"), ("step", "step"), range[0], range[1]]);
            Ok(to_json(&caller.query_range(MetricsRequest::read(&p, now, false)?).await?))
        }
        "get-trace" => {
            let request = TraceRequest::read(&text(given, "trace_id"), &Params::default())?;
            Ok(llm_trace(&caller.trace(request.id, None).await?))
        }
        "trace-diff" => {
            let format = match text(given, "format") {
                f if f.is_empty() => Format::Composed,
                f => Format::parse(&f)?,
            };
            Ok(caller.diff(&text(given, "base_trace_id"), &text(given, "compare_trace_id"), format).await?.to_string())
        }
        "get-attribute-names" => {
            let p = with(&[("scope", "scope"), range[0], range[1]]);
            Ok(to_json(&caller.tags_v2(TagsRequest::read(&p, now)?).await?))
        }
        "get-attribute-values" => {
            let p = with(&[("q", "filter-query"), range[0], range[1]]);
            Ok(llm_tag_values(&caller.values_v2(ValuesRequest::read(&text(given, "name"), &p, now)?).await?))
        }
        "docs-traceql" => page("traceql", &text(given, "name")),
        _ => page("config", &text(given, "name")),
    }
}

fn page(about: &str, name: &str) -> Result<String, ApiError> {
    let (uri, known) = (format!("docs://{about}/{name}"), docs::names(about));
    docs::page(&uri).map(str::to_owned).ok_or_else(|| ApiError::bad(format!("there is no page {name}; there are {}", known.join(", "))))
}

/// An argument as text; models sometimes send numbers.
fn text(given: &Value, name: &str) -> String {
    match &given[name] {
        Value::String(s) => s.clone(),
        Value::Number(n) => n.to_string(),
        _ => String::new(),
    }
}
