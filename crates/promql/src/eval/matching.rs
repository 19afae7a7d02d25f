//! Operators between two vectors: elements find each other by their labels, series by series.

use model::{Labels, LabelsBuilder, METRIC_NAME};
use query::QueryError;
use rustc_hash::FxHashMap;

use super::column::{ABSENT, Cell, Column, Grid, Row, drop_reserved};
use super::element::{self, Made};
use super::{Ev, Res, Sink};
use crate::ast::{BinaryOp, Cardinality, Matching};
use crate::format;
use crate::plan::Binary;
use crate::span::Span;

/// The labels that two elements must have in common to match.
fn signature(m: &Matching, l: &Labels) -> Labels {
    if m.on {
        l.filter(|n, _| m.labels.iter().any(|x| x == n))
    } else {
        l.filter(|n, _| n != METRIC_NAME && !m.labels.iter().any(|x| x == n))
    }
}

/// A number per distinct signature.
#[derive(Default)]
struct Signatures {
    index: FxHashMap<Labels, usize>,
}

impl Signatures {
    fn number(&mut self, m: &Matching, rows: &[Row]) -> Vec<usize> {
        rows.iter()
            .map(|r| {
                let next = self.index.len();
                *self.index.entry(signature(m, &r.labels)).or_insert(next)
            })
            .collect()
    }
}

impl Ev<'_> {
    fn both_sides(&self, b: &Binary, g: &Grid) -> Res<(Vec<Row>, Vec<Row>)> {
        let (l, r) = (self.collect(&b.lhs, g)?, self.collect(&b.rhs, g)?);
        self.release(&l);
        self.release(&r);
        Ok((l, r))
    }

    /// and, or, unless.
    pub fn set_operation(&self, b: &Binary, g: &Grid, sink: &mut Sink<'_>) -> Res<()> {
        let (left, right) = self.both_sides(b, g)?;
        let mut signatures = Signatures::default();
        let (ls, rs) = (signatures.number(&b.matching, &left), signatures.number(&b.matching, &right));
        let n = signatures.index.len();
        // At which steps a signature occurs on the side that decides.
        let (deciding, sigs) = if b.op == BinaryOp::Or { (&left, &ls) } else { (&right, &rs) };
        let mut present: Vec<Option<Vec<bool>>> = vec![None; n];
        for (row, sig) in deciding.iter().zip(sigs) {
            let steps = present[*sig].get_or_insert_with(|| vec![false; g.n]);
            for (i, p) in steps.iter_mut().enumerate() {
                *p |= row.col.has(i);
            }
        }
        let keep_where = |mut row: Row, sig: usize, wanted: bool| {
            let at = |i: usize| present[sig].as_ref().is_some_and(|p| p[i]);
            for i in 0..g.n {
                if at(i) != wanted {
                    row.col.vals[i] = ABSENT;
                    if let Some(h) = &mut row.col.hists {
                        h[i] = None;
                    }
                }
            }
            (!row.col.is_empty()).then_some(row)
        };
        let out: Vec<Row> = match b.op {
            BinaryOp::And => left.into_iter().zip(ls).filter_map(|(r, s)| keep_where(r, s, true)).collect(),
            BinaryOp::Unless => left.into_iter().zip(ls).filter_map(|(r, s)| keep_where(r, s, false)).collect(),
            _ => {
                let others: Vec<Row> = right.into_iter().zip(rs).filter_map(|(r, s)| keep_where(r, s, false)).collect();
                left.into_iter().chain(others).collect()
            }
        };
        self.settle(out, g, sink)
    }

    /// Arithmetic and comparisons.
    pub fn match_vectors(&self, b: &Binary, span: Span, g: &Grid, sink: &mut Sink<'_>) -> Res<()> {
        let (left, right) = self.both_sides(b, g)?;
        let mut signatures = Signatures::default();
        let (ls, rs) = (signatures.number(&b.matching, &left), signatures.number(&b.matching, &right));
        let swapped = b.matching.card == Cardinality::OneToMany;
        let ((many, many_sigs), (one, one_sigs)) = if swapped { ((right, rs), (left, ls)) } else { ((left, ls), (right, rs)) };
        let mut by_sig: Vec<Vec<usize>> = vec![vec![]; signatures.index.len()];
        for (i, sig) in one_sigs.iter().enumerate() {
            by_sig[*sig].push(i);
        }
        let fills = b.matching.fill_left.is_some();
        let mut join =
            Join { ev: self, b, span, g, swapped, claimed: FxHashMap::default(), taken: fills.then(FxHashMap::default), out: vec![] };
        join.check_one_side(&many, &one, &by_sig)?;
        let m = &b.matching;
        // Upstream's fill values do not change sides with `group_right`: fill_left fills the "many" side there.
        let (fill_many, fill_one) = (m.fill_left, m.fill_right);
        for (row, sig) in many.iter().zip(&many_sigs) {
            self.budget.check()?;
            let partners = &by_sig[*sig];
            for p in partners {
                join.pair(row, &one[*p].labels, *sig, |i| (row.col.get(i), one[*p].col.get(i)))?;
            }
            if let Some(v) = fill_one {
                let labels = signature(m, &row.labels);
                let unmatched = |i: usize| !partners.iter().any(|p| one[*p].col.has(i));
                join.pair(row, &labels, *sig, |i| (row.col.get(i), if unmatched(i) { Cell::Float(v) } else { Cell::None }))?;
            }
        }
        if let Some(v) = fill_many {
            for (row, sig) in one.iter().zip(&one_sigs) {
                let labels = signature(m, &row.labels);
                let taken = join.taken.as_ref().and_then(|t| t.get(sig)).cloned();
                let free = |i: usize| !taken.as_ref().is_some_and(|t| t[i]);
                let blank = Row { labels, drop_name: false, col: Column::empty(0) };
                join.pair(&blank, &row.labels, *sig, |i| (if free(i) { Cell::Float(v) } else { Cell::None }, row.col.get(i)))?;
            }
        }
        self.settle(join.out, g, sink)
    }
}

struct Join<'j> {
    ev: &'j Ev<'j>,
    b: &'j Binary,
    span: Span,
    g: &'j Grid,
    swapped: bool,
    /// the steps at which a signature (with grouping: and a result) has come up
    claimed: FxHashMap<(usize, Labels), Vec<bool>>,
    /// the same per signature, where unmatched elements are filled in
    taken: Option<FxHashMap<usize, Vec<bool>>>,
    out: Vec<Row>,
}

impl Join<'_> {
    /// No two elements of the "one" side may have the same signature at the same step.
    fn check_one_side(&self, many: &[Row], one: &[Row], by_sig: &[Vec<usize>]) -> Res<()> {
        let m = &self.b.matching;
        for rows in by_sig.iter().filter(|rows| rows.len() > 1) {
            for i in 0..self.g.n {
                let mut present = rows.iter().filter(|r| one[**r].col.has(i));
                let (Some(first), Some(second)) = (present.next(), present.next()) else { continue };
                let fills = m.fill_left.is_some() || m.fill_right.is_some();
                if !fills && !many.iter().any(|r| r.col.has(i)) {
                    continue;
                }
                let mut pair = [format::labels(&one[*first].labels), format::labels(&one[*second].labels)];
                pair.sort();
                return Err(QueryError::Execution(format!(
                    "found duplicate series for the match group {} on the {} hand-side of the operation: [{}, {}];many-to-many matching \
                     not allowed: matching labels must be unique on one side",
                    format::labels(&signature(m, &one[*second].labels)),
                    if self.swapped { "left" } else { "right" },
                    pair[0],
                    pair[1]
                )));
            }
        }
        Ok(())
    }

    /// Computes one row from a "many" row and its partner's labels; `cells` gives both values at a step.
    fn pair<'c>(&mut self, many: &Row, one: &Labels, sig: usize, cells: impl Fn(usize) -> (Cell<'c>, Cell<'c>)) -> Res<()> {
        let b = self.b;
        let mut col = Column::empty(self.g.n);
        let mut steps = vec![false; self.g.n];
        let (mut any, mut matched) = (false, false);
        for (i, step) in steps.iter_mut().enumerate() {
            let (m, o) = cells(i);
            if matches!(m, Cell::None) || matches!(o, Cell::None) {
                continue;
            }
            let (l, r) = if self.swapped { (o, m) } else { (m, o) };
            let made = match element::elements(b.op, l, r) {
                Ok(made) => made,
                Err(note) => {
                    self.ev.note(note, self.span);
                    continue;
                }
            };
            if let Some(note) = made.note {
                self.ev.note(note, self.span);
            }
            (*step, matched) = (true, true);
            if b.return_bool {
                col.vals[i] = f64::from(made.keep);
            } else if made.keep {
                match made.value {
                    Made::Float(v) => col.vals[i] = v,
                    Made::Hist(h) => col.set_hist(i, h),
                }
            } else {
                continue;
            }
            any = true;
        }
        if !matched {
            return Ok(());
        }
        let labels = self.result_labels(&many.labels, one);
        self.claim(sig, &labels, steps)?;
        if any {
            self.out.push(Row { labels, drop_name: b.return_bool, col });
        }
        Ok(())
    }

    /// A signature may be matched once per step; with grouping once per step and result.
    fn claim(&mut self, sig: usize, labels: &Labels, steps: Vec<bool>) -> Res<()> {
        let one_to_one = self.b.matching.card == Cardinality::OneToOne;
        if let Some(taken) = &mut self.taken {
            let all = taken.entry(sig).or_insert_with(|| vec![false; steps.len()]);
            all.iter_mut().zip(&steps).for_each(|(a, s)| *a |= s);
        }
        let key = (sig, if one_to_one { Labels::empty() } else { labels.clone() });
        let Some(claimed) = self.claimed.get_mut(&key) else {
            self.claimed.insert(key, steps);
            return Ok(());
        };
        if claimed.iter().zip(&steps).any(|(c, s)| *c && *s) {
            return Err(QueryError::Execution(
                if one_to_one {
                    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
                } else {
                    "multiple matches for labels: grouping labels must ensure unique matches"
                }
                .into(),
            ));
        }
        claimed.iter_mut().zip(steps).for_each(|(c, s)| *c |= s);
        Ok(())
    }

    fn result_labels(&self, many: &Labels, one: &Labels) -> Labels {
        let (b, m) = (self.b, &self.b.matching);
        let nameless = b.op.changes_metric() || (b.return_bool && !self.ev.delayed());
        let mut labels = if nameless { drop_reserved(many) } else { many.clone() };
        if m.card == Cardinality::OneToOne && (m.on || !m.labels.is_empty()) {
            labels = labels.filter(|n, _| m.labels.iter().any(|x| x == n) == m.on);
        }
        if m.include.is_empty() {
            return labels;
        }
        let mut builder = LabelsBuilder::new(&labels);
        for name in &m.include {
            builder.set(name, one.value(name));
        }
        builder.build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_leave_the_name_out() {
        let l = Labels::from_pairs([("__name__", "m"), ("a", "1"), ("b", "2")]);
        let m = Matching { labels: vec!["a".into()], ..Matching::default() };
        assert_eq!(signature(&m, &l).to_string(), r#"{b="2"}"#);
        assert_eq!(signature(&Matching { on: true, ..m }, &l).to_string(), r#"{a="1"}"#);
    }
}
