//! Running a template over one line.

use std::borrow::Cow;

use super::builtins::{self, Func};
use super::parse::{Arg, Command, Node, Pipe};
use super::value::{Args, Val};
use super::{Data, Template, date};
use crate::limits::{MAX_DEPTH, MAX_TEMPLATE_OUTPUT, MAX_TEMPLATE_STEPS};

pub struct Exec<'d, 'o> {
    template: &'d Template,
    data: &'d dyn Data,
    now: i64,
    out: &'o mut String,
    start: usize,
    steps: usize,
    depth: usize,
    vars: Vec<(&'d str, Val<'d>)>,
}

/// How a list of nodes ended.
#[derive(PartialEq)]
enum Flow {
    Next,
    Break,
    Continue,
}

impl<'d, 'o> Exec<'d, 'o> {
    pub fn new(template: &'d Template, data: &'d dyn Data, now: i64, out: &'o mut String) -> Self {
        let start = out.len();
        Exec { template, data, now, out, start, steps: 0, depth: 0, vars: vec![("$", Val::Labels)] }
    }

    pub fn run(mut self) -> Result<(), String> {
        self.nodes(&self.template.root, &Val::Labels).map(|_| ())
    }

    fn step(&mut self) -> Result<(), String> {
        self.steps += 1;
        if self.steps > MAX_TEMPLATE_STEPS {
            return Err(format!("template takes more than {MAX_TEMPLATE_STEPS} steps"));
        }
        if self.out.len() - self.start > MAX_TEMPLATE_OUTPUT {
            return Err(format!("template writes more than {MAX_TEMPLATE_OUTPUT} bytes"));
        }
        Ok(())
    }

    fn nodes(&mut self, nodes: &'d [Node], dot: &Val<'d>) -> Result<Flow, String> {
        for node in nodes {
            self.step()?;
            let scope = self.vars.len();
            let flow = match node {
                Node::Text(t) => {
                    self.out.push_str(t);
                    continue;
                }
                Node::Action(pipe) => {
                    self.action(pipe, dot)?;
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
                Node::Range { pipe, body, other } => {
                    self.range(pipe, body, other, dot)?;
                    Flow::Next
                }
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

    fn action(&mut self, pipe: &'d Pipe, dot: &Val<'d>) -> Result<(), String> {
        // `{{ .label }}` needs no value in between.
        if let ([Command { args, .. }], Val::Labels, []) = (&pipe.commands[..], dot, &pipe.vars[..])
            && let [Arg::Field(path)] = &args[..]
            && let [name] = &path[..]
        {
            self.out.push_str(self.data.label(name).unwrap_or(""));
            return Ok(());
        }
        let v = self.pipe(pipe, dot)?;
        if pipe.vars.is_empty() {
            match &v {
                Val::Nil => self.out.push_str("<no value>"),
                Val::Labels => self.labels_map().print(self.out),
                v => v.print(self.out),
            }
        }
        Ok(())
    }

    fn labels_map(&self) -> Val<'d> {
        Val::Map(self.data.labels().into_iter().map(|(k, v)| (k.to_owned(), Val::Str(Cow::Borrowed(v)))).collect())
    }

    fn range(&mut self, pipe: &'d Pipe, body: &'d [Node], other: &'d [Node], dot: &Val<'d>) -> Result<(), String> {
        let over = match self.commands(pipe, dot)? {
            Val::Labels => self.labels_map(),
            v => v,
        };
        let items: Vec<(Val<'d>, Val<'d>)> = match over {
            Val::Nil => vec![],
            Val::List(l) => l.into_iter().enumerate().map(|(i, v)| (Val::Int(i as i64), v)).collect(),
            Val::Map(m) => m.into_iter().map(|(k, v)| (Val::str(k), v)).collect(),
            Val::Int(n) => (0..n.clamp(0, MAX_TEMPLATE_STEPS as i64)).map(|i| (Val::Int(i), Val::Int(i))).collect(),
            v => return Err(self.at_pipe(pipe, &format!("range can'd iterate over {}", v.text()))),
        };
        if items.is_empty() {
            return self.nodes(other, dot).map(|_| ());
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
        Ok(())
    }

    fn call_template(&mut self, name: &str, pipe: Option<&'d Pipe>, at: usize, dot: &Val<'d>) -> Result<(), String> {
        let dot = match pipe {
            Some(p) => self.pipe(p, dot)?,
            None => Val::Nil,
        };
        let Some(nodes) = self.template.defines.get(name) else {
            return Err(self.at(at, &format!("{{{{template {name:?}}}}}"), &format!("template {name:?} not defined")));
        };
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.at(at, name, "exceeded maximum template depth"));
        }
        let vars = std::mem::replace(&mut self.vars, vec![("$", dot.clone())]);
        self.nodes(nodes, &dot)?;
        self.vars = vars;
        self.depth -= 1;
        Ok(())
    }

    fn bind(&mut self, name: &'d str, value: Val<'d>, assigns: bool) {
        if assigns {
            if let Some(v) = self.vars.iter_mut().rev().find(|v| v.0 == name) {
                v.1 = value;
            }
        } else {
            self.vars.push((name, value));
        }
    }

    /// Evaluates a pipeline and gives its value to its variables.
    fn pipe(&mut self, pipe: &'d Pipe, dot: &Val<'d>) -> Result<Val<'d>, String> {
        let value = self.commands(pipe, dot)?;
        for v in &pipe.vars {
            self.bind(v, value.clone(), pipe.assigns);
        }
        Ok(value)
    }

    fn commands(&mut self, pipe: &'d Pipe, dot: &Val<'d>) -> Result<Val<'d>, String> {
        let mut value = None;
        for command in &pipe.commands {
            self.step()?;
            value = Some(self.command(command, dot, value)?);
        }
        Ok(value.unwrap_or(Val::Nil))
    }

    fn command(&mut self, c: &'d Command, dot: &Val<'d>, piped: Option<Val<'d>>) -> Result<Val<'d>, String> {
        let (first, rest) = c.args.split_first().ok_or("empty command")?;
        if let Arg::Func(f) = first {
            return self.call(*f, rest, c, dot, piped);
        }
        let method = match first {
            Arg::Field(path) | Arg::Chain(_, path) => path.last(),
            _ => None,
        };
        if !rest.is_empty() || piped.is_some() {
            // Only methods of times take arguments.
            let mut args = rest.iter().map(|a| self.arg(a, dot, c)).collect::<Result<Vec<_>, _>>()?;
            args.extend(piped);
            let owner = match first {
                Arg::Chain(inner, path) if path.len() == 1 => self.arg(inner, dot, c)?,
                _ => Val::Nil,
            };
            if let (Val::Time(t), Some(method)) = (&owner, method) {
                return date::method(t, method, &args).map_err(|e| self.at_command(c, &e));
            }
            return Err(self.at_command(c, &format!("can'd give argument to non-function {}", self.source(c.at, c.end))));
        }
        self.arg(first, dot, c)
    }

    fn arg(&mut self, arg: &'d Arg, dot: &Val<'d>, c: &Command) -> Result<Val<'d>, String> {
        self.step()?;
        Ok(match arg {
            Arg::Dot => dot.clone(),
            Arg::Nil => Val::Nil,
            Arg::Literal(l) => l.into(),
            Arg::Field(path) => return self.fields(dot.clone(), path, c),
            Arg::Variable(name) => self.variable(name),
            Arg::Func(f) => return self.call(*f, &[], c, dot, None),
            Arg::Pipe(p) => return self.pipe(p, dot),
            Arg::Chain(inner, path) => {
                let v = self.arg(inner, dot, c)?;
                return self.fields(v, path, c);
            }
        })
    }

    fn variable(&self, name: &str) -> Val<'d> {
        self.vars.iter().rev().find(|v| v.0 == name).map_or(Val::Nil, |v| v.1.clone())
    }

    fn fields(&self, mut value: Val<'d>, path: &[String], c: &Command) -> Result<Val<'d>, String> {
        for name in path {
            value = match value {
                Val::Labels => Val::Str(Cow::Borrowed(self.data.label(name).unwrap_or(""))),
                Val::Map(mut m) => m.remove(name).unwrap_or(Val::Nil),
                Val::Time(t) => date::method(&t, name, &[]).map_err(|e| self.at_command(c, &e))?,
                Val::Nil => return Err(self.at_command(c, &format!("nil data; no entry for key {name:?}"))),
                v => return Err(self.at_command(c, &format!("can'd evaluate field {name} in type {}", v.kind()))),
            };
        }
        Ok(value)
    }

    fn call(&mut self, f: Func, rest: &'d [Arg], c: &Command, dot: &Val<'d>, piped: Option<Val<'d>>) -> Result<Val<'d>, String> {
        let mut args: Vec<Val<'d>> = vec![];
        for arg in rest {
            let v = self.arg(arg, dot, c)?;
            // `and` and `or` stop at the first value that decides.
            if builtins::decides(f, &v) {
                return Ok(v);
            }
            args.push(v);
        }
        args.extend(piped);
        for a in &mut args {
            if matches!(a, Val::Labels) {
                *a = self.labels_map();
            }
        }
        let name = f.name();
        let (least, most) = f.arity();
        if args.len() < least || args.len() > most {
            let want = if most == usize::MAX { format!("at least {least}") } else { least.to_string() };
            return Err(self.at_command(c, &format!("wrong number of args for {name}: want {want} got {}", args.len())));
        }
        let context = builtins::Context { data: self.data, now: self.now, template: self.template };
        f.call(&context, &Args { values: &args }).map_err(|e| self.at_command(c, &format!("error calling {name}: {e}")))
    }

    fn source(&self, at: usize, end: usize) -> &str {
        self.template.source.get(at..end).unwrap_or("").trim()
    }

    fn at_command(&self, c: &Command, message: &str) -> String {
        self.at(c.at, self.source(c.at, c.end), message)
    }

    fn at_pipe(&self, p: &Pipe, message: &str) -> String {
        self.at(p.at, self.source(p.at, p.end), message)
    }

    /// `template: line:1:3: executing "line" at <div 1 0>: …`
    fn at(&self, at: usize, node: &str, message: &str) -> String {
        let name = self.template.name;
        let before = self.template.source.get(..at).unwrap_or("");
        let line = before.matches('\n').count() + 1;
        let col = before.len() - before.rfind('\n').map_or(0, |i| i + 1);
        let mut short = node.to_owned();
        if let Some((cut, _)) = short.char_indices().nth(20) {
            short.truncate(cut);
            short.push_str("...");
        }
        format!("template: {name}:{line}:{col}: executing {name:?} at <{short}>: {message}")
    }
}
