//! Batches back to OTLP messages, and the answers of the export calls.

use std::collections::HashMap;

use model::{AnyValue, KeyValue, Resource, Scope, SpanBatch};
use prost::Message;
use proto::opentelemetry::proto::common::v1 as common;
use proto::opentelemetry::proto::resource::v1::Resource as ProtoResource;
use proto::opentelemetry::proto::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span};

use crate::Encoding;

/// Spans (batch and row, e.g. of `query::TraceSpans`) as one trace: grouped by resource and scope, in the order given.
pub fn trace_to_proto<'a>(spans: impl IntoIterator<Item = (&'a SpanBatch, usize)>) -> proto::tempopb::Trace {
    let mut groups = Groups::default();
    for (batch, row) in spans {
        let (r, s) = groups.find(batch, row);
        groups.out[r].scope_spans[s].spans.push(span_to_proto(batch, row));
    }
    proto::tempopb::Trace { resource_spans: groups.out }
}

/// The groups made so far: found by place first, by content where another batch brings the same resource or scope.
#[derive(Default)]
struct Groups<'a> {
    out: Vec<ResourceSpans>,
    resources: Vec<&'a Resource>,
    /// per resource its scopes
    scopes: Vec<Vec<&'a Scope>>,
    known: HashMap<(*const SpanBatch, u32, u32), (usize, usize)>,
}

impl<'a> Groups<'a> {
    fn find(&mut self, batch: &'a SpanBatch, row: usize) -> (usize, usize) {
        let key = (std::ptr::from_ref(batch), batch.resource[row], batch.scope[row]);
        if let Some(at) = self.known.get(&key) {
            return *at;
        }
        let (resource, scope) = (batch.resource(row), batch.scope(row));
        let r = self.resources.iter().position(|x| *x == resource).unwrap_or_else(|| {
            self.resources.push(resource);
            self.scopes.push(vec![]);
            self.out.push(resource_to_proto(resource));
            self.out.len() - 1
        });
        let s = self.scopes[r].iter().position(|x| *x == scope).unwrap_or_else(|| {
            self.scopes[r].push(scope);
            self.out[r].scope_spans.push(ScopeSpans {
                scope: Some(scope_to_proto(scope)),
                spans: vec![],
                schema_url: scope.schema_url.clone(),
            });
            self.scopes[r].len() - 1
        });
        self.known.insert(key, (r, s));
        (r, s)
    }
}

fn resource_to_proto(r: &Resource) -> ResourceSpans {
    let resource =
        ProtoResource { attributes: attributes(&r.attrs), dropped_attributes_count: r.dropped_attributes, ..ProtoResource::default() };
    ResourceSpans { resource: Some(resource), scope_spans: vec![], schema_url: r.schema_url.clone() }
}

fn scope_to_proto(s: &Scope) -> common::InstrumentationScope {
    common::InstrumentationScope {
        name: s.name.clone(),
        version: s.version.clone(),
        attributes: attributes(&s.attrs),
        dropped_attributes_count: s.dropped_attributes,
    }
}

fn span_to_proto(b: &SpanBatch, row: usize) -> Span {
    let [dropped_attributes_count, dropped_events_count, dropped_links_count] = b.dropped[row];
    let (message, code) = (b.dict.get(b.status_message[row]), i32::from(b.status[row]));
    Span {
        trace_id: id_bytes(&b.trace_id[row]),
        span_id: id_bytes(&b.span_id[row]),
        trace_state: b.dict.get(b.trace_state[row]).to_owned(),
        parent_span_id: id_bytes(&b.parent_id[row]),
        flags: b.flags[row],
        name: b.name(row).to_owned(),
        kind: i32::from(b.kind[row]),
        start_time_unix_nano: b.start[row],
        end_time_unix_nano: b.end[row],
        attributes: attributes(&b.gather(&b.attrs, row)),
        dropped_attributes_count,
        events: b.events_of(row).map(|e| event_to_proto(b, e)).collect(),
        dropped_events_count,
        links: b.links_of(row).map(|l| link_to_proto(b, l)).collect(),
        dropped_links_count,
        status: Some(Status { message: message.to_owned(), code }),
    }
}

fn event_to_proto(b: &SpanBatch, e: usize) -> span::Event {
    span::Event {
        time_unix_nano: b.events.time[e],
        name: b.dict.get(b.events.name[e]).to_owned(),
        attributes: attributes(&b.gather(&b.events.attrs, e)),
        dropped_attributes_count: b.events.dropped_attributes[e],
    }
}

fn link_to_proto(b: &SpanBatch, l: usize) -> span::Link {
    span::Link {
        trace_id: id_bytes(&b.links.trace_id[l]),
        span_id: id_bytes(&b.links.span_id[l]),
        trace_state: b.dict.get(b.links.trace_state[l]).to_owned(),
        attributes: attributes(&b.gather(&b.links.attrs, l)),
        dropped_attributes_count: b.links.dropped_attributes[l],
        flags: b.links.flags[l],
    }
}

/// An absent id is no bytes, not zeros.
fn id_bytes(id: &[u8]) -> Vec<u8> {
    if id.iter().all(|b| *b == 0) { vec![] } else { id.to_vec() }
}

fn attributes(attrs: &[KeyValue]) -> Vec<common::KeyValue> {
    attrs
        .iter()
        .map(|kv| common::KeyValue { key: kv.key.clone(), value: Some(value_to_proto(&kv.value)), ..common::KeyValue::default() })
        .collect()
}

/// An attribute value as its message.
pub fn value_to_proto(v: &AnyValue) -> common::AnyValue {
    use common::any_value::Value;
    let value = match v {
        AnyValue::Empty => None,
        AnyValue::Str(s) => Some(Value::StringValue(s.clone())),
        AnyValue::Bool(b) => Some(Value::BoolValue(*b)),
        AnyValue::Int(i) => Some(Value::IntValue(*i)),
        AnyValue::Double(d) => Some(Value::DoubleValue(*d)),
        AnyValue::Bytes(b) => Some(Value::BytesValue(b.clone())),
        AnyValue::Array(items) => Some(Value::ArrayValue(common::ArrayValue { values: items.iter().map(value_to_proto).collect() })),
        AnyValue::Map(pairs) => Some(Value::KvlistValue(common::KeyValueList { values: attributes(pairs) })),
    };
    common::AnyValue { value }
}

/// The three kinds of telemetry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    Metrics,
    Logs,
    Traces,
}

impl Signal {
    /// What the answers call the items: `partial_success.rejected_<this>`.
    fn rejected_key(self) -> &'static str {
        match self {
            Signal::Metrics => "rejectedDataPoints",
            Signal::Logs => "rejectedLogRecords",
            Signal::Traces => "rejectedSpans",
        }
    }
}

/// An Export…ServiceResponse. `partial_success` is only set if something was rejected or there is something to say.
pub fn export_response(signal: Signal, encoding: Encoding, rejected: u64, message: &str) -> Vec<u8> {
    let silent = rejected == 0 && message.is_empty();
    match encoding {
        Encoding::Json if silent => b"{}".to_vec(),
        Encoding::Json => {
            let mut partial = serde_json::Map::new();
            if rejected > 0 {
                partial.insert(signal.rejected_key().into(), rejected.to_string().into());
            }
            if !message.is_empty() {
                partial.insert("errorMessage".into(), message.into());
            }
            serde_json::json!({ "partialSuccess": partial }).to_string().into_bytes()
        }
        Encoding::Proto if silent => vec![],
        Encoding::Proto => {
            // The three responses are alike on the wire, so one message serves them all.
            use proto::opentelemetry::proto::collector::trace::v1 as collector;
            let rejected_spans = i64::try_from(rejected).unwrap_or(i64::MAX);
            let partial = collector::ExportTracePartialSuccess { rejected_spans, error_message: message.to_owned() };
            collector::ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses() {
        let check = |rejected, message: &str, json: &str| {
            assert_eq!(String::from_utf8(export_response(Signal::Logs, Encoding::Json, rejected, message)).unwrap(), json);
        };
        check(0, "", "{}");
        check(0, "w", r#"{"partialSuccess":{"errorMessage":"w"}}"#);
        check(3, "", r#"{"partialSuccess":{"rejectedLogRecords":"3"}}"#);
        assert!(export_response(Signal::Logs, Encoding::Proto, 0, "").is_empty());

        use proto::opentelemetry::proto::collector::{logs, metrics};
        let bytes = export_response(Signal::Metrics, Encoding::Proto, 3, "why");
        let m = metrics::v1::ExportMetricsServiceResponse::decode(&*bytes).unwrap().partial_success.unwrap();
        assert_eq!((m.rejected_data_points, m.error_message.as_str()), (3, "why"));
        let l = logs::v1::ExportLogsServiceResponse::decode(&*bytes).unwrap().partial_success.unwrap();
        assert_eq!((l.rejected_log_records, l.error_message.as_str()), (3, "why"));
    }
}
