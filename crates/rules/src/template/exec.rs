//! Running a template.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::Scope;
use super::functions::{self, Func};
use super::parse::{Arg, Command, Defines, Node, Pipe};
use super::value::{Args, Val};
use crate::limits::{MAX_DEPTH, MAX_TEMPLATE_OUTPUT, MAX_TEMPLATE_STEPS};

pub struct Exec<'d> {
    name: &'d str,
    source: &'d str,
    defines: &'d Defines,
    scope: &'d Scope<'d>,
    out: &'d mut String,
    steps: usize,
    depth: usize,
    vars: Vec<(&'d str, Val)>,
}

/// How a list of nodes ended.
#[derive(PartialEq)]
enum Flow {
    Next,
    Break,
    Continue,
}

impl<'d> Exec<'d> {
    pub fn new(name: &'d str, source: &'d str, defines: &'d Defines, scope: &'d Scope<'d>, out: &'d mut String) -> Self {
        Exec { name, source, defines, scope, out, steps: 0, depth: 0, vars: vec![] }
    }

    pub fn run(mut self, root: &'d [Node], data: Val) -> Result<(), String> {
        self.vars.push(("$", data.clone()));
        self.nodes(root, &data).map(|_| ())
    }

    fn step(&mut self) -> Result<(), String> {
        self.steps += 1;
        if self.steps > MAX_TEMPLATE_STEPS {
            return Err(format!("template takes more than {MAX_TEMPLATE_STEPS} steps"));
        }
        if self.out.len() > MAX_TEMPLATE_OUTPUT {
            return Err(format!("template writes more than {MAX_TEMPLATE_OUTPUT} bytes"));
        }
        Ok(())
    }

    fn nodes(&mut self, nodes: &'d [Node], dot: &Val) -> Result<Flow, String> {
        for node in nodes {
            self.step()?;
            let scope = self.vars.len();
            let flow = match node {
                Node::Text(t) => {
                    self.out.push_str(t);
                    continue;
                }
                Node::Action(pipe) => {
                    let v = self.pipe(pipe, dot)?;
                    match &v {
                        _ if !pipe.vars.is_empty() => {}
                        Val::Nil => self.out.push_str("<no value>"),
                        v => v.print(self.out),
                    }
                    // what an action declares lives on to the end of the list
                    continue;
                }
                Node::If { pipe, then, other } => {
                    let v = self.pipe(pipe, dot)?;
                    self.nodes(if v.truth() { then } else { other }, dot)?
                }
                Node::With { pipe, then, other } => {
                    let v = self.pipe(pipe, dot)?;
                    if v.truth() { self.nodes(then, &v)? } else { self.nodes(other, dot)? }
                }
                Node::Range { pipe, body, other } => self.range(pipe, body, other, dot)?,
                Node::Template { name, pipe, at } => {
                    self.call_template(name, pipe.as_ref(), *at, dot)?;
                    Flow::Next
                }
                Node::Break => Flow::Break,
                Node::Continue => Flow::Continue,
            };
            self.vars.truncate(scope);
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn range(&mut self, pipe: &'d Pipe, body: &'d [Node], other: &'d [Node], dot: &Val) -> Result<Flow, String> {
        let items: Vec<(Val, Val)> = match self.commands(pipe, dot)? {
            Val::Nil => vec![],
            Val::List(l) => l.iter().enumerate().map(|(i, v)| (Val::Int(i as i64), v.clone())).collect(),
            Val::Map(m) => m.iter().map(|(k, v)| (Val::str(k.as_str()), v.clone())).collect(),
            Val::Int(n) => (0..n.clamp(0, MAX_TEMPLATE_STEPS as i64)).map(|i| (Val::Int(i), Val::Int(i))).collect(),
            v => return Err(self.at(pipe.at, pipe.end, &format!("range can't iterate over {}", v.text()))),
        };
        if items.is_empty() {
            return self.nodes(other, dot);
        }
        for (key, value) in items {
            self.step()?;
            let scope = self.vars.len();
            match &pipe.vars[..] {
                [] => {}
                [v] => self.bind(v, value.clone(), pipe.assigns),
                [k, v, ..] => {
                    self.bind(k, key, pipe.assigns);
                    self.bind(v, value.clone(), pipe.assigns);
                }
            }
            let flow = self.nodes(body, &value)?;
            self.vars.truncate(scope);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::Next)
    }

    fn call_template(&mut self, name: &str, pipe: Option<&'d Pipe>, at: usize, dot: &Val) -> Result<(), String> {
        let dot = match pipe {
            Some(p) => self.pipe(p, dot)?,
            None => Val::Nil,
        };
        let Some(nodes) = self.defines.get(name) else {
            return Err(self.at_node(at, &format!("{{{{template {name:?}}}}}"), &format!("template {name:?} not defined")));
        };
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.at_node(at, &format!("{{{{template {name:?}}}}}"), "exceeded maximum template depth"));
        }
        let vars = std::mem::replace(&mut self.vars, vec![("$", dot.clone())]);
        self.nodes(nodes, &dot)?;
        self.vars = vars;
        self.depth -= 1;
        Ok(())
    }

    fn bind(&mut self, name: &'d str, value: Val, assigns: bool) {
        if !assigns {
            self.vars.push((name, value));
        } else if let Some(v) = self.vars.iter_mut().rev().find(|v| v.0 == name) {
            v.1 = value;
        }
    }

    /// Evaluates a pipeline and gives its value to its variables.
    fn pipe(&mut self, pipe: &'d Pipe, dot: &Val) -> Result<Val, String> {
        let value = self.commands(pipe, dot)?;
        for v in &pipe.vars {
            self.bind(v, value.clone(), pipe.assigns);
        }
        Ok(value)
    }

    fn commands(&mut self, pipe: &'d Pipe, dot: &Val) -> Result<Val, String> {
        let mut value = None;
        for command in &pipe.commands {
            self.step()?;
            value = Some(self.command(command, dot, value)?);
        }
        Ok(value.unwrap_or(Val::Nil))
    }

    fn command(&mut self, c: &'d Command, dot: &Val, piped: Option<Val>) -> Result<Val, String> {
        let (first, rest) = c.args.split_first().ok_or("empty command")?;
        match first {
            Arg::Func(f) => self.call(*f, rest, c, dot, piped),
            _ if !rest.is_empty() || piped.is_some() => {
                Err(self.at(c.at, c.end, &format!("can't give argument to non-function {}", self.text(c.at, c.end))))
            }
            _ => self.arg(first, dot, c),
        }
    }

    fn arg(&mut self, arg: &'d Arg, dot: &Val, c: &'d Command) -> Result<Val, String> {
        self.step()?;
        match arg {
            Arg::Dot => Ok(dot.clone()),
            Arg::Nil => Ok(Val::Nil),
            Arg::Literal(l) => Ok(l.into()),
            Arg::Field(path) => self.fields(dot.clone(), path, c),
            Arg::Variable(name) => Ok(self.vars.iter().rev().find(|v| v.0 == name).map_or(Val::Nil, |v| v.1.clone())),
            Arg::Func(f) => self.call(*f, &[], c, dot, None),
            Arg::Pipe(p) => self.pipe(p, dot),
            Arg::Chain(inner, path) => {
                let v = self.arg(inner, dot, c)?;
                self.fields(v, path, c)
            }
        }
    }

    fn fields(&self, mut value: Val, path: &[String], c: &Command) -> Result<Val, String> {
        for name in path {
            value = match value {
                // a label that is not there is the empty text
                Val::Map(m) => m.get(name).cloned().unwrap_or_else(|| Val::str("")),
                Val::Nil => return Err(self.at(c.at, c.end, &format!("nil data; no entry for key {name:?}"))),
                v => return Err(self.at(c.at, c.end, &format!("can't evaluate field {name} in type {}", v.kind()))),
            };
        }
        Ok(value)
    }

    fn call(&mut self, f: Func, rest: &'d [Arg], c: &'d Command, dot: &Val, piped: Option<Val>) -> Result<Val, String> {
        let mut args: Vec<Val> = vec![];
        for arg in rest {
            let v = self.arg(arg, dot, c)?;
            // `and` and `or` stop at the first value that decides.
            if functions::decides(f, &v) {
                return Ok(v);
            }
            args.push(v);
        }
        args.extend(piped);
        let name = f.name();
        let (least, most) = f.arity();
        if args.len() < least || args.len() > most {
            let want = if most == usize::MAX { format!("at least {least}") } else { least.to_string() };
            return Err(self.at(c.at, c.end, &format!("wrong number of args for {name}: want {want} got {}", args.len())));
        }
        f.call(self.scope, &Args(&args)).map_err(|e| self.at(c.at, c.end, &format!("error calling {name}: {e}")))
    }

    fn text(&self, at: usize, end: usize) -> &str {
        self.source.get(at..end).unwrap_or("").trim()
    }

    fn at(&self, at: usize, end: usize, message: &str) -> String {
        self.at_node(at, self.text(at, end), message)
    }

    /// `template: name:1:3: executing "name" at <div 1 0>: …`
    fn at_node(&self, at: usize, node: &str, message: &str) -> String {
        let name = self.name;
        let before = self.source.get(..at).unwrap_or("");
        let line = before.matches('\n').count() + 1;
        let column = before.len() - before.rfind('\n').map_or(0, |i| i + 1);
        let mut short = node.to_owned();
        if let Some((cut, _)) = short.char_indices().nth(20) {
            short.truncate(cut);
            short.push_str("...");
        }
        format!("template: {name}:{line}:{column}: executing {name:?} at <{short}>: {message}")
    }
}

/// The list of a query's samples.
pub fn samples(vector: &[promql::Sample]) -> Val {
    Val::List(Rc::new(vector.iter().map(Val::sample).collect()))
}

/// `args`: the values as a map from arg0 on.
pub fn numbered(args: &[Val]) -> Val {
    Val::map(args.iter().enumerate().map(|(i, v)| (format!("arg{i}"), v.clone())).collect::<BTreeMap<_, _>>())
}
