//! Tokens to the tree: a recursive-descent parser, one file per level of the language.

mod expr;
mod field;
mod metrics;
mod pipeline;

use std::fmt;

use crate::ast::{Attribute, FieldExpr, Query, Static};
use crate::lexer::{Tok, Token, lex};
use crate::limits::{MAX_DEPTH, MAX_OPERATORS, MAX_QUERY_BYTES};

/// A query's text is not TraceQL. Displays as Tempo does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// 1-based; 0 where the error has no place
    pub line: u32,
    pub col: u32,
    pub message: String,
}

/// Reads a query. The tree is folded (`1 + 1` is `2`) but not checked.
pub fn parse(text: &str) -> Result<Query, ParseError> {
    if text.len() > MAX_QUERY_BYTES {
        return Err(ParseError::at(0, 0, format!("query is longer than the limit of {MAX_QUERY_BYTES} bytes")));
    }
    let mut p = Parser::new(text)?;
    if p.peek() == &Tok::Eof {
        return Err(ParseError::at(0, 0, "syntax error: unexpected $end"));
    }
    p.query()
}

/// Reads a tag name as the values API takes it: an attribute or intrinsic, nothing else.
pub fn parse_attribute(text: &str) -> Result<Attribute, ParseError> {
    let mut p = Parser::new(text)?;
    let expr = p.field(0)?;
    if p.peek() != &Tok::Eof {
        return p.unexpected("");
    }
    match expr {
        FieldExpr::Field(a) => Ok(a),
        _ => Err(ParseError::at(0, 0, "expected an attribute but got an expression")),
    }
}

pub(crate) struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    operators: usize,
}

impl Parser {
    fn new(text: &str) -> Result<Parser, ParseError> {
        Ok(Parser { tokens: lex(text)?, at: 0, depth: 0, operators: 0 })
    }

    fn peek(&self) -> &Tok {
        self.tokens.get(self.at).map_or(&Tok::Eof, |t| &t.tok)
    }

    fn peek_op(&self) -> Option<&'static str> {
        match self.peek() {
            Tok::Op(o) => Some(o),
            _ => None,
        }
    }

    fn is_op(&self, op: &str) -> bool {
        self.peek_op() == Some(op)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Tok::Word(w) if *w == word)
    }

    fn advance(&mut self) {
        self.at = (self.at + 1).min(self.tokens.len().saturating_sub(1));
    }

    fn accept(&mut self, op: &str) -> bool {
        let is = self.is_op(op);
        if is {
            self.advance();
        }
        is
    }

    fn expect(&mut self, op: &str) -> Result<(), ParseError> {
        if self.accept(op) { Ok(()) } else { self.unexpected(op) }
    }

    /// An error at the next token; `expecting` may be empty.
    fn unexpected<T>(&self, expecting: &str) -> Result<T, ParseError> {
        self.unexpected_at(self.at, expecting)
    }

    fn unexpected_at<T>(&self, at: usize, expecting: &str) -> Result<T, ParseError> {
        let what = self.tokens.get(at).map_or_else(|| "$end".to_owned(), |t| t.tok.describe());
        let tail = if expecting.is_empty() { String::new() } else { format!(", expecting {expecting}") };
        self.error_at(at, format!("syntax error: unexpected {what}{tail}"))
    }

    fn error_at<T>(&self, at: usize, message: String) -> Result<T, ParseError> {
        let (line, col) = self.tokens.get(at).map_or((0, 0), |t| (t.line, t.col));
        Err(ParseError::at(line, col, message))
    }

    /// Counts one level of nesting for as long as `inner` runs.
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Parser) -> Result<T, ParseError>) -> Result<T, ParseError> {
        if self.depth >= MAX_DEPTH {
            return self.error_at(self.at, format!("query nests deeper than {MAX_DEPTH} levels"));
        }
        self.depth += 1;
        let out = inner(self);
        self.depth -= 1;
        out
    }

    /// Counts an operator; together they bound the height of the tree.
    fn operator(&mut self) -> Result<(), ParseError> {
        self.operators += 1;
        if self.operators > MAX_OPERATORS {
            return self.error_at(self.at, format!("query has more than {MAX_OPERATORS} operators"));
        }
        self.advance();
        Ok(())
    }

    /// A number, duration, string or keyword, if one is next.
    fn literal(&mut self) -> Option<Static> {
        let value = match self.peek() {
            Tok::Int(i) => Static::Int(*i),
            Tok::Float(f) => Static::Float(*f),
            Tok::Duration(d) => Static::Duration(*d),
            Tok::Str(s) => Static::Str(s.clone()),
            Tok::Word(w) => Static::keyword(w)?,
            _ => return None,
        };
        self.advance();
        Some(value)
    }
}

impl ParseError {
    pub(crate) fn at(line: u32, col: u32, message: impl Into<String>) -> ParseError {
        ParseError { line, col, message: message.into() }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "parse error : {}", self.message),
            line => write!(f, "parse error at line {line}, col {}: {}", self.col, self.message),
        }
    }
}

impl std::error::Error for ParseError {}
