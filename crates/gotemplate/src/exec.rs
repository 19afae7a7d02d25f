//! Running a template.

use std::rc::Rc;

use crate::limits::{MAX_DEPTH, MAX_OUTPUT, MAX_STEPS};
use crate::tree::{Arg, Command, Node, Pipe};
use crate::{Args, Func, Host, Template, Val};

pub struct Exec<'t, 'd, H: Host> {
    template: &'t Template<H>,
    context: &'t H::Context<'d>,
    out: &'t mut String,
    start: usize,
    steps: usize,
    depth: usize,
    vars: Vec<(&'t str, Val<'d, H>)>,
}

/// How a list of nodes ended.
#[derive(PartialEq)]
enum Flow {
    Next,
    Break,
    Continue,
}

impl<'t, 'd, H: Host> Exec<'t, 'd, H> {
    pub fn new(template: &'t Template<H>, context: &'t H::Context<'d>, out: &'t mut String) -> Self {
        let start = out.len();
        Exec { template, context, out, start, steps: 0, depth: 0, vars: vec![("$", Val::Root)] }
    }

    pub fn run(mut self) -> Result<(), String> {
        self.nodes(&self.template.root, &Val::Root).map(|_| ())
    }

    fn step(&mut self) -> Result<(), String> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return Err(format!("template takes more than {MAX_STEPS} steps"));
        }
        if self.out.len() - self.start > MAX_OUTPUT {
            return Err(format!("template writes more than {MAX_OUTPUT} bytes"));
        }
        Ok(())
    }

    fn nodes(&mut self, nodes: &'t [Node<H>], dot: &Val<'d, H>) -> Result<Flow, String> {
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

    fn action(&mut self, pipe: &'t Pipe<H>, dot: &Val<'d, H>) -> Result<(), String> {
        // `{{ .label }}` needs no value in between.
        if let ([Command { args, .. }], Val::Root, []) = (&pipe.commands[..], dot, &pipe.vars[..])
            && let [Arg::Field(path)] = &args[..]
            && let [name] = &path[..]
        {
            self.show(&H::field(self.context, name));
            return Ok(());
        }
        let v = self.pipe(pipe, dot)?;
        if pipe.vars.is_empty() {
            self.show(&v);
        }
        Ok(())
    }

    fn show(&mut self, v: &Val<'d, H>) {
        match v {
            Val::Nil => self.out.push_str("<no value>"),
            Val::Root => H::root(self.context).print(self.out),
            v => v.print(self.out),
        }
    }

    fn range(&mut self, pipe: &'t Pipe<H>, body: &'t [Node<H>], other: &'t [Node<H>], dot: &Val<'d, H>) -> Result<Flow, String> {
        let over = match self.commands(pipe, dot)? {
            Val::Root => H::root(self.context),
            v => v,
        };
        let items: Vec<(Val<'d, H>, Val<'d, H>)> = match over {
            Val::Nil => vec![],
            Val::List(l) => Rc::unwrap_or_clone(l).into_iter().enumerate().map(|(i, v)| (Val::Int(i as i64), v)).collect(),
            Val::Map(m) => Rc::unwrap_or_clone(m).into_iter().map(|(k, v)| (Val::str(k), v)).collect(),
            Val::Int(n) => (0..n.clamp(0, MAX_STEPS as i64)).map(|i| (Val::Int(i), Val::Int(i))).collect(),
            v => return Err(self.at_pipe(pipe, &format!("range can't iterate over {}", v.text()))),
        };
        if items.is_empty() {
            // A break there ends this range, a continue goes on with the range around it: so does Go.
            return Ok(if self.nodes(other, dot)? == Flow::Continue { Flow::Continue } else { Flow::Next });
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

    fn call_template(&mut self, name: &str, pipe: Option<&'t Pipe<H>>, at: usize, dot: &Val<'d, H>) -> Result<(), String> {
        let dot = match pipe {
            Some(p) => self.pipe(p, dot)?,
            None => Val::Nil,
        };
        let Some(nodes) = self.template.defines.get(name) else {
            return Err(self.at(at, &format!("{{{{template {name:?}}}}}"), &format!("template {name:?} not defined")));
        };
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.at(at, &format!("{{{{template {name:?}}}}}"), "exceeded maximum template depth"));
        }
        let vars = std::mem::replace(&mut self.vars, vec![("$", dot.clone())]);
        self.nodes(nodes, &dot)?;
        self.vars = vars;
        self.depth -= 1;
        Ok(())
    }

    fn bind(&mut self, name: &'t str, value: Val<'d, H>, assigns: bool) {
        if assigns {
            if let Some(v) = self.vars.iter_mut().rev().find(|v| v.0 == name) {
                v.1 = value;
            }
        } else {
            self.vars.push((name, value));
        }
    }

    /// Evaluates a pipeline and gives its value to its variables.
    fn pipe(&mut self, pipe: &'t Pipe<H>, dot: &Val<'d, H>) -> Result<Val<'d, H>, String> {
        let value = self.commands(pipe, dot)?;
        for v in &pipe.vars {
            self.bind(v, value.clone(), pipe.assigns);
        }
        Ok(value)
    }

    fn commands(&mut self, pipe: &'t Pipe<H>, dot: &Val<'d, H>) -> Result<Val<'d, H>, String> {
        let mut value = None;
        for command in &pipe.commands {
            self.step()?;
            value = Some(self.command(command, dot, value)?);
        }
        Ok(value.unwrap_or(Val::Nil))
    }

    fn command(&mut self, c: &'t Command<H>, dot: &Val<'d, H>, piped: Option<Val<'d, H>>) -> Result<Val<'d, H>, String> {
        let (first, rest) = c.args.split_first().ok_or("empty command")?;
        if let Arg::Func(f) = first {
            return self.call(*f, rest, c, dot, piped);
        }
        if rest.is_empty() && piped.is_none() {
            return self.arg(first, dot, c);
        }
        // Only methods of times take arguments.
        if let Arg::Chain(inner, path) = first
            && let [method] = &path[..]
            && let Val::Time(t) = self.arg(inner, dot, c)?
        {
            let mut args = rest.iter().map(|a| self.arg(a, dot, c)).collect::<Result<Vec<_>, _>>()?;
            args.extend(piped);
            return H::time_method(&t, method, &args).map_err(|e| self.at_command(c, &e));
        }
        Err(self.at_command(c, &format!("can't give argument to non-function {}", self.source(c.at, c.end))))
    }

    fn arg(&mut self, arg: &'t Arg<H>, dot: &Val<'d, H>, c: &Command<H>) -> Result<Val<'d, H>, String> {
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

    fn variable(&self, name: &str) -> Val<'d, H> {
        self.vars.iter().rev().find(|v| v.0 == name).map_or(Val::Nil, |v| v.1.clone())
    }

    fn fields(&self, mut value: Val<'d, H>, path: &[String], c: &Command<H>) -> Result<Val<'d, H>, String> {
        for name in path {
            value = match value {
                Val::Root => H::field(self.context, name),
                Val::Map(m) => m.get(name).cloned().unwrap_or_else(H::missing),
                Val::Time(t) => H::time_method(&t, name, &[]).map_err(|e| self.at_command(c, &e))?,
                Val::Nil => return Err(self.at_command(c, &format!("nil data; no entry for key {name:?}"))),
                v => return Err(self.at_command(c, &format!("can't evaluate field {name} in type {}", v.kind()))),
            };
        }
        Ok(value)
    }

    fn call(
        &mut self,
        f: Func<H>,
        rest: &'t [Arg<H>],
        c: &Command<H>,
        dot: &Val<'d, H>,
        piped: Option<Val<'d, H>>,
    ) -> Result<Val<'d, H>, String> {
        let mut args: Vec<Val<'d, H>> = vec![];
        for arg in rest {
            let v = self.arg(arg, dot, c)?;
            // `and` and `or` stop at the first value that decides.
            if f.decided_by(&v) {
                return Ok(v);
            }
            args.push(v);
        }
        args.extend(piped);
        for a in &mut args {
            if matches!(a, Val::Root) {
                *a = H::root(self.context);
            }
        }
        let name = f.name();
        let (least, most) = f.arity();
        if args.len() < least || args.len() > most {
            let want = if most == usize::MAX { format!("at least {least}") } else { least.to_string() };
            return Err(self.at_command(c, &format!("wrong number of args for {name}: want {want} got {}", args.len())));
        }
        // A value may be joined with itself again and again: what goes in and what comes out are bounded, not only what is written.
        let length = |v: &Val<'d, H>| if let Val::Str(s) = v { s.len() } else { 0 };
        let too_long = || self.at_command(c, &format!("error calling {name}: text is longer than {MAX_OUTPUT} bytes"));
        if args.iter().map(length).sum::<usize>() > MAX_OUTPUT {
            return Err(too_long());
        }
        let result =
            f.call(self.context, &Args { values: &args }).map_err(|e| self.at_command(c, &format!("error calling {name}: {e}")))?;
        if length(&result) > MAX_OUTPUT { Err(too_long()) } else { Ok(result) }
    }

    fn source(&self, at: usize, end: usize) -> &str {
        self.template.source.get(at..end).unwrap_or("").trim()
    }

    fn at_command(&self, c: &Command<H>, message: &str) -> String {
        self.at(c.at, self.source(c.at, c.end), message)
    }

    fn at_pipe(&self, p: &Pipe<H>, message: &str) -> String {
        self.at(p.at, self.source(p.at, p.end), message)
    }

    /// `template: line:1:3: executing "line" at <div 1 0>: …`
    fn at(&self, at: usize, node: &str, message: &str) -> String {
        let name = &self.template.name;
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
