//! The tree made ready to run: fields numbered, conditions on one field told apart from general expressions.

use std::cell::RefCell;

use model::re2::Anchored;
use query::QueryError;

use crate::ast::*;
use crate::value::Test;

/// The fields that a query reads, numbered; filters and expressions refer to them by number.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub fields: Vec<Attribute>,
    /// per field how the query speaks of it
    pub uses: Vec<Use>,
    /// every spanset filter, in order of appearance
    pub filters: Vec<Node>,
}

/// How a query speaks of a field, which decides where answers show it.
#[derive(Debug, Default)]
pub(crate) struct Use {
    /// selected, grouped by, aggregated or calculated with: shown wherever it is
    pub fetched: bool,
    /// conditions on it alone: else shown where one is met
    pub tests: Vec<Test>,
}

/// A condition on a span.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Const(bool),
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    /// a condition on one field of the span, its resource, scope or trace
    Leaf(Leaf),
    /// conditions that one and the same event or link must meet
    Same(List, Vec<Leaf>),
    Compare(BinOp, Box<Expr>, Box<Expr>),
    /// a regular expression on a computed text
    Regex {
        on: Box<Expr>,
        test: Test,
    },
}

#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    pub field: usize,
    pub test: Test,
}

/// The lists that a span owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    Events,
    Links,
}

/// A computed value.
#[derive(Debug, Clone)]
pub(crate) enum Expr {
    Literal(Static),
    Field(usize),
    Neg(Box<Expr>),
    Math(BinOp, Box<Expr>, Box<Expr>),
    Condition(Box<Node>),
}

/// Where a field's value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// the row of a batch
    Row,
    List(List),
    /// only known with the whole trace
    Trace,
}

impl Attribute {
    pub(crate) fn source(&self) -> Source {
        use Intrinsic::*;
        match self {
            Attribute::Named { scope: Scope::Event, .. } => Source::List(List::Events),
            Attribute::Named { scope: Scope::Link, .. } => Source::List(List::Links),
            Attribute::Named { .. } => Source::Row,
            Attribute::Intrinsic(i) => match i {
                EventName | EventTimeSinceStart => Source::List(List::Events),
                LinkTraceId | LinkSpanId => Source::List(List::Links),
                TraceDuration | RootName | RootService | NestedSetLeft | NestedSetRight | NestedSetParent | ChildCount => Source::Trace,
                _ => Source::Row,
            },
        }
    }
}

/// Builds a plan while a query is read; shared by reference so that nested expressions can add to it.
#[derive(Default)]
pub(crate) struct Planner {
    plan: RefCell<Plan>,
}

impl Planner {
    pub fn finish(self) -> Plan {
        self.plan.into_inner()
    }

    /// Numbers a field that a condition is about to test.
    fn tested(&self, a: &Attribute) -> usize {
        let mut plan = self.plan.borrow_mut();
        match plan.fields.iter().position(|f| f == a) {
            Some(i) => i,
            None => {
                plan.fields.push(a.clone());
                plan.uses.push(Use::default());
                plan.fields.len() - 1
            }
        }
    }

    /// Numbers a field whose values are wanted.
    pub fn field(&self, a: &Attribute) -> usize {
        let number = self.tested(a);
        if let Some(u) = self.plan.borrow_mut().uses.get_mut(number) {
            u.fetched = true;
        }
        number
    }

    fn leaf_of(&self, a: &Attribute, test: Test) -> Leaf {
        let field = self.tested(a);
        if let Some(u) = self.plan.borrow_mut().uses.get_mut(field) {
            u.tests.push(test.clone());
        }
        Leaf { field, test }
    }

    /// Adds a spanset filter and answers its number.
    pub fn filter(&self, e: Option<&FieldExpr>) -> Result<usize, QueryError> {
        let node = match e {
            None => Node::Const(true),
            Some(e) => self.condition(e)?,
        };
        let filters = &mut self.plan.borrow_mut().filters;
        filters.push(node);
        Ok(filters.len() - 1)
    }

    /// An expression as a condition.
    pub fn condition(&self, e: &FieldExpr) -> Result<Node, QueryError> {
        Ok(match e {
            FieldExpr::Literal(Static::Bool(b)) => Node::Const(*b),
            FieldExpr::Literal(_) | FieldExpr::Neg(_) => Node::Const(false),
            FieldExpr::Field(a) => self.leaf(a, BinOp::Eq, Static::Bool(true)),
            FieldExpr::Not(inner) => match inner.as_ref() {
                FieldExpr::Field(a) => self.leaf(a, BinOp::Eq, Static::Bool(false)),
                other => Node::Not(Box::new(self.condition(other)?)),
            },
            FieldExpr::Binary(BinOp::And, ..) => {
                let mut parts = vec![];
                self.chain(e, BinOp::And, &mut parts)?;
                Node::And(self.same_item(parts))
            }
            FieldExpr::Binary(BinOp::Or, ..) => {
                let mut parts = vec![];
                self.chain(e, BinOp::Or, &mut parts)?;
                Node::Or(parts)
            }
            FieldExpr::Binary(op, l, r) => self.comparison(*op, l, r)?,
        })
    }

    /// The operands of a left-leaning chain of one operator.
    fn chain(&self, e: &FieldExpr, op: BinOp, out: &mut Vec<Node>) -> Result<(), QueryError> {
        let mut pending = vec![e];
        while let Some(e) = pending.pop() {
            match e {
                FieldExpr::Binary(o, l, r) if *o == op => {
                    pending.push(r);
                    pending.push(l);
                }
                other => out.push(self.condition(other)?),
            }
        }
        Ok(())
    }

    /// Joins conditions on events (and on links) so that they hold on the same one.
    fn same_item(&self, parts: Vec<Node>) -> Vec<Node> {
        let mut out: Vec<Node> = vec![];
        for part in parts {
            if let Node::Same(list, leaves) = &part
                && let Some(Node::Same(_, all)) = out.iter_mut().find(|n| matches!(n, Node::Same(l, _) if l == list))
            {
                all.extend(leaves.iter().cloned());
                continue;
            }
            out.push(part);
        }
        out
    }

    fn comparison(&self, op: BinOp, l: &FieldExpr, r: &FieldExpr) -> Result<Node, QueryError> {
        if op.is_arithmetic() {
            return Ok(Node::Const(false));
        }
        match (l, r) {
            (FieldExpr::Field(a), FieldExpr::Literal(v)) => self.field_test(a, op, v),
            (FieldExpr::Literal(v), FieldExpr::Field(a)) if !matches!(op, BinOp::Regex | BinOp::NotRegex) => {
                self.field_test(a, op.flipped(), v)
            }
            (e, FieldExpr::Literal(Static::Nil)) | (FieldExpr::Literal(Static::Nil), e) => {
                // nil = nil and nil != nil are both false
                let both = matches!((l, r), (FieldExpr::Literal(Static::Nil), FieldExpr::Literal(Static::Nil)));
                let test = if op == BinOp::Eq { Test::IsNil } else { Test::NotNil };
                Ok(if both { Node::Const(false) } else { Node::Regex { on: Box::new(self.expr(e)?), test } })
            }
            (e, FieldExpr::Literal(Static::Str(pattern))) if matches!(op, BinOp::Regex | BinOp::NotRegex) => {
                Ok(Node::Regex { on: Box::new(self.expr(e)?), test: regex_test(pattern, op)? })
            }
            _ => Ok(Node::Compare(op, Box::new(self.expr(l)?), Box::new(self.expr(r)?))),
        }
    }

    fn field_test(&self, a: &Attribute, op: BinOp, v: &Static) -> Result<Node, QueryError> {
        match (op, v) {
            (BinOp::Eq, Static::Nil) => Ok(Node::Leaf(self.leaf_of(a, Test::IsNil))),
            (_, Static::Nil) => Ok(self.listed(a, Test::NotNil)),
            (BinOp::Regex | BinOp::NotRegex, Static::Str(pattern)) => Ok(self.listed(a, regex_test(pattern, op)?)),
            (op, v) => Ok(self.leaf(a, op, normal_id(a, v))),
        }
    }

    fn leaf(&self, a: &Attribute, op: BinOp, literal: Static) -> Node {
        let strict = matches!(a, Attribute::Named { .. });
        self.listed(a, Test::Compare { op, literal, strict })
    }

    fn listed(&self, a: &Attribute, test: Test) -> Node {
        let leaf = self.leaf_of(a, test);
        match a.source() {
            Source::List(list) => Node::Same(list, vec![leaf]),
            _ => Node::Leaf(leaf),
        }
    }

    /// An expression as a value.
    pub fn expr(&self, e: &FieldExpr) -> Result<Expr, QueryError> {
        Ok(match e {
            FieldExpr::Literal(v) => Expr::Literal(v.clone()),
            FieldExpr::Field(a) => Expr::Field(self.field(a)),
            FieldExpr::Neg(e) => Expr::Neg(Box::new(self.expr(e)?)),
            FieldExpr::Binary(op, l, r) if op.is_arithmetic() => Expr::Math(*op, Box::new(self.expr(l)?), Box::new(self.expr(r)?)),
            other => Expr::Condition(Box::new(self.condition(other)?)),
        })
    }
}

fn regex_test(pattern: &str, op: BinOp) -> Result<Test, QueryError> {
    let regex = Anchored::new(pattern).map_err(|e| QueryError::Bad(format!("invalid regex: {e}")))?;
    Ok(Test::Matches { regex: Box::new(regex), negated: op == BinOp::NotRegex })
}

/// IDs are compared in one form: lower case, trace ids without leading zeros, span ids with all 16 digits.
fn normal_id(a: &Attribute, v: &Static) -> Static {
    use Intrinsic::*;
    let Static::Str(text) = v else { return v.clone() };
    let short = text.trim_start_matches('0').to_ascii_lowercase();
    match a {
        Attribute::Intrinsic(TraceId | LinkTraceId) if !text.is_empty() => Static::Str(if short.is_empty() { "0".into() } else { short }),
        Attribute::Intrinsic(SpanId | ParentId | LinkSpanId) if !text.is_empty() => Static::Str(format!("{short:0>16}")),
        _ => v.clone(),
    }
}

impl Node {
    /// Whether a row of a batch alone decides it.
    pub fn is_local(&self, fields: &[Attribute]) -> bool {
        match self {
            Node::Const(_) | Node::Same(..) => true,
            Node::And(all) | Node::Or(all) => all.iter().all(|n| n.is_local(fields)),
            Node::Not(n) => n.is_local(fields),
            Node::Leaf(l) => l.is_local(fields),
            Node::Compare(_, l, r) => l.is_local(fields) && r.is_local(fields),
            Node::Regex { on, .. } => on.is_local(fields),
        }
    }

    /// The conditions that one event (link) of every passing span meets.
    pub fn items(&self, list: List) -> &[Leaf] {
        match self {
            Node::Same(l, leaves) if *l == list => leaves,
            Node::And(all) => all.iter().map(|n| n.items(list)).find(|leaves| !leaves.is_empty()).unwrap_or_default(),
            _ => &[],
        }
    }

    /// How many spans pass, guessed: small is few. Only the order matters.
    pub fn breadth(&self) -> u32 {
        match self {
            Node::Const(true) => 100,
            Node::Const(false) => 0,
            Node::And(all) => all.iter().map(Node::breadth).min().unwrap_or(100),
            Node::Or(all) => all.iter().map(Node::breadth).max().unwrap_or(0),
            Node::Not(_) | Node::Compare(..) | Node::Regex { .. } => 60,
            Node::Leaf(l) => l.breadth(),
            Node::Same(_, leaves) => leaves.iter().map(Leaf::breadth).min().unwrap_or(100),
        }
    }
}

impl Leaf {
    fn is_local(&self, fields: &[Attribute]) -> bool {
        match fields.get(self.field) {
            Some(a) => a.source() != Source::Trace || self.is_root_test(a).is_some(),
            None => false,
        }
    }

    /// Whether the condition is `nestedSetParent < 0` (or `= -1`), which the span's own parent id answers.
    pub fn is_root_test(&self, a: &Attribute) -> Option<()> {
        let Test::Compare { op, literal: Static::Int(n), .. } = &self.test else { return None };
        let root = (*op == BinOp::Lt && *n == 0) || (*op == BinOp::Eq && *n == -1);
        (root && *a == Attribute::Intrinsic(Intrinsic::NestedSetParent)).then_some(())
    }

    fn breadth(&self) -> u32 {
        match &self.test {
            Test::Compare { op: BinOp::Eq, literal: Static::Str(_), .. } => 10,
            Test::Compare { op: BinOp::Eq, .. } => 20,
            Test::Matches { negated: false, .. } => 20,
            Test::Compare { op: BinOp::Ne, .. } | Test::Matches { .. } | Test::IsNil | Test::NotNil => 70,
            Test::Compare { .. } => 40,
        }
    }
}

impl Expr {
    pub fn is_local(&self, fields: &[Attribute]) -> bool {
        match self {
            Expr::Literal(_) => true,
            Expr::Field(f) => fields.get(*f).is_some_and(|a| a.source() != Source::Trace),
            Expr::Neg(e) => e.is_local(fields),
            Expr::Math(_, l, r) => l.is_local(fields) && r.is_local(fields),
            Expr::Condition(n) => n.is_local(fields),
        }
    }
}
