//! Conditions and expressions on one row.

use crate::ast::{Attribute, BinOp};
use crate::fold::{Number, calculate};
use crate::plan::{Expr, Leaf, List, Node};
use crate::trace::Trace;
use crate::value::{Value, compare};
use crate::view::{Located, View};

impl View {
    /// Whether a row passes. Without `trace`, conditions on the trace fail.
    pub fn row_passes(&self, node: &Node, row: usize, trace: Option<(&Trace, usize)>) -> bool {
        match node {
            Node::Const(b) => *b,
            Node::And(all) => all.iter().all(|n| self.row_passes(n, row, trace)),
            Node::Or(all) => all.iter().any(|n| self.row_passes(n, row, trace)),
            Node::Not(n) => !self.row_passes(n, row, trace),
            Node::Leaf(leaf) => self.leaf_passes(leaf, row, trace),
            Node::Same(list, leaves) => self.first_same(*list, leaves, row).is_some(),
            Node::Compare(op, l, r) => self.comparison(*op, l, r, row, trace),
            Node::Regex { on, test } => test.holds(&self.eval(on, row, trace)),
        }
    }

    fn leaf_passes(&self, leaf: &Leaf, row: usize, trace: Option<(&Trace, usize)>) -> bool {
        if let Some(Located::Intrinsic(i)) = self.fields.get(leaf.field)
            && leaf.is_root_test(&Attribute::Intrinsic(*i)).is_some()
        {
            return self.batch.parent_id.get(row) == Some(&[0; 8]);
        }
        leaf.test.holds(&self.value(leaf.field, row, trace))
    }

    /// The first event or link of a span that meets all conditions.
    pub fn first_same(&self, list: List, leaves: &[Leaf], row: usize) -> Option<usize> {
        self.items(list, row).find(|item| leaves.iter().all(|l| l.test.holds(&self.item_value(l.field, *item, row))))
    }

    fn comparison(&self, op: BinOp, l: &Expr, r: &Expr, row: usize, trace: Option<(&Trace, usize)>) -> bool {
        compare(op, &self.eval(l, row, trace), &self.eval(r, row, trace))
    }

    /// An expression's value; a missing operand and an integer division by zero make nil.
    pub fn eval<'a>(&'a self, e: &'a Expr, row: usize, trace: Option<(&Trace, usize)>) -> Value<'a> {
        match e {
            Expr::Literal(v) => Value::literal(v),
            Expr::Field(f) => self.value(*f, row, trace),
            Expr::Neg(e) => match self.eval(e, row, trace).number() {
                Some(Number::Int(i)) => Value::Int(i.wrapping_neg()),
                Some(Number::Duration(d)) => Value::Duration(d.wrapping_neg()),
                Some(Number::Float(f)) => Value::Float(-f),
                None => Value::Nil,
            },
            Expr::Math(op, l, r) => match (self.eval(l, row, trace).number(), self.eval(r, row, trace).number()) {
                (Some(a), Some(b)) => calculate(*op, a, b).map_or(Value::Nil, Value::from_number),
                _ => Value::Nil,
            },
            Expr::Condition(n) => Value::Bool(self.row_passes(n, row, trace)),
        }
    }
}
