//! The leniency list of the Collector, and what must be refused.

use prost::Message as _;
use proto::opentelemetry::proto::collector::logs::v1::ExportLogsServiceRequest;
use proto::opentelemetry::proto::collector::metrics::v1::ExportMetricsServiceRequest;
use proto::opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest;
use proto::opentelemetry::proto::common::v1::any_value::Value;
use proto::opentelemetry::proto::metrics::v1::{metric, number_data_point};
use proto::opentelemetry::proto::trace::v1::Span;

use super::*;

fn traces(json: &str) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest::decode(&*to_protobuf(json.as_bytes(), &TRACES).unwrap()).unwrap()
}

fn span(json: &str) -> Span {
    let mut t = traces(&format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{json}]}}]}}]}}"#));
    t.resource_spans.remove(0).scope_spans.remove(0).spans.remove(0)
}

fn value(json: &str) -> Option<Value> {
    span(&format!(r#"{{"attributes":[{{"key":"k","value":{json}}}]}}"#)).attributes.remove(0).value.and_then(|v| v.value)
}

fn refused(json: &str) -> String {
    to_protobuf(json.as_bytes(), &TRACES).unwrap_err().0
}

#[test]
fn empty_requests() {
    assert!(to_protobuf(b"{}", &TRACES).unwrap().is_empty());
    assert!(to_protobuf(b" null ", &TRACES).unwrap().is_empty());
    assert_eq!(traces(r#"{"resourceSpans":null}"#).resource_spans.len(), 0);
    assert_eq!(traces(r#"{"resourceSpans":[{}]}"#).resource_spans.len(), 1);
}

#[test]
fn ids_are_hex_of_any_case() {
    let s = span(r#"{"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174","parentSpanId":""}"#);
    assert_eq!((s.trace_id[0], s.span_id[0], s.parent_span_id.len()), (0x5b, 0xee, 0));
    assert!(refused(r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}"#).contains("traceId"));
}

#[test]
fn keys_in_both_spellings_and_unknown_ones() {
    let t = traces(
        r#"{"resource_spans":[{"schema_url":"u","x":{"y":[1,{"z":null}]},"scope_spans":[{"spans":[{"start_time_unix_nano":"7","end_time_unix_nano":8}]}]}],"more":1}"#,
    );
    let r = &t.resource_spans[0];
    let s = &r.scope_spans[0].spans[0];
    assert_eq!((r.schema_url.as_str(), s.start_time_unix_nano, s.end_time_unix_nano), ("u", 7, 8));
}

#[test]
fn integers_and_enumerations() {
    let s = span(
        r#"{"kind":"SPAN_KIND_SERVER","status":{"code":"STATUS_CODE_ERROR"},"flags":"257","droppedAttributesCount":3.0,"startTimeUnixNano":1e18}"#,
    );
    assert_eq!(
        (s.kind, s.status.unwrap().code, s.flags, s.dropped_attributes_count, s.start_time_unix_nano),
        (2, 2, 257, 3, 1_000_000_000_000_000_000)
    );
    assert_eq!(span(r#"{"kind":3}"#).kind, 3);
    assert_eq!(span(r#"{"kind":"4"}"#).kind, 4);
    for bad in [
        r#"{"kind":"SPAN_KIND_X"}"#,
        r#"{"startTimeUnixNano":-1}"#,
        r#"{"startTimeUnixNano":1.5}"#,
        r#"{"startTimeUnixNano":true}"#,
        r#"{"name":{}}"#,
        r#"{"name":["a"]}"#,
        r#"{"attributes":{}}"#,
        r#"{"status":"x"}"#,
    ] {
        let message = refused(&format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{bad}]}}]}}]}}"#));
        assert!(message.contains("line 1"), "{message}");
    }
}

#[test]
fn values() {
    assert_eq!(value("{}"), None);
    assert_eq!(value("null"), None);
    assert_eq!(value(r#"{"stringValue":"ü"}"#), Some(Value::StringValue("ü".into())));
    assert_eq!(value(r#"{"intValue":"-5"}"#), Some(Value::IntValue(-5)));
    assert_eq!(value(r#"{"intValue":-5}"#), Some(Value::IntValue(-5)));
    assert_eq!(value(r#"{"boolValue":false}"#), Some(Value::BoolValue(false)));
    assert_eq!(value(r#"{"doubleValue":1}"#), Some(Value::DoubleValue(1.0)));
    assert_eq!(value(r#"{"doubleValue":"-Infinity"}"#), Some(Value::DoubleValue(f64::NEG_INFINITY)));
    assert!(matches!(value(r#"{"doubleValue":"NaN"}"#), Some(Value::DoubleValue(d)) if d.is_nan()));
    assert_eq!(value(r#"{"bytesValue":"AP8="}"#), Some(Value::BytesValue(vec![0, 255])));
    assert_eq!(value(r#"{"bytes_value":"AP8"}"#), Some(Value::BytesValue(vec![0, 255])));
    let Some(Value::ArrayValue(a)) =
        value(r#"{"arrayValue":{"values":[{"intValue":1},{},null,{"kvlistValue":{"values":[{"key":"x","value":{}}]}}]}}"#)
    else {
        panic!("no array")
    };
    assert_eq!(a.values.len(), 4);
}

#[test]
fn numbers_of_points() {
    let json = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[
        {"name":"a","gauge":{"dataPoints":[{"asInt":"42"},{"asInt":-1},{"asDouble":"Infinity"},{"asDouble":2},{}]}},
        {"name":"h","histogram":{"aggregationTemporality":"AGGREGATION_TEMPORALITY_CUMULATIVE","dataPoints":[{"count":"3","sum":1.5,"bucketCounts":["1",2],"explicitBounds":[0.5]}]}},
        {"name":"e","exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[{"scale":-3,"positive":{"offset":"-2","bucketCounts":[1,"2"]}}]}}]}]}]}"#;
    let m = ExportMetricsServiceRequest::decode(&*to_protobuf(json.as_bytes(), &METRICS).unwrap()).unwrap();
    let metrics = &m.resource_metrics[0].scope_metrics[0].metrics;
    let Some(metric::Data::Gauge(g)) = &metrics[0].data else { panic!("no gauge") };
    use number_data_point::Value::{AsDouble, AsInt};
    assert_eq!(
        g.data_points.iter().map(|p| p.value).collect::<Vec<_>>(),
        [Some(AsInt(42)), Some(AsInt(-1)), Some(AsDouble(f64::INFINITY)), Some(AsDouble(2.0)), None]
    );
    let Some(metric::Data::Histogram(h)) = &metrics[1].data else { panic!("no histogram") };
    assert_eq!(
        (h.aggregation_temporality, h.data_points[0].count, h.data_points[0].sum, &*h.data_points[0].bucket_counts),
        (2, 3, Some(1.5), &[1, 2][..])
    );
    let Some(metric::Data::ExponentialHistogram(e)) = &metrics[2].data else { panic!("no exponential histogram") };
    assert_eq!((e.data_points[0].scale, e.data_points[0].positive.as_ref().unwrap().offset), (-3, -2));
}

#[test]
fn logs_with_null_bodies() {
    let json = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":null,"severityNumber":"SEVERITY_NUMBER_WARN"},{"body":{}},{"body":{"stringValue":"x"},"severityNumber":9}]}]}]}"#;
    let l = ExportLogsServiceRequest::decode(&*to_protobuf(json.as_bytes(), &LOGS).unwrap()).unwrap();
    let records = &l.resource_logs[0].scope_logs[0].log_records;
    assert_eq!(records.iter().map(|r| r.severity_number).collect::<Vec<_>>(), [13, 0, 9]);
    assert!(records[0].body.is_none() && records[1].body.as_ref().unwrap().value.is_none());
}

#[test]
fn no_requests() {
    for bad in ["", "[", "[]", "5", r#""x""#, r#"{"resourceSpans":["#, r#"{} {}"#, r#"{"resourceSpans":{}}"#, r#"{"resourceSpans":[1]}"#] {
        assert!(refused(bad).starts_with("invalid JSON request"), "{bad}");
    }
    assert!(refused(&(r#"{"resourceSpans":"#.to_owned() + &"[".repeat(100_000))).starts_with("invalid JSON request"));
}
