//! Which span of one trace is which span of the other, and what changed in it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::tree::{Node, Tree};

/// A duration counts as changed beyond this many nanoseconds and this share of the base.
const TOLERANCE_NS: u64 = 1_000_000;
const TOLERANCE_SHARE: u64 = 10;

pub struct Matching {
    /// (base, compare), in the order of base
    pub pairs: Vec<(usize, usize)>,
    pub removed: Vec<usize>,
    pub added: Vec<usize>,
    /// pairs whose parents are not a pair themselves
    pub moved: Vec<(usize, usize)>,
    /// operations that occur several times under one parent
    pub ambiguous: usize,
}

/// One change inside a matched span.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub op: &'static str,
    /// the attribute's key, or `None` for a field
    pub attribute: Option<String>,
    pub field: &'static str,
    pub before: Value,
    pub after: Value,
}

impl Matching {
    /// Below matched parents, spans of the same operation are paired in their order; what is left over is paired wherever it stands.
    pub fn new(base: &Tree, compare: &Tree) -> Matching {
        let (mut of_base, mut of_compare) = (vec![None; base.nodes.len()], vec![false; compare.nodes.len()]);
        let mut ambiguous = 0;
        let mut open = vec![(base.roots.clone(), compare.roots.clone())];
        while let Some((left, right)) = open.pop() {
            let mut by_key = grouped(compare, right.iter().copied());
            ambiguous += grouped(base, left.iter().copied()).values().filter(|g| g.len() > 1).count();
            for b in left {
                if let Some(c) = by_key.get_mut(&base.nodes[b].key()).and_then(|g| if g.is_empty() { None } else { Some(g.remove(0)) }) {
                    of_base[b] = Some(c);
                    of_compare[c] = true;
                    open.push((base.nodes[b].children.clone(), compare.nodes[c].children.clone()));
                }
            }
        }
        let mut left_over = grouped(compare, (0..compare.nodes.len()).filter(|c| !of_compare[*c]));
        for b in (0..base.nodes.len()).filter(|b| of_base[*b].is_none()).collect::<Vec<_>>() {
            if let Some(c) = left_over.get_mut(&base.nodes[b].key()).and_then(|g| if g.is_empty() { None } else { Some(g.remove(0)) }) {
                of_base[b] = Some(c);
                of_compare[c] = true;
            }
        }
        let pairs: Vec<(usize, usize)> = of_base.iter().enumerate().filter_map(|(b, c)| Some((b, (*c)?))).collect();
        let same_parent = |(b, c): &(usize, usize)| match (base.nodes[*b].parent, compare.nodes[*c].parent) {
            (None, None) => true,
            (Some(pb), Some(pc)) => of_base[pb] == Some(pc),
            _ => false,
        };
        Matching {
            moved: pairs.iter().copied().filter(|p| !same_parent(p)).collect(),
            removed: (0..of_base.len()).filter(|b| of_base[*b].is_none()).collect(),
            added: (0..of_compare.len()).filter(|c| !of_compare[*c]).collect(),
            pairs,
            ambiguous,
        }
    }
}

fn grouped(tree: &Tree, rows: impl Iterator<Item = usize>) -> BTreeMap<(&str, &str, &str), Vec<usize>> {
    let mut out: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for row in rows {
        out.entry(tree.nodes[row].key()).or_default().push(row);
    }
    out
}

/// Fields first, then attributes by key.
pub fn changes(base: &Node, compare: &Node) -> Vec<Change> {
    let mut out = vec![];
    let mut field = |field, before: Value, after: Value| out.push(Change { op: "modify", attribute: None, field, before, after });
    let differs = match (base.duration, compare.duration) {
        (Some(b), Some(c)) => b.abs_diff(c) > TOLERANCE_NS.max(b / TOLERANCE_SHARE),
        (b, c) => b.is_some() != c.is_some(),
    };
    if differs {
        field("duration_nanos", json!(base.duration), json!(compare.duration));
    }
    if base.status != compare.status {
        field("status", base.status.into(), compare.status.into());
    }
    let mut keys: Vec<&String> = base.attributes.keys().chain(compare.attributes.keys()).collect();
    keys.sort();
    keys.dedup();
    for key in keys {
        let (before, after) = (base.attributes.get(key), compare.attributes.get(key));
        let op = match (before, after) {
            (b, a) if b == a => continue,
            (None, _) => "add",
            (_, None) => "remove",
            _ => "modify",
        };
        let plain = |v: Option<&Value>| v.cloned().unwrap_or(Value::Null);
        out.push(Change { op, attribute: Some(key.clone()), field: "", before: plain(before), after: plain(after) });
    }
    out
}

impl Change {
    pub fn render(&self) -> Value {
        let target = match &self.attribute {
            Some(key) => json!({"type": "attribute", "scope": "span", "key": key}),
            None => json!({"type": "field", "name": self.field}),
        };
        json!({"op": self.op, "target": target, "before": self.before, "after": self.after})
    }
}

/// What a reader should know before trusting the result.
pub fn warnings(base: &Tree, compare: &Tree, matched: &Matching) -> Vec<Value> {
    let mut out = vec![];
    let mut warn = |n: usize, code: &str, what: &str| {
        if n > 0 {
            out.push(json!({"code": code, "message": format!("{n} {what}")}));
        }
    };
    warn(base.repeated_ids + compare.repeated_ids, "duplicate_span_id", "spans have an id that another span of their trace has");
    let invalid = |t: &Tree| t.nodes.iter().filter(|n| n.duration.is_none()).count();
    warn(invalid(base) + invalid(compare), "invalid_duration", "spans have no valid start and end; their durations are not compared");
    warn(matched.ambiguous, "ambiguous_span_match", "operations occur several times under one parent and were paired in their order");
    out
}
