//! Operators outside of braces: between spansets, aggregates, numbers and metrics.

use super::{ParseError, Parser};
use crate::ast::*;
use crate::fold::arithmetic;
use crate::lexer::Tok;

/// What an operand is, which decides the operators it takes.
pub(super) enum Term {
    Spanset(SpansetExpr),
    /// a parenthesised pipeline of several stages
    Pipeline(Pipeline),
    Scalar(ScalarExpr),
    /// a comparison of scalars
    Filter(ScalarFilter),
    Metrics(MetricsExpr),
}

pub(super) struct Operand {
    pub term: Term,
    /// it stands in parentheses of its own
    paren: bool,
    /// it is or joins parenthesised pipelines
    piped: bool,
    /// it is a constant made by arithmetic on a duration, which metrics refuse
    pub duration_math: bool,
    /// index of its first token
    at: usize,
}

impl Parser {
    /// Operators that bind at least as tightly as `min`.
    pub(super) fn expr(&mut self, min: u8) -> Result<Operand, ParseError> {
        self.nested(|p| p.expr_inner(min))
    }

    fn expr_inner(&mut self, min: u8) -> Result<Operand, ParseError> {
        let mut left = self.primary()?;
        while let Some(op) = self.peek_op() {
            let Some(power) = power(op).filter(|p| *p >= min) else { break };
            let op_at = self.at;
            let fits = match &left.term {
                Term::Spanset(_) | Term::Pipeline(_) => spanset_op(op).is_some(),
                Term::Scalar(_) => scalar_op(op).is_some(),
                Term::Metrics(_) => metrics_op(op),
                Term::Filter(_) => false,
            };
            if !fits {
                break;
            }
            self.operator()?;
            if matches!(left.term, Term::Spanset(_) | Term::Pipeline(_)) && !matches!(self.peek(), Tok::Op("{" | "(")) {
                return self.unexpected(if power == 1 { "{ or (" } else { "" });
            }
            let right = self.expr(if op == "^" { power } else { power + 1 })?;
            left = self.combine(op, op_at, left, right)?;
        }
        Ok(left)
    }

    fn combine(&self, op: &str, op_at: usize, left: Operand, right: Operand) -> Result<Operand, ParseError> {
        let (at, right_at) = (left.at, right.at);
        let piped = left.piped || right.piped;
        let duration_math = left.duration_math || right.duration_math || op_touches_duration(op, &left.term, &right.term);
        if (left.piped && !right.piped && !right.paren) || (right.piped && !left.piped && !left.paren) {
            return self.unexpected_at(right_at, "(");
        }
        let term = match (left.term, right.term) {
            (l @ (Term::Spanset(_) | Term::Pipeline(_)), r @ (Term::Spanset(_) | Term::Pipeline(_))) => match spanset_op(op) {
                Some(op) => Term::Spanset(SpansetExpr::Op(op, Box::new(spanset(l)), Box::new(spanset(r)))),
                None => return self.unexpected_at(op_at, ""),
            },
            (Term::Scalar(l), Term::Scalar(r)) => match scalar_op(op) {
                Some(op) if op.is_comparison() => Term::Filter(ScalarFilter { op, left: l, right: r }),
                Some(op) => Term::Scalar(scalar_math(op, l, r)),
                None => return self.unexpected_at(op_at, ""),
            },
            (Term::Metrics(m), Term::Scalar(ScalarExpr::Literal(v))) => match scalar_op(op) {
                Some(_) if duration_math => return self.duration_refused(right_at),
                Some(op) if op.is_comparison() => Term::Metrics(MetricsExpr::Second(Box::new(m), SecondStage::Compare(op, v))),
                Some(op) => Term::Metrics(MetricsExpr::Math(op, Box::new(m), Box::new(self.number(v, right_at)?))),
                None => return self.unexpected_at(op_at, ""),
            },
            (Term::Scalar(ScalarExpr::Literal(v)), Term::Metrics(m)) => match scalar_op(op) {
                Some(op) if metrics_op(op.text()) && !op.is_comparison() => {
                    Term::Metrics(MetricsExpr::Math(op, Box::new(self.number(v, at)?), Box::new(m)))
                }
                _ => return self.unexpected_at(op_at, ""),
            },
            (Term::Metrics(l), Term::Metrics(r)) => match scalar_op(op) {
                Some(op) if !op.is_comparison() => Term::Metrics(MetricsExpr::Math(op, Box::new(l), Box::new(r))),
                _ => return self.unexpected_at(right_at, ""),
            },
            _ => return self.unexpected_at(right_at, ""),
        };
        Ok(Operand { term, paren: false, piped, duration_math, at })
    }

    fn number(&self, v: Static, at: usize) -> Result<MetricsExpr, ParseError> {
        match v {
            Static::Int(i) => Ok(MetricsExpr::Number(i as f64)),
            Static::Float(f) => Ok(MetricsExpr::Number(f)),
            Static::Duration(_) => self.duration_refused(at),
            _ => self.unexpected_at(at, ""),
        }
    }

    fn duration_refused<T>(&self, at: usize) -> Result<T, ParseError> {
        self.error_at(at, "duration cannot be used as a scalar operand in metric arithmetic".into())
    }

    fn primary(&mut self) -> Result<Operand, ParseError> {
        let at = self.at;
        let plain = |term| Operand { term, paren: false, piped: false, duration_math: false, at };
        match self.peek().clone() {
            Tok::Op("{") => Ok(plain(Term::Spanset(SpansetExpr::Filter(self.filter()?)))),
            Tok::Op("(") => {
                self.advance();
                let (term, duration_math) = self.chain(true)?;
                if !self.accept(")") {
                    return self.unexpected(if matches!(term, Term::Spanset(_)) { ") or |" } else { "" });
                }
                let piped = matches!(term, Term::Pipeline(_));
                Ok(Operand { term, paren: true, piped, duration_math, at })
            }
            Tok::Op("-") => {
                self.operator()?;
                let value = match self.literal() {
                    Some(Static::Int(i)) => Static::Int(i.wrapping_neg()),
                    Some(Static::Float(f)) => Static::Float(-f),
                    Some(Static::Duration(d)) => Static::Duration(d.wrapping_neg()),
                    _ => return self.unexpected_at(at + 1, ""),
                };
                Ok(plain(Term::Scalar(ScalarExpr::Literal(value))))
            }
            Tok::Int(_) | Tok::Float(_) | Tok::Duration(_) | Tok::Word("minInt" | "maxInt") => match self.literal() {
                Some(v) => Ok(plain(Term::Scalar(ScalarExpr::Literal(v)))),
                None => self.unexpected(""),
            },
            Tok::Word(w) => match AggregateOp::from_word(w) {
                Some(op) => Ok(plain(Term::Scalar(ScalarExpr::Aggregate(self.aggregate(op)?)))),
                None => self.unexpected(""),
            },
            _ => self.unexpected(""),
        }
    }

    fn aggregate(&mut self, op: AggregateOp) -> Result<Aggregate, ParseError> {
        self.advance();
        self.expect("(")?;
        let over = if op == AggregateOp::Count { None } else { Some(self.field(0)?) };
        self.expect(")")?;
        Ok(Aggregate { op, over })
    }
}

/// An operand as a spanset; `Term` must be one.
fn spanset(t: Term) -> SpansetExpr {
    match t {
        Term::Spanset(e) => e,
        Term::Pipeline(p) => SpansetExpr::Pipeline(p),
        _ => SpansetExpr::Filter(None),
    }
}

fn scalar_math(op: BinOp, l: ScalarExpr, r: ScalarExpr) -> ScalarExpr {
    if let (ScalarExpr::Literal(a), ScalarExpr::Literal(b)) = (&l, &r)
        && let Some(v) = arithmetic(op, a, b)
    {
        return ScalarExpr::Literal(v);
    }
    ScalarExpr::Binary(op, Box::new(l), Box::new(r))
}

fn op_touches_duration(op: &str, l: &Term, r: &Term) -> bool {
    let is = |t: &Term| matches!(t, Term::Scalar(ScalarExpr::Literal(Static::Duration(_))));
    scalar_op(op).is_some_and(BinOp::is_arithmetic) && (is(l) || is(r))
}

fn power(op: &str) -> Option<u8> {
    Some(match op {
        "&&" | "||" => 1,
        "+" | "-" => 3,
        "*" | "/" | "%" => 5,
        "^" => 6,
        "=" | "!=" | "<" | "<=" | ">" | ">=" => 2,
        _ if spanset_op(op).is_some() => 2,
        _ => return None,
    })
}

pub(super) fn scalar_op(op: &str) -> Option<BinOp> {
    Some(match op {
        "+" => BinOp::Add,
        "-" => BinOp::Sub,
        "*" => BinOp::Mul,
        "/" => BinOp::Div,
        "%" => BinOp::Mod,
        "^" => BinOp::Pow,
        "=" => BinOp::Eq,
        "!=" => BinOp::Ne,
        "<" => BinOp::Lt,
        "<=" => BinOp::Le,
        ">" => BinOp::Gt,
        ">=" => BinOp::Ge,
        _ => return None,
    })
}

fn metrics_op(op: &str) -> bool {
    scalar_op(op).is_some_and(|o| !matches!(o, BinOp::Mod | BinOp::Pow))
}

fn spanset_op(op: &str) -> Option<SpansetOp> {
    let (mode, rest) = match op.as_bytes().first() {
        Some(b'!') => (Mode::Not, op.get(1..)?),
        Some(b'&') if op != "&&" => (Mode::Union, op.get(1..)?),
        _ => (Mode::Plain, op),
    };
    let relation = match rest {
        "&&" => return Some(SpansetOp::And),
        "||" => return Some(SpansetOp::Or),
        ">" => Relation::Child,
        "<" => Relation::Parent,
        ">>" => Relation::Descendant,
        "<<" => Relation::Ancestor,
        "~" => Relation::Sibling,
        _ => return None,
    };
    Some(SpansetOp::Structural { relation, mode })
}
