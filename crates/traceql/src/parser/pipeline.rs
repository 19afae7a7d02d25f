//! Stages joined by `|`, and the query as a whole with its hints.

use super::expr::Term;
use super::{ParseError, Parser};
use crate::ast::*;
use crate::lexer::Tok;

impl Parser {
    pub(super) fn query(&mut self) -> Result<Query, ParseError> {
        let body = match self.chain(false)?.0 {
            Term::Spanset(e) => Body::Spans(Pipeline { stages: vec![Stage::Spanset(e)] }),
            Term::Pipeline(p) => Body::Spans(p),
            Term::Metrics(m) => Body::Metrics(m),
            Term::Filter(f) => Body::Spans(Pipeline { stages: vec![Stage::Scalar(f)] }),
            Term::Scalar(_) => return self.unexpected(""),
        };
        let mut hints = vec![];
        while self.is_word("with") {
            self.advance();
            self.hints(&mut hints)?;
        }
        match self.peek() {
            Tok::Eof => Ok(Query { body, hints }),
            _ => self.unexpected("with"),
        }
    }

    fn hints(&mut self, hints: &mut Vec<(String, Static)>) -> Result<(), ParseError> {
        self.expect("(")?;
        loop {
            let name = match self.peek() {
                Tok::Ident(name) => name.clone(),
                Tok::Word(name) => (*name).to_owned(),
                _ => return self.unexpected("IDENTIFIER"),
            };
            self.advance();
            self.expect("=")?;
            let negative = self.accept("-");
            let value = match (self.literal(), negative) {
                (Some(Static::Int(i)), true) => Static::Int(i.wrapping_neg()),
                (Some(Static::Float(f)), true) => Static::Float(-f),
                (Some(Static::Duration(d)), true) => Static::Duration(d.wrapping_neg()),
                (Some(v), false) => v,
                _ => return self.unexpected(""),
            };
            hints.push((name, value));
            if !self.accept(",") {
                return self.expect(")");
            }
        }
    }

    /// First element, then stages. In parentheses it may end in an aggregate. The flag: see `Operand::duration_math`.
    pub(super) fn chain(&mut self, in_parens: bool) -> Result<(Term, bool), ParseError> {
        let mut stages = vec![];
        if self.is_word("by") || self.is_word("select") {
            stages.push(self.stage()?);
        } else {
            let first = self.expr(0)?;
            let duration_math = first.duration_math;
            match first.term {
                Term::Metrics(m) => return Ok((Term::Metrics(self.second_stages(m)?), false)),
                Term::Scalar(s) if in_parens && self.is_op(")") => return Ok((Term::Scalar(s), duration_math)),
                other => stages.extend(self.stages_of(other)?),
            }
        }
        while self.accept("|") {
            if self.at_metrics_function() {
                let m = self.metrics(Pipeline { stages })?;
                return Ok((Term::Metrics(self.second_stages(m)?), false));
            }
            if self.is_word("by") || self.is_word("select") || self.is_word("coalesce") {
                stages.push(self.stage()?);
                continue;
            }
            match self.expr(0)?.term {
                Term::Scalar(s) if in_parens && self.is_op(")") => {
                    return Ok((Term::Scalar(ScalarExpr::Pipeline(Pipeline { stages }, Box::new(s))), false));
                }
                Term::Pipeline(p) => stages.push(Stage::Spanset(SpansetExpr::Pipeline(p))),
                other => stages.extend(self.stages_of(other)?),
            }
        }
        let single = matches!(stages.as_slice(), [Stage::Spanset(_)]);
        Ok((
            match (single, stages.pop()) {
                (true, Some(Stage::Spanset(e))) => Term::Spanset(e),
                (_, last) => {
                    stages.extend(last);
                    Term::Pipeline(Pipeline { stages })
                }
            },
            false,
        ))
    }

    fn stages_of(&mut self, term: Term) -> Result<Vec<Stage>, ParseError> {
        match term {
            Term::Spanset(e) => Ok(vec![Stage::Spanset(e)]),
            Term::Pipeline(p) => Ok(p.stages),
            Term::Filter(f) if f.left.has_aggregate() || f.right.has_aggregate() => Ok(vec![Stage::Scalar(f)]),
            _ => self.unexpected(""),
        }
    }

    fn stage(&mut self) -> Result<Stage, ParseError> {
        let word = match self.peek() {
            Tok::Word(w) => *w,
            _ => "",
        };
        self.advance();
        match word {
            "by" => {
                self.expect("(")?;
                let e = self.field(0)?;
                if !self.accept(")") {
                    return self.unexpected("");
                }
                Ok(Stage::By(e))
            }
            "coalesce" => {
                self.expect("(")?;
                self.expect(")")?;
                Ok(Stage::Coalesce)
            }
            _ => Ok(Stage::Select(self.attributes()?)),
        }
    }
}
