//! Label sets to dense ids and back, with postings per (name, value): how matchers find series and streams.

use std::collections::BTreeMap;
use std::collections::hash_map::Entry;
use std::ops::Bound;
use std::sync::Mutex;

use model::{Labels, MatchOp, Matcher};
use roaring::RoaringBitmap;
use rustc_hash::FxHashMap;

/// Something that is found by its labels.
pub trait Labelled {
    fn labels(&self) -> &Labels;
}

impl Labelled for Labels {
    fn labels(&self) -> &Labels {
        self
    }
}

/// Ids are given in order of arrival and never reused. Identity is the label set's content.
pub struct LabelIndex<T> {
    ids: FxHashMap<u64, u32>,
    /// label sets whose 64-bit hash belongs to another set already
    collisions: FxHashMap<Labels, u32>,
    items: Vec<Option<T>>,
    names: BTreeMap<Box<str>, Name>,
    all: RoaringBitmap,
    order: Mutex<Order>,
    bytes: usize,
}

#[derive(Default)]
struct Name {
    values: BTreeMap<Box<str>, Postings>,
    /// every id that has the name
    any: RoaringBitmap,
}

/// Most values of some labels belong to one series only; a bitmap for each would be most of the index.
enum Postings {
    One(u32),
    Many(RoaringBitmap),
}

/// Ids by labels, kept so that large answers are sorted by comparing integers.
#[derive(Default)]
struct Order {
    sorted: Vec<u32>,
    /// id to its place in `sorted`
    rank: Vec<u32>,
    /// items of the index that are in `sorted`
    upto: usize,
}

/// Selections up to this size are sorted by comparing labels.
const SMALL_SORT: usize = 128;

impl<T> Default for LabelIndex<T> {
    fn default() -> Self {
        LabelIndex {
            ids: FxHashMap::default(),
            collisions: FxHashMap::default(),
            items: vec![],
            names: BTreeMap::new(),
            all: RoaringBitmap::new(),
            order: Mutex::new(Order::default()),
            bytes: 0,
        }
    }
}

impl<T: Labelled> LabelIndex<T> {
    pub fn find(&self, labels: &Labels) -> Option<u32> {
        let id = *self.ids.get(&labels.hash64())?;
        match self.get(id) {
            Some(item) if item.labels() == labels => Some(id),
            _ => self.collisions.get(labels).copied(),
        }
    }

    pub fn get(&self, id: u32) -> Option<&T> {
        self.items.get(id as usize)?.as_ref()
    }

    /// The labels must not be in the index yet.
    pub fn insert(&mut self, item: T) -> u32 {
        let id = self.items.len() as u32;
        let labels = item.labels().clone();
        match self.ids.entry(labels.hash64()) {
            Entry::Occupied(_) => drop(self.collisions.insert(labels.clone(), id)),
            Entry::Vacant(free) => {
                free.insert(id);
            }
        }
        self.bytes += 24 + std::mem::size_of::<Option<T>>();
        for (name, value) in labels.iter() {
            self.post(id, name, value);
        }
        self.all.insert(id);
        self.items.push(Some(item));
        id
    }

    fn post(&mut self, id: u32, name: &str, value: &str) {
        // Two bytes an id in a bitmap, for the value and for the name.
        self.bytes += 4;
        if !self.names.contains_key(name) {
            self.names.insert(name.into(), Name::default());
            self.bytes += 128 + name.len();
        }
        let Some(entry) = self.names.get_mut(name) else { return };
        entry.any.insert(id);
        match entry.values.get_mut(value) {
            Some(p) => p.insert(id),
            None => {
                entry.values.insert(value.into(), Postings::One(id));
                self.bytes += 64 + value.len();
            }
        }
    }

    pub fn remove(&mut self, id: u32) {
        let Some(item) = self.items.get_mut(id as usize).and_then(Option::take) else { return };
        let labels = item.labels();
        if self.collisions.remove(labels).is_none() && self.ids.get(&labels.hash64()) == Some(&id) {
            self.ids.remove(&labels.hash64());
            // A set that collided with the removed one takes its place, else it would not be found any more.
            let heir = self.collisions.iter().find(|(l, _)| l.hash64() == labels.hash64()).map(|(l, id)| (l.clone(), *id));
            if let Some((l, heir)) = heir {
                self.collisions.remove(&l);
                self.ids.insert(l.hash64(), heir);
            }
        }
        self.all.remove(id);
        self.bytes = self.bytes.saturating_sub(24 + std::mem::size_of::<Option<T>>());
        for (name, value) in labels.iter() {
            let Some(entry) = self.names.get_mut(name) else { continue };
            self.bytes = self.bytes.saturating_sub(4);
            entry.any.remove(id);
            if entry.values.get_mut(value).is_some_and(|p| p.remove(id)) {
                entry.values.remove(value);
                self.bytes = self.bytes.saturating_sub(64 + value.len());
            }
            if entry.any.is_empty() {
                self.names.remove(name);
                self.bytes = self.bytes.saturating_sub(128 + name.len());
            }
        }
        // Ranks stay in order without it; the sorted list is rebuilt from the items that are left.
        *self.order.lock().unwrap_or_else(|e| e.into_inner()) = Order::default();
    }

    pub fn len(&self) -> usize {
        self.all.len() as usize
    }

    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.items.iter().enumerate().filter_map(|(i, item)| item.as_ref().map(|t| (i as u32, t)))
    }

    pub fn all(&self) -> &RoaringBitmap {
        &self.all
    }

    /// Estimated heap bytes of the index itself, without the items' own.
    pub fn heap_size(&self) -> usize {
        self.bytes
    }

    /// The ids that satisfy all matchers.
    pub fn matching(&self, matchers: &[Matcher]) -> RoaringBitmap {
        let mut by_cost: Vec<&Matcher> = matchers.iter().collect();
        by_cost.sort_by_key(|m| self.cost(m));
        let mut found: Option<RoaringBitmap> = None;
        for m in by_cost {
            if found.as_ref().is_some_and(|f| f.is_empty()) {
                break;
            }
            let values = self.names.get(m.name.as_str()).map_or(0, |n| n.values.len() as u64);
            let pointwise = found.as_ref().is_some_and(|f| f.len() * 4 < values && m.op != MatchOp::Eq);
            found = Some(match found {
                Some(f) if pointwise => f.iter().filter(|id| self.get(*id).is_some_and(|t| m.matches_labels(t.labels()))).collect(),
                found => self.narrow(found, m),
            });
        }
        found.unwrap_or_else(|| self.all.clone())
    }

    /// The ids that satisfy one of the sets; no set at all means every id.
    pub fn matching_any(&self, sets: &[Vec<Matcher>]) -> RoaringBitmap {
        match sets {
            [] => self.all.clone(),
            sets => sets.iter().fold(RoaringBitmap::new(), |all, set| all | self.matching(set)),
        }
    }

    /// Matchers that need a label come first, those that only take ids away last.
    fn cost(&self, m: &Matcher) -> u8 {
        match m.op {
            MatchOp::Eq if !m.value.is_empty() => 0,
            MatchOp::Re if !m.matches_empty() && m.literal_set().is_some() => 1,
            MatchOp::Re if !m.matches_empty() && !m.prefix().is_empty() => 2,
            _ if m.matches_empty() => 4,
            _ => 3,
        }
    }

    fn narrow(&self, found: Option<RoaringBitmap>, m: &Matcher) -> RoaringBitmap {
        let entry = self.names.get(m.name.as_str());
        if m.matches_empty() {
            let found = found.unwrap_or_else(|| self.all.clone());
            return match entry {
                Some(entry) => found - entry.refused_by(m),
                None => found,
            };
        }
        let with = entry.map(|e| e.accepted_by(m)).unwrap_or_default();
        match found {
            Some(f) => f & with,
            None => with,
        }
    }

    /// Names among the ids of `within`, sorted.
    pub fn names(&self, within: &RoaringBitmap) -> Vec<String> {
        self.names.iter().filter(|(_, n)| !n.any.is_disjoint(within)).map(|(name, _)| name.to_string()).collect()
    }

    /// Values of a label among the ids of `within`, sorted.
    pub fn values(&self, name: &str, within: &RoaringBitmap) -> Vec<String> {
        let Some(entry) = self.names.get(name) else { return vec![] };
        let hit = |p: &Postings| match p {
            Postings::One(id) => within.contains(*id),
            Postings::Many(b) => !b.is_disjoint(within),
        };
        entry.values.iter().filter(|(_, p)| hit(p)).map(|(v, _)| v.to_string()).collect()
    }

    /// How many values each label name has: (name, values, ids), for status pages.
    pub fn cardinality(&self) -> Vec<(String, u64, u64)> {
        self.names.iter().map(|(n, e)| (n.to_string(), e.values.len() as u64, e.any.len())).collect()
    }

    /// Ids per value of a label.
    pub fn value_counts(&self, name: &str) -> Vec<(String, u64)> {
        let count = |p: &Postings| match p {
            Postings::One(_) => 1,
            Postings::Many(b) => b.len(),
        };
        self.names.get(name).map(|e| e.values.iter().map(|(v, p)| (v.to_string(), count(p))).collect()).unwrap_or_default()
    }

    /// Sorts ids by their labels.
    pub fn sort(&self, ids: &mut [u32]) {
        if ids.len() <= SMALL_SORT {
            ids.sort_by(|a, b| self.get(*a).map(T::labels).cmp(&self.get(*b).map(T::labels)));
            return;
        }
        let mut order = self.order.lock().unwrap_or_else(|e| e.into_inner());
        self.extend(&mut order);
        ids.sort_unstable_by_key(|id| order.rank.get(*id as usize));
    }

    /// Sorts the ids that came since and merges them in, instead of sorting everything anew.
    fn extend(&self, order: &mut Order) {
        if order.upto == self.items.len() {
            return;
        }
        let labels = |id: &u32| self.items[*id as usize].as_ref().map(T::labels);
        let mut fresh: Vec<u32> = (order.upto as u32..self.items.len() as u32).filter(|id| labels(id).is_some()).collect();
        fresh.sort_by(|a, b| labels(a).cmp(&labels(b)));
        let mut merged = Vec::with_capacity(order.sorted.len() + fresh.len());
        let (mut old, mut new) = (order.sorted.iter().copied().peekable(), fresh.into_iter().peekable());
        loop {
            let next = match (old.peek(), new.peek()) {
                (Some(a), Some(b)) if labels(b) < labels(a) => new.next(),
                (Some(_), _) => old.next(),
                (None, _) => new.next(),
            };
            match next {
                Some(id) => merged.push(id),
                None => break,
            }
        }
        order.rank.resize(self.items.len(), 0);
        for (rank, id) in merged.iter().enumerate() {
            order.rank[*id as usize] = rank as u32;
        }
        order.sorted = merged;
        order.upto = self.items.len();
    }
}

impl Postings {
    fn insert(&mut self, id: u32) {
        match self {
            Postings::One(first) if *first == id => {}
            Postings::One(first) => *self = Postings::Many([*first, id].into_iter().collect()),
            Postings::Many(b) => {
                b.insert(id);
            }
        }
    }

    /// True if nothing is left.
    fn remove(&mut self, id: u32) -> bool {
        match self {
            Postings::One(only) => *only == id,
            Postings::Many(b) => {
                b.remove(id);
                b.is_empty()
            }
        }
    }

    fn or_into(&self, out: &mut RoaringBitmap) {
        match self {
            Postings::One(id) => {
                out.insert(*id);
            }
            Postings::Many(b) => *out |= b,
        }
    }
}

impl Name {
    /// Ids whose value satisfies a matcher that "" does not satisfy.
    fn accepted_by(&self, m: &Matcher) -> RoaringBitmap {
        match (m.op, m.literal_set()) {
            (MatchOp::Eq, _) => self.union(std::iter::once(m.value.as_str())),
            (MatchOp::Ne, _) if m.value.is_empty() => self.any.clone(),
            (MatchOp::Re, Some(set)) => self.union(set.iter().map(String::as_str)),
            (MatchOp::Re, None) if m.value == ".+" => self.any.clone(),
            (MatchOp::Re, None) => self.scan(m.prefix(), |v| m.matches(v)),
            _ => self.scan("", |v| m.matches(v)),
        }
    }

    /// Ids whose value does not satisfy a matcher that "" satisfies.
    fn refused_by(&self, m: &Matcher) -> RoaringBitmap {
        match (m.op, m.literal_set()) {
            (MatchOp::Eq, _) => self.any.clone(),
            (MatchOp::Ne, _) => self.union(std::iter::once(m.value.as_str())),
            (MatchOp::Re, _) if m.value == ".*" => RoaringBitmap::new(),
            (MatchOp::Nre, Some(set)) => self.union(set.iter().map(String::as_str)),
            (MatchOp::Nre, None) => self.scan(m.prefix(), |v| !m.matches(v)),
            _ => self.scan("", |v| !m.matches(v)),
        }
    }

    fn union<'a>(&self, values: impl Iterator<Item = &'a str>) -> RoaringBitmap {
        let mut out = RoaringBitmap::new();
        for p in values.filter_map(|v| self.values.get(v)) {
            p.or_into(&mut out);
        }
        out
    }

    fn scan(&self, prefix: &str, keep: impl Fn(&str) -> bool) -> RoaringBitmap {
        let mut out = RoaringBitmap::new();
        let from = self.values.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        for (_, p) in from.take_while(|(v, _)| v.starts_with(prefix)).filter(|(v, _)| keep(v)) {
            p.or_into(&mut out);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn index(sets: &[Labels]) -> LabelIndex<Labels> {
        let mut ix = LabelIndex::default();
        for l in sets {
            if ix.find(l).is_none() {
                ix.insert(l.clone());
            }
        }
        ix
    }

    fn any_labels() -> impl Strategy<Value = Labels> {
        proptest::collection::vec(("[abc]", "[xy]{1,2}"), 0..4).prop_map(Labels::from_pairs)
    }

    fn any_matcher() -> impl Strategy<Value = Matcher> {
        let op = prop_oneof![Just(MatchOp::Eq), Just(MatchOp::Ne), Just(MatchOp::Re), Just(MatchOp::Nre)];
        let pattern = prop_oneof![
            Just(""),
            Just("x"),
            Just("xy"),
            Just("x|yy"),
            Just("x.*"),
            Just(".*"),
            Just(".+"),
            Just("|x"),
            Just("(?i)X"),
            Just("y?x")
        ];
        (op, "[abcd]", pattern).prop_map(|(op, name, p)| Matcher::new(op, name, p).unwrap())
    }

    proptest! {
        #[test]
        fn matchers_find_what_a_scan_finds(
            sets in proptest::collection::vec(any_labels(), 0..40),
            removed in proptest::collection::vec(0u32..40, 0..6),
            matchers in proptest::collection::vec(any_matcher(), 0..4),
        ) {
            let mut ix = index(&sets);
            for id in removed {
                ix.remove(id);
            }
            let expect: Vec<u32> = ix.iter().filter(|(_, l)| matchers.iter().all(|m| m.matches_labels(l))).map(|(id, _)| id).collect();
            let found = ix.matching(&matchers);
            prop_assert_eq!(found.iter().collect::<Vec<_>>(), expect);

            let mut values: Vec<String> = found.iter().filter_map(|id| ix.get(id)?.get("a").map(str::to_owned)).collect();
            values.sort();
            values.dedup();
            prop_assert_eq!(ix.values("a", &found), values);
            let mut names: Vec<String> = found.iter().flat_map(|id| ix.get(id).unwrap().iter().map(|(n, _)| n.to_owned())).collect();
            names.sort();
            names.dedup();
            prop_assert_eq!(ix.names(&found), names);
            for (id, l) in ix.iter() {
                prop_assert_eq!(ix.find(l), Some(id));
            }
        }
    }

    #[test]
    fn large_selections_are_sorted_by_rank_as_the_index_grows() {
        let mut ix = LabelIndex::default();
        for round in 0..3u32 {
            for i in 0..200u32 {
                ix.insert(Labels::from_pairs([("n", format!("{}", (i * 7919 + round * 31) % 1000)), ("r", round.to_string())]));
            }
            let mut ids: Vec<u32> = ix.all().iter().collect();
            ix.sort(&mut ids);
            assert!(ids.windows(2).all(|w| ix.get(w[0]).unwrap() < ix.get(w[1]).unwrap()));
        }
        ix.remove(5);
        let mut ids: Vec<u32> = ix.all().iter().collect();
        ix.sort(&mut ids);
        assert_eq!(ids.len(), 599);
        assert!(ids.windows(2).all(|w| ix.get(w[0]).unwrap() < ix.get(w[1]).unwrap()));
    }
}
