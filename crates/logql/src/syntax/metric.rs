//! Parsing of metric expressions: literals, functions, aggregations, binary operations.

use super::ast::{
    Binary, BinaryOp, Cardinality, CompareOp, Conversion, Expr, Grouping, LabelReplace, LogExpr, Matching, MetricExpr, RangeAgg, RangeOp,
    Unwrap, VectorAgg, VectorOp,
};
use super::error::ParseError;
use super::lexer::Tok;
use super::parser::Parser;
use super::{check, stages};
use crate::limits;
use crate::metrics::fold_literals;
use crate::units::format_f;

impl Parser<'_> {
    pub(super) fn expr(&mut self) -> Result<Expr, ParseError> {
        self.nested(|p| p.binary(0))
    }

    /// Operators that bind at least as tight as `min`.
    fn binary(&mut self, min: u8) -> Result<Expr, ParseError> {
        let mut left = self.operand()?;
        while let Some((op, power)) = self.binary_op() {
            if power < min {
                break;
            }
            self.operators += 1;
            if self.operators > limits::MAX_OPERATORS {
                return Err(ParseError::whole(format!("query has more than {} binary operators", limits::MAX_OPERATORS)));
            }
            self.bump();
            let returns_bool = self.eat("bool");
            let matching = self.matching()?;
            // `^` is the one operator that binds to the right
            let right = self.nested(|p| p.binary(if op == BinaryOp::Pow { power } else { power + 1 }))?;
            left = Expr::Metric(join(op, returns_bool, matching, left, right)?);
        }
        Ok(left)
    }

    fn binary_op(&self) -> Option<(BinaryOp, u8)> {
        let Tok::Sym(s) = self.peek() else { return None };
        Some(match *s {
            "or" => (BinaryOp::Or, 1),
            "and" => (BinaryOp::And, 2),
            "unless" => (BinaryOp::Unless, 2),
            "==" => (BinaryOp::Compare(CompareOp::Eq), 3),
            "!=" => (BinaryOp::Compare(CompareOp::Ne), 3),
            ">" => (BinaryOp::Compare(CompareOp::Gt), 3),
            ">=" => (BinaryOp::Compare(CompareOp::Ge), 3),
            "<" => (BinaryOp::Compare(CompareOp::Lt), 3),
            "<=" => (BinaryOp::Compare(CompareOp::Le), 3),
            "+" => (BinaryOp::Add, 4),
            "-" => (BinaryOp::Sub, 4),
            "*" => (BinaryOp::Mul, 5),
            "/" => (BinaryOp::Div, 5),
            "%" => (BinaryOp::Mod, 5),
            "^" => (BinaryOp::Pow, 6),
            _ => return None,
        })
    }

    fn matching(&mut self) -> Result<Option<Matching>, ParseError> {
        let on = self.is("on");
        if !on && !self.is("ignoring") {
            return Ok(None);
        }
        self.bump();
        let labels = self.label_list()?;
        let mut out = Matching { on, labels, cardinality: Cardinality::OneToOne, include: vec![] };
        out.cardinality = match self.peek() {
            Tok::Sym("group_left") => Cardinality::ManyToOne,
            Tok::Sym("group_right") => Cardinality::OneToMany,
            _ => return Ok(Some(out)),
        };
        self.bump();
        // A parenthesis may also open the right operand: it is a list only if it holds names.
        let list = self.is("(") && matches!((self.peek_at(1), self.peek_at(2)), (Tok::Sym(")"), _) | (Tok::Ident(_), Tok::Sym(")" | ",")));
        if list {
            out.include = self.label_list()?;
        }
        Ok(Some(out))
    }

    /// `(a, b)`, possibly empty.
    fn label_list(&mut self) -> Result<Vec<String>, ParseError> {
        self.expect("(", &["("])?;
        let mut out = vec![];
        if self.eat(")") {
            return Ok(out);
        }
        loop {
            out.push(self.ident(&["IDENTIFIER", ")"])?);
            if self.eat(")") {
                return Ok(out);
            }
            self.expect(",", &[",", ")"])?;
        }
    }

    fn operand(&mut self) -> Result<Expr, ParseError> {
        match self.peek().clone() {
            Tok::Number(text) => {
                self.bump();
                Ok(Expr::Metric(MetricExpr::Literal(stages::literal(&text)?)))
            }
            Tok::Sym(sign @ ("+" | "-")) => {
                self.bump();
                let Tok::Number(text) = self.peek().clone() else { return Err(self.unexpected(&["NUMBER"])) };
                self.bump();
                let value = stages::literal(&text)?;
                Ok(Expr::Metric(MetricExpr::Literal(if sign == "-" { -value } else { value })))
            }
            Tok::Sym("{") => self.log_expr().map(Expr::Log),
            Tok::Sym("(") => self.parenthesized(),
            Tok::Sym("vector") => self.vector().map(Expr::Metric),
            Tok::Sym("label_replace") => self.label_replace().map(Expr::Metric),
            Tok::RangeFn(op) => self.range_fn(op).map(Expr::Metric),
            Tok::VectorFn(op) => self.vector_fn(op).map(Expr::Metric),
            _ => Err(self.unexpected(&[])),
        }
    }

    fn parenthesized(&mut self) -> Result<Expr, ParseError> {
        self.bump();
        let inner = self.expr()?;
        self.expect(")", &[])?;
        let Expr::Log(mut log) = inner else { return Ok(inner) };
        self.stages_of(&mut log)?;
        Ok(Expr::Log(log))
    }

    fn vector(&mut self) -> Result<MetricExpr, ParseError> {
        self.bump();
        self.expect("(", &["("])?;
        let Tok::Number(text) = self.peek().clone() else { return Err(self.unexpected(&["NUMBER"])) };
        self.bump();
        self.expect(")", &[")"])?;
        stages::literal(&text).map(MetricExpr::Vector)
    }

    fn label_replace(&mut self) -> Result<MetricExpr, ParseError> {
        self.bump();
        self.expect("(", &["("])?;
        let inner = self.expr()?;
        let inner = self.metric_only(inner)?;
        let mut texts = vec![];
        for _ in 0..4 {
            self.expect(",", &[","])?;
            texts.push(self.string(&["STRING"])?);
        }
        self.expect(")", &[")"])?;
        let [dst, replacement, src, pattern]: [String; 4] =
            texts.try_into().map_err(|_| ParseError::whole("label_replace takes four strings"))?;
        let starts = dst.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic());
        if !starts || !dst.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric()) {
            return Err(ParseError::whole(format!("invalid destination label name in label_replace: {dst}")));
        }
        let regex = model::re2::Anchored::new(&pattern).map_err(|e| {
            ParseError::whole(format!(
                "invalid regex in label_replace: {}",
                e.to_string().replace(&format!("`{pattern}`"), &format!("`^(?:{pattern})$`"))
            ))
        })?;
        Ok(MetricExpr::LabelReplace(Box::new(LabelReplace { inner, dst, replacement, src, pattern, regex })))
    }

    fn grouping(&mut self) -> Result<Option<Grouping>, ParseError> {
        let without = self.is("without");
        if !without && !self.is("by") {
            return Ok(None);
        }
        self.bump();
        Ok(Some(Grouping { without, labels: self.label_list()? }))
    }

    fn vector_fn(&mut self, op: VectorOp) -> Result<MetricExpr, ParseError> {
        self.bump();
        let mut grouping = self.grouping()?;
        self.expect("(", &["("])?;
        // topk(5, …): a number only counts as the parameter before a comma.
        let param = match (self.peek(), self.peek_at(1)) {
            (Tok::Number(text), Tok::Sym(",")) => Some(text.clone()),
            _ => None,
        };
        if param.is_some() {
            self.bump();
            self.bump();
        }
        let inner = self.expr()?;
        let inner = self.metric_only(inner)?;
        self.expect(")", &[])?;
        if grouping.is_none() {
            grouping = self.grouping()?;
        }
        let k = check::vector_param(op, param.as_deref(), grouping.as_ref())?;
        Ok(MetricExpr::Aggregate(VectorAgg { op, k, grouping, inner: Box::new(inner) }))
    }

    fn range_fn(&mut self, op: RangeOp) -> Result<MetricExpr, ParseError> {
        self.bump();
        self.expect("(", &["("])?;
        let mut param = None;
        if let Tok::Number(text) = self.peek().clone() {
            self.bump();
            param = Some((stages::literal(&text)?, text));
            self.expect(",", &[","])?;
        } else if !self.is("{") && !self.is("(") {
            return Err(self.unexpected(&["NUMBER", "{", "("]));
        }
        let mut out = RangeAgg {
            op,
            param: param.as_ref().map(|p| p.0),
            log: LogExpr { matchers: vec![], stages: vec![] },
            unwrap: None,
            range: 0,
            offset: 0,
            grouping: None,
        };
        if !self.log_range(&mut out)? {
            return Err(self.unexpected(&[]));
        }
        self.expect(")", &[")"])?;
        out.grouping = self.grouping()?;
        check::range_agg(&out, param.map(|p| format_f(p.0)).as_deref())?;
        Ok(MetricExpr::Range(out))
    }

    /// The selector, range and pipeline inside a range function; answers whether a range was found.
    fn log_range(&mut self, out: &mut RangeAgg) -> Result<bool, ParseError> {
        let mut ranged = false;
        if self.is("(") {
            ranged = self.nested(|p| {
                p.bump();
                let r = p.log_range(out)?;
                p.expect(")", &[])?;
                Ok(r)
            })?;
        } else {
            out.log.matchers = self.selector()?;
        }
        let fresh = out.log.stages.is_empty() && out.unwrap.is_none();
        if !ranged {
            ranged = self.range(out)?;
        }
        // Behind a range, stages may follow only where it stands right after the selector.
        if ranged && !fresh {
            return Ok(true);
        }
        while let Some(stage) = self.next_stage()? {
            out.log.stages.push(stage);
        }
        if self.is("|") && out.unwrap.is_none() {
            self.unwrap(out, ranged)?;
        }
        if !ranged {
            ranged = self.range(out)?;
        }
        Ok(ranged)
    }

    fn range(&mut self, out: &mut RangeAgg) -> Result<bool, ParseError> {
        let Tok::Range(ns) = *self.peek() else { return Ok(false) };
        self.bump();
        out.range = ns;
        if self.eat("offset") {
            let negative = matches!(self.peek(), Tok::Sym("-")) && matches!(self.peek_at(1), Tok::Duration(_));
            if negative {
                self.bump();
            }
            let Tok::Duration(ns) = *self.peek() else { return Err(self.unexpected(&["DURATION"])) };
            self.bump();
            out.offset = if negative { ns.wrapping_neg() } else { ns };
        }
        Ok(true)
    }

    fn unwrap(&mut self, out: &mut RangeAgg, ranged: bool) -> Result<(), ParseError> {
        self.bump();
        self.expect("unwrap", &[])?;
        let conversion = match self.peek() {
            Tok::Sym("BYTES_CONV") => Conversion::Bytes,
            Tok::Sym("DURATION_CONV") => Conversion::Duration,
            Tok::Sym("DURATION_SECONDS_CONV") => Conversion::DurationSeconds,
            _ => Conversion::Number,
        };
        let label = if conversion == Conversion::Number {
            self.ident(&["IDENTIFIER", "BYTES_CONV", "DURATION_CONV", "DURATION_SECONDS_CONV"])?
        } else {
            self.bump();
            self.expect("(", &["("])?;
            let label = self.ident(&["IDENTIFIER"])?;
            self.expect(")", &[")"])?;
            label
        };
        let mut filters = vec![];
        while self.eat("|") {
            filters.push(self.unwrap_filter()?);
        }
        out.unwrap = Some(Unwrap { label, conversion, filters });
        if !ranged && !matches!(self.peek(), Tok::Range(_) | Tok::Sym(")")) {
            return Err(self.unexpected(&["RANGE", "|"]));
        }
        Ok(())
    }

    fn unwrap_filter(&mut self) -> Result<super::ast::LabelFilter, ParseError> {
        match self.peek() {
            Tok::Ident(_) | Tok::Sym("(") => self.label_filter(&["IDENTIFIER", "("]),
            _ => Err(self.unexpected(&["IDENTIFIER", "("])),
        }
    }
}

fn join(op: BinaryOp, returns_bool: bool, matching: Option<Matching>, left: Expr, right: Expr) -> Result<MetricExpr, ParseError> {
    let side = |side: &str, expr: Expr| match expr {
        Expr::Metric(m) => Ok(m),
        Expr::Log(log) => {
            let kind = if log.stages.is_empty() { "MatchersExpr" } else { "PipelineExpr" };
            Err(ParseError::whole(format!("unexpected type for {side} leg of binary operation ({}): *syntax.{kind}", op.as_str())))
        }
    };
    let (left, right) = (side("left", left)?, side("right", right)?);
    if op.is_set() {
        for (name, leg) in [("left", &left), ("right", &right)] {
            if let MetricExpr::Literal(v) = leg {
                let op = op.as_str();
                return Err(ParseError::whole(format!("unexpected literal for {name} leg of logical/set binary operation ({op}): {v:.6}")));
            }
        }
    }
    if let (MetricExpr::Literal(l), MetricExpr::Literal(r)) = (&left, &right) {
        return Ok(MetricExpr::Literal(fold_literals(op, *l, *r)));
    }
    Ok(MetricExpr::Binary(Box::new(Binary { op, returns_bool, matching, left, right })))
}
