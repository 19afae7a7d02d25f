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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use query::{Budget, SpanSource};

    use super::*;
    use crate::plan::Planner;
    use crate::script::spans;
    use crate::view::Views;

    /// Span i's parent among the others; 0 is none, the last number an id that never came.
    fn forest(parents: &[usize]) -> Trace {
        let lines = parents.iter().enumerate().map(|(i, p)| match p {
            0 => format!("1/{:x} a x {i}+1", i + 1),
            p => format!("1/{:x}<{p:x} a x {i}+1", i + 1),
        });
        let source = spans(&lines.collect::<Vec<_>>().join("\n")).expect("spans");
        let mut id = [0; 16];
        id[15] = 1;
        let found = source.trace(&id, &Budget::unlimited()).expect("a trace");
        Trace::new(&found, &Planner::default().finish(), &mut Views::default()).expect("spans")
    }

    /// Whether span `b` stands in the relation to span `a`, by walking up.
    fn naive(parents: &[usize], relation: Relation, a: usize, b: usize) -> bool {
        let parent = |i: usize| parents[i].checked_sub(1).filter(|p| *p < parents.len());
        let above = |low: usize, high: usize| std::iter::successors(parent(low), |i| parent(*i)).any(|i| i == high);
        match relation {
            Relation::Child => parent(b) == Some(a),
            Relation::Parent => parent(a) == Some(b),
            Relation::Descendant => above(b, a),
            Relation::Ancestor => above(a, b),
            Relation::Sibling => a != b && parents[a] != 0 && parents[a] == parents[b],
        }
    }

    proptest! {
        #[test]
        fn as_walking_up_says(seeds in prop::collection::vec((any::<u8>(), any::<bool>(), any::<bool>()), 1..24)) {
            // A parent has a lower number, so there are no loops; some parents never came.
            let n = seeds.len();
            let parent = |i: usize, s: u8| if s % 11 == 10 { n + 1 } else { usize::from(s) % (i + 1) };
            let parents: Vec<usize> = seeds.iter().enumerate().map(|(i, s)| parent(i, s.0)).collect();
            let trace = forest(&parents);
            let (left, right) = (Bits::from_fn(n, |i| seeds[i].1), Bits::from_fn(n, |i| seeds[i].2));
            for relation in [Relation::Child, Relation::Parent, Relation::Descendant, Relation::Ancestor, Relation::Sibling] {
                let to_left = |b: usize| left.rows().any(|a| naive(&parents, relation, a, b));
                let to_right = |a: usize| right.rows().any(|b| naive(&parents, relation, a, b));
                let plain = Bits::from_fn(n, |b| right.get(b) && to_left(b));
                let not = Bits::from_fn(n, |b| right.get(b) && !to_left(b));
                let both = Bits::from_fn(n, |i| plain.get(i) || (left.get(i) && to_right(i)));
                prop_assert_eq!(relate(&trace, relation, Mode::Plain, &left, &right), plain);
                prop_assert_eq!(relate(&trace, relation, Mode::Not, &left, &right), not);
                prop_assert_eq!(relate(&trace, relation, Mode::Union, &left, &right), both);
            }
        }
    }
}
