//! Text to tree: a recursive-descent parser with operator precedence. The first error ends it, worded as Prometheus words it.

mod aggregate;
mod binary;
mod check;
mod duration;

mod lex;
mod selector;
mod token;

use std::borrow::Cow;

use model::Matcher;

use crate::Features;
use crate::ast::{BinaryOp, Call, Expr, NumberLiteral, Paren, StringLiteral, Unary};
use crate::functions::function;
use crate::limits::{MAX_HEIGHT, MAX_NESTING, MAX_QUERY_BYTES};
use crate::span::{ParseError, Span};
pub(crate) use duration::out_of_range;
use lex::{Lexer, unquote};
use token::{Kind, Token, Word};

type Parsed<T> = Result<T, ParseError>;

/// Parses and checks a query.
pub fn parse(query: &str, features: &Features) -> Result<Expr, ParseError> {
    let mut p = Parser::new(query, features)?;
    if p.peek()?.kind == Kind::End {
        return Err(ParseError::new(query, Span::default(), "no expression found in input"));
    }
    let mut expr = p.expression(0)?;
    p.expect_end()?;
    let height = p.operators;
    let checked = crate::stack::with_stack(height, || check::check(query, &mut expr));
    checked.unwrap_or_else(|| Err(ParseError::new(query, Span::default(), "no thread to check so long an expression on")))?;
    Ok(expr)
}

/// Parses one selector without modifiers: the value of a `match[]` parameter. That it selects something is not checked.
pub fn parse_selector(text: &str) -> Result<Vec<Matcher>, ParseError> {
    let features = Features::default();
    let mut p = Parser::new(text, &features)?;
    let token = p.peek()?;
    let selector = if token.is_metric_name() {
        p.advance()?;
        p.named_selector(token)?
    } else if token.kind == Kind::LeftBrace {
        p.bare_selector()?
    } else {
        return Err(p.unexpected(token, "", ""));
    };
    p.expect_end()?;
    Ok(selector.matchers)
}

struct Parser<'a> {
    input: &'a str,
    features: &'a Features,
    lexer: Lexer<'a>,
    /// Tokens are only read when they are needed: an error found before comes first.
    peeked: Option<Token<'a>>,
    nesting: usize,
    /// operators and modifiers so far: with the nesting a bound for the height of the tree
    operators: usize,
    /// aggregations around the current place: they give syntax errors their context
    aggregations: usize,
    /// end of the last token that can close an expression
    last_closing: usize,
}

impl<'a> Parser<'a> {
    fn new(input: &'a str, features: &'a Features) -> Parsed<Parser<'a>> {
        if input.len() > MAX_QUERY_BYTES {
            return Err(ParseError::new(input, Span::default(), format!("query is longer than {MAX_QUERY_BYTES} bytes")));
        }
        let lexer = Lexer::new(input);
        Ok(Parser { input, features, lexer, peeked: None, nesting: 0, operators: 0, aggregations: 0, last_closing: 0 })
    }

    fn peek(&mut self) -> Parsed<Token<'a>> {
        match self.peeked {
            Some(t) => Ok(t),
            None => {
                let token = self.lexer.next()?;
                self.peeked = Some(token);
                Ok(token)
            }
        }
    }

    fn advance(&mut self) -> Parsed<Token<'a>> {
        let token = self.peek()?;
        self.peeked = None;
        if matches!(token.kind, Kind::RightBrace | Kind::RightParen | Kind::RightBracket | Kind::Duration | Kind::Number) {
            self.last_closing = token.span().end;
        }
        Ok(token)
    }

    /// Takes the next token if it is of that kind.
    fn accept(&mut self, kind: Kind) -> Parsed<Option<Token<'a>>> {
        if self.peek()?.kind == kind { self.advance().map(Some) } else { Ok(None) }
    }

    /// Takes a token of that kind; another one is an error in `context`.
    fn expect(&mut self, kind: Kind, context: &str, expected: &str) -> Parsed<Token<'a>> {
        let token = self.peek()?;
        if token.kind == kind { self.advance() } else { Err(self.unexpected(token, context, expected)) }
    }

    /// Takes a token of that kind where the grammar has no message of its own.
    fn expect_here(&mut self, kind: Kind) -> Parsed<Token<'a>> {
        let token = self.peek()?;
        if token.kind == kind { self.advance() } else { Err(self.unexpected_here(token)) }
    }

    fn expect_end(&mut self) -> Parsed<()> {
        self.expect_here(Kind::End).map(drop)
    }

    fn error(&self, span: Span, reason: impl Into<Cow<'static, str>>) -> ParseError {
        ParseError::new(self.input, span, reason.into().into_owned())
    }

    fn unexpected(&self, token: Token<'_>, context: &str, expected: &str) -> ParseError {
        let mut reason = format!("unexpected {}", token.describe());
        if !context.is_empty() {
            reason = format!("{reason} in {context}");
        }
        if !expected.is_empty() {
            reason = format!("{reason}, expected {expected}");
        }
        self.error(token.span(), reason)
    }

    fn unexpected_here(&self, token: Token<'_>) -> ParseError {
        self.unexpected(token, if self.aggregations > 0 { "aggregation" } else { "" }, "")
    }

    fn count_operator(&mut self, span: Span) -> Parsed<()> {
        self.operators += 1;
        if self.operators > MAX_HEIGHT {
            return Err(self.error(span, format!("expression has more than {MAX_HEIGHT} operators; split it into recording rules")));
        }
        Ok(())
    }

    fn enter(&mut self, span: Span) -> Parsed<()> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(self.error(span, format!("expression nests deeper than {MAX_NESTING} levels")));
        }
        Ok(())
    }

    /// An expression whose operators bind at least as strongly as `min`.
    fn expression(&mut self, min: u8) -> Parsed<Expr> {
        let start = self.peek()?.span();
        self.enter(start)?;
        let mut lhs = self.operand()?;
        loop {
            let token = self.peek()?;
            let Kind::Op(op) = token.kind else { break };
            if op.precedence() < min {
                break;
            }
            self.advance()?;
            self.count_operator(token.span())?;
            lhs = self.binary(lhs, op)?;
        }
        self.nesting -= 1;
        Ok(lhs)
    }

    /// An operand with its sign or its modifiers.
    fn operand(&mut self) -> Parsed<Expr> {
        let token = self.peek()?;
        match token.kind {
            Kind::Op(op @ (BinaryOp::Add | BinaryOp::Sub)) => {
                self.advance()?;
                let minus = op == BinaryOp::Sub;
                // A sign binds like a multiplication: looser than "^".
                let inner = self.expression(BinaryOp::Pow.precedence())?;
                Ok(match inner {
                    Expr::Number(mut n) => {
                        n.value = if minus { -n.value } else { n.value };
                        n.span.start = token.start;
                        Expr::Number(n)
                    }
                    expr => {
                        let span = Span::new(token.start, expr.span().end);
                        Expr::Unary(Box::new(Unary { minus, expr, span }))
                    }
                })
            }
            _ => {
                let mut expr = self.primary()?;
                while let Some(e) = self.modifier(&mut expr)? {
                    self.count_operator(e)?;
                }
                Ok(expr)
            }
        }
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let token = self.peek()?;
        match token.kind {
            Kind::Number | Kind::Duration => Ok(Expr::Number(self.number_literal()?)),
            Kind::String => {
                self.advance()?;
                Ok(Expr::String(StringLiteral { value: unquote(token.text), span: token.span() }))
            }
            Kind::LeftParen => {
                self.advance()?;
                let expr = self.expression(0)?;
                let close = self.expect_here(Kind::RightParen)?;
                Ok(Expr::Paren(Box::new(Paren { expr, span: token.span().to(close.span()) })))
            }
            Kind::LeftBrace => Ok(Expr::Vector(self.bare_selector()?)),
            _ if token.is_metric_name() => self.named(token),
            _ => Err(self.unexpected_here(token)),
        }
    }

    /// What a name begins: an aggregation, a call or a selector.
    fn named(&mut self, name: Token<'a>) -> Parsed<Expr> {
        self.advance()?;
        let next = self.peek()?;
        match name.kind {
            Kind::Aggregate(op) if matches!(next.kind, Kind::LeftParen | Kind::Word(Word::By | Word::Without)) => self.aggregate(name, op),
            Kind::Identifier if next.kind == Kind::LeftParen => self.call(name),
            Kind::Word(w) if w.is_function_like() && next.kind == Kind::LeftParen => self.call(name),
            _ => Ok(Expr::Vector(self.named_selector(name)?)),
        }
    }

    fn call(&mut self, name: Token<'a>) -> Parsed<Expr> {
        let (args, close) = self.arguments()?;
        let Some(func) = function(name.text) else {
            return Err(self.error(name.span(), format!("unknown function with name {}", crate::format::quote(name.text))));
        };
        if func.experimental && !self.features.experimental_functions {
            return Err(self.error(name.span(), format!("function {} is not enabled", crate::format::quote(name.text))));
        }
        Ok(Expr::Call(Call { func, args, span: Span::new(name.start, close) }))
    }

    /// `(a, b)` and where it ends.
    fn arguments(&mut self) -> Parsed<(Vec<Expr>, usize)> {
        self.expect_here(Kind::LeftParen)?;
        let mut args = vec![];
        if let Some(close) = self.accept(Kind::RightParen)? {
            return Ok((args, close.span().end));
        }
        loop {
            args.push(self.expression(0)?);
            let Some(comma) = self.accept(Kind::Comma)? else {
                let close = self.expect_here(Kind::RightParen)?;
                return Ok((args, close.span().end));
            };
            if !self.peek()?.starts_expression() {
                return Err(self.error(comma.span(), "trailing commas not allowed in function call args"));
            }
        }
    }

    /// A number or duration token.
    fn number_literal(&mut self) -> Parsed<NumberLiteral> {
        let token = self.peek()?;
        let (value, duration) = match token.kind {
            Kind::Number => (parse_number(token.text).map_err(|e| self.error(token.span(), format!("error parsing number: {e}")))?, false),
            Kind::Duration => {
                let ms = crate::format::parse_duration(token.text).map_err(|e| self.error(token.span(), e))?;
                (ms as f64 / 1000.0, true)
            }
            _ => return Err(self.unexpected_here(token)),
        };
        self.advance()?;
        Ok(NumberLiteral { value, duration, span: token.span() })
    }
}

/// Integers in any base that the text announces (a leading 0 means octal), else a float. Underscores separate digits.
pub(crate) fn parse_number(text: &str) -> Result<f64, String> {
    let plain: String = text.chars().filter(|c| *c != '_').collect();
    let (sign, digits) = match plain.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, plain.strip_prefix('+').unwrap_or(&plain)),
    };
    let lower = digits.to_ascii_lowercase();
    let integer = if let Some(hex) = lower.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16)
            .map(|i| sign * i as f64)
            .map_err(|_| format!("strconv.ParseFloat: parsing {}: invalid syntax", crate::format::quote(text)));
    } else if lower.len() > 1 && lower.starts_with('0') {
        i64::from_str_radix(&lower[1..], 8).ok()
    } else {
        None
    };
    if let Some(i) = integer {
        return Ok(sign * i as f64);
    }
    match digits.parse::<f64>() {
        Ok(v) if v.is_infinite() && !lower.contains("inf") => {
            Err(format!("strconv.ParseFloat: parsing {}: value out of range", crate::format::quote(text)))
        }
        Ok(v) => Ok(sign * v),
        Err(_) => Err(format!("strconv.ParseFloat: parsing {}: invalid syntax", crate::format::quote(text))),
    }
}

#[cfg(test)]
mod tests;
