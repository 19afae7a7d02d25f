//! Values of templates and how they print.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;

use super::date;
use super::zone::Zone;
use crate::units::format_g;

/// A constant of the template text.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    Str(String),
    Int(i64),
    Float(f64),
    Bool(bool),
}

#[derive(Debug, Clone)]
pub enum Val<'d> {
    /// nothing, or JSON's null
    Nil,
    Str(Cow<'d, str>),
    Int(i64),
    Float(f64),
    Bool(bool),
    Time(Time),
    List(Vec<Val<'d>>),
    Map(BTreeMap<String, Val<'d>>),
    /// the line's labels: the dot at the outermost level
    Labels,
}

/// Unix nanoseconds (wide: layouts without a year start in year 0) and the zone to show them in.
#[derive(Debug, Clone, PartialEq)]
pub struct Time {
    pub ns: i128,
    pub zone: Zone,
}

impl<'d> Val<'d> {
    pub fn str(s: impl Into<String>) -> Val<'d> {
        Val::Str(Cow::Owned(s.into()))
    }

    pub fn kind(&self) -> &'static str {
        match self {
            Val::Nil => "nil",
            Val::Str(_) => "string",
            Val::Int(_) => "int",
            Val::Float(_) => "float64",
            Val::Bool(_) => "bool",
            Val::Time(_) => "time.Time",
            Val::List(_) => "[]interface {}",
            Val::Map(_) => "map[string]interface {}",
            Val::Labels => "map[string]string",
        }
    }

    /// Whether `if` takes it as true; the outermost dot counts as filled.
    pub fn truth(&self) -> bool {
        match self {
            Val::Nil => false,
            Val::Str(s) => !s.is_empty(),
            Val::Int(i) => *i != 0,
            Val::Float(f) => *f != 0.0,
            Val::Bool(b) => *b,
            Val::List(l) => !l.is_empty(),
            Val::Map(m) => !m.is_empty(),
            Val::Time(_) | Val::Labels => true,
        }
    }

    /// As `{{ . }}` prints it inside of other values; `<no value>` is the caller's affair.
    pub fn print(&self, out: &mut String) {
        match self {
            Val::Nil => out.push_str("<nil>"),
            Val::Str(s) => out.push_str(s),
            Val::Int(i) => {
                let _ = write!(out, "{i}");
            }
            Val::Float(f) => out.push_str(&format_g(*f)),
            Val::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
            Val::Time(t) => out.push_str(&date::default_text(t)),
            Val::List(items) => {
                out.push('[');
                for (i, v) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(' ');
                    }
                    v.print(out);
                }
                out.push(']');
            }
            Val::Map(m) => {
                out.push_str("map[");
                for (i, (k, v)) in m.iter().enumerate() {
                    let _ = write!(out, "{}{k}:", if i > 0 { " " } else { "" });
                    v.print(out);
                }
                out.push(']');
            }
            Val::Labels => out.push_str("map[]"),
        }
    }

    pub fn text(&self) -> String {
        let mut out = String::new();
        self.print(&mut out);
        out
    }
}

impl From<&Literal> for Val<'_> {
    fn from(l: &Literal) -> Self {
        match l {
            Literal::Str(s) => Val::str(s.clone()),
            Literal::Int(i) => Val::Int(*i),
            Literal::Float(f) => Val::Float(*f),
            Literal::Bool(b) => Val::Bool(*b),
        }
    }
}

/// What a function got: its arguments in order, the piped one last.
#[derive(Debug)]
pub struct Args<'a, 'd> {
    pub values: &'a [Val<'d>],
}

impl<'a, 'd> Args<'a, 'd> {
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Text is needed: a number is refused, as Go does.
    pub fn text(&self, i: usize) -> Result<&'a str, String> {
        match self.values.get(i) {
            Some(Val::Str(s)) => Ok(s),
            Some(Val::Nil) | None => Err("invalid value; expected string".into()),
            Some(v) => Err(format!("wrong type for value; expected string; got {}", v.kind())),
        }
    }

    /// A whole number is needed, not a text that looks like one.
    pub fn int(&self, i: usize) -> Result<i64, String> {
        match self.values.get(i) {
            Some(Val::Int(v)) => Ok(*v),
            Some(Val::Float(f)) if f.fract() == 0.0 && f.abs() < 9e15 => Ok(*f as i64),
            Some(v) => Err(format!("wrong type for value; expected int; got {}", v.kind())),
            None => Err("invalid value; expected int".into()),
        }
    }

    pub fn time(&self, i: usize) -> Result<&'a Time, String> {
        match self.values.get(i) {
            Some(Val::Time(t)) => Ok(t),
            Some(v) => Err(format!("wrong type for value; expected time.Time; got {}", v.kind())),
            None => Err("invalid value; expected time.Time".into()),
        }
    }

    /// Anything is turned into a whole number, what is none becomes 0.
    pub fn to_int(&self, i: usize) -> i64 {
        match self.values.get(i) {
            Some(Val::Int(v)) => *v,
            Some(Val::Float(f)) => *f as i64,
            Some(Val::Bool(b)) => i64::from(*b),
            Some(Val::Str(s)) => {
                let s = s.trim();
                s.parse::<i64>().or_else(|_| crate::units::parse_float(s).map(|f| f as i64)).unwrap_or(0)
            }
            _ => 0,
        }
    }

    pub fn to_float(&self, i: usize) -> f64 {
        match self.values.get(i) {
            Some(Val::Int(v)) => *v as f64,
            Some(Val::Float(f)) => *f,
            Some(Val::Bool(b)) => f64::from(u8::from(*b)),
            Some(Val::Str(s)) => crate::units::parse_float(s.trim()).unwrap_or(0.0),
            _ => 0.0,
        }
    }
}
