//! Random messages written by prost and read by our decoders: what goes in must come out.

use std::collections::BTreeSet;

use otlp::{Encoding, Options, trace_to_proto};
use proptest::prelude::*;
use prost::Message;
use proto::opentelemetry::proto::collector::logs::v1::ExportLogsServiceRequest;
use proto::opentelemetry::proto::collector::metrics::v1::ExportMetricsServiceRequest;
use proto::opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest;
use proto::opentelemetry::proto::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value};
use proto::opentelemetry::proto::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use proto::opentelemetry::proto::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric, number_data_point,
};
use proto::opentelemetry::proto::resource::v1::Resource;
use proto::opentelemetry::proto::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span};

fn any_value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        Just(None),
        ".{0,6}".prop_map(|s| Some(Value::StringValue(s))),
        any::<bool>().prop_map(|b| Some(Value::BoolValue(b))),
        any::<i64>().prop_map(|i| Some(Value::IntValue(i))),
        (-1e300..1e300f64).prop_map(|d| Some(Value::DoubleValue(d))),
        prop::collection::vec(any::<u8>(), 0..5).prop_map(|b| Some(Value::BytesValue(b))),
    ]
    .prop_map(|value| AnyValue { value });
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3)
                .prop_map(|values| AnyValue { value: Some(Value::ArrayValue(ArrayValue { values })) }),
            prop::collection::vec(("[a-z]{0,3}", inner), 0..3).prop_map(|kvs| AnyValue {
                value: Some(Value::KvlistValue(KeyValueList { values: kvs.into_iter().map(|(k, v)| kv(k, v)).collect() }))
            }),
        ]
    })
}

fn kv(key: String, value: AnyValue) -> KeyValue {
    KeyValue { key, value: Some(value), ..KeyValue::default() }
}

/// Keys each once and sorted, so that attributes can be compared as lists.
fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    prop::collection::btree_map("[a-z.]{1,4}", any_value(), 0..4).prop_map(|m| m.into_iter().map(|(k, v)| kv(k, v)).collect())
}

fn spans() -> impl Strategy<Value = Span> {
    let event = (any::<u64>(), "[a-z]{0,3}", attributes(), any::<u32>()).prop_map(
        |(time_unix_nano, name, attributes, dropped_attributes_count)| span::Event {
            time_unix_nano,
            name,
            attributes,
            dropped_attributes_count,
        },
    );
    let link = (any::<[u8; 16]>(), any::<[u8; 8]>(), ".{0,3}", attributes(), any::<u32>(), any::<u32>()).prop_map(
        |(t, s, trace_state, attributes, d, flags)| span::Link {
            trace_id: t.to_vec(),
            span_id: s.to_vec(),
            trace_state,
            attributes,
            dropped_attributes_count: d,
            flags,
        },
    );
    let head =
        (any::<[u8; 16]>(), any::<[u8; 8]>(), any::<Option<[u8; 8]>>(), ".{0,5}", 0..6i32, any::<[u64; 2]>(), any::<[u32; 4]>(), ".{0,3}");
    (head, attributes(), prop::collection::vec(event, 0..3), prop::collection::vec(link, 0..3), (".{0,3}", 0..3i32)).prop_map(
        |(h, attributes, events, links, (message, code))| Span {
            trace_id: h.0.map(|b| b | 1).to_vec(),
            span_id: h.1.map(|b| b | 1).to_vec(),
            parent_span_id: h.2.map(|p| p.map(|b| b | 1).to_vec()).unwrap_or_default(),
            name: h.3,
            kind: h.4,
            start_time_unix_nano: h.5[0],
            end_time_unix_nano: h.5[1],
            flags: h.6[0],
            dropped_attributes_count: h.6[1],
            dropped_events_count: h.6[2],
            dropped_links_count: h.6[3],
            trace_state: h.7,
            attributes,
            events,
            links,
            status: Some(Status { message, code }),
        },
    )
}

fn scope() -> impl Strategy<Value = InstrumentationScope> {
    ("[a-z]{0,3}", "[0-9]{0,2}", attributes(), any::<u32>()).prop_map(|(name, version, attributes, dropped_attributes_count)| {
        InstrumentationScope { name, version, attributes, dropped_attributes_count }
    })
}

fn resource() -> impl Strategy<Value = Resource> {
    (attributes(), any::<u32>()).prop_map(|(attributes, dropped_attributes_count)| Resource {
        attributes,
        dropped_attributes_count,
        ..Resource::default()
    })
}

fn sort_attributes(spans: &mut [ResourceSpans]) {
    for s in spans.iter_mut().flat_map(|r| &mut r.scope_spans).flat_map(|s| &mut s.spans) {
        s.attributes.sort_by(|a, b| a.key.cmp(&b.key));
        s.events.iter_mut().for_each(|e| e.attributes.sort_by(|a, b| a.key.cmp(&b.key)));
        s.links.iter_mut().for_each(|l| l.attributes.sort_by(|a, b| a.key.cmp(&b.key)));
        // Ids of zeros are as good as none.
        let clean = |id: &mut Vec<u8>| {
            if id.iter().all(|b| *b == 0) {
                id.clear();
            }
        };
        s.links.iter_mut().for_each(|l| {
            clean(&mut l.trace_id);
            clean(&mut l.span_id);
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn traces(resource in resource(), scope in scope(), url in "[a-z]{0,3}", spans in prop::collection::vec(spans(), 1..4)) {
        let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, schema_url: url.clone() }];
        let mut request = ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { resource: Some(resource), scope_spans, schema_url: url }] };
        let d = otlp::decode_traces(&request.encode_to_vec(), Encoding::Proto, &Options::default(), 1).unwrap();
        prop_assert_eq!(d.rejected, 0);
        let mut back = trace_to_proto((0..d.batch.len()).map(|row| (&d.batch, row)));
        sort_attributes(&mut back.resource_spans);
        sort_attributes(&mut request.resource_spans);
        prop_assert_eq!(back.resource_spans, request.resource_spans);
    }

    #[test]
    fn logs(records in prop::collection::vec((1..i64::MAX as u64, ".{0,8}", "[a-z]{1,3}", "[a-z]{1,5}"), 0..6)) {
        let log = |(time, body, k, v): &(u64, String, String, String)| LogRecord {
            time_unix_nano: *time,
            body: Some(AnyValue { value: Some(Value::StringValue(body.clone())) }),
            attributes: vec![kv(k.clone(), AnyValue { value: Some(Value::StringValue(v.clone())) })],
            ..LogRecord::default()
        };
        let scope_logs = vec![ScopeLogs { log_records: records.iter().map(log).collect(), ..ScopeLogs::default() }];
        let request = ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }] };
        let d = otlp::decode_logs(&request.encode_to_vec(), Encoding::Proto, &Options::stock(), 1).unwrap();
        let b = &d.batch;
        let got: Vec<_> = (0..b.len()).map(|i| (b.ts[i] as u64, b.body.get(i).to_owned(), b.meta(i).find(|m| m.0 != "detected_level").map(|(n, v)| (n.to_owned(), v.to_owned())))).collect();
        let mut want: Vec<_> = records.iter().map(|(t, b, k, v)| (*t, b.clone(), Some((k.clone(), v.clone())))).collect();
        want.sort_by_key(|w| w.0);
        prop_assert_eq!(got, want);
    }

    #[test]
    fn numbers(points in prop::collection::vec((any::<u64>(), any::<f64>(), "[a-z]{1,3}", any::<bool>()), 0..8), sum in any::<bool>()) {
        let point = |(time, v, attr, int): &(u64, f64, String, bool)| NumberDataPoint {
            time_unix_nano: *time,
            attributes: vec![kv("k".into(), AnyValue { value: Some(Value::StringValue(attr.clone())) })],
            value: Some(if *int { number_data_point::Value::AsInt(*v as i64) } else { number_data_point::Value::AsDouble(*v) }),
            ..NumberDataPoint::default()
        };
        let data_points = points.iter().map(point).collect();
        let data = if sum { metric::Data::Sum(Sum { data_points, aggregation_temporality: 2, is_monotonic: true }) } else { metric::Data::Gauge(Gauge { data_points }) };
        let metrics = vec![Metric { name: "m".into(), data: Some(data), ..Metric::default() }];
        let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
        let request = ExportMetricsServiceRequest { resource_metrics: vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }] };
        let d = otlp::decode_metrics(&request.encode_to_vec(), Encoding::Proto, &Options::stock(), 1).unwrap();
        let got: Vec<_> = d.batch.samples.iter().map(|s| (s.t, s.v.to_bits(), d.batch.series[s.series as usize].value("k").to_owned())).collect();
        let value = |v: f64, int: bool| if int { v as i64 as f64 } else { v }.to_bits();
        let want: Vec<_> = points.iter().map(|(t, v, k, int)| ((t.max(&1) / 1_000_000) as i64, value(*v, *int), k.clone())).collect();
        prop_assert_eq!(got, want);
        let names: BTreeSet<_> = d.batch.series.iter().filter_map(|l| l.metric_name()).collect();
        let want: BTreeSet<_> = (!points.is_empty()).then_some(if sum { "m_total" } else { "m" }).into_iter().collect();
        prop_assert_eq!(names, want);
    }
}
