//! topk, bottomk, approx_topk, sort, sort_desc.

use std::cmp::Ordering;

use model::Labels;
use rustc_hash::FxHashMap;

use super::grouping::group;
use super::{ABSENT, Line, is_absent};
use crate::syntax::ast::{VectorAgg, VectorOp};

/// Per step and group the k best samples keep their value; all others are absent there.
///
/// `approx_topk` counts exactly here: there is one process, so that nothing has to be estimated.
pub fn eval(agg: &VectorAgg, mut lines: Vec<Line>, steps: usize) -> Vec<Line> {
    let mut groups: FxHashMap<Labels, Vec<usize>> = FxHashMap::default();
    for (i, line) in lines.iter().enumerate() {
        groups.entry(group(&line.labels, agg.grouping.as_ref())).or_default().push(i);
    }
    let largest = agg.op != VectorOp::BottomK;
    for members in groups.values() {
        for step in 0..steps {
            let mut here: Vec<usize> = members.iter().copied().filter(|i| !is_absent(lines[*i].values[step])).collect();
            here.sort_by(|a, b| order(largest, lines[*a].values[step], lines[*b].values[step]));
            for i in here.into_iter().skip(agg.k) {
                lines[i].values[step] = ABSENT;
            }
        }
    }
    lines
}

/// The order of samples only means something at one instant.
pub fn sorted(op: VectorOp, mut lines: Vec<Line>, instant: bool) -> Vec<Line> {
    if instant {
        lines.retain(|l| l.values.first().is_some_and(|v| !is_absent(*v)));
        lines.sort_by(|a, b| a.labels.cmp(&b.labels));
        lines.sort_by(|a, b| order(op == VectorOp::SortDesc, a.values[0], b.values[0]));
    }
    lines
}

/// Best first; NaN is worst either way.
fn order(largest: bool, a: f64, b: f64) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        _ if largest => b.total_cmp(&a),
        _ => a.total_cmp(&b),
    }
}
