//! Parsing of pipeline stages and label filters.

use super::ast::{CompareOp, FormatValue, LabelChoice, LabelFilter, LabelFormat, LabelPath, LineFilter, LineOp, LineOperand, Stage};
use super::error::ParseError;
use super::lexer::Tok;
use super::parser::Parser;
use crate::limits;
use crate::units::parse_float;

impl Parser<'_> {
    /// The stage that starts here, `None` if none does. `| unwrap` is left to the range parser.
    pub(super) fn next_stage(&mut self) -> Result<Option<Stage>, ParseError> {
        if let Some(op) = self.line_op() {
            self.bump();
            return self.line_filter(op).map(Some);
        }
        if !self.is("|") || matches!(self.peek_at(1), Tok::Sym("unwrap")) {
            return Ok(None);
        }
        self.bump();
        self.piped_stage().map(Some)
    }

    fn line_op(&self) -> Option<LineOp> {
        Some(match self.peek() {
            Tok::Sym("|=") => LineOp::Contains,
            Tok::Sym("!=") => LineOp::NotContains,
            Tok::Sym("|~") => LineOp::Regex,
            Tok::Sym("!~") => LineOp::NotRegex,
            Tok::Sym("|>") => LineOp::Pattern,
            Tok::Sym("!>") => LineOp::NotPattern,
            _ => return None,
        })
    }

    fn line_filter(&mut self, op: LineOp) -> Result<Stage, ParseError> {
        let mut operands = vec![self.line_operand()?];
        while self.is("or") {
            self.bump();
            operands.push(self.line_operand()?);
        }
        Ok(Stage::LineFilter(LineFilter { op, operands }))
    }

    fn line_operand(&mut self) -> Result<LineOperand, ParseError> {
        if self.eat("ip") {
            self.expect("(", &["("])?;
            let text = self.string(&["STRING"])?;
            self.expect(")", &[")"])?;
            return Ok(LineOperand::Ip(text));
        }
        self.string(&["STRING", "ip"]).map(LineOperand::Text)
    }

    fn piped_stage(&mut self) -> Result<Stage, ParseError> {
        let Tok::Sym(word) = *self.peek() else {
            return self.label_filter(&[]).map(Stage::LabelFilter);
        };
        match word {
            "(" => return self.label_filter(&[]).map(Stage::LabelFilter),
            "json" | "logfmt" | "regexp" | "pattern" | "unpack" | "xml" | "csv" | "line_format" | "label_format" | "decolorize"
            | "drop" | "keep" => self.bump(),
            _ => return Err(self.unexpected(&[])),
        };
        Ok(match word {
            "json" => Stage::Json(self.paths()?),
            "xml" => Stage::Xml(self.paths()?),
            "logfmt" => self.logfmt()?,
            "regexp" => Stage::Regexp(self.string(&["STRING"])?),
            "pattern" => Stage::Pattern(self.string(&["STRING"])?),
            "csv" => Stage::Csv(self.string(&["STRING"])?),
            "unpack" => Stage::Unpack,
            "decolorize" => Stage::Decolorize,
            "line_format" => Stage::LineFormat(self.string(&["STRING"])?),
            "label_format" => self.label_format()?,
            "drop" => Stage::Drop(self.choices()?),
            _ => Stage::Keep(self.choices()?),
        })
    }

    fn logfmt(&mut self) -> Result<Stage, ParseError> {
        let (mut strict, mut keep_empty) = (false, false);
        while let Tok::Flag(flag) = *self.peek() {
            self.bump();
            match flag {
                "--strict" => strict = true,
                _ => keep_empty = true,
            }
        }
        Ok(Stage::Logfmt { strict, keep_empty, fields: self.paths()? })
    }

    /// `a, b="c"`, possibly none.
    fn paths(&mut self) -> Result<Vec<LabelPath>, ParseError> {
        let mut out = vec![];
        if !matches!(self.peek(), Tok::Ident(_)) {
            return Ok(out);
        }
        loop {
            let label = self.ident(&["IDENTIFIER"])?;
            let path = if self.eat("=") { self.string(&["STRING"])? } else { label.clone() };
            out.push(LabelPath { label, path });
            if !self.eat(",") {
                return Ok(out);
            }
        }
    }

    fn label_format(&mut self) -> Result<Stage, ParseError> {
        let mut out = vec![];
        loop {
            let target = self.ident(&["IDENTIFIER"])?;
            self.expect("=", &["="])?;
            let value = match self.peek() {
                Tok::Str(_) => FormatValue::Template(self.string(&[])?),
                _ => FormatValue::Rename(self.ident(&["IDENTIFIER", "STRING"])?),
            };
            out.push(LabelFormat { target, value });
            if !self.eat(",") {
                return Ok(Stage::LabelFormat(out));
            }
        }
    }

    fn choices(&mut self) -> Result<Vec<LabelChoice>, ParseError> {
        let mut out = vec![];
        loop {
            let name = self.ident(&["IDENTIFIER"])?;
            out.push(match self.peek() {
                Tok::Sym("=" | "!=" | "=~" | "!~") => LabelChoice::Match(self.matcher(name, &[])?),
                _ => LabelChoice::Name(name),
            });
            if !self.eat(",") {
                return Ok(out);
            }
        }
    }

    /// `a="b" and c > 5 or d`: `or` binds loosest; `and`, a comma and adjacency are the same.
    pub(super) fn label_filter(&mut self, expecting: &[&str]) -> Result<LabelFilter, ParseError> {
        self.nested(|p| {
            let mut left = p.label_filter_and(expecting)?;
            while p.eat("or") {
                let right = p.label_filter_and(&["IDENTIFIER", "("])?;
                left = LabelFilter::Or(Box::new(left), Box::new(right));
            }
            Ok(left)
        })
    }

    fn label_filter_and(&mut self, expecting: &[&str]) -> Result<LabelFilter, ParseError> {
        let mut left = self.label_filter_one(expecting)?;
        loop {
            let joined = self.eat("and") || self.eat(",");
            if !joined && !self.is("(") && !matches!(self.peek(), Tok::Ident(_)) {
                return Ok(left);
            }
            let right = self.label_filter_one(if joined { &["IDENTIFIER", "("] } else { &[] })?;
            left = LabelFilter::And(Box::new(left), Box::new(right));
        }
    }

    fn label_filter_one(&mut self, expecting: &[&str]) -> Result<LabelFilter, ParseError> {
        self.conditions += 1;
        if self.conditions > limits::MAX_CONDITIONS {
            return Err(ParseError::whole(format!("query has more than {} label filter conditions", limits::MAX_CONDITIONS)));
        }
        if self.eat("(") {
            let inner = self.label_filter(&["IDENTIFIER", "("])?;
            self.expect(")", &[])?;
            return Ok(inner);
        }
        let name = self.ident(expecting)?;
        let sym = match self.peek() {
            Tok::Sym(s @ ("=" | "!=" | "=~" | "!~" | "==" | ">" | ">=" | "<" | "<=")) => *s,
            _ => return Err(self.unexpected(&[])),
        };
        let ip = matches!(self.peek_at(1), Tok::Sym("ip"));
        if matches!(sym, "=~" | "!~") || matches!(sym, "=" | "!=") && matches!(self.peek_at(1), Tok::Str(_)) {
            if ip {
                self.bump();
                return Err(self.unexpected(&["STRING"]));
            }
            return self.matcher(name, &[]).map(LabelFilter::Match);
        }
        self.bump();
        if ip && matches!(sym, "=" | "!=") {
            self.bump();
            self.expect("(", &["("])?;
            let pattern = self.string(&["STRING"])?;
            self.expect(")", &[")"])?;
            return Ok(LabelFilter::Ip { name, negated: sym == "!=", pattern });
        }
        let op = match sym {
            "=" | "==" => CompareOp::Eq,
            "!=" => CompareOp::Ne,
            ">" => CompareOp::Gt,
            ">=" => CompareOp::Ge,
            "<" => CompareOp::Lt,
            _ => CompareOp::Le,
        };
        self.compared(name, op)
    }

    fn compared(&mut self, name: String, op: CompareOp) -> Result<LabelFilter, ParseError> {
        let negative = matches!(self.peek(), Tok::Sym("-")) && matches!(self.peek_at(1), Tok::Number(_) | Tok::Duration(_));
        if negative {
            self.bump();
        }
        match self.peek().clone() {
            Tok::Number(text) => {
                self.bump();
                let value = literal(&text)?;
                Ok(LabelFilter::Number { name, op, value: if negative { -value } else { value } })
            }
            Tok::Duration(ns) => {
                self.bump();
                Ok(LabelFilter::Duration { name, op, value: if negative { ns.wrapping_neg() } else { ns } })
            }
            Tok::Bytes(value) => {
                self.bump();
                Ok(LabelFilter::Bytes { name, op, value })
            }
            _ => Err(self.unexpected(&[])),
        }
    }
}

/// A number token's value.
pub(super) fn literal(text: &str) -> Result<f64, ParseError> {
    parse_float(text).map_err(|e| ParseError::whole(format!("unable to parse literal as a float: {e}")))
}
