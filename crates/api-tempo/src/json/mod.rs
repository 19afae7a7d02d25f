//! Protobuf messages as JSON by the rules of Go's jsonpb: 64-bit integers are strings, zero values are left out, bytes are base64,
//! enums are names, a set member of a oneof is always written, NaN and infinities are strings.

mod llm;
mod otlp;
mod plain;
mod tempo;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub use llm::{tag_values as llm_tag_values, trace as llm_trace};
pub use plain::{attributes as plain_attributes, value as plain_value};
pub use tempo::V1Trace;

/// A message that knows its fields.
pub trait Message {
    fn fields(&self, out: &mut Object<'_>);
}

/// The message as JSON text.
pub fn to_json(message: &impl Message) -> String {
    let mut text = String::with_capacity(1024);
    Object::write(&mut text, message);
    text
}

/// One JSON object being written.
pub struct Object<'a> {
    out: &'a mut String,
    empty: bool,
}

impl Object<'_> {
    pub fn write(out: &mut String, message: &(impl Message + ?Sized)) {
        out.push('{');
        message.fields(&mut Object { out, empty: true });
        out.push('}');
    }

    fn key(&mut self, name: &str) -> &mut String {
        if !self.empty {
            self.out.push(',');
        }
        self.empty = false;
        string(self.out, name);
        self.out.push(':');
        self.out
    }

    /// A string; the empty one is left out.
    pub fn str(&mut self, name: &str, v: &str) {
        if !v.is_empty() {
            self.str_set(name, v);
        }
    }

    /// A string that is written even if empty (a member of a oneof).
    pub fn str_set(&mut self, name: &str, v: &str) {
        string(self.key(name), v);
    }

    /// An unsigned 64-bit integer: a string.
    pub fn u64(&mut self, name: &str, v: u64) {
        if v != 0 {
            let text = v.to_string();
            string(self.key(name), &text);
        }
    }

    /// A signed 64-bit integer: a string.
    pub fn i64(&mut self, name: &str, v: i64) {
        if v != 0 {
            self.i64_set(name, v);
        }
    }

    pub fn i64_set(&mut self, name: &str, v: i64) {
        let text = v.to_string();
        string(self.key(name), &text);
    }

    /// A 32-bit integer: a number.
    pub fn u32(&mut self, name: &str, v: u32) {
        if v != 0 {
            let text = v.to_string();
            self.key(name).push_str(&text);
        }
    }

    pub fn f64(&mut self, name: &str, v: f64) {
        // Both zeros are left out, as Go compares them.
        if v != 0.0 {
            self.f64_set(name, v);
        }
    }

    pub fn f64_set(&mut self, name: &str, v: f64) {
        let out = self.key(name);
        number(out, v);
    }

    pub fn bool_set(&mut self, name: &str, v: bool) {
        self.key(name).push_str(if v { "true" } else { "false" });
    }

    pub fn bytes(&mut self, name: &str, v: &[u8]) {
        if !v.is_empty() {
            self.bytes_set(name, v);
        }
    }

    pub fn bytes_set(&mut self, name: &str, v: &[u8]) {
        let text = STANDARD.encode(v);
        string(self.key(name), &text);
    }

    /// The name of an enum's value, unless it is the zero one.
    pub fn enumeration(&mut self, name: &str, v: i32, names: impl Fn(i32) -> Option<&'static str>) {
        match names(v) {
            _ if v == 0 => {}
            Some(text) => string(self.key(name), text),
            // A value of a newer schema.
            None => {
                let text = v.to_string();
                self.key(name).push_str(&text);
            }
        }
    }

    /// A message that is present, even if empty.
    pub fn message(&mut self, name: &str, v: Option<&(impl Message + ?Sized)>) {
        if let Some(m) = v {
            let out = self.key(name);
            Object::write(out, m);
        }
    }

    pub fn messages<M: Message>(&mut self, name: &str, all: &[M]) {
        if !all.is_empty() {
            self.messages_set(name, all);
        }
    }

    /// A list that is written even if empty.
    pub fn messages_set<M: Message>(&mut self, name: &str, all: &[M]) {
        let out = self.key(name);
        list(out, all, |out, m| Object::write(out, m));
    }

    /// A list of strings, written even if empty.
    pub fn strings_set(&mut self, name: &str, all: &[String]) {
        let out = self.key(name);
        list(out, all, |out, s| string(out, s));
    }

    /// A map from strings to messages.
    pub fn map<'m, M: Message + 'm>(&mut self, name: &str, all: impl ExactSizeIterator<Item = (&'m String, &'m M)>) {
        if all.len() == 0 {
            return;
        }
        let out = self.key(name);
        out.push('{');
        let mut object = Object { out, empty: true };
        for (k, m) in all {
            object.message(k, Some(m));
        }
        out.push('}');
    }
}

fn list<T>(out: &mut String, all: &[T], write: impl Fn(&mut String, &T)) {
    out.push('[');
    for (i, one) in all.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        write(out, one);
    }
    out.push(']');
}

/// A JSON string with its quotes.
pub fn string(out: &mut String, s: &str) {
    out.push('"');
    let mut from = 0;
    for (i, b) in s.bytes().enumerate() {
        let escape: &str = match b {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..0x20 => "",
            _ => continue,
        };
        out.push_str(&s[from..i]);
        if escape.is_empty() {
            out.push_str(&format!("\\u{b:04x}"));
        } else {
            out.push_str(escape);
        }
        from = i + 1;
    }
    out.push_str(&s[from..]);
    out.push('"');
}

/// A double: shortest digits, an exponent where the plain form would be long.
fn number(out: &mut String, v: f64) {
    if v.is_nan() {
        out.push_str("\"NaN\"");
    } else if v.is_infinite() {
        out.push_str(if v > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" });
    } else if v != 0.0 && !(1e-6..1e21).contains(&v.abs()) {
        out.push_str(&format!("{v:e}"));
    } else {
        out.push_str(&format!("{v}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped() {
        let mut out = String::new();
        string(&mut out, "a\"b\\c\n\u{1}é🚀");
        assert_eq!(out, r#""a\"b\\c\n\u0001é🚀""#);
        assert_eq!(serde_json::from_str::<String>(&out).unwrap(), "a\"b\\c\n\u{1}é🚀");
    }

    #[test]
    fn numbers() {
        for (v, want) in
            [(3.0, "3"), (0.25, "0.25"), (5e-324, "5e-324"), (1e21, "1e21"), (f64::NAN, "\"NaN\""), (f64::NEG_INFINITY, "\"-Infinity\"")]
        {
            let mut out = String::new();
            number(&mut out, v);
            assert_eq!(out, want);
        }
    }
}
