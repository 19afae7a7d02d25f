//! The `q` of a trace lookup: one spanset filter, and how much of the tree around its matches is kept.

use query::{QueryError, TraceSpans};
use rustc_hash::FxHashMap;
use traceql::ast::{Attribute, Body, Intrinsic, Query, SpansetExpr, Stage};

use crate::error::ApiError;
use crate::params::TraceFilter;

/// A checked filter.
pub struct Filter {
    query: Query,
    asked: TraceFilter,
}

impl Filter {
    pub fn compile(asked: TraceFilter) -> Result<Filter, ApiError> {
        let bad = |why: String| ApiError::bad(format!("invalid TraceQL filter: {why}"));
        let query = traceql::parse(&asked.query).map_err(|e| bad(format!("failed to parse TraceQL spanset filter: {e}")))?;
        single_filter(&query).map_err(bad)?;
        traceql::check(&query).map_err(|e| bad(e.to_string()))?;
        Ok(Filter { query, asked })
    }

    /// The matching spans and what is kept around them, in their order.
    pub fn apply(&self, mut trace: TraceSpans) -> Result<TraceSpans, QueryError> {
        let matched = traceql::filter_spans(&self.query, &trace)?;
        let tree = Tree::new(&trace);
        let mut keep = matched.clone();
        if self.asked.match_depth != 0 {
            tree.spread(&matched, self.asked.match_depth, &mut keep, |row| &tree.children[row]);
        }
        if self.asked.keep_hierarchy && self.asked.ancestor_depth != 0 {
            tree.spread(&matched, self.asked.ancestor_depth, &mut keep, |row| tree.parent[row].as_slice());
        }
        let mut keep = keep.into_iter();
        trace.spans.retain(|_| keep.next().unwrap_or(false));
        Ok(trace)
    }
}

/// Refuses what is more than one `{ ... }`, and fields that a single span does not have.
fn single_filter(query: &Query) -> Result<(), String> {
    const ONLY: &str = "only a single TraceQL filter is supported";
    let Body::Spans(pipeline) = &query.body else { return Err(format!("{ONLY}: got a metrics query")) };
    let simple = |s: &Stage| !matches!(s, Stage::Scalar(_) | Stage::Spanset(SpansetExpr::Op(..) | SpansetExpr::Pipeline(_)));
    if !pipeline.stages.iter().all(simple) {
        return Err(format!("{ONLY}: got a structural or aggregate query"));
    }
    let [Stage::Spanset(SpansetExpr::Filter(expr))] = &pipeline.stages[..] else {
        return Err(format!("{ONLY}: got {} pipeline elements", pipeline.stages.len()));
    };
    let mut refused = None;
    if let Some(expr) = expr {
        expr.fields(&mut |a| {
            refused = refused.or(match a {
                Attribute::Intrinsic(Intrinsic::TraceDuration) => Some("traceDuration"),
                Attribute::Intrinsic(Intrinsic::RootName) => Some("rootName"),
                Attribute::Intrinsic(Intrinsic::RootService) => Some("rootServiceName"),
                _ => None,
            });
        });
    }
    match refused {
        Some(name) => Err(format!("intrinsic is not supported by this filter: {name:?}")),
        None => Ok(()),
    }
}

/// Who is whose parent, by row. Where two spans share an id the later one is its children's parent.
struct Tree {
    /// one row or none
    parent: Vec<Vec<usize>>,
    children: Vec<Vec<usize>>,
}

impl Tree {
    fn new(trace: &TraceSpans) -> Tree {
        let ids = |i: usize| {
            let s = &trace.spans[i];
            (s.batch.span_id[s.row as usize], s.batch.parent_id[s.row as usize])
        };
        let rows: FxHashMap<[u8; 8], usize> = (0..trace.spans.len()).map(|i| (ids(i).0, i)).collect();
        let mut tree = Tree { parent: vec![vec![]; trace.spans.len()], children: vec![vec![]; trace.spans.len()] };
        for i in 0..trace.spans.len() {
            if let Some(&p) = rows.get(&ids(i).1).filter(|p| **p != i) {
                tree.parent[i].push(p);
                tree.children[p].push(i);
            }
        }
        tree
    }

    /// Keeps everything within so many steps (negative: any number) of the matches.
    fn spread<'a>(&'a self, matched: &[bool], steps: i64, keep: &mut [bool], next: impl Fn(usize) -> &'a [usize]) {
        let mut seen = matched.to_vec();
        let mut edge: Vec<usize> = matched.iter().enumerate().filter(|(_, m)| **m).map(|(i, _)| i).collect();
        let mut left = steps;
        while left != 0 && !edge.is_empty() {
            let mut further = vec![];
            for row in edge.iter().flat_map(|r| next(*r)).copied() {
                if !std::mem::replace(&mut seen[row], true) {
                    keep[row] = true;
                    further.push(row);
                }
            }
            edge = further;
            left -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Resource, Scope, SpanBatchBuilder, SpanHead};
    use query::SpanRef;
    use std::sync::Arc;

    /// 1 -> 2 -> 3 -> 4, and 5 below 1; span n is called "sn".
    fn trace() -> TraceSpans {
        let mut b = SpanBatchBuilder::default();
        let (resource, scope) = (b.resource(Resource::default()), b.scope(Scope::default()));
        for (id, parent) in [(1, 0), (2, 1), (3, 2), (4, 3), (5, 1)] {
            let name = b.dict().code(&format!("s{id}"));
            b.span(SpanHead { span_id: [id; 8], parent_id: [parent; 8], name, resource, scope, ..SpanHead::default() });
        }
        let batch = Arc::new(b.finish());
        TraceSpans { spans: (0..5).map(|row| SpanRef { batch: batch.clone(), row }).collect() }
    }

    #[track_caller]
    fn check(query: &str, keep_hierarchy: bool, match_depth: i64, ancestor_depth: i64, want: &str) {
        let got = match Filter::compile(TraceFilter { query: query.into(), keep_hierarchy, match_depth, ancestor_depth }) {
            Err(e) => e.text,
            Ok(f) => f.apply(trace()).unwrap().spans.iter().map(|s| s.batch.name(s.row as usize)).collect::<Vec<_>>().join(" "),
        };
        assert_eq!(got, want, "{query}");
    }

    #[test]
    fn what_is_kept() {
        check("{ name = \"s3\" }", false, 0, -1, "s3");
        check("{ name = \"s3\" }", true, 0, -1, "s1 s2 s3");
        check("{ name = \"s3\" }", true, 0, 1, "s2 s3");
        check("{ name = \"s1\" }", false, 1, -1, "s1 s2 s5");
        check("{ name = \"s1\" }", false, -1, -1, "s1 s2 s3 s4 s5");
        check("{ name = \"nosuch\" }", true, -1, -1, "");
    }

    #[test]
    fn what_is_refused() {
        let only = "invalid TraceQL filter: only a single TraceQL filter is supported: got";
        check("{ kind = server } | count() > 1", false, 0, -1, &format!("{only} a structural or aggregate query"));
        check("{ kind = server } > {}", false, 0, -1, &format!("{only} a structural or aggregate query"));
        check("{ kind = server } | select(name)", false, 0, -1, &format!("{only} 2 pipeline elements"));
        check("{} | rate()", false, 0, -1, &format!("{only} a metrics query"));
        check(
            "{ trace:duration > 1s }",
            false,
            0,
            -1,
            "invalid TraceQL filter: intrinsic is not supported by this filter: \"traceDuration\"",
        );
    }
}
