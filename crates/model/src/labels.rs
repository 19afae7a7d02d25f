//! An immutable sorted label set, cheap to clone, hash and compare.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

/// The label that holds a metric's name.
pub const METRIC_NAME: &str = "__name__";

/// Label pairs sorted by name (byte order), names unique. One allocation of text for all pairs; clones share it.
///
/// The hash is content only, so the same labels hash alike in every process.
#[derive(Clone)]
pub struct Labels(Arc<Inner>);

struct Inner {
    /// name, value, name, value, ... without separators
    text: Box<str>,
    /// the end of each piece in `text`
    ends: Box<[u32]>,
    hash: u64,
}

impl Labels {
    pub fn empty() -> Labels {
        static EMPTY: std::sync::OnceLock<Labels> = std::sync::OnceLock::new();
        EMPTY.get_or_init(|| Labels::from_sorted(std::iter::empty())).clone()
    }

    /// Sorts the pairs; of a name given twice the last value stays.
    pub fn from_pairs<N: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (N, V)>) -> Labels {
        let mut all: Vec<(N, V)> = pairs.into_iter().collect();
        all.sort_by(|a, b| a.0.as_ref().cmp(b.0.as_ref()));
        let last = |i: usize| i + 1 == all.len() || all[i].0.as_ref() != all[i + 1].0.as_ref();
        Labels::from_sorted((0..all.len()).filter(|&i| last(i)).map(|i| (all[i].0.as_ref(), all[i].1.as_ref())))
    }

    /// The pairs must be sorted by name and unique already.
    pub fn from_sorted<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Labels {
        let (mut text, mut ends) = (String::new(), Vec::new());
        for (name, value) in pairs {
            text.push_str(name);
            ends.push(text.len() as u32);
            text.push_str(value);
            ends.push(text.len() as u32);
        }
        Labels::from_parts(text, ends)
    }

    fn from_parts(text: String, ends: Vec<u32>) -> Labels {
        // The ends are part of the identity: {a="bc"} and {ab="c"} have the same text.
        let mut hash = xxh3_64(text.as_bytes());
        for end in &ends {
            hash = (hash ^ u64::from(*end)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
        }
        Labels(Arc::new(Inner { text: text.into_boxed_str(), ends: ends.into_boxed_slice(), hash }))
    }

    pub fn len(&self) -> usize {
        self.0.ends.len() / 2
    }

    pub fn is_empty(&self) -> bool {
        self.0.ends.is_empty()
    }

    /// A 64-bit hash of the content, the same in every process and version.
    pub fn hash64(&self) -> u64 {
        self.0.hash
    }

    /// Bytes of heap that this set holds, for memory accounting.
    pub fn heap_size(&self) -> usize {
        self.0.text.len() + self.0.ends.len() * 4 + 64
    }

    pub fn at(&self, i: usize) -> (&str, &str) {
        let end = |k: usize| if k == 0 { 0 } else { self.0.ends[k - 1] as usize };
        (&self.0.text[end(2 * i)..end(2 * i + 1)], &self.0.text[end(2 * i + 1)..end(2 * i + 2)])
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> + DoubleEndedIterator + '_ {
        (0..self.len()).map(|i| self.at(i))
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let mid = (low + high) / 2;
            let (n, v) = self.at(mid);
            match n.cmp(name) {
                Ordering::Equal => return Some(v),
                Ordering::Less => low = mid + 1,
                Ordering::Greater => high = mid,
            }
        }
        None
    }

    /// The value, or "" where the label is absent: what matchers see.
    pub fn value(&self, name: &str) -> &str {
        self.get(name).unwrap_or("")
    }

    pub fn metric_name(&self) -> Option<&str> {
        self.get(METRIC_NAME)
    }

    /// The set without the pairs that `keep` refuses.
    pub fn filter(&self, mut keep: impl FnMut(&str, &str) -> bool) -> Labels {
        Labels::from_sorted(self.iter().filter(|(n, v)| keep(n, v)))
    }
}

impl Default for Labels {
    fn default() -> Self {
        Labels::empty()
    }
}

impl PartialEq for Labels {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.0.hash == other.0.hash && self.0.ends == other.0.ends && self.0.text == other.0.text)
    }
}

impl Eq for Labels {}

impl Hash for Labels {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}

impl Ord for Labels {
    /// Pair by pair, name then value; a prefix comes first.
    fn cmp(&self, other: &Self) -> Ordering {
        self.iter().cmp(other.iter())
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Labels {
    /// `{a="b", c="d"}` with the metric name among the pairs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (i, (n, v)) in self.iter().enumerate() {
            write!(f, "{}{n}={v:?}", if i > 0 { ", " } else { "" })?;
        }
        f.write_str("}")
    }
}

/// Edits a label set: start from one, set and remove, then `build`.
#[derive(Debug, Clone, Default)]
pub struct LabelsBuilder {
    base: Labels,
    /// name to its new value; `None` removes
    edits: Vec<(String, Option<String>)>,
}

impl LabelsBuilder {
    pub fn new(base: &Labels) -> LabelsBuilder {
        LabelsBuilder { base: base.clone(), edits: Vec::new() }
    }

    /// Setting "" removes the label, as everywhere in Prometheus' data model.
    pub fn set(&mut self, name: &str, value: &str) -> &mut Self {
        self.edit(name, if value.is_empty() { None } else { Some(value.to_owned()) })
    }

    pub fn remove(&mut self, name: &str) -> &mut Self {
        self.edit(name, None)
    }

    fn edit(&mut self, name: &str, value: Option<String>) -> &mut Self {
        match self.edits.iter_mut().find(|(n, _)| n == name) {
            Some(e) => e.1 = value,
            None => self.edits.push((name.to_owned(), value)),
        }
        self
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        match self.edits.iter().find(|(n, _)| n == name) {
            Some((_, v)) => v.as_deref(),
            None => self.base.get(name),
        }
    }

    pub fn build(&self) -> Labels {
        if self.edits.is_empty() {
            return self.base.clone();
        }
        let kept = self.base.iter().filter(|(n, _)| !self.edits.iter().any(|(e, _)| e == n));
        let added = self.edits.iter().filter_map(|(n, v)| v.as_deref().map(|v| (n.as_str(), v)));
        Labels::from_pairs(kept.chain(added))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_and_finds() {
        let l = Labels::from_pairs([("b", "2"), ("a", "1"), ("c", "3")]);
        assert_eq!(l.to_string(), r#"{a="1", b="2", c="3"}"#);
        assert_eq!((l.get("b"), l.get("d"), l.value("d")), (Some("2"), None, ""));
    }

    #[test]
    fn boundaries_are_part_of_the_identity() {
        assert_ne!(Labels::from_pairs([("a", "bc")]), Labels::from_pairs([("ab", "c")]));
        assert_ne!(Labels::from_pairs([("a", "bc")]).hash64(), Labels::from_pairs([("ab", "c")]).hash64());
    }

    #[test]
    fn builder_sets_removes_and_keeps() {
        let l = Labels::from_pairs([("a", "1"), ("b", "2")]);
        let mut b = LabelsBuilder::new(&l);
        b.set("a", "").set("c", "3").set("b", "x");
        assert_eq!(b.build().to_string(), r#"{b="x", c="3"}"#);
        assert_eq!(b.get("a"), None);
    }

    #[test]
    fn the_last_of_a_repeated_name_stays() {
        assert_eq!(Labels::from_pairs([("a", "1"), ("a", "2")]).to_string(), r#"{a="2"}"#);
    }
}
