//! Attribute values as plain JSON, for the forms that do not follow protobuf.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proto::opentelemetry::proto::common::v1::any_value::Value as Any;
use proto::opentelemetry::proto::common::v1::{AnyValue, KeyValue};
use serde_json::{Map, Value};

/// Attributes as one object.
pub fn attributes(all: &[KeyValue]) -> Map<String, Value> {
    all.iter().map(|kv| (kv.key.clone(), value(kv.value.as_ref()))).collect()
}

/// A value without its type.
pub fn value(v: Option<&AnyValue>) -> Value {
    match v.and_then(|v| v.value.as_ref()) {
        None | Some(Any::StringValueStrindex(_)) => Value::Null,
        Some(Any::StringValue(s)) => s.as_str().into(),
        Some(Any::BoolValue(b)) => (*b).into(),
        Some(Any::IntValue(i)) => (*i).into(),
        // JSON has no NaN and no infinities.
        Some(Any::DoubleValue(f)) if !f.is_finite() => f.to_string().into(),
        Some(Any::DoubleValue(f)) => (*f).into(),
        Some(Any::BytesValue(b)) => STANDARD.encode(b).into(),
        Some(Any::ArrayValue(a)) => a.values.iter().map(|v| value(Some(v))).collect(),
        Some(Any::KvlistValue(m)) => attributes(&m.values).into(),
    }
}
