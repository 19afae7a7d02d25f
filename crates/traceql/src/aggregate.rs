//! Aggregates over a spanset: count, min, max, avg, sum.

use std::cmp::Ordering;

use crate::ast::{AggregateOp, BinOp};
use crate::fold::{Number, calculate, compare_numbers};
use crate::plan::Expr;
use crate::trace::Trace;
use crate::value::Value;

/// The aggregate's value; missing and non-numeric values are skipped, `None` if none is left.
pub(crate) fn aggregate(op: AggregateOp, over: Option<&Expr>, spans: &[u32], trace: &Trace) -> Option<Value<'static>> {
    let Some(over) = over else { return Some(Value::Int(spans.len() as i64)) };
    let mut count = 0u64;
    let mut total: Option<Number> = None;
    for i in spans {
        let at = *i as usize;
        let Some(span) = trace.spans.get(at) else { continue };
        let Some(n) = span.view.eval(over, span.row, Some((trace, at))).number() else { continue };
        count += 1;
        total = Some(match total {
            None => n,
            Some(so_far) => join(op, so_far, n),
        });
    }
    let total = total?;
    Some(match (op, total) {
        (AggregateOp::Avg, Number::Duration(d)) => Value::Duration(d / count.max(1) as i64),
        (AggregateOp::Avg, n) => Value::Float(n.as_f64() / count.max(1) as f64),
        (_, n) => Value::from_number(n),
    })
}

fn join(op: AggregateOp, a: Number, b: Number) -> Number {
    let pick = |wanted: Ordering| if compare_numbers(b, a) == Some(wanted) { b } else { a };
    match op {
        AggregateOp::Min => pick(Ordering::Less),
        AggregateOp::Max => pick(Ordering::Greater),
        _ => calculate(BinOp::Add, a, b).unwrap_or(a),
    }
}
