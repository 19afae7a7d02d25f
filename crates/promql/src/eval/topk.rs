//! Aggregations that pick elements: topk, bottomk, limitk, limit_ratio.

use std::cmp::Ordering;

use model::Labels;
use query::QueryError;
use xxhash_rust::xxh64::xxh64;

use super::aggregate::{Grouper, bounds};
use super::column::{Cell, Column, Grid, Row, Scalars};
use super::{Ev, Res, Sink};
use crate::annotations::Note;
use crate::ast::AggregateOp;
use crate::format::float_g;
use crate::limits::STEPS_PER_CHECK;
use crate::plan::Aggregate;
use crate::span::Span;

impl Ev<'_> {
    pub fn top(&self, a: &Aggregate, k: &Scalars, span: Span, g: &Grid, sink: &mut Sink<'_>) -> Res<()> {
        let rows = self.collect(&a.inner, g)?;
        self.release(&rows);
        let b = bounds(k);
        if b.max < 1.0 {
            return Ok(());
        }
        let fail = |text: String| Err(QueryError::Execution(text));
        if b.nan {
            return fail("Parameter value is NaN".into());
        }
        if b.min <= i64::MIN as f64 {
            return fail(format!("Scalar value {} underflows int64", float_g(b.min)));
        }
        if b.max >= i64::MAX as f64 {
            return fail(format!("Scalar value {} overflows int64", float_g(b.max)));
        }
        let groups = grouped(a, &rows);
        let mut picked = Picked::new(rows.len(), g);
        let mut chosen: Vec<(f64, usize)> = vec![];
        for members in &groups {
            for i in 0..g.n {
                if i % STEPS_PER_CHECK == 0 {
                    self.budget.check()?;
                }
                let limit = (k.at(i) as i64).min(rows.len() as i64);
                if limit < 1 {
                    continue;
                }
                chosen.clear();
                for (rank, m) in members.iter().enumerate() {
                    match (rows[*m].col.get(i), a.op) {
                        (Cell::None, _) => {}
                        (_, AggregateOp::Limitk) if chosen.len() < limit as usize => chosen.push((0.0, rank)),
                        (_, AggregateOp::Limitk) => break,
                        (Cell::Float(v), _) => chosen.push((v, rank)),
                        (Cell::Hist(_), op) => self.note(Note::HistogramIgnored { aggregation: op.as_str() }, span),
                    }
                }
                if a.op != AggregateOp::Limitk {
                    best(&mut chosen, limit as usize, a.op == AggregateOp::Topk);
                }
                picked.take(i, chosen.iter().map(|(_, rank)| members[*rank]), &rows);
            }
        }
        picked.emit(rows, sink)
    }

    pub fn limit_ratio(&self, a: &Aggregate, ratio: &Scalars, param_span: Span, g: &Grid, sink: &mut Sink<'_>) -> Res<()> {
        let rows = self.collect(&a.inner, g)?;
        self.release(&rows);
        let b = bounds(ratio);
        if b.max == 0.0 && b.min == 0.0 {
            return Ok(());
        }
        if b.nan {
            return Err(QueryError::Execution("Ratio value is NaN".into()));
        }
        if b.max > 1.0 {
            self.note(Note::InvalidRatio { got: b.max.to_bits(), capped: 1 }, param_span);
        }
        if b.min < -1.0 {
            self.note(Note::InvalidRatio { got: b.min.to_bits(), capped: -1 }, param_span);
        }
        let mut picked = Picked::new(rows.len(), g);
        for members in grouped(a, &rows) {
            for m in members {
                let offset = sampling_hash(&rows[m].labels) as f64 / u64::MAX as f64;
                for i in 0..g.n {
                    let r = ratio.at(i).clamp(-1.0, 1.0);
                    let inside = if r >= 0.0 { offset < r } else { offset >= 1.0 + r };
                    if inside && rows[m].col.has(i) {
                        picked.take(i, std::iter::once(m), &rows);
                    }
                }
            }
        }
        picked.emit(rows, sink)
    }
}

/// The hash that Prometheus' label sets have (lengths and texts through xxHash64), so that both pick the same series.
fn sampling_hash(labels: &Labels) -> u64 {
    let mut bytes = Vec::with_capacity(128);
    for text in labels.iter().flat_map(|(n, v)| [n, v]) {
        match text.len() {
            n @ 0..255 => bytes.push(n as u8),
            n => bytes.extend([255, n as u8, (n >> 8) as u8, (n >> 16) as u8]),
        }
        bytes.extend_from_slice(text.as_bytes());
    }
    xxh64(&bytes, 0)
}

/// Row numbers per group, by labels: ties are settled alike at every step and in instants and ranges.
fn grouped(a: &Aggregate, rows: &[Row]) -> Vec<Vec<usize>> {
    let mut grouper = Grouper::new(&a.grouping, a.without);
    let mut groups: Vec<Vec<usize>> = vec![];
    for (i, row) in rows.iter().enumerate() {
        let (at, new) = grouper.group(&row.labels);
        if new {
            groups.push(vec![]);
        }
        groups[at].push(i);
    }
    for members in &mut groups {
        if !members.is_sorted_by(|a, b| rows[*a].labels <= rows[*b].labels) {
            members.sort_by(|a, b| rows[*a].labels.cmp(&rows[*b].labels));
        }
    }
    groups
}

/// Keeps the best `k`, best first; NaN is worse than any number, of equal values the earlier one wins.
fn best(all: &mut Vec<(f64, usize)>, k: usize, largest: bool) {
    let order = |a: &(f64, usize), b: &(f64, usize)| {
        a.0.is_nan()
            .cmp(&b.0.is_nan())
            .then_with(|| {
                let by_value = a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal);
                if largest { by_value.reverse() } else { by_value }
            })
            .then_with(|| a.1.cmp(&b.1))
    };
    if all.len() > k {
        all.select_nth_unstable_by(k - 1, order);
        all.truncate(k);
    }
    all.sort_by(order);
}

/// What was chosen: a column per row, made when it is first chosen.
struct Picked {
    cols: Vec<Option<Column>>,
    order: Vec<usize>,
    n: usize,
}

impl Picked {
    fn new(rows: usize, g: &Grid) -> Picked {
        Picked { cols: vec![None; rows], order: vec![], n: g.n }
    }

    fn take(&mut self, i: usize, members: impl Iterator<Item = usize>, rows: &[Row]) {
        for m in members {
            if self.cols[m].is_none() {
                self.order.push(m);
            }
            let col = self.cols[m].get_or_insert_with(|| Column::empty(self.n));
            match rows[m].col.get(i) {
                Cell::Float(v) => col.vals[i] = v,
                Cell::Hist(h) => col.set_hist(i, h.clone()),
                Cell::None => {}
            }
        }
    }

    /// In the order of choice: that of the values in an instant.
    fn emit(mut self, rows: Vec<Row>, sink: &mut Sink<'_>) -> Res<()> {
        for m in self.order {
            if let Some(col) = self.cols[m].take() {
                sink(Row { labels: rows[m].labels.clone(), drop_name: rows[m].drop_name, col })?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::best;

    #[test]
    fn the_best_come_first() {
        let mut all = vec![(1.0, 0), (f64::NAN, 1), (3.0, 2), (3.0, 3), (2.0, 4)];
        best(&mut all, 3, true);
        assert_eq!(all, [(3.0, 2), (3.0, 3), (2.0, 4)]);
        best(&mut all, 2, false);
        assert_eq!(all, [(2.0, 4), (3.0, 2)]);
    }
}
