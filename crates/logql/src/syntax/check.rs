//! What a query that parses must also fulfil.

use model::Matcher;

use super::ast::{Expr, Grouping, LogExpr, MetricExpr, RangeAgg, RangeOp, VectorOp};
use super::error::ParseError;
use crate::pipeline::Pipeline;
use crate::units::parse_float;

const SELECTOR_RULE: &str = "queries require at least one regexp or equality matcher that does not have an empty-compatible value. For instance, app=~\".*\" does not meet this requirement, but app=~\".+\" will";

pub(super) fn check(expr: &Expr) -> Result<(), ParseError> {
    match expr {
        Expr::Log(log) => log_expr(log),
        Expr::Metric(m) => metric(m),
    }
}

fn metric(m: &MetricExpr) -> Result<(), ParseError> {
    match m {
        MetricExpr::Literal(_) | MetricExpr::Vector(_) => Ok(()),
        MetricExpr::Range(r) => log_expr(&r.log),
        MetricExpr::Aggregate(a) => metric(&a.inner),
        MetricExpr::LabelReplace(l) => metric(&l.inner),
        MetricExpr::Binary(b) => metric(&b.left).and_then(|()| metric(&b.right)),
    }
}

fn log_expr(log: &LogExpr) -> Result<(), ParseError> {
    if log.matchers.iter().all(Matcher::matches_empty) {
        return Err(ParseError::whole(SELECTOR_RULE));
    }
    Pipeline::compile(&log.stages).map(|_| ()).map_err(ParseError::whole)
}

/// Checks the parameter and grouping of an aggregation and gives k.
pub(super) fn vector_param(op: VectorOp, param: Option<&str>, grouping: Option<&Grouping>) -> Result<usize, ParseError> {
    let name = op.as_str();
    if matches!(op, VectorOp::Sort | VectorOp::SortDesc) && grouping.is_some() && param.is_none() {
        return Err(ParseError::whole("sort and sort_desc doesn't allow grouping by "));
    }
    if !op.takes_k() {
        return match param {
            Some(p) => Err(ParseError::whole(format!("unsupported parameter for operation {name}({p},"))),
            None => Ok(0),
        };
    }
    let Some(text) = param else { return Err(ParseError::whole(format!("parameter required for operation {name}"))) };
    let k: i64 = match text.parse() {
        Ok(k) => k,
        // 1e3 is a number, but no integer
        Err(_) if parse_float(text).is_ok() => return Err(ParseError::whole(format!("invalid parameter {name}({text},"))),
        Err(_) => return Err(ParseError::whole(format!("invalid parameter {name}({text},"))),
    };
    if k <= 0 {
        return Err(ParseError::whole(format!("invalid parameter (must be greater than 0) {name}({text}")));
    }
    if op == VectorOp::ApproxTopK && grouping.is_some() {
        return Err(ParseError::whole("grouping not allowed for approx_topk aggregation"));
    }
    Ok(k as usize)
}

/// Checks what a range function may be combined with.
pub(super) fn range_agg(agg: &RangeAgg, param: Option<&str>) -> Result<(), ParseError> {
    let name = agg.op.as_str();
    let fail = |message: String| Err(ParseError::whole(message));
    match (agg.op, param) {
        (RangeOp::Quantile, None) => return fail(format!("parameter required for operation {name}")),
        (RangeOp::Quantile, Some(_)) | (_, None) => {}
        (_, Some(p)) => return fail(format!("parameter {p} not supported for operation {name}")),
    }
    use RangeOp::*;
    let groups = matches!(agg.op, Avg | Stddev | Stdvar | Quantile | Max | Min | First | Last);
    if agg.grouping.is_some() && !groups {
        return fail(format!("grouping not allowed for {name} aggregation"));
    }
    match (agg.op, &agg.unwrap) {
        (Count | Bytes | BytesRate, Some(_)) => fail(format!("invalid aggregation {name} with unwrap")),
        (Count | Bytes | BytesRate | Rate | Absent, _) | (_, Some(_)) => Ok(()),
        (_, None) => fail(format!("invalid aggregation {name} without unwrap")),
    }
}
