//! Tokens to a tree.

use std::collections::HashMap;

use crate::builtins::Func;
use crate::lex::{Item, Lexed, lex};
use crate::limits::MAX_DEPTH;
use crate::tree::{Arg, Command, Defines, Node, Pipe};
use crate::{Host, Literal};

/// The main template and those that it defines. Errors read `template: name:1: …`.
pub fn parse<H: Host>(name: &str, source: &str) -> Result<(Vec<Node<H>>, Defines<H>), String> {
    let place = |(at, message): (usize, String)| {
        let line = source[..at.min(source.len())].matches('\n').count() + 1;
        format!("template: {name}:{line}: {message}")
    };
    let items = lex(source).map_err(place)?;
    let mut p = Parser { items, at: 0, end: source.len(), vars: vec!["$".into()], defines: HashMap::new(), depth: 0, ranges: 0 };
    let (nodes, stop) = p.list().map_err(place)?;
    match stop {
        Stop::Eof => Ok((nodes, p.defines)),
        Stop::End => Err(place((p.offset(), "unexpected {{end}}".into()))),
        Stop::Else => Err(place((p.offset(), "unexpected {{else}}".into()))),
    }
}

/// Pipeline, body, else part.
type Block<H> = (Pipe<H>, Vec<Node<H>>, Vec<Node<H>>);

type Fallible<T> = Result<T, (usize, String)>;

#[derive(PartialEq)]
enum Stop {
    Eof,
    End,
    Else,
}

struct Parser<H: Host> {
    items: Vec<Lexed>,
    at: usize,
    end: usize,
    vars: Vec<String>,
    defines: Defines<H>,
    depth: usize,
    ranges: usize,
}

impl<H: Host> Parser<H> {
    fn offset(&self) -> usize {
        self.items.get(self.at.min(self.items.len().saturating_sub(1))).map_or(0, |i| i.at)
    }

    fn fail<T>(&self, message: impl Into<String>) -> Fallible<T> {
        Err((self.offset(), message.into()))
    }

    fn peek(&self) -> Option<&Item> {
        self.items.get(self.at).map(|i| &i.item)
    }

    fn skip_space(&mut self) {
        while self.peek() == Some(&Item::Space) {
            self.at += 1;
        }
    }

    fn eat(&mut self, item: &Item) -> bool {
        let found = self.peek() == Some(item);
        self.at += usize::from(found);
        found
    }

    fn close(&mut self, context: &str) -> Fallible<()> {
        self.skip_space();
        if self.eat(&Item::Close) { Ok(()) } else { self.unexpected(context) }
    }

    fn unexpected<T>(&self, context: &str) -> Fallible<T> {
        let what = match self.peek() {
            None => return self.fail("unexpected EOF"),
            Some(Item::Close) => "\"}}\"".to_owned(),
            Some(Item::Symbol(s)) => format!("{s:?}"),
            Some(Item::Word(w)) => format!("<{w}>"),
            Some(Item::Variable(v)) => format!("<{v}>"),
            Some(Item::Field(f)) => format!("<.{f}>"),
            Some(Item::Dot) => "<.>".into(),
            Some(Item::Literal(l)) => format!("{l:?}"),
            Some(other) => format!("{other:?}"),
        };
        self.fail(format!("unexpected {what} in {context}"))
    }

    /// Nodes up to the end of the enclosing block.
    fn list(&mut self) -> Fallible<(Vec<Node<H>>, Stop)> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.fail("template nests too deep");
        }
        let mut out = vec![];
        loop {
            let stop = match self.items.get(self.at).map(|i| i.item.clone()) {
                None => Stop::Eof,
                Some(Item::Text(t)) => {
                    self.at += 1;
                    out.push(Node::Text(t));
                    continue;
                }
                Some(_) => {
                    self.at += 1;
                    self.skip_space();
                    match self.peek() {
                        Some(Item::Word(w)) if w == "end" => {
                            self.at += 1;
                            self.close("end")?;
                            Stop::End
                        }
                        // what follows `else` is left to the block
                        Some(Item::Word(w)) if w == "else" => {
                            self.at += 1;
                            Stop::Else
                        }
                        _ => {
                            out.extend(self.action()?);
                            continue;
                        }
                    }
                }
            };
            self.depth -= 1;
            return Ok((out, stop));
        }
    }

    fn action(&mut self) -> Fallible<Option<Node<H>>> {
        let Some(Item::Word(word)) = self.peek().cloned() else { return self.plain_action() };
        let scope = self.vars.len();
        let node = match word.as_str() {
            "if" => {
                let (pipe, then, other) = self.block("if")?;
                Node::If { pipe, then, other }
            }
            "with" => {
                let (pipe, then, other) = self.block("with")?;
                Node::With { pipe, then, other }
            }
            "range" => {
                let (pipe, body, other) = self.block("range")?;
                Node::Range { pipe, body, other }
            }
            "template" | "define" | "block" => return self.named(&word),
            "break" | "continue" => {
                self.at += 1;
                self.close(&word)?;
                if self.ranges == 0 {
                    return self.fail(format!("{{{{{word}}}}} outside {{{{range}}}}"));
                }
                return Ok(Some(if word == "break" { Node::Break } else { Node::Continue }));
            }
            _ => return self.plain_action(),
        };
        self.vars.truncate(scope);
        Ok(Some(node))
    }

    fn plain_action(&mut self) -> Fallible<Option<Node<H>>> {
        let pipe = self.pipe("command")?;
        self.close("command")?;
        Ok(Some(Node::Action(pipe)))
    }

    /// The pipeline, body and else part of if, with and range.
    fn block(&mut self, word: &str) -> Fallible<Block<H>> {
        self.at += 1;
        let pipe = self.pipe(word)?;
        self.close(word)?;
        self.ranges += usize::from(word == "range");
        let (then, stop) = self.list()?;
        self.ranges -= usize::from(word == "range");
        let other = match stop {
            Stop::Eof => return self.fail("unexpected EOF"),
            Stop::End => vec![],
            Stop::Else => self.else_part(word)?,
        };
        Ok((pipe, then, other))
    }

    fn else_part(&mut self, word: &str) -> Fallible<Vec<Node<H>>> {
        self.skip_space();
        let chained = matches!(self.peek(), Some(Item::Word(w)) if w == word && word != "range");
        if chained {
            // `{{else if}}` is an if inside the else that shares its end.
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return self.fail("template nests too deep");
            }
            let (pipe, then, other) = self.block(word)?;
            self.depth -= 1;
            return Ok(vec![if word == "if" { Node::If { pipe, then, other } } else { Node::With { pipe, then, other } }]);
        }
        self.close("else")?;
        let (nodes, stop) = self.list()?;
        match stop {
            Stop::End => Ok(nodes),
            Stop::Else => self.fail("expected end; found {{else}}"),
            Stop::Eof => self.fail("unexpected EOF"),
        }
    }

    /// template, define and block.
    fn named(&mut self, word: &str) -> Fallible<Option<Node<H>>> {
        let at = self.offset();
        self.at += 1;
        self.skip_space();
        let Some(Item::Literal(Literal::Str(name))) = self.peek().cloned() else { return self.unexpected(&format!("{word} clause")) };
        self.at += 1;
        self.skip_space();
        if word == "define" {
            self.close("define clause")?;
            let vars = std::mem::replace(&mut self.vars, vec!["$".into()]);
            let (nodes, stop) = self.list()?;
            self.vars = vars;
            if stop != Stop::End {
                return self.fail("unexpected EOF");
            }
            self.defines.insert(name, nodes);
            return Ok(None);
        }
        let pipe = if self.peek() == Some(&Item::Close) { None } else { Some(self.pipe(word)?) };
        self.close(word)?;
        if word == "block" {
            let (nodes, stop) = self.list()?;
            if stop != Stop::End {
                return self.fail("unexpected EOF");
            }
            self.defines.insert(name.clone(), nodes);
        }
        Ok(Some(Node::Template { name, pipe, at }))
    }

    fn pipe(&mut self, context: &str) -> Fallible<Pipe<H>> {
        self.skip_space();
        let at = self.offset();
        let (mut vars, mut assigns) = (vec![], false);
        // `$a := …`, `$a = …`, `range $i, $v := …`
        let start = self.at;
        while let Some(Item::Variable(name)) = self.peek().cloned() {
            self.at += 1;
            self.skip_space();
            let symbol = match self.peek() {
                Some(Item::Symbol(s @ (":=" | "=" | ","))) => *s,
                _ => break,
            };
            if symbol == "," && (context != "range" || !vars.is_empty()) {
                break;
            }
            self.at += 1;
            self.skip_space();
            vars.push(name);
            if symbol != "," {
                assigns = symbol == "=";
                break;
            }
        }
        let declares = matches!(self.items.get(self.at.saturating_sub(1)).map(|i| &i.item), Some(Item::Space | Item::Symbol(":=" | "=")));
        if vars.is_empty() || !declares {
            (self.at, vars, assigns) = (start, vec![], false);
        }
        for v in &vars {
            if assigns && !self.vars.contains(v) {
                return self.fail(format!("undefined variable {v:?}"));
            }
        }
        let mut commands = vec![];
        loop {
            commands.push(self.command(context)?);
            self.skip_space();
            if !self.eat(&Item::Symbol("|")) {
                break;
            }
        }
        self.vars.extend(vars.iter().filter(|_| !assigns).cloned());
        let end = self.items.get(self.at).map_or(self.end, |i| i.at);
        Ok(Pipe { vars, assigns, commands, at, end })
    }

    fn command(&mut self, context: &str) -> Fallible<Command<H>> {
        self.skip_space();
        let at = self.offset();
        let mut args = vec![];
        let mut end = at;
        loop {
            match self.peek() {
                Some(Item::Space) => self.skip_space(),
                Some(Item::Close | Item::Symbol("|" | ")")) | None => break,
                _ => {
                    args.push(self.operand(context)?);
                    end = self.items.get(self.at).map_or(self.end, |i| i.at);
                    if !matches!(self.peek(), Some(Item::Space | Item::Close | Item::Symbol("|" | ")"))) {
                        return self.unexpected("operand");
                    }
                }
            }
        }
        match args.first() {
            None => self.fail(format!("missing value for {context}")),
            Some(_) => Ok(Command { args, at, end }),
        }
    }

    fn operand(&mut self, context: &str) -> Fallible<Arg<H>> {
        let item = self.peek().cloned();
        self.at += 1;
        let mut arg = match item {
            Some(Item::Dot) => Arg::Dot,
            Some(Item::Literal(l)) => Arg::Literal(l),
            Some(Item::Field(name)) => Arg::Field(vec![name]),
            Some(Item::Variable(name)) => {
                if !self.vars.contains(&name) {
                    self.at -= 1;
                    return self.fail(format!("undefined variable {name:?}"));
                }
                Arg::Variable(name)
            }
            Some(Item::Word(w)) if w == "nil" => Arg::Nil,
            Some(Item::Word(w)) => match Func::find(&w) {
                Some(f) => Arg::Func(f),
                None => {
                    self.at -= 1;
                    return self.fail(format!("function {w:?} not defined"));
                }
            },
            Some(Item::Symbol("(")) => {
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return self.fail("template nests too deep");
                }
                let pipe = self.pipe("parenthesized pipeline")?;
                self.depth -= 1;
                self.skip_space();
                if !self.eat(&Item::Symbol(")")) {
                    return self.unexpected("parenthesized pipeline");
                }
                Arg::Pipe(Box::new(pipe))
            }
            _ => {
                self.at -= 1;
                return self.unexpected(context);
            }
        };
        while let Some(Item::Field(name)) = self.peek().cloned() {
            self.at += 1;
            match &mut arg {
                Arg::Field(path) | Arg::Chain(_, path) => path.push(name),
                _ => arg = Arg::Chain(Box::new(arg), vec![name]),
            }
        }
        Ok(arg)
    }
}
