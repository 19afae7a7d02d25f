//! The functions of the language itself, and how functions are found and called.

use std::cmp::Ordering;
use std::fmt::{Debug, Formatter};

use crate::{Args, Host, Val, escape, printf};

/// The code of a function: what it may look at, its arguments, its value or the text of its error.
pub type Call<H> = for<'a, 'd> fn(&<H as Host>::Context<'d>, &Args<'a, 'd, H>) -> Result<Val<'d, H>, String>;

/// Name, fewest and most arguments, code.
pub struct Entry<H: Host>(pub &'static str, pub usize, pub usize, pub Call<H>);

/// As the most arguments: there is no such number.
pub const MANY: usize = usize::MAX;

/// A function that a template calls.
pub struct Func<H: Host>(&'static Entry<H>);

impl<H: Host> Clone for Func<H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H: Host> Copy for Func<H> {}

impl<H: Host> Debug for Func<H> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.0)
    }
}

impl<H: Host> Func<H> {
    pub(crate) fn find(name: &str) -> Option<Self> {
        Self::OWN.iter().chain(H::FAMILIES.iter().copied().flatten()).find(|e| e.0 == name).map(Func)
    }

    pub fn name(self) -> &'static str {
        self.0.0
    }

    /// Fewest and most arguments.
    pub(crate) fn arity(self) -> (usize, usize) {
        (self.0.1, self.0.2)
    }

    pub(crate) fn call<'d>(self, context: &H::Context<'d>, args: &Args<'_, 'd, H>) -> Result<Val<'d, H>, String> {
        self.0.3(context, args)
    }

    /// Whether this argument already settles `and` or `or`.
    pub(crate) fn decided_by(self, v: &Val<'_, H>) -> bool {
        match self.name() {
            "and" => !v.truth(),
            "or" => v.truth(),
            _ => false,
        }
    }

    const OWN: &'static [Entry<H>] = &[
        // All but the last have been looked at while they were evaluated.
        Entry("and", 1, MANY, |_, a| Ok(a.last().clone())),
        Entry("or", 1, MANY, |_, a| Ok(a.last().clone())),
        Entry("not", 1, 1, |_, a| Ok(Val::Bool(!a.at(0).truth()))),
        Entry("eq", 2, MANY, |_, a| {
            for i in 1..a.len() {
                if equal(a.at(0), a.at(i))? {
                    return Ok(Val::Bool(true));
                }
            }
            Ok(Val::Bool(false))
        }),
        Entry("ne", 2, 2, |_, a| Ok(Val::Bool(!equal(a.at(0), a.at(1))?))),
        Entry("lt", 2, 2, |_, a| Ok(Val::Bool(order(a)?.is_lt()))),
        Entry("le", 2, 2, |_, a| Ok(Val::Bool(order(a)?.is_le()))),
        Entry("gt", 2, 2, |_, a| Ok(Val::Bool(order(a)?.is_gt()))),
        Entry("ge", 2, 2, |_, a| Ok(Val::Bool(order(a)?.is_ge()))),
        Entry("len", 1, 1, |_, a| match a.at(0) {
            Val::Str(s) => Ok(Val::Int(s.len() as i64)),
            Val::List(l) => Ok(Val::Int(l.len() as i64)),
            Val::Map(m) => Ok(Val::Int(m.len() as i64)),
            v => Err(format!("len of type {}", v.kind())),
        }),
        Entry("index", 1, MANY, |_, a| index(a)),
        Entry("slice", 1, 4, |_, a| slice(a)),
        Entry("print", 0, MANY, |_, a| Ok(Val::str(printf::sprint(a.values)))),
        Entry("println", 0, MANY, |_, a| {
            let all: Vec<String> = a.values.iter().map(Val::text).collect();
            Ok(Val::str(format!("{}\n", all.join(" "))))
        }),
        Entry("printf", 1, MANY, |_, a| Ok(Val::str(printf::sprintf(a.text(0)?, a.values.get(1..).unwrap_or_default())))),
        Entry("html", 1, MANY, |_, a| Ok(Val::str(escape::html(&printf::sprint(a.values))))),
        Entry("js", 1, MANY, |_, a| Ok(Val::str(escape::js(&printf::sprint(a.values))))),
        Entry("urlquery", 1, MANY, |_, a| Ok(Val::str(escape::query_escape(&printf::sprint(a.values))))),
    ];
}

fn index<'d, H: Host>(a: &Args<'_, 'd, H>) -> Result<Val<'d, H>, String> {
    let within = |at: i64, len: usize| usize::try_from(at).ok().filter(|at| *at < len).ok_or_else(|| format!("index out of range: {at}"));
    let mut value = a.at(0).clone();
    for i in 1..a.len() {
        value = match value {
            Val::Str(s) => Val::Int(i64::from(s.as_bytes()[within(a.int(i)?, s.len())?])),
            Val::List(l) => l[within(a.int(i)?, l.len())?].clone(),
            Val::Map(m) => m.get(a.text(i)?).cloned().unwrap_or_else(H::missing),
            Val::Nil => return Err("index of untyped nil".into()),
            v => return Err(format!("can't index item of type {}", v.kind())),
        };
    }
    Ok(value)
}

fn slice<'d, H: Host>(a: &Args<'_, 'd, H>) -> Result<Val<'d, H>, String> {
    let bounds = |len: usize| -> Result<(usize, usize), String> {
        let low = if a.len() > 1 { a.int(1)? } else { 0 };
        let high = if a.len() > 2 { a.int(2)? } else { len as i64 };
        let fits = |v: i64| usize::try_from(v).ok().filter(|v| *v <= len).ok_or(format!("index out of range: {v}"));
        let (low, high) = (fits(low)?, fits(high)?);
        if low > high { Err(format!("invalid slice index: {low} > {high}")) } else { Ok((low, high)) }
    };
    match a.at(0) {
        Val::Str(s) => {
            let (low, high) = bounds(s.len())?;
            Ok(Val::str(String::from_utf8_lossy(&s.as_bytes()[low..high])))
        }
        Val::List(l) => {
            let (low, high) = bounds(l.len())?;
            Ok(Val::list(l[low..high].to_vec()))
        }
        v => Err(format!("can't slice item of type {}", v.kind())),
    }
}

fn equal<H: Host>(a: &Val<'_, H>, b: &Val<'_, H>) -> Result<bool, String> {
    let same = match (a, b) {
        (Val::Str(x), Val::Str(y)) => x == y,
        (Val::Int(x), Val::Int(y)) => x == y,
        (Val::Float(x), Val::Float(y)) => x == y,
        (Val::Bool(x), Val::Bool(y)) => x == y,
        (Val::Time(x), Val::Time(y)) => return H::same_time(x, y).ok_or_else(|| "incompatible types for comparison".into()),
        (Val::Nil, Val::Nil) => true,
        (Val::Nil, _) | (_, Val::Nil) => false,
        (Val::List(_) | Val::Map(_), _) | (_, Val::List(_) | Val::Map(_)) => return Err("non-comparable type".into()),
        _ => return Err("incompatible types for comparison".into()),
    };
    Ok(same)
}

fn order<H: Host>(a: &Args<'_, '_, H>) -> Result<Ordering, String> {
    match (a.at(0), a.at(1)) {
        (Val::Str(x), Val::Str(y)) => Ok(x.cmp(y)),
        (Val::Int(x), Val::Int(y)) => Ok(x.cmp(y)),
        (Val::Float(x), Val::Float(y)) => Ok(x.partial_cmp(y).unwrap_or(Ordering::Greater)),
        (Val::Bool(_) | Val::Nil | Val::List(_) | Val::Map(_) | Val::Time(_), _) => Err("invalid type for comparison".into()),
        _ => Err("incompatible types for comparison".into()),
    }
}
