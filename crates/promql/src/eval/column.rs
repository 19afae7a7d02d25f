//! What flows between operators: a series with one value per step, and scalars per step.

use std::sync::Arc;

use model::{Histogram, Labels};
use query::QueryError;
use rustc_hash::FxHashMap;

/// The times at which something is evaluated: `n` steps from `start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    pub start: i64,
    pub step: i64,
    pub n: usize,
}

impl Grid {
    pub fn instant(t: i64) -> Grid {
        Grid { start: t, step: 1, n: 1 }
    }

    #[inline]
    pub fn at(&self, i: usize) -> i64 {
        self.start.saturating_add(self.step.saturating_mul(i as i64))
    }

    /// The last time; the first where there is none.
    pub fn last(&self) -> i64 {
        self.at(self.n.saturating_sub(1))
    }
}

/// A quiet NaN that no computation yields: "no float here".
pub const ABSENT: f64 = f64::from_bits(0x7ff8_dead_beef_0001);

#[inline]
pub fn is_absent(v: f64) -> bool {
    v.to_bits() == ABSENT.to_bits()
}

/// One value per step: a float, a histogram or nothing.
#[derive(Debug, Clone)]
pub struct Column {
    pub vals: Vec<f64>,
    /// made when the first histogram comes
    pub hists: Option<Vec<Option<Arc<Histogram>>>>,
}

/// One step's value.
#[derive(Debug, Clone, Copy)]
pub enum Cell<'a> {
    None,
    Float(f64),
    Hist(&'a Arc<Histogram>),
}

impl Column {
    pub fn empty(n: usize) -> Column {
        Column { vals: vec![ABSENT; n], hists: None }
    }

    #[inline]
    pub fn get(&self, i: usize) -> Cell<'_> {
        let v = self.vals[i];
        if !is_absent(v) {
            return Cell::Float(v);
        }
        match self.hists.as_ref().and_then(|h| h[i].as_ref()) {
            Some(h) => Cell::Hist(h),
            None => Cell::None,
        }
    }

    #[inline]
    pub fn has(&self, i: usize) -> bool {
        !is_absent(self.vals[i]) || self.hists.as_ref().is_some_and(|h| h[i].is_some())
    }

    pub fn set_hist(&mut self, i: usize, h: Arc<Histogram>) {
        let n = self.vals.len();
        self.hists.get_or_insert_with(|| vec![None; n])[i] = Some(h);
    }

    pub fn is_empty(&self) -> bool {
        (0..self.vals.len()).all(|i| !self.has(i))
    }

    /// Samples as the limit counts them: a histogram weighs one per 16 bytes.
    pub fn weight(&self) -> u64 {
        let floats = self.vals.iter().filter(|v| !is_absent(**v)).count() as u64;
        let hists = self.hists.iter().flatten().flatten().map(|h| h.heap_size() as u64 / 16 + 1).sum::<u64>();
        floats + hists
    }

    /// Takes the values of `other` where this has none; `false` if both have one at a step.
    fn fill_from(&mut self, other: Column) -> bool {
        for i in 0..self.vals.len() {
            if !other.has(i) {
                continue;
            }
            if self.has(i) {
                return false;
            }
            self.vals[i] = other.vals[i];
            if let Some(h) = other.hists.as_ref().and_then(|h| h[i].clone()) {
                self.set_hist(i, h);
            }
        }
        true
    }

    /// The one value of this column at `n` steps.
    pub fn repeat(self, n: usize) -> Column {
        let hists = self.hists.and_then(|h| h.into_iter().next()).flatten().map(|h| vec![Some(h); n]);
        Column { vals: vec![self.vals.first().copied().unwrap_or(ABSENT); n], hists }
    }
}

/// A series on its way.
#[derive(Debug, Clone)]
pub struct Row {
    pub labels: Labels,
    /// the metric name goes at the end of the query
    pub drop_name: bool,
    pub col: Column,
}

/// A scalar per step.
#[derive(Debug, Clone)]
pub enum Scalars {
    Const(f64),
    Each(Vec<f64>),
}

impl Scalars {
    #[inline]
    pub fn at(&self, i: usize) -> f64 {
        match self {
            Scalars::Const(v) => *v,
            Scalars::Each(v) => v[i],
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = f64> + '_ {
        match self {
            Scalars::Const(v) => std::slice::from_ref(v).iter().copied(),
            Scalars::Each(v) => v.iter().copied(),
        }
    }

    pub fn map2(a: &Scalars, b: &Scalars, n: usize, f: impl Fn(f64, f64) -> f64) -> Scalars {
        match (a, b) {
            (Scalars::Const(a), Scalars::Const(b)) => Scalars::Const(f(*a, *b)),
            _ => Scalars::Each((0..n).map(|i| f(a.at(i), b.at(i))).collect()),
        }
    }
}

/// The error of two series that would become one at the same time.
pub fn same_labels() -> QueryError {
    QueryError::Execution("vector cannot contain metrics with the same labelset".into())
}

/// Joins rows of equal labels whose values do not meet; an error where they do.
pub fn merge_rows(rows: Vec<Row>) -> Result<Vec<Row>, QueryError> {
    let mut index: FxHashMap<Labels, usize> = FxHashMap::with_capacity_and_hasher(rows.len(), Default::default());
    let mut out: Vec<Row> = Vec::with_capacity(rows.len());
    for row in rows {
        match index.get(&row.labels) {
            Some(at) => {
                if !out[*at].col.fill_from(row.col) {
                    return Err(same_labels());
                }
            }
            None => {
                index.insert(row.labels.clone(), out.len());
                out.push(row);
            }
        }
    }
    Ok(out)
}

/// The labels without name, type and unit.
pub fn drop_reserved(l: &Labels) -> Labels {
    let reserved = |n: &str| matches!(n, "__name__" | "__type__" | "__unit__");
    if l.iter().any(|(n, _)| reserved(n)) { l.filter(|n, _| !reserved(n)) } else { l.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(vals: &[f64]) -> Row {
        Row { labels: Labels::empty(), drop_name: false, col: Column { vals: vals.to_vec(), hists: None } }
    }

    #[test]
    fn rows_of_equal_labels_are_joined_where_they_do_not_meet() {
        let merged = merge_rows(vec![row(&[1.0, ABSENT]), row(&[ABSENT, 2.0])]).unwrap();
        assert_eq!(merged[0].col.vals, [1.0, 2.0]);
        assert!(merge_rows(vec![row(&[1.0]), row(&[f64::NAN])]).is_err());
    }
}
