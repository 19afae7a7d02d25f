//! Structural operators: which spans of a trace stand in a relation to which others.

use rustc_hash::FxHashMap;

use crate::ast::{Mode, Relation};
use crate::bits::Bits;
use crate::trace::Trace;

/// The spans that `left op right` answers.
pub(crate) fn relate(trace: &Trace, relation: Relation, mode: Mode, left: &Bits, right: &Bits) -> Bits {
    let mut found = related(trace, relation, left, right);
    match mode {
        Mode::Plain => {}
        Mode::Not => {
            let mut rest = right.clone();
            rest.and_not(&found);
            found = rest;
        }
        Mode::Union => found.or(&related(trace, inverse(relation), right, left)),
    }
    found
}

/// The spans of `to` that stand in the relation to some span of `from`.
fn related(trace: &Trace, relation: Relation, from: &Bits, to: &Bits) -> Bits {
    let n = trace.spans.len();
    let tree = trace.tree();
    let parent = |i: usize| tree.parent.get(i).copied().flatten();
    let mut out = Bits::none(n);
    match relation {
        Relation::Child => to.rows().filter(|i| parent(*i).is_some_and(|p| from.get(p))).for_each(|i| out.set(i)),
        Relation::Parent => from.rows().filter_map(parent).for_each(|p| out.set(p)),
        Relation::Descendant => {
            for i in &tree.order {
                if parent(*i).is_some_and(|p| from.get(p) || out.get(p)) {
                    out.set(*i);
                }
            }
        }
        Relation::Ancestor => {
            for i in tree.order.iter().rev() {
                if let Some(p) = parent(*i).filter(|_| from.get(*i) || out.get(*i)) {
                    out.set(p);
                }
            }
        }
        Relation::Sibling => {
            let ids = |i: usize| trace.spans.get(i).map(|s| s.parent_id()).filter(|p| *p != [0; 8]);
            let mut count: FxHashMap<[u8; 8], u32> = FxHashMap::default();
            from.rows().filter_map(ids).for_each(|p| *count.entry(p).or_default() += 1);
            let others = |i: usize| ids(i).and_then(|p| count.get(&p)).copied().unwrap_or(0) > u32::from(from.get(i));
            to.rows().filter(|i| others(*i)).for_each(|i| out.set(i));
        }
    }
    out.and(to);
    out
}

fn inverse(relation: Relation) -> Relation {
    match relation {
        Relation::Child => Relation::Parent,
        Relation::Parent => Relation::Child,
        Relation::Descendant => Relation::Ancestor,
        Relation::Ancestor => Relation::Descendant,
        Relation::Sibling => Relation::Sibling,
    }
}
