//! A field's value in one span, how values compare and how they are rendered.

use std::borrow::Cow;
use std::cmp::Ordering;

use model::AnyValue;
use model::re2::Anchored;

use crate::ast::{BinOp, Static};
use crate::fold::{Number, compare_numbers, holds};
use crate::names::{kind_text, status_text};
use crate::print::go_duration;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    Nil,
    Int(i64),
    Float(f64),
    Duration(i64),
    Bool(bool),
    Str(Cow<'a, str>),
    Status(u8),
    Kind(u8),
    /// of scalars of one type
    Array(&'a [AnyValue]),
    /// a map, bytes, an empty or mixed array, an empty value: there, but equal to nothing
    Opaque(&'a AnyValue),
}

impl<'a> Value<'a> {
    pub fn of(v: &'a AnyValue) -> Value<'a> {
        match v {
            AnyValue::Str(s) => Value::Str(Cow::Borrowed(s)),
            AnyValue::Bool(b) => Value::Bool(*b),
            AnyValue::Int(i) => Value::Int(*i),
            AnyValue::Double(d) => Value::Float(*d),
            AnyValue::Array(items) if homogeneous(items) => Value::Array(items),
            other => Value::Opaque(other),
        }
    }

    pub fn literal(s: &'a Static) -> Value<'a> {
        match s {
            Static::Nil => Value::Nil,
            Static::Int(i) => Value::Int(*i),
            Static::Float(f) => Value::Float(*f),
            Static::Str(s) => Value::Str(Cow::Borrowed(s)),
            Static::Bool(b) => Value::Bool(*b),
            Static::Duration(d) => Value::Duration(*d),
            Static::Status(s) => Value::Status(*s),
            Static::Kind(k) => Value::Kind(*k),
        }
    }

    pub fn str(s: &'a str) -> Value<'a> {
        Value::Str(Cow::Borrowed(s))
    }

    pub fn is_nil(&self) -> bool {
        matches!(self, Value::Nil)
    }

    pub fn number(&self) -> Option<Number> {
        Some(match self {
            Value::Int(i) => Number::Int(*i),
            Value::Float(f) => Number::Float(*f),
            Value::Duration(d) => Number::Duration(*d),
            _ => return None,
        })
    }

    pub fn from_number(n: Number) -> Value<'static> {
        match n {
            Number::Int(i) => Value::Int(i),
            Number::Float(f) => Value::Float(f),
            Number::Duration(d) => Value::Duration(d),
        }
    }

    /// As answers carry it: durations and keywords as text, nil as the text `nil`.
    pub fn render(&self) -> AnyValue {
        match self {
            Value::Nil => AnyValue::Str("nil".into()),
            Value::Int(i) => AnyValue::Int(*i),
            Value::Float(f) => AnyValue::Double(*f),
            Value::Duration(d) => AnyValue::Str(go_duration(*d)),
            Value::Bool(b) => AnyValue::Bool(*b),
            Value::Str(s) => AnyValue::Str(s.to_string()),
            Value::Status(s) => AnyValue::Str(status_text(*s).into()),
            Value::Kind(k) => AnyValue::Str(kind_text(*k).into()),
            Value::Array(items) => AnyValue::Array(items.to_vec()),
            Value::Opaque(v) => (*v).clone(),
        }
    }
}

/// Whether arrays of these are compared element by element.
pub(crate) fn homogeneous(items: &[AnyValue]) -> bool {
    let tag = |v: &AnyValue| match v {
        AnyValue::Str(_) => 1,
        AnyValue::Int(_) => 2,
        AnyValue::Double(_) => 3,
        AnyValue::Bool(_) => 4,
        _ => 0,
    };
    match items.first().map(tag) {
        None | Some(0) => false,
        Some(first) => items.iter().all(|v| tag(v) == first),
    }
}

/// What a condition asks of one field.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    IsNil,
    NotNil,
    /// `strict`: the literal's type decides which values it can meet, as for stored attributes
    Compare {
        op: BinOp,
        literal: Static,
        strict: bool,
    },
    Matches {
        regex: Box<Anchored>,
        negated: bool,
    },
}

impl Test {
    /// Whether a value passes. A missing one passes `IsNil` only.
    pub fn holds(&self, v: &Value) -> bool {
        match (self, v) {
            (Test::IsNil, v) => v.is_nil(),
            (Test::NotNil, v) => !v.is_nil(),
            (_, Value::Nil) => false,
            (_, Value::Array(items)) if self.is_negative() => items.iter().all(|i| self.holds(&Value::of(i))),
            (_, Value::Array(items)) => items.iter().any(|i| self.holds(&Value::of(i))),
            (Test::Compare { op, literal, strict }, v) => {
                let fits = !strict
                    || matches!(
                        (literal, v),
                        (Static::Int(_) | Static::Duration(_), Value::Int(_) | Value::Duration(_))
                            | (Static::Float(_), Value::Float(_))
                            | (Static::Str(_), _)
                            | (Static::Bool(_), _)
                    );
                fits && compare(*op, v, &Value::literal(literal))
            }
            (Test::Matches { regex, negated }, Value::Str(s)) => regex.is_match(s) != *negated,
            (Test::Matches { .. }, _) => false,
        }
    }

    /// Of an array, every element must pass and not just one.
    fn is_negative(&self) -> bool {
        match self {
            Test::Compare { op, .. } => *op == BinOp::Ne,
            Test::Matches { negated, .. } => *negated,
            _ => false,
        }
    }
}

/// `a op b` for comparisons; false where one is missing or the types do not meet.
pub(crate) fn compare(op: BinOp, a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(items), b) if op == BinOp::Ne => items.iter().all(|i| compare(op, &Value::of(i), b)),
        (Value::Array(items), b) => items.iter().any(|i| compare(op, &Value::of(i), b)),
        (a, Value::Array(_)) => compare(op.flipped(), b, a),
        (a, b) => order(a, b).and_then(|o| holds(op, o)).unwrap_or(false),
    }
}

/// How two values of like type stand to each other.
pub(crate) fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Str(x), Value::Str(y)) => Some(x.cmp(y)),
        (Value::Bool(x), Value::Bool(y)) => Some(x.cmp(y)),
        (Value::Status(x), Value::Status(y)) | (Value::Kind(x), Value::Kind(y)) => Some(x.cmp(y)),
        _ => compare_numbers(a.number()?, b.number()?),
    }
}

/// A trace id as shown: hex without leading zeros.
pub(crate) fn trace_id_text(id: &[u8; 16]) -> String {
    let text = hex::encode(id);
    match text.trim_start_matches('0') {
        "" => "0".into(),
        short => short.into(),
    }
}
