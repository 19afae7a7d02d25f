//! Conditions over a batch: whole columns into row sets, or one row at a time.

mod column;
mod row;

use std::rc::Rc;

use crate::bits::Bits;
use crate::plan::{Node, Plan};
use crate::trace::Trace;
use crate::view::View;

/// The rows that pass a filter; if not `exact`, some of them may still fail once their trace is known.
#[derive(Debug, Clone)]
pub(crate) struct Mask {
    pub rows: Bits,
    pub exact: bool,
}

impl View {
    /// The rows that pass filter `number` of the plan; computed once.
    pub fn mask(&self, plan: &Plan, number: usize) -> &Mask {
        match (self.masks.get(number), plan.filters.get(number)) {
            (Some(cell), Some(node)) => cell.get_or_init(|| self.evaluate(plan, node)),
            _ => {
                static NOTHING: std::sync::OnceLock<Mask> = std::sync::OnceLock::new();
                NOTHING.get_or_init(|| Mask { rows: Bits::none(0), exact: true })
            }
        }
    }

    fn evaluate(&self, plan: &Plan, node: &Node) -> Mask {
        let len = self.batch.len();
        let exact = |rows| Mask { rows, exact: true };
        match node {
            Node::Const(true) => exact(Bits::all(len)),
            Node::Const(false) => exact(Bits::none(len)),
            Node::And(parts) => {
                let mut out = exact(Bits::all(len));
                for p in parts {
                    let m = self.evaluate(plan, p);
                    out.rows.and(&m.rows);
                    out.exact &= m.exact;
                    if out.rows.is_empty() {
                        return exact(out.rows);
                    }
                }
                out
            }
            Node::Or(parts) => {
                let mut out = exact(Bits::none(len));
                for p in parts {
                    let m = self.evaluate(plan, p);
                    out.rows.or(&m.rows);
                    out.exact &= m.exact;
                }
                out
            }
            Node::Not(inner) => {
                let mut m = self.evaluate(plan, inner);
                if m.exact {
                    m.rows.not();
                    return m;
                }
                Mask { rows: Bits::all(len), exact: false }
            }
            Node::Leaf(leaf) => match self.leaf_rows(plan, leaf) {
                Some(rows) => exact(rows),
                None => Mask { rows: Bits::all(len), exact: false },
            },
            Node::Same(list, leaves) => exact(self.same_rows(*list, leaves)),
            Node::Compare(..) | Node::Regex { .. } if node.is_local(&plan.fields) => {
                exact(Bits::from_fn(len, |row| self.row_passes(node, row, None)))
            }
            Node::Compare(..) | Node::Regex { .. } => Mask { rows: Bits::all(len), exact: false },
        }
    }

    /// Whether a span of a trace passes filter `number`.
    pub fn passes(&self, plan: &Plan, number: usize, row: usize, trace: (&Trace, usize)) -> bool {
        let mask = self.mask(plan, number);
        mask.rows.get(row) && (mask.exact || plan.filters.get(number).is_some_and(|n| self.row_passes(n, row, Some(trace))))
    }
}

/// A view and a row of it: one span.
#[derive(Clone)]
pub(crate) struct SpanAt {
    pub view: Rc<View>,
    pub row: usize,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use query::{Budget, SpanSource};

    use crate::plan::Planner;
    use crate::script::spans;
    use crate::trace::Trace;
    use crate::view::{View, Views};

    const DATA: &str = r#"
        1/1 gateway "GET /" 0+100 kind=server status=error span.a=1 span.b="x" event:e@1 event.k=1 event:f@2 event.k="two" scope="lib"
        1/2<1 ledger "append" 10+20 kind=client span.a="1" span.b="yy" span.c=true resource.a=7 link:ab/cd link.k=1
        1/3<2 - "append" 40+1 span.a=2.5 span.c=false span.t=["x","y"] resource.b="x"
        1/4<9 ledger "" 50+0 kind=consumer status=ok message="m" span.t=[1,2] event:e@0 instrumentation.a=1
    "#;

    fn condition() -> impl Strategy<Value = String> {
        let field = prop::sample::select(vec![
            "span.a",
            "span.b",
            "span.c",
            "span.t",
            ".a",
            ".b",
            "resource.a",
            "resource.service.name",
            "instrumentation.a",
            "event.k",
            "event:name",
            "link.k",
            "link:spanID",
            "name",
            "kind",
            "status",
            "statusMessage",
            "duration",
            "span:id",
            "span:parentID",
            "trace:id",
            "instrumentation:name",
            "nestedSetParent",
            "nestedSetLeft",
            "span:childCount",
            "traceDuration",
            "rootName",
            "event:timeSinceStart",
        ]);
        let literal = prop::sample::select(vec![
            "1", "2.5", "7", "true", "`x`", "`1`", "`append`", "20ms", "0", "-1", "error", "client", "`e`", "nil",
        ]);
        let op = prop::sample::select(vec!["=", "!=", "<", ">=", "=~", "!~"]);
        let leaf = prop_oneof![
            4 => (field.clone(), op.clone(), literal.clone()).prop_map(|(f, o, l)| format!("{f} {o} {l}")),
            1 => (literal, op, field.clone()).prop_map(|(l, o, f)| format!("{l} {o} {f}")),
            1 => field.clone().prop_map(str::to_owned),
            1 => (field.clone(), field).prop_map(|(a, b)| format!("{a} + 1 > {b}")),
        ];
        leaf.prop_recursive(4, 24, 2, |inner| {
            prop_oneof![
                (inner.clone(), inner.clone()).prop_map(|(l, r)| format!("({l}) && ({r})")),
                (inner.clone(), inner.clone()).prop_map(|(l, r)| format!("({l}) || ({r})")),
                inner.prop_map(|e| format!("!({e})")),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

        /// Columns and rows must agree; an inexact set of rows may hold too many, never too few.
        #[test]
        fn columns_agree_with_rows(text in condition()) {
            let Ok(query) = crate::compile(&format!("{{ {text} }}")) else { return Ok(()) };
            let crate::ast::Body::Spans(p) = &query.body else { return Ok(()) };
            let crate::ast::Stage::Spanset(crate::ast::SpansetExpr::Filter(filter)) = &p.stages[0] else { return Ok(()) };
            let planner = Planner::default();
            let number = planner.filter(filter.as_ref()).expect("a filter");
            let plan = planner.finish();
            let source = spans(DATA).expect("spans");
            let mut id = [0; 16];
            id[15] = 1;
            let trace = Trace::new(&source.trace(&id, &Budget::unlimited()).expect("a trace"), &plan, &mut Views::default()).expect("spans");
            let view = View::new(&source.batches()[0], &plan);
            let mask = view.mask(&plan, number);
            for row in 0..4 {
                let by_row = view.row_passes(&plan.filters[number], row, Some((&trace, row)));
                prop_assert!(!by_row || mask.rows.get(row), "row {row} of {query} is missing");
                prop_assert!(!mask.exact || by_row == mask.rows.get(row), "row {row} of {query}: {by_row} by row");
                prop_assert_eq!(view.passes(&plan, number, row, (&trace, row)), by_row);
            }
        }
    }
}
