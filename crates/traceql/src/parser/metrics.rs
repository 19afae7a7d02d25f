//! Metrics functions and their second stages.

use super::expr::{Term, scalar_op};
use super::{ParseError, Parser};
use crate::ast::*;
use crate::lexer::Tok;
use crate::limits::DEFAULT_COMPARE_TOP;

impl Parser {
    pub(super) fn at_metrics_function(&self) -> bool {
        matches!(self.peek(), Tok::Word(w) if w.ends_with("_over_time") || matches!(*w, "rate" | "compare"))
    }

    /// A function over the spans of `pipeline`, with its by().
    pub(super) fn metrics(&mut self, pipeline: Pipeline) -> Result<MetricsExpr, ParseError> {
        let word = match self.peek() {
            Tok::Word(w) => *w,
            _ => return self.unexpected(""),
        };
        self.advance();
        self.expect("(")?;
        let function = match word {
            "rate" => MetricsFn::Rate,
            "count_over_time" => MetricsFn::CountOverTime,
            "quantile_over_time" => {
                let over = self.attribute_in_list()?;
                let mut quantiles = vec![];
                self.expect(",")?;
                loop {
                    quantiles.push(match self.peek() {
                        Tok::Int(i) => *i as f64,
                        Tok::Float(f) => *f,
                        _ => return self.unexpected("INTEGER or FLOAT"),
                    });
                    self.advance();
                    if !self.accept(",") {
                        break;
                    }
                }
                MetricsFn::Quantile(over, quantiles)
            }
            "histogram_over_time" => MetricsFn::Histogram(self.attribute_in_list()?),
            "compare" => self.compare()?,
            _ => {
                let op = word.strip_suffix("_over_time").and_then(AggregateOp::from_word);
                match op {
                    Some(op) => MetricsFn::OverTime(op, self.attribute_in_list()?),
                    None => return self.unexpected(""),
                }
            }
        };
        self.expect(")")?;
        let by = if self.is_word("by") && !matches!(function, MetricsFn::Compare { .. }) {
            self.advance();
            self.attributes()?
        } else {
            vec![]
        };
        Ok(MetricsExpr::Aggregate { pipeline, function, by })
    }

    fn compare(&mut self) -> Result<MetricsFn, ParseError> {
        let selection = self.filter()?;
        let (mut top, mut range) = (DEFAULT_COMPARE_TOP, None);
        if self.accept(",") {
            top = self.integer()?;
            if self.accept(",") {
                let start = self.integer()?;
                self.expect(",")?;
                range = Some((start, self.integer()?));
            }
        }
        Ok(MetricsFn::Compare { selection, top, range })
    }

    fn integer(&mut self) -> Result<i64, ParseError> {
        match self.peek() {
            Tok::Int(i) => {
                let i = *i;
                self.advance();
                Ok(i)
            }
            _ => self.unexpected("INTEGER"),
        }
    }

    /// `| topk(n)`, `| bottomk(n)` and comparisons with a constant.
    pub(super) fn second_stages(&mut self, mut m: MetricsExpr) -> Result<MetricsExpr, ParseError> {
        loop {
            let stage = if self.accept("|") {
                let top = self.is_word("topk");
                if !top && !self.is_word("bottomk") {
                    return self.unexpected("topk or bottomk");
                }
                self.operator()?;
                self.expect("(")?;
                let n = self.integer()?;
                self.expect(")")?;
                if top { SecondStage::TopK(n) } else { SecondStage::BottomK(n) }
            } else {
                let Some(op) = self.peek_op().and_then(scalar_op).filter(|o| o.is_comparison()) else { return Ok(m) };
                self.operator()?;
                let at = self.at;
                let right = self.expr(3)?;
                match (right.duration_math, right.term) {
                    (false, Term::Scalar(ScalarExpr::Literal(v))) => SecondStage::Compare(op, v),
                    _ => return self.unexpected_at(at, ""),
                }
            };
            m = MetricsExpr::Second(Box::new(m), stage);
        }
    }
}
