//! OTLP JSON to protobuf: a tolerant, schema-driven transcoder, so that JSON requests go the way of protobuf ones from there on.
//!
//! Lenient like the Collector: camelCase and snake_case keys, integers as numbers or strings, enumerations by number or name, doubles
//! as strings (`NaN`, `Infinity`), ids in hex of any case, `null` as absent, unknown keys ignored at every level.

mod schema;

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use prost::encoding::encode_varint;
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

pub use schema::{LOGS, METRICS, TRACES};

use crate::DecodeError;

/// A message's fields.
#[derive(Debug)]
pub struct Message {
    pub name: &'static str,
    pub fields: &'static [FieldDef],
}

#[derive(Debug)]
pub struct FieldDef {
    pub number: u32,
    /// the lowerCamelCase key; the snake_case one is compared letter by letter
    pub key: &'static str,
    pub kind: Kind,
    pub repeated: bool,
}

#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Text,
    /// base64
    Bytes,
    /// hex
    Id,
    Bool,
    Double,
    Varint,
    /// int64: negative ones too
    SignedVarint,
    Zigzag,
    Fixed64,
    SignedFixed64,
    Fixed32,
    /// names share a prefix; the position is the number
    Enum {
        prefix: &'static str,
        names: &'static [&'static str],
    },
    Message(&'static Message),
}

/// Transcodes one JSON document that is a `message`.
pub fn to_protobuf(bytes: &[u8], message: &'static Message) -> Result<Vec<u8>, DecodeError> {
    let text = String::from_utf8_lossy(bytes);
    let mut out = Vec::with_capacity(text.len() / 2);
    let mut json = serde_json::Deserializer::from_str(&text);
    (MessageSeed { message, out: &mut out })
        .deserialize(&mut json)
        .and_then(|()| json.end())
        .map_err(|e| DecodeError::new(format!("invalid JSON request: {e}")))?;
    Ok(out)
}

/// Writes an object's fields, without key or length.
struct MessageSeed<'o> {
    message: &'static Message,
    out: &'o mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for MessageSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for MessageSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object ({})", self.message.name)
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(field) = map.next_key_seed(KeySeed(self.message))? {
            match field {
                Some(field) => map.next_value_seed(FieldSeed { field, out: self.out })?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// Finds the field that a key names; `None` = unknown, to be ignored.
struct KeySeed(&'static Message);

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Option<&'static FieldDef>;

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Self::Value, D::Error> {
        d.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed {
    type Value = Option<&'static FieldDef>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.fields.iter().find(|f| f.key == key || is_snake_of(key, f.key)))
    }
}

/// Whether `snake` is `camel` with `_x` for each `X`.
fn is_snake_of(snake: &str, camel: &str) -> bool {
    let mut s = snake.bytes();
    camel.bytes().all(|c| {
        if c.is_ascii_uppercase() { s.next() == Some(b'_') && s.next() == Some(c.to_ascii_lowercase()) } else { s.next() == Some(c) }
    }) && s.next().is_none()
}

/// Writes one field with its key: a single value, or each element of a list.
struct FieldSeed<'o> {
    field: &'static FieldDef,
    out: &'o mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for FieldSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        if self.field.repeated { d.deserialize_any(ListVisitor(self)) } else { d.deserialize_any(self) }
    }
}

struct ListVisitor<'o>(FieldSeed<'o>);

impl<'de> Visitor<'de> for ListVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list ({})", self.0.field.key)
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let FieldSeed { field, out } = self.0;
        while seq.next_element_seed(ElementSeed { field, out: &mut *out })?.is_some() {}
        Ok(())
    }
}

/// An element of a list: `null` counts as an empty one, so that places are kept.
struct ElementSeed<'o> {
    field: &'static FieldDef,
    out: &'o mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for ElementSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        let before = self.out.len();
        d.deserialize_any(FieldSeed { field: self.field, out: &mut *self.out })?;
        if self.out.len() == before {
            self.field.write_default(self.out);
        }
        Ok(())
    }
}

impl FieldDef {
    fn write_key(&self, out: &mut Vec<u8>) {
        let wire = match self.kind {
            Kind::Text | Kind::Bytes | Kind::Id | Kind::Message(_) => 2,
            Kind::Bool | Kind::Varint | Kind::SignedVarint | Kind::Zigzag | Kind::Enum { .. } => 0,
            Kind::Double | Kind::Fixed64 | Kind::SignedFixed64 => 1,
            Kind::Fixed32 => 5,
        };
        encode_varint(u64::from(self.number) << 3 | wire, out);
    }

    fn write_default(&self, out: &mut Vec<u8>) {
        self.write_key(out);
        let size = match self.kind {
            Kind::Double | Kind::Fixed64 | Kind::SignedFixed64 => 8,
            Kind::Fixed32 => 4,
            _ => 1,
        };
        out.resize(out.len() + size, 0);
    }

    fn write_bytes(&self, bytes: &[u8], out: &mut Vec<u8>) {
        self.write_key(out);
        encode_varint(bytes.len() as u64, out);
        out.extend_from_slice(bytes);
    }

    /// An integer, whichever way the field writes it; `Err` = it does not fit.
    fn write_int(&self, v: i128, out: &mut Vec<u8>) -> Result<(), String> {
        let bad = || format!("{}: {v} is out of range", self.key);
        let unsigned = || u64::try_from(v).map_err(|_| bad());
        let signed = || i64::try_from(v).map_err(|_| bad());
        // Each number is checked before its key is written.
        match self.kind {
            Kind::Double => self.write_fixed(&(v as f64).to_le_bytes(), out),
            Kind::Varint => self.write_varint(unsigned()?, out),
            Kind::Fixed64 => self.write_fixed(&unsigned()?.to_le_bytes(), out),
            Kind::SignedVarint | Kind::Enum { .. } => self.write_varint(signed()? as u64, out),
            Kind::SignedFixed64 => self.write_fixed(&signed()?.to_le_bytes(), out),
            Kind::Fixed32 => self.write_fixed(&u32::try_from(v).map_err(|_| bad())?.to_le_bytes(), out),
            Kind::Zigzag => {
                let v = i32::try_from(v).map_err(|_| bad())?;
                self.write_varint(u64::from(((v << 1) ^ (v >> 31)) as u32), out);
            }
            Kind::Bool => self.write_varint(u64::from(v != 0), out),
            Kind::Text => self.write_bytes(v.to_string().as_bytes(), out),
            Kind::Bytes | Kind::Id | Kind::Message(_) => return Err(format!("{}: a number stands where none can be", self.key)),
        }
        Ok(())
    }

    fn write_fixed(&self, bytes: &[u8], out: &mut Vec<u8>) {
        self.write_key(out);
        out.extend_from_slice(bytes);
    }

    fn write_varint(&self, v: u64, out: &mut Vec<u8>) {
        self.write_key(out);
        encode_varint(v, out);
    }

    fn write_double(&self, v: f64, out: &mut Vec<u8>) -> Result<(), String> {
        match self.kind {
            Kind::Double => {
                self.write_fixed(&v.to_le_bytes(), out);
                Ok(())
            }
            Kind::Text => {
                self.write_bytes(v.to_string().as_bytes(), out);
                Ok(())
            }
            // Clients without integers write 1e9 or 5.0.
            _ if v.fract() == 0.0 && v.abs() < 2f64.powi(65) => self.write_int(v as i128, out),
            _ => Err(format!("{}: {v} is no integer", self.key)),
        }
    }

    fn write_text(&self, s: &str, out: &mut Vec<u8>) -> Result<(), String> {
        match self.kind {
            Kind::Text => self.write_bytes(s.as_bytes(), out),
            Kind::Bytes => {
                let bytes = base64(s).ok_or_else(|| format!("{}: {s:?} is no base64", self.key))?;
                self.write_bytes(&bytes, out);
            }
            Kind::Id => {
                let bytes = hex::decode(s).map_err(|_| format!("{}: {s:?} is no hexadecimal id", self.key))?;
                self.write_bytes(&bytes, out);
            }
            Kind::Bool => match s {
                "true" => self.write_varint(1, out),
                "false" => self.write_varint(0, out),
                _ => return Err(format!("{}: {s:?} is neither true nor false", self.key)),
            },
            Kind::Double => match s {
                "Infinity" => return self.write_double(f64::INFINITY, out),
                "-Infinity" => return self.write_double(f64::NEG_INFINITY, out),
                _ => return self.write_double(s.trim().parse().map_err(|_| self.no_number(s))?, out),
            },
            Kind::Enum { prefix, names } => match names.iter().position(|n| s.strip_prefix(prefix) == Some(n) || s == *n) {
                Some(i) => self.write_varint(i as u64, out),
                None => return self.write_number_text(s, out),
            },
            Kind::Message(_) => return Err(format!("{}: a string stands where an object belongs", self.key)),
            _ => return self.write_number_text(s, out),
        }
        Ok(())
    }

    fn write_number_text(&self, s: &str, out: &mut Vec<u8>) -> Result<(), String> {
        let s = s.trim();
        match s.parse::<i128>() {
            Ok(v) => self.write_int(v, out),
            Err(_) => self.write_double(s.parse().map_err(|_| self.no_number(s))?, out),
        }
    }

    fn no_number(&self, s: &str) -> String {
        format!("{}: {s:?} is no number", self.key)
    }
}

/// Standard or URL alphabet, padded or not.
fn base64(s: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let s: Cow<'_, str> = if s.contains(['-', '_']) { s.replace('-', "+").replace('_', "/").into() } else { s.into() };
    GeneralPurpose::new(&alphabet::STANDARD, LENIENT).decode(s.as_bytes()).ok()
}

impl<'de> Visitor<'de> for FieldSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value for {}", self.field.key)
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, v: bool) -> Result<(), E> {
        match self.field.kind {
            Kind::Bool => self.field.write_int(i128::from(v), self.out).map_err(E::custom),
            _ => Err(E::custom(format!("{}: {v} stands where none can be", self.field.key))),
        }
    }

    fn visit_i64<E: Error>(self, v: i64) -> Result<(), E> {
        self.field.write_int(i128::from(v), self.out).map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, v: u64) -> Result<(), E> {
        self.field.write_int(i128::from(v), self.out).map_err(E::custom)
    }

    fn visit_f64<E: Error>(self, v: f64) -> Result<(), E> {
        self.field.write_double(v, self.out).map_err(E::custom)
    }

    fn visit_str<E: Error>(self, v: &str) -> Result<(), E> {
        self.field.write_text(v, self.out).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let Kind::Message(message) = self.field.kind else {
            return Err(A::Error::custom(format!("{}: an object stands where none can be", self.field.key)));
        };
        self.field.write_key(self.out);
        let start = self.out.len();
        MessageSeed { message, out: &mut *self.out }.visit_map(map)?;
        // The length is known only now; it moves the content by its own size.
        let end = self.out.len();
        encode_varint((end - start) as u64, self.out);
        let size = self.out.len() - end;
        self.out[start..].rotate_right(size);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(A::Error::custom(format!("{}: a list stands where none can be", self.field.key)))
    }
}

#[cfg(test)]
mod tests;
