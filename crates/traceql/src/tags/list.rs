//! A set that stops growing at a number of entries or of bytes.

use std::borrow::Borrow;
use std::hash::Hash;

use rustc_hash::FxHashSet;

use crate::answer::TagOptions;

pub(super) struct Capped<T> {
    set: FxHashSet<T>,
    limit: usize,
    max_bytes: usize,
    bytes: usize,
    full: bool,
}

impl<T: Eq + Hash + Ord> Capped<T> {
    pub fn new(options: &TagOptions) -> Capped<T> {
        let or_all = |n: usize| if n == 0 { usize::MAX } else { n };
        Capped { set: FxHashSet::default(), limit: or_all(options.limit), max_bytes: or_all(options.max_bytes), bytes: 0, full: false }
    }

    /// Adds an entry unless it is there or the set is full; only a new one is made into its owned form.
    pub fn insert_with<Q: Eq + Hash + ?Sized>(&mut self, entry: &Q, size: impl Fn(&T) -> usize, own: impl FnOnce(&Q) -> T)
    where
        T: Borrow<Q>,
    {
        if self.full || self.set.contains(entry) {
            return;
        }
        let owned = own(entry);
        let bytes = self.bytes.saturating_add(size(&owned));
        if self.set.len() >= self.limit || bytes > self.max_bytes {
            self.full = true;
            return;
        }
        self.bytes = bytes;
        self.set.insert(owned);
        self.full = self.set.len() >= self.limit;
    }

    /// Whether nothing more fits.
    pub fn is_full(&self) -> bool {
        self.full
    }

    pub fn into_sorted(self) -> Vec<T> {
        let mut all: Vec<T> = self.set.into_iter().collect();
        all.sort();
        all
    }
}
