//! Attribute values and key-value pairs, read in place or owned.

use std::borrow::Cow;

use model::{AnyValue, KeyValue};

use crate::DecodeError;
use crate::limits::MAX_VALUE_DEPTH;
use crate::wire::{self, Reader};

/// An AnyValue whose texts and nested messages still lie in the request.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    Empty,
    Str(Cow<'a, str>),
    Bool(bool),
    Int(i64),
    Double(f64),
    Bytes(&'a [u8]),
    /// the bytes of an ArrayValue
    Array(&'a [u8]),
    /// the bytes of a KeyValueList
    Map(&'a [u8]),
}

/// Reads an AnyValue; nested values are not looked into yet.
#[inline]
pub fn value(bytes: &[u8]) -> Result<Value<'_>, DecodeError> {
    let (mut r, mut out) = (Reader::new(bytes), Value::Empty);
    while let Some((number, field)) = r.next()? {
        out = match number {
            1 => Value::Str(field.text("AnyValue.string_value")?),
            2 => Value::Bool(field.varint("AnyValue.bool_value")? != 0),
            3 => Value::Int(field.varint("AnyValue.int_value")? as i64),
            4 => Value::Double(field.double("AnyValue.double_value")?),
            5 => Value::Array(field.len("AnyValue.array_value")?),
            6 => Value::Map(field.len("AnyValue.kvlist_value")?),
            7 => Value::Bytes(field.len("AnyValue.bytes_value")?),
            // 8 is an index into a profile's string table; other signals must take it as empty.
            _ => continue,
        };
    }
    Ok(out)
}

/// Splits a KeyValue into its key's bytes and its value.
#[inline]
pub fn key_value(bytes: &[u8]) -> Result<(&[u8], Value<'_>), DecodeError> {
    let (mut r, mut key, mut val) = (Reader::new(bytes), &[][..], Value::Empty);
    while let Some((number, field)) = r.next()? {
        match number {
            1 => key = field.len("KeyValue.key")?,
            2 => val = value(field.len("KeyValue.value")?)?,
            _ => {}
        }
    }
    Ok((key, val))
}

impl Value<'_> {
    /// The whole value, nested ones included.
    pub fn to_owned(&self) -> Result<AnyValue, DecodeError> {
        self.owned(0)
    }

    fn owned(&self, depth: u32) -> Result<AnyValue, DecodeError> {
        if depth > MAX_VALUE_DEPTH {
            return Err(DecodeError::new(format!("an attribute value is nested deeper than {MAX_VALUE_DEPTH} levels")));
        }
        Ok(match self {
            Value::Empty => AnyValue::Empty,
            Value::Str(s) => AnyValue::Str(s.to_string()),
            Value::Bool(b) => AnyValue::Bool(*b),
            Value::Int(i) => AnyValue::Int(*i),
            Value::Double(d) => AnyValue::Double(*d),
            Value::Bytes(b) => AnyValue::Bytes(b.to_vec()),
            Value::Array(bytes) => {
                let (mut r, mut out) = (Reader::new(bytes), vec![]);
                while let Some((number, field)) = r.next()? {
                    if number == 1 {
                        out.push(value(field.len("ArrayValue.values")?)?.owned(depth + 1)?);
                    }
                }
                AnyValue::Array(out)
            }
            Value::Map(bytes) => {
                let (mut r, mut out) = (Reader::new(bytes), vec![]);
                while let Some((number, field)) = r.next()? {
                    if number == 1 {
                        let (key, val) = key_value(field.len("KeyValueList.values")?)?;
                        out.push(KeyValue { key: wire::text(key).into_owned(), value: val.owned(depth + 1)? });
                    }
                }
                AnyValue::Map(out)
            }
        })
    }
}

/// An owned KeyValue.
pub fn owned_key_value(bytes: &[u8]) -> Result<KeyValue, DecodeError> {
    let (key, val) = key_value(bytes)?;
    Ok(KeyValue { key: wire::text(key).into_owned(), value: val.to_owned()? })
}

/// A trace id or span id: exactly `N` bytes, or none at all (then zeros). `None` = any other length.
pub fn id<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    if bytes.is_empty() { Some([0; N]) } else { bytes.try_into().ok() }
}

/// A Resource message.
pub fn resource(bytes: &[u8]) -> Result<model::Resource, DecodeError> {
    let (mut r, mut out) = (Reader::new(bytes), model::Resource::default());
    while let Some((number, field)) = r.next()? {
        match number {
            1 => out.attrs.push(owned_key_value(field.len("Resource.attributes")?)?),
            2 => out.dropped_attributes = field.varint("Resource.dropped_attributes_count")? as u32,
            _ => {}
        }
    }
    Ok(out)
}

/// An InstrumentationScope message.
pub fn scope(bytes: &[u8]) -> Result<model::Scope, DecodeError> {
    let (mut r, mut out) = (Reader::new(bytes), model::Scope::default());
    while let Some((number, field)) = r.next()? {
        match number {
            1 => out.name = field.text("InstrumentationScope.name")?.into_owned(),
            2 => out.version = field.text("InstrumentationScope.version")?.into_owned(),
            3 => out.attrs.push(owned_key_value(field.len("InstrumentationScope.attributes")?)?),
            4 => out.dropped_attributes = field.varint("InstrumentationScope.dropped_attributes_count")? as u32,
            _ => {}
        }
    }
    Ok(out)
}

/// The three parts that ResourceSpans, ResourceLogs and ResourceMetrics share.
#[derive(Debug, Default)]
pub struct Envelope<'a> {
    /// the Resource message
    pub resource: &'a [u8],
    pub schema_url: Cow<'a, str>,
    /// the scope envelopes; those of the deprecated field 1000 only where the sender knows no scopes yet
    pub scopes: Vec<&'a [u8]>,
}

/// Takes a Resource… message apart. Fields may come in any order.
pub fn resource_envelope(bytes: &[u8]) -> Result<Envelope<'_>, DecodeError> {
    let (mut r, mut out, mut old) = (Reader::new(bytes), Envelope::default(), vec![]);
    while let Some((number, field)) = r.next()? {
        match number {
            1 => out.resource = field.len("resource")?,
            2 => out.scopes.push(field.len("scope envelope")?),
            3 => out.schema_url = field.text("schema_url")?,
            1000 => old.push(field.len("instrumentation library envelope")?),
            _ => {}
        }
    }
    if out.scopes.is_empty() {
        out.scopes = old;
    }
    Ok(out)
}

/// Takes a Scope… message apart; `scopes` holds the spans, log records or metrics.
pub fn scope_envelope(bytes: &[u8]) -> Result<Envelope<'_>, DecodeError> {
    let (mut r, mut out) = (Reader::new(bytes), Envelope::default());
    while let Some((number, field)) = r.next()? {
        match number {
            1 => out.resource = field.len("scope")?,
            2 => out.scopes.push(field.len("item")?),
            3 => out.schema_url = field.text("schema_url")?,
            _ => {}
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_nesting_is_an_error_not_a_crash() {
        let mut bytes = vec![0x10, 1];
        for _ in 0..20_000 {
            let mut array = vec![0x0a];
            prost::encoding::encode_varint(bytes.len() as u64, &mut array);
            array.extend_from_slice(&bytes);
            bytes = vec![0x2a];
            prost::encoding::encode_varint(array.len() as u64, &mut bytes);
            bytes.extend_from_slice(&array);
            if bytes.len() > 5_000 {
                break;
            }
        }
        assert!(value(&bytes).unwrap().to_owned().unwrap_err().0.contains("nested deeper"));
    }

    #[test]
    fn invalid_utf8_is_replaced() {
        assert_eq!(value(&[0x0a, 2, b'a', 0xff]).unwrap(), Value::Str("a\u{fffd}".into()));
    }

    #[test]
    fn ids() {
        assert_eq!(id::<8>(&[]), Some([0; 8]));
        assert_eq!(id::<8>(&[1; 8]), Some([1; 8]));
        assert_eq!(id::<8>(&[1; 7]), None);
    }
}
