//! The parser's core: tokens, errors, selectors, log pipelines. Metric expressions are in `metric`, stages in `stages`.

use model::{MatchOp, Matcher};

use super::Features;
use super::ast::{Expr, LogExpr, MetricExpr};
use super::error::ParseError;
use super::lexer::{Tok, Token, lex};
use crate::limits;

pub(super) struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    pub operators: usize,
    pub conditions: usize,
}

impl<'a> Parser<'a> {
    pub fn new(text: &'a str, features: &Features) -> Result<Parser<'a>, ParseError> {
        if text.len() > limits::MAX_QUERY_BYTES {
            return Err(ParseError::whole(format!("input size too long ({} > {})", text.len(), limits::MAX_QUERY_BYTES)));
        }
        Ok(Parser { text, tokens: lex(text, features.extensions), at: 0, depth: 0, operators: 0, conditions: 0 })
    }

    pub fn query(mut self) -> Result<Expr, ParseError> {
        if self.text.is_empty() {
            return Err(ParseError::whole("syntax error: unexpected $end"));
        }
        let expr = self.expr()?;
        match self.peek() {
            Tok::End => Ok(expr),
            _ => Err(self.unexpected(&[])),
        }
    }

    // ---- tokens

    pub fn peek(&self) -> &Tok {
        &self.tokens[self.at].tok
    }

    pub fn peek_at(&self, ahead: usize) -> &Tok {
        &self.tokens[(self.at + ahead).min(self.tokens.len() - 1)].tok
    }

    pub fn bump(&mut self) -> Tok {
        let tok = self.tokens[self.at].tok.clone();
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
        tok
    }

    pub fn is(&self, sym: &str) -> bool {
        matches!(self.peek(), Tok::Sym(s) if *s == sym)
    }

    pub fn eat(&mut self, sym: &str) -> bool {
        let found = self.is(sym);
        if found {
            self.bump();
        }
        found
    }

    /// `expecting` is what the error text offers; often more than `sym`.
    pub fn expect(&mut self, sym: &str, expecting: &[&str]) -> Result<(), ParseError> {
        if self.eat(sym) { Ok(()) } else { Err(self.unexpected(expecting)) }
    }

    pub fn ident(&mut self, expecting: &[&str]) -> Result<String, ParseError> {
        match self.peek() {
            Tok::Ident(_) => match self.bump() {
                Tok::Ident(name) if name.starts_with(|c: char| c == '_' || c.is_alphabetic()) => Ok(name),
                _ => {
                    self.at -= 1;
                    Err(self.unexpected(&[]))
                }
            },
            _ => Err(self.unexpected(expecting)),
        }
    }

    pub fn string(&mut self, expecting: &[&str]) -> Result<String, ParseError> {
        match self.peek() {
            Tok::Str(_) => match self.bump() {
                Tok::Str(s) => Ok(s),
                _ => Err(self.unexpected(expecting)),
            },
            _ => Err(self.unexpected(expecting)),
        }
    }

    /// "syntax error: unexpected X, expecting A or B" at the current token.
    pub fn unexpected(&self, expecting: &[&str]) -> ParseError {
        let token = &self.tokens[self.at];
        if let Tok::Bad(message) = &token.tok {
            return ParseError::at(self.text, token.start, message.clone());
        }
        let mut message = format!("syntax error: unexpected {}", token.tok.name());
        if !expecting.is_empty() {
            message.push_str(", expecting ");
            message.push_str(&expecting.join(" or "));
        }
        ParseError::at(self.text, token.start, message)
    }

    /// Runs a part of the grammar that may contain itself.
    pub fn nested<T>(&mut self, part: impl FnOnce(&mut Self) -> Result<T, ParseError>) -> Result<T, ParseError> {
        self.depth += 1;
        if self.depth > limits::MAX_DEPTH {
            return Err(ParseError::whole(format!("query nests deeper than {} levels", limits::MAX_DEPTH)));
        }
        let out = part(self);
        self.depth -= 1;
        out
    }

    // ---- log expressions

    /// `{a="b", c=~"d"}`
    pub fn selector(&mut self) -> Result<Vec<Matcher>, ParseError> {
        self.expect("{", &[])?;
        let mut out = vec![];
        if self.eat("}") {
            return Ok(out);
        }
        let mut expecting: &[&str] = &["IDENTIFIER", "}"];
        loop {
            let name = self.ident(expecting)?;
            out.push(self.matcher(name, &["=", "=~", "!~", "!="])?);
            if self.eat("}") {
                return Ok(out);
            }
            self.expect(",", &["}", ","])?;
            expecting = &["IDENTIFIER"];
        }
    }

    /// The operator and value behind a name.
    pub fn matcher(&mut self, name: String, expecting: &[&str]) -> Result<Matcher, ParseError> {
        let op = match self.peek() {
            Tok::Sym("=") => MatchOp::Eq,
            Tok::Sym("!=") => MatchOp::Ne,
            Tok::Sym("=~") => MatchOp::Re,
            Tok::Sym("!~") => MatchOp::Nre,
            _ => return Err(self.unexpected(expecting)),
        };
        self.bump();
        let value = self.string(&["STRING"])?;
        Matcher::new(op, name, value).map_err(|e| ParseError::whole(e.to_string()))
    }

    /// A selector with its stages, as it stands outside of a range function.
    pub fn log_expr(&mut self) -> Result<LogExpr, ParseError> {
        let matchers = self.selector()?;
        let mut log = LogExpr { matchers, stages: vec![] };
        self.stages_of(&mut log)?;
        Ok(log)
    }

    /// The stages that follow; `unwrap` belongs into range functions only.
    pub fn stages_of(&mut self, log: &mut LogExpr) -> Result<(), ParseError> {
        while let Some(stage) = self.next_stage()? {
            log.stages.push(stage);
        }
        if self.is("|") {
            self.bump();
            return Err(self.unexpected(&[]));
        }
        Ok(())
    }

    /// Turns a finished operand into what a metric place needs.
    pub fn metric_only(&self, expr: Expr) -> Result<MetricExpr, ParseError> {
        match expr {
            Expr::Metric(m) => Ok(m),
            Expr::Log(_) => Err(self.unexpected(&[])),
        }
    }
}
