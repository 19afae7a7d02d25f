//! Values of templates and how they print.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::rc::Rc;

use crate::Host;
use crate::float::format_g;

/// A constant of the template text.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    Str(String),
    Int(i64),
    Float(f64),
    Bool(bool),
}

/// A value. Lists and maps are shared, so that a copy in a variable costs nothing.
#[derive(Debug, Clone)]
pub enum Val<'d, H: Host> {
    /// nothing, or JSON's null
    Nil,
    Str(Cow<'d, str>),
    Int(i64),
    Float(f64),
    Bool(bool),
    Time(H::Time),
    List(Rc<Vec<Val<'d, H>>>),
    Map(Rc<BTreeMap<String, Val<'d, H>>>),
    /// the data that the template is run with, read field by field: the dot at the outermost level
    Root,
}

impl<'d, H: Host> Val<'d, H> {
    pub fn str(s: impl Into<String>) -> Self {
        Val::Str(Cow::Owned(s.into()))
    }

    pub fn list(items: Vec<Self>) -> Self {
        Val::List(Rc::new(items))
    }

    pub fn map(m: BTreeMap<String, Self>) -> Self {
        Val::Map(Rc::new(m))
    }

    /// The name of Go's type.
    pub fn kind(&self) -> &'static str {
        match self {
            Val::Nil => "nil",
            Val::Str(_) => "string",
            Val::Int(_) => "int",
            Val::Float(_) => "float64",
            Val::Bool(_) => "bool",
            Val::Time(_) => H::TIME,
            Val::List(_) => H::LIST,
            Val::Map(_) => H::MAP,
            Val::Root => "map[string]string",
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
            Val::Time(_) | Val::Root => true,
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
            Val::Time(t) => out.push_str(&H::time_text(t)),
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
            Val::Root => out.push_str("map[]"),
        }
    }

    pub fn text(&self) -> String {
        let mut out = String::new();
        self.print(&mut out);
        out
    }
}

impl<H: Host> From<&Literal> for Val<'_, H> {
    fn from(l: &Literal) -> Self {
        match l {
            Literal::Str(s) => Val::str(s.clone()),
            Literal::Int(i) => Val::Int(*i),
            Literal::Float(f) => Val::Float(*f),
            Literal::Bool(b) => Val::Bool(*b),
        }
    }
}
