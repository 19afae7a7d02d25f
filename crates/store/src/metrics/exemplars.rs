//! Exemplars of a tenant: a ring of the newest ones, each once.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};

use model::{Exemplar, Labels, Matcher};
use query::ExemplarSeries;
use rustc_hash::{FxHashMap, FxHashSet, FxHasher};

use crate::limits;

#[derive(Default)]
pub struct Exemplars {
    ring: VecDeque<Entry>,
    /// hashes of what the ring holds, so that a repeated one is found without a search
    seen: FxHashSet<u64>,
    newest: FxHashMap<Labels, i64>,
    bytes: usize,
}

struct Entry {
    /// sequence of the commit that brought it
    commit: u64,
    series: Labels,
    exemplar: Exemplar,
}

impl Entry {
    fn heap_size(&self) -> usize {
        // The series' labels are shared with the series itself.
        self.exemplar.labels.heap_size() + std::mem::size_of::<Entry>() + 48
    }
}

fn hash(series: &Labels, e: &Exemplar) -> u64 {
    let mut h = FxHasher::default();
    (series.hash64(), e.t, e.v.to_bits(), e.labels.hash64()).hash(&mut h);
    h.finish()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    Stored,
    Same,
    OutOfOrder,
}

impl Exemplars {
    pub fn append(&mut self, series: &Labels, exemplar: Exemplar, in_order_only: bool, commit: u64) -> Taken {
        let key = hash(series, &exemplar);
        if self.seen.contains(&key) {
            return Taken::Same;
        }
        match self.newest.get_mut(series) {
            Some(t) if exemplar.t < *t && in_order_only => return Taken::OutOfOrder,
            Some(t) => *t = exemplar.t.max(*t),
            None => {
                self.newest.insert(series.clone(), exemplar.t);
            }
        }
        if self.ring.len() >= limits::EXEMPLARS {
            self.drop_oldest();
        }
        let entry = Entry { commit, series: series.clone(), exemplar };
        self.bytes += entry.heap_size();
        self.ring.push_back(entry);
        self.seen.insert(key);
        Taken::Stored
    }

    fn drop_oldest(&mut self) {
        let Some(old) = self.ring.pop_front() else { return };
        self.bytes = self.bytes.saturating_sub(old.heap_size());
        self.seen.remove(&hash(&old.series, &old.exemplar));
        // The newest time of a series is only needed while the series has exemplars.
        if self.newest.get(&old.series) == Some(&old.exemplar.t) {
            self.newest.remove(&old.series);
        }
    }

    pub fn retain(&mut self, cutoff: i64) {
        while self.ring.front().is_some_and(|e| e.exemplar.t < cutoff) {
            self.drop_oldest();
        }
    }

    pub fn len(&self) -> usize {
        self.ring.len()
    }

    pub fn heap_size(&self) -> usize {
        self.bytes
    }

    /// For checkpoints: every exemplar in order of arrival.
    pub fn iter(&self) -> impl Iterator<Item = (&Labels, &Exemplar)> {
        self.ring.iter().map(|e| (&e.series, &e.exemplar))
    }

    /// Of the series that satisfy one of the sets (none = all), those in the range that the snapshot sees; sorted by labels, then time.
    pub fn select(&self, sets: &[Vec<Matcher>], min_t: i64, max_t: i64, snapshot: u64) -> Vec<ExemplarSeries> {
        let mut found: FxHashMap<&Labels, Option<Vec<Exemplar>>> = FxHashMap::default();
        for e in &self.ring {
            if e.commit > snapshot || e.exemplar.t < min_t || e.exemplar.t > max_t {
                continue;
            }
            let wanted = found.entry(&e.series).or_insert_with(|| {
                let hit = sets.is_empty() || sets.iter().any(|set| set.iter().all(|m| m.matches_labels(&e.series)));
                hit.then(Vec::new)
            });
            if let Some(list) = wanted {
                list.push(e.exemplar.clone());
            }
        }
        let mut out: Vec<ExemplarSeries> =
            found.into_iter().filter_map(|(l, list)| list.map(|exemplars| ExemplarSeries { labels: l.clone(), exemplars })).collect();
        for s in &mut out {
            s.exemplars.sort_by_key(|e| e.t);
        }
        out.sort_by(|a, b| a.labels.cmp(&b.labels));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exemplar(t: i64, v: f64) -> Exemplar {
        Exemplar { series: 0, t, v, labels: Labels::from_pairs([("trace_id", "a")]) }
    }

    #[test]
    fn each_once_sorted_and_by_snapshot() {
        let (a, b) = (Labels::from_pairs([("n", "a")]), Labels::from_pairs([("n", "b")]));
        let mut x = Exemplars::default();
        assert_eq!(x.append(&b, exemplar(5, 1.0), false, 1), Taken::Stored);
        assert_eq!(x.append(&b, exemplar(5, 1.0), false, 2), Taken::Same);
        assert_eq!(x.append(&b, exemplar(3, 1.0), true, 2), Taken::OutOfOrder);
        assert_eq!(x.append(&b, exemplar(3, 1.0), false, 2), Taken::Stored);
        assert_eq!(x.append(&a, exemplar(4, 2.0), false, 3), Taken::Stored);
        let times = |snapshot| -> Vec<Vec<i64>> {
            x.select(&[], 0, 10, snapshot).iter().map(|s| s.exemplars.iter().map(|e| e.t).collect()).collect()
        };
        assert_eq!(times(9), [vec![4], vec![3, 5]]);
        assert_eq!(times(1), [vec![5]]);
        assert_eq!(x.select(&[vec![Matcher::eq("n", "a")]], 0, 10, 9).len(), 1);
        assert!(x.select(&[], 6, 10, 9).is_empty());
    }

    #[test]
    fn the_ring_is_bounded() {
        let a = Labels::from_pairs([("n", "a")]);
        let mut x = Exemplars::default();
        for t in 0..limits::EXEMPLARS as i64 + 10 {
            x.append(&a, exemplar(t, 0.0), false, 1);
        }
        assert_eq!((x.len(), x.seen.len()), (limits::EXEMPLARS, limits::EXEMPLARS));
        assert_eq!(x.select(&[], 0, 9, 1).len(), 0);
    }
}
