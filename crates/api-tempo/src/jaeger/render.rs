//! A trace in Jaeger's JSON: spans with references, typed tags, logs; processes by resource.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proto::opentelemetry::proto::common::v1::any_value::Value as Any;
use proto::opentelemetry::proto::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use proto::opentelemetry::proto::trace::v1::Span;
use proto::opentelemetry::proto::trace::v1::status::StatusCode;
use proto::tempopb::Trace;
use serde_json::{Map, Value, json};

use crate::json::plain_value;

/// Jaeger's words for span kinds, by OTLP number.
pub const KINDS: [&str; 6] = ["", "internal", "server", "client", "producer", "consumer"];

pub fn trace(t: &Trace) -> Value {
    let (mut spans, mut processes, mut id) = (vec![], Map::new(), String::new());
    for (i, batch) in t.resource_spans.iter().enumerate() {
        let process = format!("p{}", i + 1);
        let all = batch.resource.as_ref().map_or(&[][..], |r| &r.attributes);
        let service = all.iter().find(|kv| kv.key == "service.name").map_or_else(String::new, |kv| text(kv.value.as_ref()));
        let tags: Vec<Value> = all.iter().filter(|kv| kv.key != "service.name").map(tag).collect();
        processes.insert(process.clone(), json!({"serviceName": service, "tags": tags}));
        for scope in &batch.scope_spans {
            for s in &scope.spans {
                id = hex::encode(&s.trace_id);
                spans.push(span(s, scope.scope.as_ref(), &process));
            }
        }
    }
    json!({"traceID": id, "spans": spans, "processes": processes, "warnings": null})
}

fn span(s: &Span, scope: Option<&InstrumentationScope>, process: &str) -> Value {
    let mut references = vec![];
    if !s.parent_span_id.is_empty() {
        references.push(reference("CHILD_OF", &s.trace_id, &s.parent_span_id));
    }
    references.extend(s.links.iter().map(|l| reference("FOLLOWS_FROM", &l.trace_id, &l.span_id)));
    let logs: Vec<Value> = s
        .events
        .iter()
        .map(|e| {
            let name = (!e.name.is_empty()).then(|| string("event", &e.name));
            let fields: Vec<Value> = name.into_iter().chain(e.attributes.iter().map(tag)).collect();
            json!({"timestamp": e.time_unix_nano / 1_000, "fields": fields})
        })
        .collect();
    json!({
        "traceID": hex::encode(&s.trace_id),
        "spanID": hex::encode(&s.span_id),
        "flags": s.flags,
        "operationName": s.name,
        "references": references,
        "startTime": s.start_time_unix_nano / 1_000,
        "duration": s.end_time_unix_nano.saturating_sub(s.start_time_unix_nano) / 1_000,
        "tags": tags(s, scope),
        "logs": logs,
        "processID": process,
        "warnings": null,
    })
}

fn reference(kind: &str, trace: &[u8], span: &[u8]) -> Value {
    json!({"refType": kind, "traceID": hex::encode(trace), "spanID": hex::encode(span)})
}

/// The span's attributes, and what OTLP says in fields of its own.
fn tags(s: &Span, scope: Option<&InstrumentationScope>) -> Vec<Value> {
    let mut out: Vec<Value> = s.attributes.iter().map(tag).collect();
    if let Some(kind) = usize::try_from(s.kind).ok().and_then(|k| KINDS.get(k)).filter(|k| !k.is_empty()) {
        out.push(string("span.kind", kind));
    }
    if let Some(scope) = scope {
        for (key, v) in [("otel.scope.name", &scope.name), ("otel.scope.version", &scope.version)] {
            if !v.is_empty() {
                out.push(string(key, v));
            }
        }
    }
    if !s.trace_state.is_empty() {
        out.push(string("w3c.tracestate", &s.trace_state));
    }
    if let Some(status) = &s.status {
        match StatusCode::try_from(status.code) {
            Ok(StatusCode::Ok) => out.push(string("otel.status_code", "OK")),
            Ok(StatusCode::Error) => {
                out.push(string("otel.status_code", "ERROR"));
                out.push(json!({"key": "error", "type": "bool", "value": true}));
            }
            _ => {}
        }
        if !status.message.is_empty() {
            out.push(string("otel.status_description", &status.message));
        }
    }
    out
}

fn string(key: &str, v: &str) -> Value {
    json!({"key": key, "type": "string", "value": v})
}

fn tag(kv: &KeyValue) -> Value {
    let (kind, value) = match kv.value.as_ref().and_then(|v| v.value.as_ref()) {
        Some(Any::BoolValue(b)) => ("bool", Value::from(*b)),
        Some(Any::IntValue(i)) => ("int64", Value::from(*i)),
        Some(Any::DoubleValue(f)) if f.is_finite() => ("float64", Value::from(*f)),
        Some(Any::BytesValue(b)) => ("binary", Value::from(STANDARD.encode(b))),
        _ => ("string", Value::from(text(kv.value.as_ref()))),
    };
    json!({"key": kv.key, "type": kind, "value": value})
}

/// A value as text; lists and maps as JSON.
fn text(v: Option<&AnyValue>) -> String {
    match v.and_then(|v| v.value.as_ref()) {
        Some(Any::StringValue(s)) => s.clone(),
        _ => match plain_value(v) {
            Value::Null => String::new(),
            other => other.to_string(),
        },
    }
}
