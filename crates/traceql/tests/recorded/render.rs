//! Answers as Tempo's JSON.

use model::{AnyValue, KeyValue};
use serde_json::{Map, Value, json};
use traceql::{Exemplar, MetricSeries, MetricsResult, SearchResult, SpanMatch, SpansetMatch, TraceMatch};

pub fn search(r: &SearchResult, with_sets: bool) -> Value {
    json!({ "traces": r.traces.iter().map(|t| trace(t, with_sets)).collect::<Vec<_>>() })
}

fn trace(t: &TraceMatch, with_sets: bool) -> Value {
    let mut out = Map::new();
    out.insert("traceID".into(), json!(hex(&t.trace_id)));
    let mut text = |key: &str, value: &str| {
        if !value.is_empty() {
            out.insert(key.into(), json!(value));
        }
    };
    text("rootServiceName", &t.root_service);
    text("rootTraceName", &t.root_name);
    text("startTimeUnixNano", &t.start.to_string());
    if t.duration_ns >= 1_000_000 {
        out.insert("durationMs".into(), json!(t.duration_ns / 1_000_000));
    }
    if !t.spansets.is_empty() {
        let sets: Vec<Value> = t.spansets.iter().map(spanset).collect();
        if with_sets {
            out.insert("spanSet".into(), sets[0].clone());
        }
        out.insert("spanSets".into(), json!(sets));
    }
    if !t.service_stats.is_empty() {
        let stats = t.service_stats.iter().map(|(name, s)| {
            let errors =
                if s.errors > 0 { json!({ "spanCount": s.spans, "errorCount": s.errors }) } else { json!({ "spanCount": s.spans }) };
            (name.clone(), errors)
        });
        out.insert("serviceStats".into(), Value::Object(stats.collect()));
    }
    Value::Object(out)
}

fn spanset(s: &SpansetMatch) -> Value {
    let mut out = json!({ "spans": s.spans.iter().map(span).collect::<Vec<_>>(), "matched": s.matched });
    if !s.attributes.is_empty() {
        out["attributes"] = attributes(&s.attributes);
    }
    out
}

fn span(s: &SpanMatch) -> Value {
    let mut out =
        json!({ "spanID": s.span_id.iter().map(|b| format!("{b:02x}")).collect::<String>(), "startTimeUnixNano": s.start.to_string() });
    if let Some(n) = s.name.as_ref().filter(|n| !n.is_empty()) {
        out["name"] = json!(n);
    }
    if s.duration_ns > 0 {
        out["durationNanos"] = json!(s.duration_ns.to_string());
    }
    if !s.attributes.is_empty() {
        out["attributes"] = attributes(&s.attributes);
    }
    out
}

pub fn attributes(all: &[KeyValue]) -> Value {
    all.iter().map(|kv| json!({ "key": kv.key, "value": value(&kv.value) })).collect()
}

fn value(v: &AnyValue) -> Value {
    match v {
        AnyValue::Str(s) => json!({ "stringValue": s }),
        AnyValue::Int(i) => json!({ "intValue": i.to_string() }),
        AnyValue::Bool(b) => json!({ "boolValue": b }),
        AnyValue::Double(d) => json!({ "doubleValue": double(*d) }),
        AnyValue::Array(items) => json!({ "arrayValue": { "values": items.iter().map(value).collect::<Vec<_>>() } }),
        other => panic!("unexpected value {other:?}"),
    }
}

fn hex(id: &[u8]) -> String {
    let text: String = id.iter().map(|b| format!("{b:02x}")).collect();
    text.trim_start_matches('0').into()
}

fn double(d: f64) -> Value {
    match d {
        d if d.is_nan() => json!("NaN"),
        f64::INFINITY => json!("Infinity"),
        f64::NEG_INFINITY => json!("-Infinity"),
        d => json!(d),
    }
}

pub fn metrics(r: &MetricsResult, instant: bool) -> Value {
    let mut out = json!({});
    let all: Vec<Value> = r.series.iter().map(|s| series(s, instant)).collect();
    out["series"] = json!(all);
    if let Some(message) = &r.partial {
        out["status"] = json!("PARTIAL");
        out["message"] = json!(message);
    }
    out
}

fn series(s: &MetricSeries, instant: bool) -> Value {
    let mut out = json!({ "labels": attributes(&s.labels) });
    if instant {
        if let Some((_, v)) = s.samples.first().filter(|(_, v)| *v != 0.0) {
            out["value"] = json!(v);
        }
        return out;
    }
    let sample = |(t, v): &(i64, f64)| {
        if *v == 0.0 { json!({ "timestampMs": t.to_string() }) } else { json!({ "timestampMs": t.to_string(), "value": v }) }
    };
    out["samples"] = s.samples.iter().map(sample).collect();
    if !s.exemplars.is_empty() {
        let exemplar =
            |e: &Exemplar| json!({ "labels": attributes(&e.labels), "value": e.value, "timestampMs": e.timestamp_ms.to_string() });
        out["exemplars"] = s.exemplars.iter().map(exemplar).collect();
    }
    out
}
