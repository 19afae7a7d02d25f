//! Finds the patterns of lines: the Drain algorithm (a fixed-depth tree over tokens, then the most similar cluster of a leaf).
//!
//! Lines meet only if they have the same number of tokens and the same separators between them, so a pattern joins back exactly and
//! matches its lines with the `|>` filter.

use rustc_hash::FxHashMap;

use crate::limits::{MAX_PATTERN_LINE_BYTES, MAX_PATTERNS, PATTERN_TOKENS};

/// What stands for a part that differs between lines.
pub const WILDCARD: &str = "<_>";

/// Tokens that lead through the tree.
const DEPTH: usize = 3;
/// Different tokens of one tree node; further ones share the wildcard's branch.
const MAX_CHILDREN: usize = 15;
/// The share of equal tokens from which a line joins a cluster.
const SIMILARITY: f64 = 0.3;

/// All patterns of one kind of lines.
#[derive(Debug, Default)]
pub struct Drain {
    /// by path through the tree; the shape (separators) is the first step
    leaves: FxHashMap<Path, Vec<usize>>,
    children: FxHashMap<Path, usize>,
    clusters: Vec<Cluster>,
}

type Path = (u64, Vec<Box<str>>);

#[derive(Debug)]
struct Cluster {
    /// `None` = wildcard
    tokens: Vec<Option<Box<str>>>,
    separators: Vec<Box<str>>,
    count: u64,
}

impl Drain {
    /// The number of the pattern that the line belongs to; `None` for lines that are too long, too short, or one too many.
    pub fn add(&mut self, line: &str) -> Option<usize> {
        if line.len() > MAX_PATTERN_LINE_BYTES {
            return None;
        }
        let (tokens, separators) = split(line);
        if !PATTERN_TOKENS.contains(&tokens.len()) {
            return None;
        }
        let path = self.path(&tokens, &separators);
        let leaf = self.leaves.entry(path).or_default();
        let best =
            leaf.iter().map(|i| (similarity(&self.clusters[*i], &tokens), *i)).max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        if let Some((score, i)) = best
            && score >= SIMILARITY
        {
            self.clusters[i].merge(&tokens);
            return Some(i);
        }
        if self.clusters.len() >= MAX_PATTERNS {
            return None;
        }
        let i = self.clusters.len();
        leaf.push(i);
        self.clusters.push(Cluster {
            tokens: tokens.iter().map(|t| Some((*t).into())).collect(),
            separators: separators.iter().map(|s| (*s).into()).collect(),
            count: 1,
        });
        Some(i)
    }

    /// The pattern's text, and how many lines belong to it.
    pub fn pattern(&self, i: usize) -> (String, u64) {
        let Some(c) = self.clusters.get(i) else { return (String::new(), 0) };
        let mut out = String::new();
        for (k, separator) in c.separators.iter().enumerate() {
            out.push_str(separator);
            if let Some(t) = c.tokens.get(k) {
                out.push_str(t.as_deref().unwrap_or(WILDCARD));
            }
        }
        (out, c.count)
    }

    fn path(&mut self, tokens: &[&str], separators: &[&str]) -> Path {
        use std::hash::{Hash, Hasher};
        let mut shape = rustc_hash::FxHasher::default();
        separators.hash(&mut shape);
        let mut path: Path = (shape.finish(), Vec::with_capacity(DEPTH));
        for token in tokens.iter().take(DEPTH) {
            let parent = (path.0, path.1.clone());
            let step = if token.bytes().any(|b| b.is_ascii_digit()) { WILDCARD } else { token };
            path.1.push(step.into());
            if step == WILDCARD || self.children.contains_key(&path) {
                continue;
            }
            let siblings = self.children.entry(parent).or_insert(0);
            if *siblings >= MAX_CHILDREN {
                path.1.pop();
                path.1.push(WILDCARD.into());
            } else {
                *siblings += 1;
                self.children.insert((path.0, path.1.clone()), 0);
            }
        }
        path
    }
}

impl Cluster {
    fn merge(&mut self, tokens: &[&str]) {
        self.count += 1;
        for (own, new) in self.tokens.iter_mut().zip(tokens) {
            if own.as_deref().is_some_and(|t| t != *new) {
                *own = None;
            }
        }
    }
}

fn similarity(c: &Cluster, tokens: &[&str]) -> f64 {
    let same = c.tokens.iter().zip(tokens).filter(|(a, b)| a.as_deref() == Some(**b)).count();
    let wild = c.tokens.iter().filter(|t| t.is_none()).count();
    // A wildcard is no evidence for or against.
    same as f64 / (tokens.len() - wild).max(1) as f64
}

/// Tokens and the separators around them: one more separator than tokens, the outer ones may be empty.
fn split(line: &str) -> (Vec<&str>, Vec<&str>) {
    let is_separator =
        |c: char| c.is_whitespace() || matches!(c, '=' | ',' | ';' | '"' | '\'' | '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' | '|');
    let (mut tokens, mut separators) = (vec![], vec![]);
    let mut rest = line;
    loop {
        let end = rest.find(|c| !is_separator(c)).unwrap_or(rest.len());
        separators.push(&rest[..end]);
        rest = &rest[end..];
        if rest.is_empty() {
            return (tokens, separators);
        }
        let end = rest.find(is_separator).unwrap_or(rest.len());
        tokens.push(&rest[..end]);
        rest = &rest[end..];
        if rest.is_empty() {
            separators.push("");
            return (tokens, separators);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &[&str], want: &[(&str, u64)]) {
        let mut d = Drain::default();
        for l in lines {
            d.add(l);
        }
        let got: Vec<(String, u64)> = (0..d.clusters.len()).map(|i| d.pattern(i)).collect();
        assert_eq!(got.iter().map(|(p, n)| (p.as_str(), *n)).collect::<Vec<_>>(), want);
    }

    #[test]
    fn numbers_and_differing_words_become_wildcards() {
        check(
            &["worker 5 heartbeat seq=1789 lag=0.6690s", "worker 12 heartbeat seq=3 lag=1.2s", "worker 5 heartbeat seq=4 lag=0.6690s"],
            &[("worker <_> heartbeat seq=<_> lag=<_>", 3)],
        );
        check(
            &[r#"level=info msg="cache refreshed" keys=1 took=2ms"#, r#"level=info msg="cache refreshed" keys=7 took=9ms"#],
            &[(r#"level=info msg="cache refreshed" keys=<_> took=<_>"#, 2)],
        );
    }

    #[test]
    fn other_shapes_and_words_stay_apart() {
        check(
            &["connected to 10.0.1.8:5432 in 83us", "connected to db in 83us (slow)", "refused by peer after timeout"],
            &[("connected to 10.0.1.8:5432 in 83us", 1), ("connected to db in 83us (slow)", 1), ("refused by peer after timeout", 1)],
        );
    }

    #[test]
    fn short_and_long_lines_have_no_pattern() {
        let mut d = Drain::default();
        assert_eq!(d.add("only three tokens"), None);
        assert_eq!(d.add(&"x ".repeat(81)), None);
        assert_eq!(d.add(&"word four five six ".repeat(200)), None);
        assert_eq!(d.add(""), None);
        assert_eq!(d.add("  a b\tc  d "), Some(0));
        assert_eq!(d.pattern(0).0, "  a b\tc  d ");
    }

    #[test]
    fn patterns_are_bounded() {
        let mut d = Drain::default();
        for i in 0..10_000u32 {
            let word = |k: u32| char::from_u32(0x4e00 + (i * 7 + k) % 5_000).map(String::from).unwrap_or_default();
            d.add(&format!("{} {} {} {}", word(0), word(1), word(2), word(3)));
        }
        assert!(d.clusters.len() <= MAX_PATTERNS);
    }

    proptest::proptest! {
        #[test]
        fn a_pattern_joins_back_to_its_only_line(line in "[ab1 =\"\u{e9}]{0,40}") {
            let mut d = Drain::default();
            if let Some(i) = d.add(&line) {
                proptest::prop_assert_eq!(d.pattern(i), (line, 1));
            }
        }
    }
}
