//! Aggregations that fold: rows are taken into their groups' accumulators as they pass.

use std::hash::{Hash, Hasher};

use model::{Labels, METRIC_NAME};
use rustc_hash::{FxHashMap, FxHasher};

use super::column::{Cell, Column, Grid, Row, Scalars, is_absent};
use super::fold::{Acc, Avg, Count, Max, Min, Quantile, Sum, Variance};
use super::hist_fold::HistAcc;
use super::{Ev, Res, Sink};
use crate::annotations::Note;
use crate::ast::AggregateOp;
use crate::plan::{Aggregate, go_max, go_min};
use crate::span::Span;

/// Finds the group of a label set.
pub struct Grouper<'g> {
    names: &'g [String],
    without: bool,
    index: FxHashMap<u64, Vec<usize>>,
    pub labels: Vec<Labels>,
}

impl<'g> Grouper<'g> {
    pub fn new(names: &'g [String], without: bool) -> Grouper<'g> {
        Grouper { names, without, index: FxHashMap::default(), labels: vec![] }
    }

    fn keeps(&self, name: &str) -> bool {
        let listed = self.names.iter().any(|n| n == name);
        if self.without { !listed && name != METRIC_NAME } else { listed }
    }

    /// The group's number, and whether it is new. No labels are built for a group that is known.
    pub fn group(&mut self, labels: &Labels) -> (usize, bool) {
        if !self.without && self.names.is_empty() {
            let new = self.labels.is_empty();
            if new {
                self.labels.push(Labels::empty());
            }
            return (0, new);
        }
        let mut hasher = FxHasher::default();
        labels.iter().filter(|(n, _)| self.keeps(n)).for_each(|pair| pair.hash(&mut hasher));
        let hash = hasher.finish();
        let same = |g: &usize| self.labels[*g].iter().eq(labels.iter().filter(|(n, _)| self.keeps(n)));
        if let Some(found) = self.index.get(&hash).and_then(|all| all.iter().copied().find(same)) {
            return (found, false);
        }
        let group = self.labels.len();
        let kept = labels.filter(|n, _| self.keeps(n));
        self.index.entry(hash).or_default().push(group);
        self.labels.push(kept);
        (group, true)
    }
}

/// The least, the greatest and whether there is a NaN among a parameter's values.
pub struct Bounds {
    pub min: f64,
    pub max: f64,
    pub nan: bool,
}

pub fn bounds(s: &Scalars) -> Bounds {
    let mut b = Bounds { min: f64::MAX, max: f64::MIN, nan: false };
    for v in s.iter() {
        b.nan |= v.is_nan();
        (b.min, b.max) = (go_min(b.min, v), go_max(b.max, v));
    }
    if let Scalars::Const(v) = s {
        (b.min, b.max) = (*v, *v);
    }
    b
}

impl Ev<'_> {
    pub fn aggregate(&self, a: &Aggregate, span: Span, g: &Grid, sink: &mut Sink<'_>) -> Res<()> {
        let param = match &a.param {
            Some(p) if a.op != AggregateOp::CountValues => self.scalar(p, g)?,
            _ => Scalars::Const(f64::NAN),
        };
        let param_span = a.param.as_ref().map_or(span, |p| p.span);
        match a.op {
            AggregateOp::Sum => self.fold::<Sum>(a, &param, g, sink),
            AggregateOp::Avg => self.fold::<Avg>(a, &param, g, sink),
            AggregateOp::Min => self.fold::<Min>(a, &param, g, sink),
            AggregateOp::Max => self.fold::<Max>(a, &param, g, sink),
            AggregateOp::Count => self.fold::<Count<false>>(a, &param, g, sink),
            AggregateOp::Group => self.fold::<Count<true>>(a, &param, g, sink),
            AggregateOp::Stddev => self.fold::<Variance<true>>(a, &param, g, sink),
            AggregateOp::Stdvar => self.fold::<Variance<false>>(a, &param, g, sink),
            AggregateOp::Quantile => {
                let b = bounds(&param);
                let bad = [(b.nan, f64::NAN), (b.max > 1.0, b.max), (b.min < 0.0, b.min)];
                let result = self.fold::<Quantile>(a, &param, g, sink);
                for (_, got) in bad.into_iter().filter(|(bad, _)| *bad) {
                    self.note(Note::InvalidQuantile { got: got.to_bits() }, param_span);
                }
                result
            }
            AggregateOp::CountValues => self.count_values(a, g, sink),
            AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Limitk => self.top(a, &param, span, g, sink),
            AggregateOp::LimitRatio => self.limit_ratio(a, &param, param_span, g, sink),
        }
    }

    fn fold<A: Acc>(&self, a: &Aggregate, param: &Scalars, g: &Grid, sink: &mut Sink<'_>) -> Res<()> {
        let mut grouper = Grouper::new(&a.grouping, a.without);
        let mut groups: Vec<Group<A>> = vec![];
        let bytes = (g.n * std::mem::size_of::<A>()) as u64 + 128;
        self.stream(&a.inner, g, &mut |row| {
            let (at, new) = grouper.group(&row.labels);
            if new {
                self.budget.reserve(bytes)?;
                groups.push(Group { accs: vec![A::new(); g.n], hists: None, drop_name: false });
            }
            let group = &mut groups[at];
            group.drop_name |= row.drop_name;
            for (acc, v) in group.accs.iter_mut().zip(&row.col.vals) {
                if !is_absent(*v) {
                    acc.add(*v);
                }
            }
            if row.col.hists.is_some() {
                self.fold_histograms(a, group, &row);
            }
            Ok(())
        })?;
        for (group, labels) in groups.into_iter().zip(grouper.labels) {
            self.budget.release(bytes);
            let drop_name = group.drop_name;
            if let Some(col) = self.finish(a, group, param) {
                sink(Row { labels, drop_name, col })?;
            }
        }
        Ok(())
    }

    fn fold_histograms<A: Acc>(&self, a: &Aggregate, group: &mut Group<A>, row: &Row) {
        let span = a.inner.span;
        let name = row.labels.metric_name().unwrap_or_default();
        let note = |n| self.note(n, span);
        for i in 0..group.accs.len() {
            let Cell::Hist(h) = row.col.get(i) else { continue };
            match a.op {
                AggregateOp::Sum | AggregateOp::Avg => {
                    let n = group.accs.len();
                    let slot = &mut group.hists.get_or_insert_with(|| vec![None; n])[i];
                    match slot {
                        Some(acc) => acc.add(h, a.op == AggregateOp::Avg, name, &note),
                        None => *slot = Some(Box::new(HistAcc::new(h))),
                    }
                }
                AggregateOp::Count | AggregateOp::Group => group.accs[i].add(0.0),
                op => note(Note::HistogramIgnored { aggregation: op.as_str() }),
            }
        }
    }

    fn finish<A: Acc>(&self, a: &Aggregate, mut group: Group<A>, param: &Scalars) -> Option<Column> {
        let vals = group.accs.iter_mut().enumerate().map(|(i, acc)| acc.get(param.at(i))).collect();
        let mut col = Column { vals, hists: None };
        let note = |n| self.note(n, a.inner.span);
        for (i, acc) in group.hists.into_iter().flatten().enumerate() {
            let Some(acc) = acc else { continue };
            if !is_absent(col.vals[i]) {
                // Floats and histograms cannot be added up.
                note(Note::MixedFloatsHistogramsAggregation);
                col.vals[i] = super::column::ABSENT;
            } else if let Some(h) = acc.finish(a.op == AggregateOp::Avg, &note) {
                col.set_hist(i, h);
            }
        }
        (!col.is_empty()).then_some(col)
    }
}

struct Group<A> {
    accs: Vec<A>,
    /// made when the first histogram comes
    hists: Option<Vec<Option<Box<HistAcc>>>>,
    drop_name: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_by_and_without() {
        let names = ["a".to_owned()];
        let l = |pairs: &[(&str, &str)]| Labels::from_pairs(pairs.iter().copied());
        let mut by = Grouper::new(&names, false);
        assert_eq!(by.group(&l(&[("a", "1"), ("b", "1")])), (0, true));
        assert_eq!(by.group(&l(&[("a", "1"), ("b", "2")])), (0, false));
        assert_eq!(by.group(&l(&[("b", "2")])), (1, true));
        let mut without = Grouper::new(&names, true);
        assert_eq!(without.group(&l(&[("__name__", "m"), ("a", "1"), ("b", "1")])), (0, true));
        assert_eq!(without.labels[0].to_string(), r#"{b="1"}"#);
    }
}
