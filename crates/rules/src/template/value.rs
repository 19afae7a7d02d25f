//! Values of templates and how they print.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::rc::Rc;

use model::Labels;
use promql::format::float_g;

/// A constant of the template text.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    Str(String),
    Int(i64),
    Float(f64),
    Bool(bool),
}

#[derive(Debug, Clone)]
pub enum Val {
    Nil,
    Str(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    /// Unix nanoseconds, shown in UTC
    Time(i128),
    List(Rc<Vec<Val>>),
    Map(Rc<BTreeMap<String, Val>>),
}

impl Val {
    pub fn str(s: impl Into<String>) -> Val {
        Val::Str(s.into())
    }

    pub fn map(m: BTreeMap<String, Val>) -> Val {
        Val::Map(Rc::new(m))
    }

    pub fn labels(labels: &Labels) -> Val {
        Val::map(labels.iter().map(|(k, v)| (k.to_owned(), Val::str(v))).collect())
    }

    /// As `query` gives it: the sample's labels and its value.
    pub fn sample(s: &promql::Sample) -> Val {
        Val::map(BTreeMap::from([("Labels".to_owned(), Val::labels(&s.labels)), ("Value".to_owned(), Val::of(&s.value))]))
    }

    /// A histogram has no number: it is 0, as Prometheus has it.
    pub fn of(v: &promql::SampleValue) -> Val {
        match v {
            promql::SampleValue::Float(f) => Val::Float(*f),
            promql::SampleValue::Histogram(_) => Val::Float(0.0),
        }
    }

    pub fn kind(&self) -> &'static str {
        match self {
            Val::Nil => "nil",
            Val::Str(_) => "string",
            Val::Int(_) => "int",
            Val::Float(_) => "float64",
            Val::Bool(_) => "bool",
            Val::Time(_) => "*time.Time",
            Val::List(_) => "template.queryResult",
            Val::Map(_) => "map[string]string",
        }
    }

    /// Whether `if` takes it as true.
    pub fn truth(&self) -> bool {
        match self {
            Val::Nil => false,
            Val::Str(s) => !s.is_empty(),
            Val::Int(i) => *i != 0,
            Val::Float(f) => *f != 0.0,
            Val::Bool(b) => *b,
            Val::List(l) => !l.is_empty(),
            Val::Map(m) => !m.is_empty(),
            Val::Time(_) => true,
        }
    }

    pub fn print(&self, out: &mut String) {
        match self {
            Val::Nil => out.push_str("<nil>"),
            Val::Str(s) => out.push_str(s),
            Val::Int(i) => {
                let _ = write!(out, "{i}");
            }
            Val::Float(f) => out.push_str(&float_g(*f)),
            Val::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
            Val::Time(ns) => out.push_str(&super::human::time(*ns)),
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
        }
    }

    pub fn text(&self) -> String {
        let mut out = String::new();
        self.print(&mut out);
        out
    }
}

impl From<&Literal> for Val {
    fn from(l: &Literal) -> Self {
        match l {
            Literal::Str(s) => Val::Str(s.clone()),
            Literal::Int(i) => Val::Int(*i),
            Literal::Float(f) => Val::Float(*f),
            Literal::Bool(b) => Val::Bool(*b),
        }
    }
}

/// What a function got: its arguments in order, the piped one last.
pub struct Args<'a>(pub &'a [Val]);

impl<'a> Args<'a> {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn at(&self, i: usize) -> &'a Val {
        self.0.get(i).unwrap_or(&Val::Nil)
    }

    /// Text is needed: a number is refused, as Go does.
    pub fn text(&self, i: usize) -> Result<&'a str, String> {
        match self.at(i) {
            Val::Str(s) => Ok(s),
            Val::Nil => Err("invalid value; expected string".into()),
            v => Err(format!("wrong type for value; expected string; got {}", v.kind())),
        }
    }

    pub fn int(&self, i: usize) -> Result<i64, String> {
        match self.at(i) {
            Val::Int(v) => Ok(*v),
            v => Err(format!("cannot index slice/array with type {}", v.kind())),
        }
    }

    /// A number, or a text that reads as one.
    pub fn number(&self, i: usize) -> Result<f64, String> {
        match self.at(i) {
            Val::Int(v) => Ok(*v as f64),
            Val::Float(v) => Ok(*v),
            Val::Str(s) => {
                s.parse::<f64>().map_err(|_| format!("strconv.ParseFloat: parsing {}: invalid syntax", promql::format::quote(s)))
            }
            v => Err(format!("can't convert {} to float", v.kind())),
        }
    }

    pub fn list(&self, i: usize) -> Result<&'a [Val], String> {
        match self.at(i) {
            Val::List(l) => Ok(l),
            v => Err(format!("wrong type for value; expected template.queryResult; got {}", v.kind())),
        }
    }

    /// A field of an element of a query's answer.
    pub fn field(&self, i: usize, name: &str) -> Result<Val, String> {
        match self.at(i) {
            Val::Map(m) => m.get(name).cloned().ok_or_else(|| "wrong type for value; expected *template.sample".to_owned()),
            v => Err(format!("wrong type for value; expected *template.sample; got {}", v.kind())),
        }
    }
}
