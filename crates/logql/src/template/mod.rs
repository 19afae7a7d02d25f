//! Go's text/template language as `line_format` and `label_format` use it.

mod date;
mod escape;
mod line;
mod math;
mod text;
mod zone;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Mutex;

use gotemplate::tree::{Arg, Node, Pipe};
use model::re2;
use regex::Regex;

use crate::limits::MAX_CACHED_REGEX;

type Val<'d> = gotemplate::Val<'d, Lines>;
type Args<'a, 'd> = gotemplate::Args<'a, 'd, Lines>;

/// What a template sees of a line.
pub trait Data {
    fn label(&self, name: &str) -> Option<&str>;
    /// every label, sorted by name
    fn labels(&self) -> Vec<(&str, &str)>;
    fn line(&self) -> &str;
    /// Unix nanoseconds
    fn timestamp(&self) -> i64;
}

/// The template language of lines: what is added to Go's.
#[derive(Debug, Clone, Copy)]
pub struct Lines;

/// What a function may look at besides its arguments.
pub struct Context<'d> {
    data: &'d dyn Data,
    /// Unix nanoseconds
    now: i64,
    regexes: &'d Regexes,
}

impl gotemplate::Host for Lines {
    type Context<'d> = Context<'d>;
    type Time = date::Time;

    const LIST: &'static str = "[]interface {}";
    const MAP: &'static str = "map[string]interface {}";
    const TIME: &'static str = "time.Time";
    const FAMILIES: &'static [&'static [gotemplate::Entry<Lines>]] = &[line::FUNCTIONS, text::FUNCTIONS, math::FUNCTIONS, date::FUNCTIONS];

    /// A label that the line does not have is the empty text.
    fn field<'d>(context: &Self::Context<'d>, name: &str) -> Val<'d> {
        Val::Str(Cow::Borrowed(context.data.label(name).unwrap_or("")))
    }

    fn root<'d>(context: &Self::Context<'d>) -> Val<'d> {
        Val::map(context.data.labels().into_iter().map(|(k, v)| (k.to_owned(), Val::Str(Cow::Borrowed(v)))).collect())
    }

    fn missing<'d>() -> Val<'d> {
        Val::Nil
    }

    /// JSON knows floats only, so a float without a fraction will do.
    fn whole(v: &Val<'_>) -> Result<i64, String> {
        match v {
            Val::Int(v) => Ok(*v),
            Val::Float(f) if f.fract() == 0.0 && f.abs() < 9e15 => Ok(*f as i64),
            v => Err(format!("wrong type for value; expected int; got {}", v.kind())),
        }
    }

    fn time_text(t: &date::Time) -> String {
        date::default_text(t)
    }

    fn same_time(a: &date::Time, b: &date::Time) -> Option<bool> {
        Some(a.ns == b.ns)
    }

    fn time_method<'d>(t: &date::Time, name: &str, args: &[Val<'d>]) -> Result<Val<'d>, String> {
        date::method(t, name, args)
    }
}

/// Patterns that come from arguments, kept compiled.
#[derive(Debug, Default)]
struct Regexes(Mutex<HashMap<String, Regex>>);

impl Regexes {
    fn get(&self, pattern: &str) -> Result<Regex, String> {
        let mut cache = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(r) = cache.get(pattern) {
            return Ok(r.clone());
        }
        let regex = re2::search(pattern).map_err(|e| e.to_string())?;
        if cache.len() < MAX_CACHED_REGEX {
            cache.insert(pattern.to_owned(), regex.clone());
        }
        Ok(regex)
    }
}

#[derive(Debug)]
pub struct Template {
    template: gotemplate::Template<Lines>,
    regexes: Regexes,
}

impl Template {
    /// `name` stands in error texts, which are Go's.
    pub fn new(name: &str, source: &str) -> Result<Template, String> {
        Ok(Template { template: gotemplate::Template::new(name, source)?, regexes: Regexes::default() })
    }

    /// Appends the result to `out`. `now` is Unix nanoseconds. On an error `out` holds what was written until then.
    pub fn execute(&self, data: &dyn Data, now: i64, out: &mut String) -> Result<(), String> {
        self.template.execute(&Context { data, now, regexes: &self.regexes }, out)
    }

    /// A template that is only text.
    pub fn constant(&self) -> Option<&str> {
        match self.template.nodes() {
            [] => Some(""),
            [Node::Text(t)] => Some(t),
            _ => None,
        }
    }

    /// The labels it reads; `None` if it may read any.
    pub fn labels_read(&self) -> Option<Vec<String>> {
        let mut out = vec![];
        let mut all = std::iter::once(self.template.nodes()).chain(self.template.defines());
        all.all(|nodes| read_nodes(nodes, &mut out)).then_some(out)
    }
}

/// `false` where the dot itself is used, so that any label may be read.
fn read_nodes(nodes: &[Node<Lines>], out: &mut Vec<String>) -> bool {
    nodes.iter().all(|n| match n {
        Node::Text(_) | Node::Break | Node::Continue => true,
        Node::Action(p) => read_pipe(p, out),
        Node::If { pipe, then, other } => read_pipe(pipe, out) && read_nodes(then, out) && read_nodes(other, out),
        // Inside, the dot is something else; its fields cost nothing but a name too many.
        Node::With { pipe, then, other } | Node::Range { pipe, body: then, other } => {
            read_pipe(pipe, out) && dot_is_bound(then, out) && read_nodes(other, out)
        }
        Node::Template { pipe, .. } => pipe.as_ref().is_none_or(|p| read_pipe(p, out)),
    })
}

/// Within `with` and `range`: the dot is the value, `$` still the labels.
fn dot_is_bound(nodes: &[Node<Lines>], out: &mut Vec<String>) -> bool {
    nodes.iter().all(|n| match n {
        Node::Text(_) | Node::Break | Node::Continue => true,
        Node::Action(p) => bound_pipe(p, out),
        Node::If { pipe, then, other } | Node::With { pipe, then, other } | Node::Range { pipe, body: then, other } => {
            bound_pipe(pipe, out) && dot_is_bound(then, out) && dot_is_bound(other, out)
        }
        Node::Template { pipe, .. } => pipe.as_ref().is_none_or(|p| bound_pipe(p, out)),
    })
}

fn read_pipe(pipe: &Pipe<Lines>, out: &mut Vec<String>) -> bool {
    pipe.commands.iter().flat_map(|c| &c.args).all(|a| read_arg(a, false, out))
}

fn bound_pipe(pipe: &Pipe<Lines>, out: &mut Vec<String>) -> bool {
    pipe.commands.iter().flat_map(|c| &c.args).all(|a| read_arg(a, true, out))
}

fn read_arg(arg: &Arg<Lines>, bound: bool, out: &mut Vec<String>) -> bool {
    match arg {
        Arg::Dot => bound,
        Arg::Variable(name) => name != "$",
        Arg::Field(path) => {
            out.extend(path.first().filter(|_| !bound).cloned());
            true
        }
        Arg::Chain(inner, path) => match &**inner {
            Arg::Variable(v) if v == "$" => {
                out.extend(path.first().cloned());
                true
            }
            other => read_arg(other, bound, out),
        },
        Arg::Pipe(p) if bound => bound_pipe(p, out),
        Arg::Pipe(p) => read_pipe(p, out),
        Arg::Func(_) | Arg::Literal(_) | Arg::Nil => true,
    }
}

#[cfg(test)]
mod tests;
