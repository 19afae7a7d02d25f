//! Adds up stream volumes for index/volume: by the target labels, or by label name.

use std::collections::BTreeMap;

use model::{Labels, Matcher};
use query::StreamStats;

/// How streams are put together (`aggregateBy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    Series,
    Labels,
}

/// What is asked, besides the selector's matches and the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouping {
    pub by: Aggregate,
    /// the labels that count; empty = all
    pub targets: Vec<String>,
}

impl Grouping {
    /// Without target labels, series are grouped by the labels that the selector names, whatever the operator.
    pub fn new(by: Aggregate, targets: &str, matchers: &[Matcher]) -> Grouping {
        let mut targets: Vec<String> = targets.split(',').map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect();
        if targets.is_empty() && by == Aggregate::Series {
            targets = matchers.iter().map(|m| m.name.clone()).collect();
        }
        Grouping { by, targets }
    }

    /// The groups that a stream adds to; none if it lacks a target label.
    pub fn groups(&self, stream: &Labels) -> Vec<Labels> {
        if self.targets.iter().any(|t| stream.get(t).is_none()) {
            return vec![];
        }
        let wanted = |name: &str| self.targets.is_empty() || self.targets.iter().any(|t| t == name);
        match self.by {
            Aggregate::Series => vec![stream.filter(|n, _| wanted(n))],
            Aggregate::Labels => stream.iter().filter(|(n, _)| wanted(n)).map(|(n, _)| Labels::from_pairs([(n, "")])).collect(),
        }
    }
}

/// Bytes that a stream's lines count for: their text and their structured metadata.
pub fn bytes(s: &StreamStats) -> u64 {
    s.line_bytes + s.meta_bytes
}

/// One group with its bytes per time bucket.
#[derive(Debug, Clone, PartialEq)]
pub struct Volume {
    pub labels: Labels,
    /// by bucket number, only buckets with lines
    pub buckets: BTreeMap<usize, u64>,
}

impl Volume {
    pub fn total(&self) -> u64 {
        self.buckets.values().sum()
    }
}

/// Adds up (stream, bucket, bytes); the largest `limit` groups, largest first, then by labels.
pub fn add_up<'a>(parts: impl Iterator<Item = (&'a Labels, usize, u64)>, grouping: &Grouping, limit: usize) -> Vec<Volume> {
    let mut groups: BTreeMap<Labels, BTreeMap<usize, u64>> = BTreeMap::new();
    for (stream, bucket, bytes) in parts {
        for g in grouping.groups(stream) {
            *groups.entry(g).or_default().entry(bucket).or_insert(0) += bytes;
        }
    }
    let mut all: Vec<Volume> = groups.into_iter().map(|(labels, buckets)| Volume { labels, buckets }).collect();
    all.sort_by_key(|v| std::cmp::Reverse(v.total()));
    all.truncate(limit);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(by: Aggregate, targets: &str, selector: &[&str], limit: usize, want: &str) {
        let streams = [
            (Labels::from_pairs([("app", "a"), ("pod", "1")]), 10),
            (Labels::from_pairs([("app", "a"), ("pod", "2")]), 20),
            (Labels::from_pairs([("app", "b")]), 25),
        ];
        let matchers: Vec<Matcher> = selector.iter().map(|n| Matcher::eq(*n, "x")).collect();
        let g = Grouping::new(by, targets, &matchers);
        let all = add_up(streams.iter().map(|(l, b)| (l, 0, *b)), &g, limit);
        assert_eq!(all.iter().map(|v| format!("{}={}", v.labels, v.total())).collect::<Vec<_>>().join(" "), want);
    }

    #[test]
    fn volumes() {
        use Aggregate::{Labels, Series};
        check(Series, "", &["app"], 9, r#"{app="a"}=30 {app="b"}=25"#);
        check(Series, "", &["app"], 1, r#"{app="a"}=30"#);
        check(Series, "pod", &["app"], 9, r#"{pod="2"}=20 {pod="1"}=10"#);
        check(Series, "", &[], 9, r#"{app="b"}=25 {app="a", pod="2"}=20 {app="a", pod="1"}=10"#);
        check(Labels, "", &["app"], 9, r#"{app=""}=55 {pod=""}=30"#);
        check(Labels, "app,pod", &[], 9, r#"{app=""}=30 {pod=""}=30"#);
        check(Series, "nope", &[], 9, "");
    }
}
