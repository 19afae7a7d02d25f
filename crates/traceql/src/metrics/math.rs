//! Arithmetic between metrics, and with numbers.

use model::AnyValue;

use super::{NAME, Series, label};
use crate::ast::BinOp;

/// NaN, a point left out, where there is nothing to divide by.
pub(super) fn calculate(op: BinOp, a: f64, b: f64) -> f64 {
    let value = match op {
        BinOp::Add => a + b,
        BinOp::Sub => a - b,
        BinOp::Mul => a * b,
        BinOp::Div if b == 0.0 => f64::NAN,
        BinOp::Div => a / b,
        _ => f64::NAN,
    };
    if value.is_finite() { value } else { f64::NAN }
}

/// Every value changed; labels stay.
pub(super) fn with_number(mut series: Vec<Series>, change: impl Fn(f64) -> f64) -> Vec<Series> {
    for v in series.iter_mut().flat_map(|s| &mut s.values) {
        *v = change(*v);
    }
    series
}

/// Series with the same labels meet; a side that is one series without by() meets every series of the other.
pub(super) fn join(op: BinOp, left: Vec<Series>, right: Vec<Series>) -> Vec<Series> {
    let values = |l: &Series, r: &Series| l.values.iter().zip(&r.values).map(|(a, b)| calculate(op, *a, *b)).collect();
    match (name_only(&left), name_only(&right)) {
        (Some(l), Some(r)) => {
            let (Some(a), Some(b)) = (left.first(), right.first()) else { return vec![] };
            let name = format!("({l} {} {r})", op.text());
            vec![Series { labels: vec![label(NAME, &name)], values: values(a, b), exemplars: a.exemplars.clone() }]
        }
        (Some(_), None) => match left.first() {
            Some(l) => right.iter().map(|r| Series { values: values(l, r), ..r.clone() }).collect(),
            None => vec![],
        },
        (None, Some(_)) => match right.first() {
            Some(r) => left.iter().map(|l| Series { values: values(l, r), ..l.clone() }).collect(),
            None => vec![],
        },
        (None, None) => {
            let mut out = vec![];
            for l in &left {
                if let Some(r) = right.iter().find(|r| r.labels == l.labels) {
                    out.push(Series { values: values(l, r), ..l.clone() });
                }
            }
            out
        }
    }
}

/// The name of a single series that has no labels besides.
fn name_only(series: &[Series]) -> Option<&str> {
    match series {
        [Series { labels, .. }] => match labels.as_slice() {
            [kv] if kv.key == NAME => match &kv.value {
                AnyValue::Str(s) => Some(s),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}
