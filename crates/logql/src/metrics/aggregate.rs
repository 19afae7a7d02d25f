//! Aggregation over series: sum, avg, min, max, count, stddev, stdvar.

use model::Labels;
use rustc_hash::FxHashMap;

use super::grouping::group;
use super::{ABSENT, Line, is_absent};
use crate::syntax::ast::{VectorAgg, VectorOp};

/// Running values of one group at one step.
#[derive(Clone, Copy, Default)]
struct Cell {
    n: u64,
    value: f64,
    mean: f64,
}

pub fn eval(agg: &VectorAgg, lines: Vec<Line>, steps: usize) -> Vec<Line> {
    let mut index: FxHashMap<Labels, usize> = FxHashMap::default();
    let mut groups: Vec<(Labels, Vec<Cell>)> = vec![];
    for line in lines {
        let labels = group(&line.labels, agg.grouping.as_ref());
        let at = *index.entry(labels).or_insert_with_key(|l| {
            groups.push((l.clone(), vec![Cell::default(); steps]));
            groups.len() - 1
        });
        for (cell, v) in groups[at].1.iter_mut().zip(&line.values) {
            if !is_absent(*v) {
                add(agg.op, cell, *v);
            }
        }
    }
    groups.into_iter().map(|(labels, cells)| Line { labels, values: cells.iter().map(|c| finish(agg.op, c)).collect() }).collect()
}

fn add(op: VectorOp, c: &mut Cell, v: f64) {
    c.n += 1;
    match op {
        VectorOp::Sum | VectorOp::Avg => c.value += v,
        VectorOp::Min if c.n == 1 || c.value > v || c.value.is_nan() => c.value = v,
        VectorOp::Max if c.n == 1 || c.value < v || c.value.is_nan() => c.value = v,
        VectorOp::Stddev | VectorOp::Stdvar => {
            let delta = v - c.mean;
            c.mean += delta / c.n as f64;
            c.value += delta * (v - c.mean);
        }
        _ => {}
    }
}

fn finish(op: VectorOp, c: &Cell) -> f64 {
    if c.n == 0 {
        return ABSENT;
    }
    match op {
        VectorOp::Count => c.n as f64,
        VectorOp::Avg => c.value / c.n as f64,
        VectorOp::Stdvar => c.value / c.n as f64,
        VectorOp::Stddev => (c.value / c.n as f64).sqrt(),
        _ => c.value,
    }
}
