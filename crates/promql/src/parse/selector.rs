//! Selectors and what may follow an operand: ranges, subqueries, offset, `@`, anchored, smoothed.

use model::{METRIC_NAME, MatchOp, Matcher};

use super::token::{Kind, Token, Word};
use super::{Parsed, Parser, unquote};
use crate::ast::{At, BinaryOp, Duration, Edges, Expr, MatrixSelector, Subquery, VectorSelector};
use crate::span::Span;

impl<'a> Parser<'a> {
    /// A name was read; braces may follow.
    pub(super) fn named_selector(&mut self, name: Token<'a>) -> Parsed<VectorSelector> {
        let mut s = if self.peek()?.kind == Kind::LeftBrace { self.bare_selector()? } else { empty_selector(name.span()) };
        s.span = name.span().to(s.span);
        s.name = name.text.to_owned();
        s.matchers.push(Matcher::eq(METRIC_NAME, name.text));
        Ok(s)
    }

    /// `{..}`
    pub(super) fn bare_selector(&mut self) -> Parsed<VectorSelector> {
        const CONTEXT: &str = "label matching";
        let open = self.advance()?;
        let mut matchers = vec![];
        let close = loop {
            if let Some(close) = self.accept(Kind::RightBrace)? {
                break close;
            }
            matchers.push(self.matcher()?);
            if self.accept(Kind::Comma)?.is_none() {
                break self.expect(Kind::RightBrace, CONTEXT, "\",\" or \"}\"")?;
            }
        };
        Ok(VectorSelector { matchers, ..empty_selector(open.span().to(close.span())) })
    }

    fn matcher(&mut self) -> Parsed<Matcher> {
        const CONTEXT: &str = "label matching";
        let token = self.peek()?;
        let (name, may_be_metric) = match token.kind {
            Kind::Identifier => (token.text.to_owned(), false),
            Kind::String => (unquote(token.text), true),
            _ => return Err(self.unexpected(token, CONTEXT, "identifier or \"}\"")),
        };
        self.advance()?;
        let operator = self.peek()?;
        let op = match operator.kind {
            Kind::Assign => MatchOp::Eq,
            Kind::Op(BinaryOp::Ne) => MatchOp::Ne,
            Kind::MatchRegex => MatchOp::Re,
            Kind::MatchNotRegex => MatchOp::Nre,
            _ if may_be_metric => return Ok(Matcher::eq(METRIC_NAME, name)),
            _ => return Err(self.unexpected(operator, CONTEXT, "label matching operator")),
        };
        self.advance()?;
        let value = self.expect(Kind::String, CONTEXT, "string")?;
        Matcher::new(op, name, unquote(value.text)).map_err(|e| self.error(token.span().to(value.span()), e.0))
    }

    /// Reads one modifier behind `expr`, if there is one; answers its place.
    pub(super) fn modifier(&mut self, expr: &mut Expr) -> Parsed<Option<Span>> {
        let token = self.peek()?;
        match token.kind {
            Kind::LeftBracket => self.brackets(expr)?,
            Kind::Word(Word::Offset) => {
                self.advance()?;
                let offset = self.offset_duration()?;
                self.set_offset(expr, offset)?;
            }
            Kind::At => {
                self.advance()?;
                self.at(expr)?;
            }
            Kind::Word(Word::Anchored) => {
                self.advance()?;
                self.set_edges(expr, Edges::Anchored, "anchored")?;
            }
            Kind::Word(Word::Smoothed) => {
                self.advance()?;
                self.set_edges(expr, Edges::Smoothed, "smoothed")?;
            }
            _ => return Ok(None),
        }
        Ok(Some(token.span()))
    }

    /// `[range]` or `[range:step]`
    fn brackets(&mut self, expr: &mut Expr) -> Parsed<()> {
        const DURATION: &str = "number, duration, step(), or range()";
        let open = self.advance()?;
        let range = self.positive_duration("subquery or range selector", DURATION)?;
        let next = self.peek()?;
        match next.kind {
            Kind::RightBracket => {
                self.advance()?;
                self.range_selector(expr, range, open.span().to(next.span()))
            }
            Kind::Colon => {
                self.advance()?;
                let step = if self.peek()?.kind == Kind::RightBracket {
                    None
                } else {
                    Some(self.positive_duration("subquery selector", "number, duration, step(), range(), or \"]\"")?)
                };
                let close = self.expect(Kind::RightBracket, "subquery selector", "\"]\"")?;
                let span = expr.span().to(close.span());
                let inner = take(expr);
                *expr = Expr::Subquery(Box::new(Subquery { expr: inner, range, step, offset: Duration::Ms(0), at: None, span }));
                Ok(())
            }
            _ => Err(self.unexpected(next, "subquery or range", "\":\" or \"]\"")),
        }
    }

    fn range_selector(&mut self, expr: &mut Expr, range: Duration, brackets: Span) -> Parsed<()> {
        let problem = match &*expr {
            Expr::Vector(v) if !v.offset.is_zero() => "no offset modifiers allowed before range",
            Expr::Vector(v) if v.at.is_some() => "no @ modifiers allowed before range",
            Expr::Vector(_) => "",
            _ => "ranges only allowed for vector selectors",
        };
        match take(expr) {
            Expr::Vector(selector) if problem.is_empty() => {
                let span = selector.span.to(brackets);
                *expr = Expr::Matrix(MatrixSelector { selector, range, span });
                Ok(())
            }
            _ => Err(self.error(brackets, problem)),
        }
    }

    fn at(&mut self, expr: &mut Expr) -> Parsed<()> {
        const CONTEXT: (&str, &str) = ("@", "timestamp");
        let token = self.peek()?;
        let at = match token.kind {
            Kind::Word(word @ (Word::Start | Word::End)) => {
                self.advance()?;
                self.expect(Kind::LeftParen, CONTEXT.0, CONTEXT.1)?;
                self.expect(Kind::RightParen, CONTEXT.0, CONTEXT.1)?;
                if word == Word::Start { At::Start } else { At::End }
            }
            _ => {
                let minus = token.kind == Kind::Op(BinaryOp::Sub);
                if minus || token.kind == Kind::Op(BinaryOp::Add) {
                    self.advance()?;
                }
                let number = self.peek()?;
                if !matches!(number.kind, Kind::Number | Kind::Duration) {
                    return Err(self.unexpected(number, CONTEXT.0, CONTEXT.1));
                }
                let value = self.number_literal()?.value;
                let seconds = if minus { -value } else { value };
                if !seconds.is_finite() || seconds >= i64::MAX as f64 || seconds <= i64::MIN as f64 {
                    let shown = if seconds.is_finite() { format!("{seconds:.6}") } else { crate::format::float_plain(seconds) };
                    return Err(self.error(expr.span(), format!("timestamp out of bounds for @ modifier: {shown}")));
                }
                At::Time((seconds * 1000.0).round() as i64)
            }
        };
        let end = self.last_closing;
        let (slot, span) = match expr {
            Expr::Vector(v) => (&mut v.at, &mut v.span),
            Expr::Matrix(m) => (&mut m.selector.at, &mut m.span),
            Expr::Subquery(s) => (&mut s.at, &mut s.span),
            other => {
                return Err(self.error(
                    other.span(),
                    "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery",
                ));
            }
        };
        if slot.is_some() {
            let span = *span;
            return Err(self.error(span, "@ <timestamp> may not be set multiple times"));
        }
        *slot = Some(at);
        span.end = end;
        Ok(())
    }

    fn set_offset(&mut self, expr: &mut Expr, offset: Duration) -> Parsed<()> {
        let end = self.last_closing;
        let (slot, span) = match expr {
            Expr::Vector(v) => (&mut v.offset, &mut v.span),
            Expr::Matrix(m) => (&mut m.selector.offset, &mut m.span),
            Expr::Subquery(s) => (&mut s.offset, &mut s.span),
            other => {
                return Err(self.error(
                    other.span(),
                    "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
                ));
            }
        };
        if !slot.is_zero() {
            let span = *span;
            return Err(self.error(span, "offset may not be set multiple times"));
        }
        *slot = offset;
        span.end = end;
        Ok(())
    }

    fn set_edges(&mut self, expr: &mut Expr, edges: Edges, word: &str) -> Parsed<()> {
        let span = expr.span();
        if !self.features.extended_range_selectors {
            return Err(self.error(span, format!("{word} modifier is experimental and not enabled")));
        }
        let slot = match expr {
            Expr::Vector(v) => &mut v.edges,
            Expr::Matrix(m) => &mut m.selector.edges,
            Expr::Subquery(_) => return Err(self.error(span, format!("{word} modifier is not supported for subqueries"))),
            _ => return Err(self.error(span, format!("{word} modifier not implemented"))),
        };
        if *slot != Edges::Plain && *slot != edges {
            return Err(self.error(span, "anchored and smoothed modifiers cannot be used together"));
        }
        *slot = edges;
        Ok(())
    }
}

fn empty_selector(span: Span) -> VectorSelector {
    VectorSelector { name: String::new(), matchers: vec![], offset: Duration::Ms(0), at: None, edges: Edges::Plain, span }
}

/// Takes the expression out; what is left behind is overwritten by the caller.
fn take(expr: &mut Expr) -> Expr {
    std::mem::replace(expr, Expr::Vector(empty_selector(Span::default())))
}
