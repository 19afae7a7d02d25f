//! Attribute values as text, the way the Go pipeline renders them: scalars plain, bytes base64, arrays and maps as JSON.

use std::borrow::Cow;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::{AnyValue, KeyValue};

use crate::DecodeError;
use crate::value::Value;

/// The text of a value as label, structured metadata or log line: `""` for an empty value, JSON with sorted keys for arrays and maps.
pub fn value_text(v: &AnyValue) -> Cow<'_, str> {
    let mut out = String::new();
    match v {
        AnyValue::Str(s) => return Cow::Borrowed(s),
        AnyValue::Empty => {}
        AnyValue::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        AnyValue::Int(i) => push_int(&mut out, *i),
        AnyValue::Double(d) => push_double(&mut out, *d),
        AnyValue::Bytes(b) => STANDARD.encode_string(b, &mut out),
        AnyValue::Array(_) | AnyValue::Map(_) => push_json(&mut out, v),
    }
    Cow::Owned(out)
}

/// As `value_text`, of a value that still lies in the request.
pub fn push_value(out: &mut String, v: &Value<'_>) -> Result<(), DecodeError> {
    match v {
        Value::Empty => {}
        Value::Str(s) => out.push_str(s),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Int(i) => push_int(out, *i),
        Value::Double(d) => push_double(out, *d),
        Value::Bytes(b) => STANDARD.encode_string(b, out),
        Value::Array(_) | Value::Map(_) => push_json(out, &v.to_owned()?),
    }
    Ok(())
}

pub fn push_int(out: &mut String, i: i64) {
    let _ = write!(out, "{i}");
}

/// Shortest form that reads back: plain between 1e-6 and 1e21, with an exponent outside.
pub fn push_double(out: &mut String, d: f64) {
    if !d.is_finite() {
        out.push_str(if d.is_nan() {
            "NaN"
        } else if d > 0.0 {
            "+Inf"
        } else {
            "-Inf"
        });
    } else if d != 0.0 && !(1e-6..1e21).contains(&d.abs()) {
        let text = format!("{d:e}");
        // Go writes the sign of a positive exponent too.
        match text.split_once('e') {
            Some((mantissa, exponent)) if !exponent.starts_with('-') => {
                let _ = write!(out, "{mantissa}e+{exponent}");
            }
            _ => out.push_str(&text),
        }
    } else {
        let _ = write!(out, "{d}");
    }
}

fn push_json(out: &mut String, v: &AnyValue) {
    match v {
        AnyValue::Empty => out.push_str("null"),
        AnyValue::Str(s) => push_json_string(out, s),
        AnyValue::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        AnyValue::Int(i) => push_int(out, *i),
        AnyValue::Double(d) if d.is_finite() => push_double(out, *d),
        AnyValue::Double(d) => {
            out.push('"');
            push_double(out, *d);
            out.push('"');
        }
        AnyValue::Bytes(b) => {
            out.push('"');
            STANDARD.encode_string(b, out);
            out.push('"');
        }
        AnyValue::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                push_json(out, item);
            }
            out.push(']');
        }
        AnyValue::Map(pairs) => push_json_map(out, pairs),
    }
}

/// Keys sorted; of a key given twice the last value stays.
fn push_json_map(out: &mut String, pairs: &[KeyValue]) {
    let mut sorted: Vec<&KeyValue> = pairs.iter().collect();
    sorted.sort_by(|a, b| a.key.cmp(&b.key));
    out.push('{');
    let mut first = true;
    for (i, kv) in sorted.iter().enumerate() {
        if sorted.get(i + 1).is_some_and(|next| next.key == kv.key) {
            continue;
        }
        if !first {
            out.push(',');
        }
        first = false;
        push_json_string(out, &kv.key);
        out.push(':');
        push_json(out, &kv.value);
    }
    out.push('}');
}

/// A JSON string with the escapes that Go's encoder makes (`<`, `>`, `&` and the two line separators as \u).
fn push_json_string(out: &mut String, s: &str) {
    out.push('"');
    for c in s.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(v: AnyValue, text: &str) {
        assert_eq!(value_text(&v), text);
    }

    #[test]
    fn scalars() {
        check(AnyValue::Empty, "");
        check(AnyValue::Bool(true), "true");
        check(AnyValue::Int(-42), "-42");
        check(AnyValue::Bytes(vec![0, 255]), "AP8=");
        for (d, text) in [
            (1.5, "1.5"),
            (1.0, "1"),
            (0.0, "0"),
            (-0.0, "-0"),
            (2f64.powi(70), "1.1805916207174113e+21"),
            (1e21, "1e+21"),
            (1e20, "100000000000000000000"),
            (1e-6, "0.000001"),
            (1.5e-7, "1.5e-7"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            check(AnyValue::Double(d), text);
        }
    }

    #[test]
    fn nested_values_are_json_with_sorted_keys() {
        let kv = KeyValue::new;
        let map = AnyValue::Map(vec![
            kv("b", AnyValue::Bool(true)),
            kv("a", AnyValue::Array(vec![AnyValue::Double(1.0), AnyValue::Empty, AnyValue::Str("x<\"\n".into())])),
            kv("b", AnyValue::Int(1)),
            kv("r", AnyValue::Bytes(b"hi".to_vec())),
        ]);
        check(map, r#"{"a":[1,null,"x\u003c\"\n"],"b":1,"r":"aGk="}"#);
        check(AnyValue::Array(vec![]), "[]");
        check(AnyValue::Map(vec![]), "{}");
    }
}
