//! The functions that templates know: Go's own and Prometheus'.

use std::cmp::Ordering;
use std::net::IpAddr;
use std::rc::Rc;

use promql::format::parse_duration;

use super::value::{Args, Val};
use super::{Scope, exec, human, printf};

type Call = fn(&Scope<'_>, &Args<'_>) -> Result<Val, String>;

/// Name, fewest and most arguments, code.
pub struct Entry(&'static str, usize, usize, Call);

const MANY: usize = usize::MAX;

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

    pub fn call(self, scope: &Scope<'_>, args: &Args<'_>) -> Result<Val, String> {
        self.0.3(scope, args)
    }
}

pub fn find(name: &str) -> Option<Func> {
    let tables: [&'static [Entry]; 2] = [GO, PROMETHEUS];
    tables.into_iter().flatten().find(|e| e.0 == name).map(Func)
}

/// Whether this argument already settles `and` or `or`.
pub fn decides(f: Func, v: &Val) -> bool {
    match f.name() {
        "and" => !v.truth(),
        "or" => v.truth(),
        _ => false,
    }
}

fn text(s: impl Into<String>) -> Result<Val, String> {
    Ok(Val::Str(s.into()))
}

static GO: &[Entry] = &[
    // All but the last have been looked at while they were evaluated.
    Entry("and", 1, MANY, |_, a| Ok(a.at(a.len() - 1).clone())),
    Entry("or", 1, MANY, |_, a| Ok(a.at(a.len() - 1).clone())),
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
    Entry("index", 1, MANY, index),
    Entry("slice", 1, 3, slice),
    Entry("print", 0, MANY, |_, a| text(printf::sprint(a.0))),
    Entry("println", 0, MANY, |_, a| text(format!("{}\n", a.0.iter().map(Val::text).collect::<Vec<_>>().join(" ")))),
    Entry("printf", 1, MANY, |_, a| text(printf::sprintf(a.text(0)?, a.0.get(1..).unwrap_or_default()))),
    Entry("html", 1, MANY, |_, a| text(html(&printf::sprint(a.0)))),
    Entry("js", 1, MANY, |_, a| text(js(&printf::sprint(a.0)))),
    Entry("urlquery", 1, MANY, |_, a| text(query_escape(&printf::sprint(a.0)))),
];

static PROMETHEUS: &[Entry] = &[
    Entry("query", 1, 1, |s, a| Ok(exec::samples(&(s.ask)(a.text(0)?)?))),
    Entry("first", 1, 1, |_, a| a.list(0)?.first().cloned().ok_or_else(|| "first() called on vector with no elements".into())),
    Entry("label", 2, 2, |_, a| label(a, 1, a.text(0)?)),
    Entry("value", 1, 1, |_, a| a.field(0, "Value")),
    Entry("strvalue", 1, 1, |_, a| label(a, 0, "__value__")),
    Entry("sortByLabel", 2, 2, |_, a| {
        let name = a.text(0)?;
        let mut all: Vec<(String, Val)> = vec![];
        for v in a.list(1)? {
            all.push((label(&Args(std::slice::from_ref(v)), 0, name)?.text(), v.clone()));
        }
        all.sort_by(|x, y| x.0.cmp(&y.0));
        Ok(Val::List(Rc::new(all.into_iter().map(|(_, v)| v).collect())))
    }),
    Entry("args", 0, MANY, |_, a| Ok(exec::numbered(a.0))),
    Entry("safeHtml", 1, 1, |_, a| text(a.text(0)?)),
    Entry("humanize", 1, 1, |_, a| text(human::humanize(a.number(0)?))),
    Entry("humanize1024", 1, 1, |_, a| text(human::humanize1024(a.number(0)?))),
    Entry("humanizeDuration", 1, 1, |_, a| text(human::duration(a.number(0)?))),
    Entry("humanizePercentage", 1, 1, |_, a| text(human::percentage(a.number(0)?))),
    Entry("humanizeTimestamp", 1, 1, |_, a| match a.number(0)? {
        v if !v.is_finite() => text(promql::format::float_g(v)),
        v => text(human::time(human::nanoseconds(v)?)),
    }),
    Entry("toTime", 1, 1, |_, a| Ok(Val::Time(human::nanoseconds(a.number(0)?)?))),
    Entry("toDuration", 1, 1, |_, a| text(human::go_duration(a.number(0)?))),
    Entry("now", 0, 0, |s, _| Ok(Val::Float(s.now_ms as f64 / 1e3))),
    Entry("title", 1, 1, |_, a| text(title(a.text(0)?))),
    Entry("toUpper", 1, 1, |_, a| text(a.text(0)?.to_uppercase())),
    Entry("toLower", 1, 1, |_, a| text(a.text(0)?.to_lowercase())),
    Entry("stripPort", 1, 1, |_, a| text(split_port(a.text(0)?).0)),
    Entry("stripDomain", 1, 1, |_, a| text(strip_domain(a.text(0)?))),
    Entry("match", 2, 2, |_, a| Ok(Val::Bool(regex(a.text(0)?)?.is_match(a.text(1)?)))),
    Entry("reReplaceAll", 3, 3, |_, a| text(regex(a.text(0)?)?.replace_all(a.text(2)?, a.text(1)?))),
    Entry("graphLink", 1, 1, |_, a| text(format!("/graph?g0.expr={}&g0.tab=0", query_escape(a.text(0)?)))),
    Entry("tableLink", 1, 1, |_, a| text(format!("/graph?g0.expr={}&g0.tab=1", query_escape(a.text(0)?)))),
    Entry("parseDuration", 1, 1, |_, a| Ok(Val::Float(parse_duration(a.text(0)?)? as f64 / 1e3))),
    Entry("urlQueryEscape", 1, 1, |_, a| text(query_escape(a.text(0)?))),
    Entry("externalURL", 0, 0, |s, _| text(s.external_url)),
    Entry("pathPrefix", 0, 0, |s, _| {
        let rest = s.external_url.split_once("://").map_or(s.external_url, |(_, r)| r);
        text(rest.find('/').map_or("", |i| &rest[i..]))
    }),
];

fn label(a: &Args<'_>, i: usize, name: &str) -> Result<Val, String> {
    match a.field(i, "Labels")? {
        Val::Map(m) => Ok(m.get(name).cloned().unwrap_or_else(|| Val::str(""))),
        v => Ok(v),
    }
}

fn index(_: &Scope<'_>, a: &Args<'_>) -> Result<Val, String> {
    let mut value = a.at(0).clone();
    for i in 1..a.len() {
        let within =
            |at: i64, len: usize| usize::try_from(at).ok().filter(|at| *at < len).ok_or_else(|| format!("index out of range: {at}"));
        value = match value {
            Val::Str(s) => Val::Int(i64::from(s.as_bytes()[within(a.int(i)?, s.len())?])),
            Val::List(l) => l[within(a.int(i)?, l.len())?].clone(),
            Val::Map(m) => m.get(a.text(i)?).cloned().unwrap_or_else(|| Val::str("")),
            Val::Nil => return Err("index of untyped nil".into()),
            v => return Err(format!("can't index item of type {}", v.kind())),
        };
    }
    Ok(value)
}

fn slice(_: &Scope<'_>, a: &Args<'_>) -> Result<Val, String> {
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
            text(String::from_utf8_lossy(&s.as_bytes()[low..high]))
        }
        Val::List(l) => {
            let (low, high) = bounds(l.len())?;
            Ok(Val::List(Rc::new(l[low..high].to_vec())))
        }
        v => Err(format!("can't slice item of type {}", v.kind())),
    }
}

fn equal(a: &Val, b: &Val) -> Result<bool, String> {
    Ok(match (a, b) {
        (Val::Str(x), Val::Str(y)) => x == y,
        (Val::Int(x), Val::Int(y)) => x == y,
        (Val::Float(x), Val::Float(y)) => x == y,
        (Val::Bool(x), Val::Bool(y)) => x == y,
        (Val::Nil, Val::Nil) => true,
        (Val::Nil, _) | (_, Val::Nil) => false,
        (Val::List(_) | Val::Map(_), _) | (_, Val::List(_) | Val::Map(_)) => return Err("non-comparable type".into()),
        _ => return Err("incompatible types for comparison".into()),
    })
}

fn order(a: &Args<'_>) -> Result<Ordering, String> {
    match (a.at(0), a.at(1)) {
        (Val::Str(x), Val::Str(y)) => Ok(x.cmp(y)),
        (Val::Int(x), Val::Int(y)) => Ok(x.cmp(y)),
        (Val::Float(x), Val::Float(y)) => Ok(x.partial_cmp(y).unwrap_or(Ordering::Greater)),
        (Val::Bool(_) | Val::Nil | Val::List(_) | Val::Map(_) | Val::Time(_), _) => Err("invalid type for comparison".into()),
        _ => Err("incompatible types for comparison".into()),
    }
}

fn regex(pattern: &str) -> Result<regex::Regex, String> {
    model::re2::search(pattern).map_err(|e| e.to_string())
}

fn title(s: &str) -> String {
    let mut start = true;
    s.chars()
        .flat_map(|c| {
            let upper = std::mem::replace(&mut start, c.is_whitespace()) && !c.is_whitespace();
            if upper { c.to_uppercase().collect::<Vec<_>>() } else { vec![c] }
        })
        .collect()
}

/// Host and port of `host:port` or `[v6]:port`; what has no port stays whole.
fn split_port(s: &str) -> (&str, Option<&str>) {
    if let Some((host, port)) = s.strip_prefix('[').and_then(|r| r.split_once("]:")) {
        return (host, Some(port));
    }
    match s.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, Some(port)),
        _ => (s, None),
    }
}

fn strip_domain(s: &str) -> String {
    let (host, port) = split_port(s);
    let host = if host.parse::<IpAddr>().is_ok() { host } else { host.split('.').next().unwrap_or(host) };
    match port {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// As in a query of a URL: a space is `+`.
pub fn query_escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for b in text.bytes() {
        match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(b)),
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{b:02X}")),
        }
    }
    out
}

fn html(s: &str) -> String {
    let escape = |c| match c {
        '\0' => "\u{fffd}",
        '"' => "&#34;",
        '\'' => "&#39;",
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        _ => "",
    };
    replaced(s, |c| escape(c).to_owned())
}

fn js(s: &str) -> String {
    replaced(s, |c| match c {
        '\\' => "\\\\".to_owned(),
        '\'' => "\\'".to_owned(),
        '"' => "\\\"".to_owned(),
        '<' | '>' | '&' | '=' => format!("\\u{:04X}", c as u32),
        c if (c as u32) < 0x20 => format!("\\u{:04X}", c as u32),
        _ => String::new(),
    })
}

/// Each character's escape, or itself where that is empty.
fn replaced(s: &str, escape: impl Fn(char) -> String) -> String {
    let mut out = String::with_capacity(s.len());
    for c in s.chars() {
        match escape(c) {
            e if e.is_empty() => out.push(c),
            e => out.push_str(&e),
        }
    }
    out
}
