//! The functions that templates know: the table, and those of Go's own.

use super::value::{Args, Val};
use super::{Data, Template, date, escape, math, printf, text};

/// What a function may look at besides its arguments.
pub struct Context<'d> {
    pub data: &'d dyn Data,
    /// Unix nanoseconds
    pub now: i64,
    pub template: &'d Template,
}

pub type Call = for<'a, 'd> fn(&Context<'d>, &Args<'a, 'd>) -> Result<Val<'d>, String>;

/// Name, fewest and most arguments, code.
pub struct Entry(pub &'static str, pub usize, pub usize, pub Call);

pub const MANY: usize = usize::MAX;

#[derive(Clone, Copy)]
pub struct Func(&'static Entry);

impl std::fmt::Debug for Func {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.0)
    }
}

impl Func {
    pub fn name(self) -> &'static str {
        self.0.0
    }

    pub fn arity(self) -> (usize, usize) {
        (self.0.1, self.0.2)
    }

    pub fn call<'d>(self, context: &Context<'d>, args: &Args<'_, 'd>) -> Result<Val<'d>, String> {
        self.0.3(context, args)
    }
}

pub fn find(name: &str) -> Option<Func> {
    let tables: [&'static [Entry]; 4] = [&CORE, &text::FUNCTIONS, &math::FUNCTIONS, &date::FUNCTIONS];
    tables.iter().flat_map(|t| t.iter()).find(|e| e.0 == name).map(Func)
}

/// Whether this argument already settles `and` or `or`.
pub fn decides(f: Func, v: &Val<'_>) -> bool {
    match f.name() {
        "and" => !v.truth(),
        "or" => v.truth(),
        _ => false,
    }
}

static CORE: [Entry; 21] = [
    Entry("__line__", 0, 0, |c, _| Ok(Val::str(c.data.line()))),
    Entry("__timestamp__", 0, 0, |c, _| Ok(date::utc(i128::from(c.data.timestamp())))),
    // All but the last have been looked at while they were evaluated.
    Entry("and", 1, MANY, |_, a| Ok(a.values[a.len() - 1].clone())),
    Entry("or", 1, MANY, |_, a| Ok(a.values[a.len() - 1].clone())),
    Entry("not", 1, 1, |_, a| Ok(Val::Bool(!a.values[0].truth()))),
    Entry("eq", 2, MANY, |_, a| {
        for v in &a.values[1..] {
            if equal(&a.values[0], v)? {
                return Ok(Val::Bool(true));
            }
        }
        Ok(Val::Bool(false))
    }),
    Entry("ne", 2, 2, |_, a| Ok(Val::Bool(!equal(&a.values[0], &a.values[1])?))),
    Entry("lt", 2, 2, |_, a| Ok(Val::Bool(order(a)?.is_lt()))),
    Entry("le", 2, 2, |_, a| Ok(Val::Bool(order(a)?.is_le()))),
    Entry("gt", 2, 2, |_, a| Ok(Val::Bool(order(a)?.is_gt()))),
    Entry("ge", 2, 2, |_, a| Ok(Val::Bool(order(a)?.is_ge()))),
    Entry("len", 1, 1, |_, a| match &a.values[0] {
        Val::Str(s) => Ok(Val::Int(s.len() as i64)),
        Val::List(l) => Ok(Val::Int(l.len() as i64)),
        Val::Map(m) => Ok(Val::Int(m.len() as i64)),
        v => Err(format!("len of type {}", v.kind())),
    }),
    Entry("index", 1, MANY, |_, a| {
        let mut value = a.values[0].clone();
        for i in 1..a.len() {
            value = match value {
                Val::Str(s) => {
                    let at = position(a.int(i)?, s.len())?;
                    Val::Int(i64::from(s.as_bytes()[at]))
                }
                Val::List(mut l) => {
                    let at = position(a.int(i)?, l.len())?;
                    l.swap_remove(at)
                }
                Val::Map(mut m) => m.remove(a.text(i)?).unwrap_or(Val::Nil),
                Val::Nil => return Err("index of untyped nil".into()),
                v => return Err(format!("can't index item of type {}", v.kind())),
            };
        }
        Ok(value)
    }),
    Entry("slice", 1, 4, |_, a| {
        let bounds = |len: usize| -> Result<(usize, usize), String> {
            let low = if a.len() > 1 { a.int(1)? } else { 0 };
            let high = if a.len() > 2 { a.int(2)? } else { len as i64 };
            let fits = |v: i64| usize::try_from(v).ok().filter(|v| *v <= len).ok_or(format!("index out of range: {v}"));
            let (low, high) = (fits(low)?, fits(high)?);
            if low > high { Err(format!("invalid slice index: {low} > {high}")) } else { Ok((low, high)) }
        };
        match &a.values[0] {
            Val::Str(s) => {
                let (low, high) = bounds(s.len())?;
                Ok(Val::str(String::from_utf8_lossy(&s.as_bytes()[low..high])))
            }
            Val::List(l) => {
                let (low, high) = bounds(l.len())?;
                Ok(Val::List(l[low..high].to_vec()))
            }
            v => Err(format!("can't slice item of type {}", v.kind())),
        }
    }),
    Entry("print", 0, MANY, |_, a| Ok(Val::str(printf::sprint(a.values)))),
    Entry("println", 0, MANY, |_, a| {
        let all: Vec<String> = a.values.iter().map(Val::text).collect();
        Ok(Val::str(format!("{}\n", all.join(" "))))
    }),
    Entry("printf", 1, MANY, |_, a| Ok(Val::str(printf::sprintf(a.text(0)?, &a.values[1..])))),
    Entry("html", 1, MANY, |_, a| Ok(Val::str(escape::html(&printf::sprint(a.values))))),
    Entry("js", 1, MANY, |_, a| Ok(Val::str(escape::js(&printf::sprint(a.values))))),
    Entry("urlquery", 1, MANY, |_, a| Ok(Val::str(escape::query_escape(&printf::sprint(a.values))))),
    Entry("default", 1, 2, |_, a| Ok(a.values.get(1).filter(|v| v.truth()).unwrap_or(&a.values[0]).clone())),
];

fn position(i: i64, len: usize) -> Result<usize, String> {
    usize::try_from(i).ok().filter(|i| *i < len).ok_or_else(|| format!("index out of range: {i}"))
}

fn equal(a: &Val<'_>, b: &Val<'_>) -> Result<bool, String> {
    Ok(match (a, b) {
        (Val::Str(x), Val::Str(y)) => x == y,
        (Val::Int(x), Val::Int(y)) => x == y,
        (Val::Float(x), Val::Float(y)) => x == y,
        (Val::Bool(x), Val::Bool(y)) => x == y,
        (Val::Time(x), Val::Time(y)) => x.ns == y.ns,
        (Val::Nil, Val::Nil) => true,
        (Val::Nil, _) | (_, Val::Nil) => false,
        (Val::List(_) | Val::Map(_), _) | (_, Val::List(_) | Val::Map(_)) => return Err("non-comparable type".into()),
        _ => return Err("incompatible types for comparison".into()),
    })
}

fn order(a: &Args<'_, '_>) -> Result<std::cmp::Ordering, String> {
    match (&a.values[0], &a.values[1]) {
        (Val::Str(x), Val::Str(y)) => Ok(x.cmp(y)),
        (Val::Int(x), Val::Int(y)) => Ok(x.cmp(y)),
        (Val::Float(x), Val::Float(y)) => Ok(x.partial_cmp(y).unwrap_or(std::cmp::Ordering::Greater)),
        (Val::Bool(_) | Val::Nil | Val::List(_) | Val::Map(_) | Val::Time(_), _) => Err("invalid type for comparison".into()),
        _ => Err("incompatible types for comparison".into()),
    }
}
