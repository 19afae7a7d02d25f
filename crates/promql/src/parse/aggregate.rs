//! Aggregations and the label lists that they share with vector matching.

use super::token::{Kind, Token, Word};
use super::{Parsed, Parser, unquote};
use crate::ast::{Aggregate, AggregateOp, Expr};
use crate::format::{is_label_name, quote};
use crate::span::Span;

impl<'a> Parser<'a> {
    /// After the operator's name: `by (..) (args)`, `(args) by (..)` or `(args)`.
    pub(super) fn aggregate(&mut self, name: Token<'a>, op: AggregateOp) -> Parsed<Expr> {
        self.aggregations += 1;
        let mut modifier = self.aggregate_modifier()?;
        let (mut args, mut end) = self.arguments()?;
        self.aggregations -= 1;
        if modifier.is_none() {
            modifier = self.aggregate_modifier()?;
            if modifier.is_some() {
                end = self.last_closing;
            }
        }
        let span = Span::new(name.start, end);
        if args.is_empty() {
            return Err(self.error(span, "no arguments for aggregate expression provided"));
        }
        let mut wanted = 1;
        if op.takes_parameter() {
            if op.is_experimental() && !self.features.experimental_functions {
                return Err(self.error(
                    span,
                    format!("{}() is experimental and must be enabled with --enable-feature=promql-experimental-functions", op.as_str()),
                ));
            }
            wanted = 2;
        }
        if args.len() != wanted {
            return Err(self.error(
                span,
                format!("wrong number of arguments for aggregate expression provided, expected {wanted}, got {}", args.len()),
            ));
        }
        let expr = args.pop().unwrap_or_else(|| unreachable!("counted above"));
        let (without, grouping) = modifier.unwrap_or_default();
        Ok(Expr::Aggregate(Box::new(Aggregate { op, expr, param: args.pop(), grouping, without, span })))
    }

    fn aggregate_modifier(&mut self) -> Parsed<Option<(bool, Vec<String>)>> {
        let without = match self.peek()?.kind {
            Kind::Word(Word::By) => false,
            Kind::Word(Word::Without) => true,
            _ => return Ok(None),
        };
        self.advance()?;
        Ok(Some((without, self.label_list()?)))
    }

    /// `(a, "b.c", d)`; a trailing comma is allowed.
    pub(super) fn label_list(&mut self) -> Parsed<Vec<String>> {
        const CONTEXT: &str = "grouping opts";
        self.expect(Kind::LeftParen, CONTEXT, "\"(\"")?;
        let mut names = vec![];
        while self.accept(Kind::RightParen)?.is_none() {
            let token = self.peek()?;
            let name = if token.is_label_name() {
                token.text.to_owned()
            } else if token.kind == Kind::String {
                unquote(token.text)
            } else {
                return Err(self.unexpected(token, CONTEXT, "label"));
            };
            self.advance()?;
            if !is_label_name(&name) {
                return Err(self.error(token.span(), format!("invalid label name for grouping: {}", quote(&name))));
            }
            names.push(name);
            if self.accept(Kind::Comma)?.is_none() {
                self.expect(Kind::RightParen, CONTEXT, "\",\" or \")\"")?;
                break;
            }
        }
        Ok(names)
    }
}
