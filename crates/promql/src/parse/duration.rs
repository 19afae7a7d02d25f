//! Durations: literals, and arithmetic over them in brackets and after `offset`.

use super::token::{Kind, Token, Word};
use super::{Parsed, Parser};
use crate::ast::{BinaryOp, Duration, DurationExpr, DurationOp, DurationOperation, NumberLiteral};
use crate::span::Span;

/// Binding strength of the sign: that of "*".
const SIGN: u8 = 5;

/// Context and expectation of syntax errors.
type Words = (&'static str, &'static str);

const OFFSET: Words = ("offset", "number, duration, step(), or range()");

impl<'a> Parser<'a> {
    /// A range or step: above 0 where that can be said now.
    pub(super) fn positive_duration(&mut self, context: &'static str, expected: &'static str) -> Parsed<Duration> {
        let e = self.duration_expr(0, (context, expected))?;
        // The operator that may follow is looked at first.
        self.peek()?;
        match e {
            DurationExpr::Number(n) if n.value <= 0.0 => Err(self.error(n.span, "duration must be greater than 0")),
            e => Ok(known(e)),
        }
    }

    /// After `offset`. A bare literal takes no operators: they belong to the expression around.
    pub(super) fn offset_duration(&mut self) -> Parsed<Duration> {
        let token = self.peek()?;
        let Kind::Op(op @ (BinaryOp::Add | BinaryOp::Sub)) = token.kind else {
            return Ok(known(match token.kind {
                Kind::Number | Kind::Duration | Kind::Word(_) => self.duration_operand(OFFSET)?,
                _ => self.duration_expr(0, OFFSET)?,
            }));
        };
        self.advance()?;
        let next = self.peek()?;
        let e = match next.kind {
            Kind::Number | Kind::Duration => {
                let number = self.signed_literal(token, op)?;
                return Ok(known(DurationExpr::Number(number)));
            }
            Kind::Word(_) => {
                let inner = self.duration_operand(OFFSET)?;
                unary(token.start, op, inner)
            }
            Kind::LeftParen => {
                let inner = self.duration_operand(OFFSET)?;
                sign(token, op, inner)
            }
            _ => {
                let inner = self.duration_expr(SIGN + 1, OFFSET)?;
                let first = sign(token, op, inner);
                self.duration_tail(first, 0, OFFSET)?
            }
        };
        Ok(known(e))
    }

    fn duration_expr(&mut self, min: u8, words: Words) -> Parsed<DurationExpr> {
        let token = self.peek()?;
        self.enter(token.span())?;
        let first = match token.kind {
            Kind::Op(op @ (BinaryOp::Add | BinaryOp::Sub)) => {
                self.advance()?;
                if matches!(self.peek()?.kind, Kind::Number | Kind::Duration) {
                    self.signed_literal_tail(token, op, words)?
                } else {
                    let inner = self.duration_expr(SIGN + 1, words)?;
                    sign(token, op, inner)
                }
            }
            _ => self.duration_operand(words)?,
        };
        let e = self.duration_tail(first, min, words)?;
        self.nesting -= 1;
        Ok(e)
    }

    /// A signed literal: the sign goes into the number unless "^" takes the number first.
    fn signed_literal_tail(&mut self, token: Token<'a>, op: BinaryOp, words: Words) -> Parsed<DurationExpr> {
        let literal = self.duration_operand(words)?;
        if self.peek()?.kind == Kind::Op(BinaryOp::Pow) {
            let power = self.duration_tail(literal, SIGN + 1, words)?;
            return Ok(sign(token, op, power));
        }
        Ok(sign(token, op, literal))
    }

    fn signed_literal(&mut self, token: Token<'a>, op: BinaryOp) -> Parsed<NumberLiteral> {
        let mut number = self.number_literal()?;
        if op == BinaryOp::Sub {
            number.value = -number.value;
        }
        if out_of_range(number.value) {
            return Err(self.error(token.span(), "duration out of range"));
        }
        number.span.start = token.start;
        Ok(number)
    }

    /// Operators behind `lhs` that bind at least as strongly as `min`.
    fn duration_tail(&mut self, mut lhs: DurationExpr, min: u8, words: Words) -> Parsed<DurationExpr> {
        loop {
            let token = self.peek()?;
            let Kind::Op(op) = token.kind else { break };
            let Some(kind) = duration_op(op) else { break };
            if op.precedence() < min {
                break;
            }
            self.advance()?;
            self.count_operator(token.span())?;
            let next = if op == BinaryOp::Pow { op.precedence() } else { op.precedence() + 1 };
            let rhs = self.duration_expr(next, words)?;
            self.allow_arithmetic(lhs.span())?;
            let by_zero = matches!(&rhs, DurationExpr::Number(n) if n.value == 0.0);
            match kind {
                DurationOp::Div if by_zero => return Err(self.error(token.span(), "division by zero")),
                DurationOp::Mod if by_zero => return Err(self.error(token.span(), "modulo by zero")),
                _ => {}
            }
            lhs = operation(kind, Some(lhs), Some(rhs), Span::default());
        }
        Ok(lhs)
    }

    fn duration_operand(&mut self, words: Words) -> Parsed<DurationExpr> {
        let token = self.peek()?;
        match token.kind {
            Kind::Number | Kind::Duration => {
                let number = self.number_literal()?;
                if out_of_range(number.value) {
                    return Err(self.error(number.span, "duration out of range"));
                }
                Ok(DurationExpr::Number(number))
            }
            Kind::Word(word @ (Word::Step | Word::Range)) => {
                self.advance()?;
                self.expect(Kind::LeftParen, words.0, words.1)?;
                let close = self.expect(Kind::RightParen, words.0, words.1)?;
                let op = if word == Word::Step { DurationOp::Step } else { DurationOp::Range };
                let span = token.span().to(close.span());
                self.allow_arithmetic(span)?;
                Ok(operation(op, None, None, span))
            }
            Kind::Word(word @ (Word::MinOf | Word::MaxOf)) => {
                self.advance()?;
                self.expect(Kind::LeftParen, words.0, words.1)?;
                let lhs = self.duration_expr(0, words)?;
                self.expect(Kind::Comma, words.0, words.1)?;
                let rhs = self.duration_expr(0, words)?;
                let close = self.expect(Kind::RightParen, words.0, words.1)?;
                let op = if word == Word::MinOf { DurationOp::MinOf } else { DurationOp::MaxOf };
                self.allow_arithmetic(lhs.span().to(rhs.span()))?;
                Ok(operation(op, Some(lhs), Some(rhs), token.span().to(close.span())))
            }
            Kind::LeftParen => {
                self.advance()?;
                let inner = self.duration_expr(0, words)?;
                let close = self.expect(Kind::RightParen, words.0, words.1)?;
                self.allow_arithmetic(inner.span())?;
                Ok(match inner {
                    DurationExpr::Op(mut o) => {
                        o.wrapped = true;
                        DurationExpr::Op(o)
                    }
                    number => {
                        let span = token.span().to(close.span());
                        DurationExpr::Op(DurationOperation {
                            op: DurationOp::Add,
                            lhs: None,
                            rhs: Some(Box::new(number)),
                            wrapped: true,
                            span,
                        })
                    }
                })
            }
            _ => Err(self.unexpected(token, words.0, words.1)),
        }
    }

    fn allow_arithmetic(&self, span: Span) -> Parsed<()> {
        if self.features.duration_expressions { Ok(()) } else { Err(self.error(span, "experimental duration expression is not enabled")) }
    }
}

fn operation(op: DurationOp, lhs: Option<DurationExpr>, rhs: Option<DurationExpr>, span: Span) -> DurationExpr {
    DurationExpr::Op(DurationOperation { op, lhs: lhs.map(Box::new), rhs: rhs.map(Box::new), wrapped: false, span })
}

fn unary(start: usize, op: BinaryOp, inner: DurationExpr) -> DurationExpr {
    let kind = if op == BinaryOp::Sub { DurationOp::Sub } else { DurationOp::Add };
    let end = inner.span().end;
    operation(kind, None, Some(inner), Span::new(start, end))
}

/// Puts a sign before an operand: into a literal, around anything else. A plus changes nothing.
fn sign(token: Token<'_>, op: BinaryOp, inner: DurationExpr) -> DurationExpr {
    match inner {
        DurationExpr::Number(mut n) => {
            n.value = if op == BinaryOp::Sub { -n.value } else { n.value };
            n.span.start = token.start;
            DurationExpr::Number(n)
        }
        inner if op == BinaryOp::Sub => unary(token.start, op, inner),
        inner => inner,
    }
}

fn duration_op(op: BinaryOp) -> Option<DurationOp> {
    Some(match op {
        BinaryOp::Add => DurationOp::Add,
        BinaryOp::Sub => DurationOp::Sub,
        BinaryOp::Mul => DurationOp::Mul,
        BinaryOp::Div => DurationOp::Div,
        BinaryOp::Mod => DurationOp::Mod,
        BinaryOp::Pow => DurationOp::Pow,
        _ => return None,
    })
}

/// Seconds that do not fit into 64 bits of nanoseconds.
pub(crate) fn out_of_range(seconds: f64) -> bool {
    seconds.abs() > 9_223_372_036.854_776
}

/// Literals become milliseconds at once.
fn known(e: DurationExpr) -> Duration {
    match e {
        DurationExpr::Number(n) => Duration::Ms((n.value * 1e9).round() as i64 / 1_000_000),
        e => Duration::Expr(Box::new(e)),
    }
}
