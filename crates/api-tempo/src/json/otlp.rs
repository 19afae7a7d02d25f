//! OTLP's trace messages as JSON, ids in base64 as jsonpb writes all bytes.

use proto::opentelemetry::proto::common::v1::any_value::Value;
use proto::opentelemetry::proto::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList};
use proto::opentelemetry::proto::resource::v1::Resource;
use proto::opentelemetry::proto::trace::v1::span::{Event, Link, SpanKind};
use proto::opentelemetry::proto::trace::v1::status::StatusCode;
use proto::opentelemetry::proto::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

use super::{Message, Object};

impl Message for ResourceSpans {
    fn fields(&self, out: &mut Object<'_>) {
        out.message("resource", self.resource.as_ref());
        out.messages("scopeSpans", &self.scope_spans);
        out.str("schemaUrl", &self.schema_url);
    }
}

impl Message for Resource {
    fn fields(&self, out: &mut Object<'_>) {
        out.messages("attributes", &self.attributes);
        out.u32("droppedAttributesCount", self.dropped_attributes_count);
    }
}

impl Message for ScopeSpans {
    fn fields(&self, out: &mut Object<'_>) {
        out.message("scope", self.scope.as_ref());
        out.messages("spans", &self.spans);
        out.str("schemaUrl", &self.schema_url);
    }
}

impl Message for InstrumentationScope {
    fn fields(&self, out: &mut Object<'_>) {
        out.str("name", &self.name);
        out.str("version", &self.version);
        out.messages("attributes", &self.attributes);
        out.u32("droppedAttributesCount", self.dropped_attributes_count);
    }
}

impl Message for Span {
    fn fields(&self, out: &mut Object<'_>) {
        out.bytes("traceId", &self.trace_id);
        out.bytes("spanId", &self.span_id);
        out.str("traceState", &self.trace_state);
        out.bytes("parentSpanId", &self.parent_span_id);
        out.u32("flags", self.flags);
        out.str("name", &self.name);
        out.enumeration("kind", self.kind, |v| SpanKind::try_from(v).ok().map(|k| k.as_str_name()));
        out.u64("startTimeUnixNano", self.start_time_unix_nano);
        out.u64("endTimeUnixNano", self.end_time_unix_nano);
        out.messages("attributes", &self.attributes);
        out.u32("droppedAttributesCount", self.dropped_attributes_count);
        out.messages("events", &self.events);
        out.u32("droppedEventsCount", self.dropped_events_count);
        out.messages("links", &self.links);
        out.u32("droppedLinksCount", self.dropped_links_count);
        out.message("status", self.status.as_ref());
    }
}

impl Message for Event {
    fn fields(&self, out: &mut Object<'_>) {
        out.u64("timeUnixNano", self.time_unix_nano);
        out.str("name", &self.name);
        out.messages("attributes", &self.attributes);
        out.u32("droppedAttributesCount", self.dropped_attributes_count);
    }
}

impl Message for Link {
    fn fields(&self, out: &mut Object<'_>) {
        out.bytes("traceId", &self.trace_id);
        out.bytes("spanId", &self.span_id);
        out.str("traceState", &self.trace_state);
        out.messages("attributes", &self.attributes);
        out.u32("droppedAttributesCount", self.dropped_attributes_count);
        out.u32("flags", self.flags);
    }
}

impl Message for Status {
    fn fields(&self, out: &mut Object<'_>) {
        out.str("message", &self.message);
        out.enumeration("code", self.code, |v| StatusCode::try_from(v).ok().map(|c| c.as_str_name()));
    }
}

impl Message for KeyValue {
    fn fields(&self, out: &mut Object<'_>) {
        out.str("key", &self.key);
        out.message("value", self.value.as_ref());
    }
}

impl Message for KeyValueList {
    fn fields(&self, out: &mut Object<'_>) {
        out.messages("values", &self.values);
    }
}

impl Message for ArrayValue {
    fn fields(&self, out: &mut Object<'_>) {
        out.messages("values", &self.values);
    }
}

impl Message for AnyValue {
    fn fields(&self, out: &mut Object<'_>) {
        match &self.value {
            None => {}
            Some(Value::StringValue(v)) => out.str_set("stringValue", v),
            Some(Value::BoolValue(v)) => out.bool_set("boolValue", *v),
            Some(Value::IntValue(v)) => out.i64_set("intValue", *v),
            Some(Value::DoubleValue(v)) => out.f64_set("doubleValue", *v),
            Some(Value::ArrayValue(v)) => out.message("arrayValue", Some(v)),
            Some(Value::KvlistValue(v)) => out.message("kvlistValue", Some(v)),
            Some(Value::BytesValue(v)) => out.bytes_set("bytesValue", v),
            // Only profiles refer to strings by index.
            Some(Value::StringValueStrindex(_)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::to_json;
    use super::*;

    #[test]
    fn a_span() {
        let text = |s: &str| Some(AnyValue { value: Some(Value::StringValue(s.into())) });
        let kv = |k: &str, value| KeyValue { key: k.into(), value, key_strindex: 0 };
        let int = |v| Some(AnyValue { value: Some(Value::IntValue(v)) });
        let span = Span {
            trace_id: vec![0; 16],
            span_id: vec![255; 8],
            name: "op".into(),
            kind: SpanKind::Server as i32,
            start_time_unix_nano: 7,
            attributes: vec![kv("a", text("")), kv("n", int(0)), kv("none", Some(AnyValue::default())), kv("gone", None)],
            status: Some(Status { code: StatusCode::Error as i32, message: String::new() }),
            ..Span::default()
        };
        assert_eq!(
            to_json(&span),
            r#"{"traceId":"AAAAAAAAAAAAAAAAAAAAAA==","spanId":"//////////8=","name":"op","kind":"SPAN_KIND_SERVER","startTimeUnixNano":"7","attributes":[{"key":"a","value":{"stringValue":""}},{"key":"n","value":{"intValue":"0"}},{"key":"none","value":{}},{"key":"gone"}],"status":{"code":"STATUS_CODE_ERROR"}}"#
        );
    }
}
