//! Field expressions: what stands between `{` and `}`, in `by(...)` and in aggregates.

use super::{ParseError, Parser};
use crate::ast::{Attribute, BinOp, FieldExpr, Intrinsic, Static};
use crate::fold::fold;
use crate::lexer::Tok;

const NIL_NEEDS: &str = "= or !=";

impl Parser {
    /// `{ [expr] }`
    pub(super) fn filter(&mut self) -> Result<Option<FieldExpr>, ParseError> {
        self.expect("{")?;
        if self.accept("}") {
            return Ok(None);
        }
        let e = self.field(0)?;
        match self.accept("}") {
            true => Ok(Some(e)),
            false => self.unexpected(""),
        }
    }

    /// An expression of operators that bind at least as tightly as `min`.
    pub(super) fn field(&mut self, min: u8) -> Result<FieldExpr, ParseError> {
        self.nested(|p| p.field_inner(min))
    }

    fn field_inner(&mut self, min: u8) -> Result<FieldExpr, ParseError> {
        let mut left = self.field_primary()?;
        while let Some((op, power)) = self.peek_op().and_then(binary) {
            if power < min {
                break;
            }
            self.operator()?;
            let right = self.field(if op == BinOp::Pow { power } else { power + 1 })?;
            if !matches!(op, BinOp::Eq | BinOp::Ne) && (is_nil(&left) || is_nil(&right)) {
                return self.unexpected(NIL_NEEDS);
            }
            left = fold(FieldExpr::Binary(op, Box::new(left), Box::new(right)));
        }
        // nil may only be one side of a comparison; with a higher `min` the caller holds the other side and looks itself.
        if min <= 2 && is_nil(&left) {
            return self.unexpected(NIL_NEEDS);
        }
        Ok(left)
    }

    fn field_primary(&mut self) -> Result<FieldExpr, ParseError> {
        if self.is_word("nil") {
            self.advance();
            return Ok(FieldExpr::Literal(Static::Nil));
        }
        if let Some(value) = self.literal() {
            return Ok(FieldExpr::Literal(value));
        }
        match self.peek_op() {
            Some("(") => {
                self.advance();
                let e = self.field(0)?;
                return if self.accept(")") { Ok(e) } else { self.unexpected("") };
            }
            Some("!") => {
                self.operator()?;
                return Ok(fold(FieldExpr::Not(Box::new(self.field(5)?))));
            }
            Some("-") => {
                self.operator()?;
                return Ok(fold(FieldExpr::Neg(Box::new(self.nested(Parser::field_primary)?))));
            }
            _ => {}
        }
        Ok(FieldExpr::Field(self.attribute()?))
    }

    /// One attribute or intrinsic.
    pub(super) fn attribute(&mut self) -> Result<Attribute, ParseError> {
        let found = match self.peek().clone() {
            Tok::Attr { scope, parent, name } => Attribute::Named { scope, parent, name },
            Tok::Word(w) => match Intrinsic::from_word(w) {
                Some(i) => Attribute::Intrinsic(i),
                None => return self.unexpected(""),
            },
            Tok::Colon(scope) => {
                self.advance();
                let word = match self.peek() {
                    Tok::Word(w) => *w,
                    _ => "",
                };
                match Intrinsic::from_colon(scope, word) {
                    Some(i) => Attribute::Intrinsic(i),
                    None => return self.unexpected(expected_after(scope)),
                }
            }
            Tok::Ident(word) => return self.error_at(self.at, format!("unknown identifier: {word}")),
            Tok::EmptyAttr => return self.unexpected("IDENTIFIER"),
            _ => return self.unexpected(""),
        };
        self.advance();
        Ok(found)
    }

    /// `( attr {, attr} )`
    pub(super) fn attributes(&mut self) -> Result<Vec<Attribute>, ParseError> {
        self.expect("(")?;
        let mut all = vec![self.attribute_in_list()?];
        while self.accept(",") {
            all.push(self.attribute_in_list()?);
        }
        match self.accept(")") {
            true => Ok(all),
            false => self.unexpected(""),
        }
    }

    /// As `attribute`, where a plain word is a syntax error and not an unknown identifier.
    pub(super) fn attribute_in_list(&mut self) -> Result<Attribute, ParseError> {
        match self.peek() {
            Tok::Ident(_) => self.unexpected(""),
            _ => self.attribute(),
        }
    }
}

fn is_nil(e: &FieldExpr) -> bool {
    matches!(e, FieldExpr::Literal(Static::Nil))
}

/// Operators with their power: `&&` and `||` bind alike.
fn binary(op: &str) -> Option<(BinOp, u8)> {
    Some(match op {
        "&&" => (BinOp::And, 1),
        "||" => (BinOp::Or, 1),
        "=" => (BinOp::Eq, 2),
        "!=" => (BinOp::Ne, 2),
        "<" => (BinOp::Lt, 2),
        "<=" => (BinOp::Le, 2),
        ">" => (BinOp::Gt, 2),
        ">=" => (BinOp::Ge, 2),
        "=~" => (BinOp::Regex, 2),
        "!~" => (BinOp::NotRegex, 2),
        "+" => (BinOp::Add, 3),
        "-" => (BinOp::Sub, 3),
        "*" => (BinOp::Mul, 5),
        "/" => (BinOp::Div, 5),
        "%" => (BinOp::Mod, 5),
        "^" => (BinOp::Pow, 6),
        _ => return None,
    })
}

/// What Tempo's message lists after `scope:`; nothing where the list is long.
fn expected_after(scope: &str) -> &'static str {
    match scope {
        "trace" => "duration or rootName or rootService or id",
        "event" => "name or timeSinceStart",
        "link" => "traceID or spanID",
        "instrumentation" => "name or version",
        _ => "",
    }
}
