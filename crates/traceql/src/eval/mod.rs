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
