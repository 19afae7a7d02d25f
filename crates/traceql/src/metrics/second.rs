//! Second stages: topk, bottomk, comparison with a constant. They leave points out, and series that have none left.

use std::cmp::Ordering;

use super::Series;
use crate::ast::{BinOp, SecondStage, Static};
use crate::fold::holds;

pub(super) fn apply(stage: &SecondStage, mut series: Vec<Series>) -> Vec<Series> {
    match stage {
        SecondStage::TopK(n) => series = keep(*n as usize, series, |a, b| b.total_cmp(&a)),
        SecondStage::BottomK(n) => series = keep(*n as usize, series, |a, b| a.total_cmp(&b)),
        SecondStage::Compare(op, v) => filter(*op, v, &mut series),
    }
    series.retain(|s| s.values.iter().any(|v| !v.is_nan()));
    series
}

/// At every time the first `n` values; of equal ones those of the series that sorts first.
fn keep(n: usize, mut series: Vec<Series>, first: impl Fn(f64, f64) -> Ordering) -> Vec<Series> {
    series.sort_by(|a, b| super::order(&a.labels, &b.labels));
    let intervals = series.iter().map(|s| s.values.len()).max().unwrap_or(0);
    let mut ranked: Vec<(f64, usize)> = vec![];
    for i in 0..intervals {
        ranked.clear();
        ranked.extend(series.iter().enumerate().filter_map(|(s, x)| x.values.get(i).map(|v| (*v, s))).filter(|(v, _)| !v.is_nan()));
        ranked.sort_by(|a, b| first(a.0, b.0).then(a.1.cmp(&b.1)));
        for (_, s) in ranked.iter().skip(n) {
            if let Some(v) = series.get_mut(*s).and_then(|s| s.values.get_mut(i)) {
                *v = f64::NAN;
            }
        }
    }
    series
}

/// Durations count in seconds, as values of durations do.
fn filter(op: BinOp, literal: &Static, series: &mut [Series]) {
    let limit = match literal {
        Static::Int(i) => *i as f64,
        Static::Float(f) => *f,
        Static::Duration(d) => *d as f64 / 1e9,
        _ => f64::NAN,
    };
    for v in series.iter_mut().flat_map(|s| &mut s.values) {
        if !(*v).partial_cmp(&limit).and_then(|o| holds(op, o)).unwrap_or(false) {
            *v = f64::NAN;
        }
    }
}
