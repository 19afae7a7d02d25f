//! The form for language models (`application/vnd.grafana.llm`): a trace and tag values without the weight of protobuf's JSON.

use proto::opentelemetry::proto::common::v1::KeyValue;
use proto::opentelemetry::proto::trace::v1::span::SpanKind;
use proto::opentelemetry::proto::trace::v1::status::StatusCode;
use proto::opentelemetry::proto::trace::v1::{ScopeSpans, Span};
use proto::tempopb::{PartialStatus, SearchTagValuesV2Response, TraceByIdResponse};
use serde_json::{Map, Value, json};

use super::plain::attributes;

/// A trace by service, attributes as plain objects, ids in hex.
pub fn trace(answer: &TraceByIdResponse) -> String {
    let batches = answer.trace.as_ref().map_or(&[][..], |t| &t.resource_spans);
    let id = batches.iter().flat_map(|b| &b.scope_spans).flat_map(|s| &s.spans).next().map(|s| hex::encode(&s.trace_id));
    let services: Vec<Value> = batches
        .iter()
        .map(|b| {
            let all = b.resource.as_ref().map_or(&[][..], |r| &r.attributes);
            let mut resource = attributes(all);
            let name = resource.remove("service.name").unwrap_or_else(|| "".into());
            json!({"serviceName": name, "resource": resource, "scopes": b.scope_spans.iter().map(scope).collect::<Vec<_>>()})
        })
        .collect();
    let status = PartialStatus::try_from(answer.status).unwrap_or_default();
    let mut out = json!({
        "trace": {"traceId": id.unwrap_or_default(), "services": services},
        "metrics": {"inspectedBytes": answer.metrics.as_ref().map_or(0, |m| m.inspected_bytes)},
        "status": status.as_str_name(),
    });
    if !answer.message.is_empty() {
        out["message"] = answer.message.as_str().into();
    }
    out.to_string()
}

/// Tag values by type: `{"string": [...], "int": [...]}`.
pub fn tag_values(answer: &SearchTagValuesV2Response) -> String {
    let mut by_type = Map::new();
    for v in &answer.tag_values {
        if let Value::Array(all) = by_type.entry(v.r#type.clone()).or_insert_with(|| json!([])) {
            all.push(v.value.clone().into());
        }
    }
    let m = answer.metrics.unwrap_or_default();
    let metrics = json!({"inspectedBytes": m.inspected_bytes, "totalJobs": m.total_jobs, "completedJobs": m.completed_jobs});
    json!({"tagValues": by_type, "metrics": metrics}).to_string()
}

fn scope(s: &ScopeSpans) -> Value {
    let mut out = Map::new();
    if let Some(scope) = &s.scope {
        put_text(&mut out, "name", &scope.name);
        put_text(&mut out, "version", &scope.version);
        put_attributes(&mut out, &scope.attributes);
    }
    out.insert("spans".into(), s.spans.iter().map(span).collect());
    out.into()
}

fn span(s: &Span) -> Value {
    let mut out = Map::new();
    out.insert("spanId".into(), hex::encode(&s.span_id).into());
    put_text(&mut out, "parentSpanId", &hex::encode(&s.parent_span_id));
    out.insert("name".into(), s.name.as_str().into());
    out.insert("kind".into(), SpanKind::try_from(s.kind).unwrap_or_default().as_str_name().into());
    out.insert("startTimeUnixNano".into(), s.start_time_unix_nano.to_string().into());
    out.insert("endTimeUnixNano".into(), s.end_time_unix_nano.to_string().into());
    let duration = s.end_time_unix_nano.saturating_sub(s.start_time_unix_nano);
    out.insert("durationMs".into(), (duration as f64 / 1e6).into());
    put_attributes(&mut out, &s.attributes);
    let events: Vec<Value> = s
        .events
        .iter()
        .map(|e| {
            let mut out = Map::new();
            out.insert("name".into(), e.name.as_str().into());
            out.insert("timeUnixNano".into(), e.time_unix_nano.to_string().into());
            put_attributes(&mut out, &e.attributes);
            out.into()
        })
        .collect();
    let links: Vec<Value> = s
        .links
        .iter()
        .map(|l| {
            let mut out = Map::new();
            out.insert("traceId".into(), hex::encode(&l.trace_id).into());
            out.insert("spanId".into(), hex::encode(&l.span_id).into());
            put_attributes(&mut out, &l.attributes);
            out.into()
        })
        .collect();
    for (name, all) in [("events", events), ("links", links)] {
        if !all.is_empty() {
            out.insert(name.into(), all.into());
        }
    }
    let mut status = Map::new();
    if let Some(st) = &s.status {
        status.insert("code".into(), StatusCode::try_from(st.code).unwrap_or_default().as_str_name().into());
        put_text(&mut status, "message", &st.message);
    }
    out.insert("status".into(), status.into());
    out.into()
}

fn put_text(out: &mut Map<String, Value>, name: &str, v: &str) {
    if !v.is_empty() {
        out.insert(name.into(), v.into());
    }
}

fn put_attributes(out: &mut Map<String, Value>, all: &[KeyValue]) {
    if !all.is_empty() {
        out.insert("attributes".into(), attributes(all).into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::opentelemetry::proto::common::v1::AnyValue;
    use proto::opentelemetry::proto::common::v1::any_value::Value as Any;
    use proto::opentelemetry::proto::resource::v1::Resource;
    use proto::opentelemetry::proto::trace::v1::ResourceSpans;
    use proto::tempopb::{MetadataMetrics, TagValue, Trace};

    #[test]
    fn a_trace_reads_plainly() {
        let kv = |k: &str, v| KeyValue { key: k.into(), value: Some(AnyValue { value: Some(v) }), key_strindex: 0 };
        let s = Span {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            name: "op".into(),
            end_time_unix_nano: 1_500_000,
            attributes: vec![kv("n", Any::IntValue(7))],
            ..Span::default()
        };
        let resource = Resource { attributes: vec![kv("service.name", Any::StringValue("a".into()))], ..Resource::default() };
        let batch = ResourceSpans {
            resource: Some(resource),
            scope_spans: vec![ScopeSpans { scope: None, spans: vec![s], schema_url: String::new() }],
            schema_url: String::new(),
        };
        let answer = TraceByIdResponse { trace: Some(Trace { resource_spans: vec![batch] }), ..TraceByIdResponse::default() };
        let got: Value = serde_json::from_str(&trace(&answer)).unwrap();
        let service = &got["trace"]["services"][0];
        assert_eq!(got["trace"]["traceId"], "01010101010101010101010101010101");
        assert_eq!((service["serviceName"].as_str(), service["resource"].to_string()), (Some("a"), "{}".into()));
        assert_eq!(service["scopes"][0]["spans"][0]["durationMs"], 1.5);
        assert_eq!(service["scopes"][0]["spans"][0]["attributes"]["n"], 7);
        assert_eq!(got["status"], "COMPLETE");
    }

    #[test]
    fn values_go_by_type() {
        let v = |t: &str, v: &str| TagValue { r#type: t.into(), value: v.into() };
        let answer = SearchTagValuesV2Response {
            tag_values: vec![v("string", "a"), v("int", "1"), v("string", "b")],
            metrics: Some(MetadataMetrics::default()),
        };
        let got: Value = serde_json::from_str(&tag_values(&answer)).unwrap();
        assert_eq!(got["tagValues"].to_string(), r#"{"int":["1"],"string":["a","b"]}"#);
    }
}
