//! The functions that Prometheus adds to Go's.

use std::net::IpAddr;

use gotemplate::{Entry, MANY, query_escape};
use promql::format::parse_duration;

use super::{Alerts, Args, Val, human, sample};

fn text<'d>(s: impl Into<String>) -> Result<Val<'d>, String> {
    Ok(Val::str(s))
}

pub const FUNCTIONS: &[Entry<Alerts>] = &[
    Entry("query", 1, 1, |s, a| Ok(Val::list((s.ask)(a.text(0)?)?.iter().map(sample).collect()))),
    Entry("first", 1, 1, |_, a| list(a, 0)?.first().cloned().ok_or_else(|| "first() called on vector with no elements".into())),
    Entry("label", 2, 2, |_, a| label(a.at(1), a.text(0)?)),
    Entry("value", 1, 1, |_, a| field(a.at(0), "Value")),
    Entry("strvalue", 1, 1, |_, a| label(a.at(0), "__value__")),
    Entry("sortByLabel", 2, 2, |_, a| {
        let name = a.text(0)?;
        let mut all: Vec<(String, Val<'_>)> = vec![];
        for v in list(a, 1)? {
            all.push((label(v, name)?.text(), v.clone()));
        }
        all.sort_by(|x, y| x.0.cmp(&y.0));
        Ok(Val::list(all.into_iter().map(|(_, v)| v).collect()))
    }),
    Entry("args", 0, MANY, |_, a| Ok(Val::map(a.values.iter().enumerate().map(|(i, v)| (format!("arg{i}"), v.clone())).collect()))),
    Entry("safeHtml", 1, 1, |_, a| text(a.text(0)?)),
    Entry("humanize", 1, 1, |_, a| text(human::humanize(number(a)?))),
    Entry("humanize1024", 1, 1, |_, a| text(human::humanize1024(number(a)?))),
    Entry("humanizeDuration", 1, 1, |_, a| text(human::duration(number(a)?))),
    Entry("humanizePercentage", 1, 1, |_, a| text(human::percentage(number(a)?))),
    Entry("humanizeTimestamp", 1, 1, |_, a| match number(a)? {
        v if !v.is_finite() => text(promql::format::float_g(v)),
        v => text(human::time(human::nanoseconds(v)?)),
    }),
    Entry("toTime", 1, 1, |_, a| Ok(Val::Time(human::nanoseconds(number(a)?)?))),
    Entry("toDuration", 1, 1, |_, a| text(human::go_duration(number(a)?))),
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

/// A number, or a text that reads as one.
fn number(a: &Args<'_, '_>) -> Result<f64, String> {
    match a.at(0) {
        Val::Int(v) => Ok(*v as f64),
        Val::Float(v) => Ok(*v),
        Val::Str(s) => s.parse::<f64>().map_err(|_| format!("strconv.ParseFloat: parsing {}: invalid syntax", promql::format::quote(s))),
        v => Err(format!("can't convert {} to float", v.kind())),
    }
}

/// A query's answer.
fn list<'a, 'd>(a: &Args<'a, 'd>, i: usize) -> Result<&'a [Val<'d>], String> {
    match a.at(i) {
        Val::List(l) => Ok(l),
        v => Err(format!("wrong type for value; expected template.queryResult; got {}", v.kind())),
    }
}

/// A field of an element of a query's answer.
fn field<'d>(v: &Val<'d>, name: &str) -> Result<Val<'d>, String> {
    match v {
        Val::Map(m) => m.get(name).cloned().ok_or_else(|| "wrong type for value; expected *template.sample".to_owned()),
        v => Err(format!("wrong type for value; expected *template.sample; got {}", v.kind())),
    }
}

fn label<'d>(v: &Val<'d>, name: &str) -> Result<Val<'d>, String> {
    match field(v, "Labels")? {
        Val::Map(m) => Ok(m.get(name).cloned().unwrap_or_else(|| Val::str(""))),
        v => Ok(v),
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
