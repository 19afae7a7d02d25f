//! Binary operators with their matching modifiers.

use super::token::{Kind, Word};
use super::{Parsed, Parser};
use crate::ast::{Binary, BinaryOp, Cardinality, Expr, Matching};

impl<'a> Parser<'a> {
    /// After the operator: modifiers, then the right side.
    pub(super) fn binary(&mut self, lhs: Expr, op: BinaryOp) -> Parsed<Expr> {
        let return_bool = self.accept(Kind::Word(Word::Bool))?.is_some();
        let mut matching = Matching::default();
        self.on_or_ignoring(&mut matching)?;
        self.fill(&mut matching)?;
        // Only "^" groups from the right.
        let min = if op == BinaryOp::Pow { op.precedence() } else { op.precedence() + 1 };
        let rhs = self.expression(min)?;
        let filled = matching.fill_left.is_some() || matching.fill_right.is_some();
        if filled && !self.features.fill_modifiers {
            return Err(self.error(lhs.span().to(rhs.span()), "binop fill modifiers are experimental and not enabled"));
        }
        Ok(Expr::Binary(Box::new(Binary { op, lhs, rhs, matching: Some(matching), return_bool })))
    }

    fn on_or_ignoring(&mut self, matching: &mut Matching) -> Parsed<()> {
        matching.on = match self.peek()?.kind {
            Kind::Word(Word::On) => true,
            Kind::Word(Word::Ignoring) => false,
            _ => return Ok(()),
        };
        self.advance()?;
        matching.labels = self.label_list()?;
        matching.card = match self.peek()?.kind {
            Kind::Word(Word::GroupLeft) => Cardinality::ManyToOne,
            Kind::Word(Word::GroupRight) => Cardinality::OneToMany,
            _ => return Ok(()),
        };
        self.advance()?;
        if self.peek()?.kind == Kind::LeftParen {
            matching.include = self.label_list()?;
        }
        Ok(())
    }

    /// `fill(v)`, or `fill_left(v)` and `fill_right(v)` in any order.
    fn fill(&mut self, matching: &mut Matching) -> Parsed<()> {
        let first = self.peek()?.kind;
        match first {
            Kind::Word(Word::Fill) => {
                let value = self.fill_value()?;
                (matching.fill_left, matching.fill_right) = (Some(value), Some(value));
            }
            Kind::Word(Word::FillLeft) => {
                matching.fill_left = Some(self.fill_value()?);
                if self.peek()?.kind == Kind::Word(Word::FillRight) {
                    matching.fill_right = Some(self.fill_value()?);
                }
            }
            Kind::Word(Word::FillRight) => {
                matching.fill_right = Some(self.fill_value()?);
                if self.peek()?.kind == Kind::Word(Word::FillLeft) {
                    matching.fill_left = Some(self.fill_value()?);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn fill_value(&mut self) -> Parsed<f64> {
        self.advance()?;
        self.expect_here(Kind::LeftParen)?;
        let minus = match self.peek()?.kind {
            Kind::Op(op @ (BinaryOp::Add | BinaryOp::Sub)) => {
                self.advance()?;
                op == BinaryOp::Sub
            }
            _ => false,
        };
        let number = self.number_literal()?;
        self.expect_here(Kind::RightParen)?;
        Ok(if minus { -number.value } else { number.value })
    }
}
