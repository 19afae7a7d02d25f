//! Go's text/template language as `line_format` and `label_format` use it.

mod builtins;
mod date;
mod escape;
mod exec;
mod lex;
mod math;
mod parse;
mod printf;
mod text;
mod value;
mod zone;

use std::collections::HashMap;
use std::sync::Mutex;

use model::re2;
use regex::Regex;

use crate::limits::MAX_CACHED_REGEX;
use parse::{Arg, Node};

/// What a template sees of a line.
pub trait Data {
    fn label(&self, name: &str) -> Option<&str>;
    /// every label, sorted by name
    fn labels(&self) -> Vec<(&str, &str)>;
    fn line(&self) -> &str;
    /// Unix nanoseconds
    fn timestamp(&self) -> i64;
}

#[derive(Debug)]
pub struct Template {
    name: &'static str,
    source: String,
    root: Vec<Node>,
    defines: HashMap<String, Vec<Node>>,
    regexes: Mutex<HashMap<String, Regex>>,
}

impl Template {
    /// `name` stands in error texts, which are Go's.
    pub fn new(name: &'static str, source: &str) -> Result<Template, String> {
        let (root, defines) = parse::parse(name, source)?;
        Ok(Template { name, source: source.to_owned(), root, defines, regexes: Mutex::default() })
    }

    /// Appends the result to `out`. `now` is Unix nanoseconds. On an error `out` holds what was written until then.
    pub fn execute(&self, data: &dyn Data, now: i64, out: &mut String) -> Result<(), String> {
        exec::Exec::new(self, data, now, out).run()
    }

    /// A template that is only text.
    pub fn constant(&self) -> Option<&str> {
        match &self.root[..] {
            [] => Some(""),
            [Node::Text(t)] => Some(t),
            _ => None,
        }
    }

    /// The labels it reads; `None` if it may read any.
    pub fn labels_read(&self) -> Option<Vec<String>> {
        let mut out = vec![];
        let mut all = std::iter::once(&self.root).chain(self.defines.values());
        all.all(|nodes| read_nodes(nodes, &mut out)).then_some(out)
    }

    fn regex(&self, pattern: &str) -> Result<Regex, String> {
        let mut cache = self.regexes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
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

/// `false` where the dot itself is used, so that any label may be read.
fn read_nodes(nodes: &[Node], out: &mut Vec<String>) -> bool {
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
fn dot_is_bound(nodes: &[Node], out: &mut Vec<String>) -> bool {
    nodes.iter().all(|n| match n {
        Node::Text(_) | Node::Break | Node::Continue => true,
        Node::Action(p) => bound_pipe(p, out),
        Node::If { pipe, then, other } | Node::With { pipe, then, other } | Node::Range { pipe, body: then, other } => {
            bound_pipe(pipe, out) && dot_is_bound(then, out) && dot_is_bound(other, out)
        }
        Node::Template { pipe, .. } => pipe.as_ref().is_none_or(|p| bound_pipe(p, out)),
    })
}

fn read_pipe(pipe: &parse::Pipe, out: &mut Vec<String>) -> bool {
    pipe.commands.iter().flat_map(|c| &c.args).all(|a| read_arg(a, false, out))
}

fn bound_pipe(pipe: &parse::Pipe, out: &mut Vec<String>) -> bool {
    pipe.commands.iter().flat_map(|c| &c.args).all(|a| read_arg(a, true, out))
}

fn read_arg(arg: &Arg, bound: bool, out: &mut Vec<String>) -> bool {
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
