//! Tree to plan: durations computed, `start()` and the like folded, parentheses gone, parts that do not change with time marked.

use model::{METRIC_NAME, MatchOp, Matcher};
use query::QueryError;

use crate::ast::{AggregateOp, At, BinaryOp, Duration, DurationExpr, DurationOp, Edges, Expr, Matching, ValueType, VectorSelector};
use crate::functions::Function;
use crate::parse::out_of_range;
use crate::span::Span;

/// The times of a query, in Unix milliseconds. `step` is 0 in an instant query.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    pub start: i64,
    pub end: i64,
    pub step: i64,
}

#[derive(Debug)]
pub struct Node {
    pub kind: Kind,
    pub span: Span,
    pub ty: ValueType,
}

#[derive(Debug)]
pub enum Kind {
    Number(f64),
    Text(String),
    Vector(Selector),
    Matrix(Selector, i64),
    Subquery(Box<Subquery>),
    Call(&'static Function, Vec<Node>),
    Aggregate(Box<Aggregate>),
    Binary(Box<Binary>),
    Negate(Box<Node>),
    /// evaluated once, the same at every step
    Invariant(Box<Node>),
}

/// Milliseconds everywhere.
#[derive(Debug)]
pub struct Selector {
    pub matchers: Vec<Matcher>,
    pub offset: i64,
    pub at: Option<i64>,
    pub edges: Edges,
    /// buckets of native histograms are not looked at
    pub stats_only: bool,
}

#[derive(Debug)]
pub struct Subquery {
    pub inner: Node,
    pub range: i64,
    pub step: Option<i64>,
    pub offset: i64,
    pub at: Option<i64>,
}

#[derive(Debug)]
pub struct Aggregate {
    pub op: AggregateOp,
    pub inner: Node,
    pub param: Option<Node>,
    /// sorted
    pub grouping: Vec<String>,
    pub without: bool,
}

#[derive(Debug)]
pub struct Binary {
    pub op: BinaryOp,
    pub lhs: Node,
    pub rhs: Node,
    pub matching: Matching,
    pub return_bool: bool,
}

impl Selector {
    /// Whether all series it finds have the same name.
    pub fn has_one_name(&self) -> bool {
        self.matchers.iter().any(|m| m.name == METRIC_NAME && m.op == MatchOp::Eq && !m.value.is_empty())
    }
}

/// Plans a query.
pub fn plan(expr: &Expr, times: Times) -> Result<Node, QueryError> {
    let mut planner = Planner { times, path: vec![] };
    let lowered = planner.lower(expr)?;
    Ok(lowered.wrapped())
}

struct Planner {
    times: Times,
    /// what lies between the root and here, as far as reading histogram buckets is concerned
    path: Vec<Mark>,
}

#[derive(Clone, Copy, PartialEq)]
enum Mark {
    NeedsBuckets,
    NeedsStats,
}

struct Lowered {
    node: Node,
    invariant: bool,
    /// worth evaluating once
    wrap: bool,
}

impl Lowered {
    fn wrapped(self) -> Node {
        if !self.wrap {
            return self.node;
        }
        let (span, ty) = (self.node.span, self.node.ty);
        Node { kind: Kind::Invariant(Box::new(self.node)), span, ty }
    }
}

/// Functions whose value depends on the evaluation time although their arguments do not.
pub(crate) const TIME_DEPENDENT: [&str; 15] = [
    "days_in_month",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "end",
    "hour",
    "minute",
    "month",
    "year",
    "predict_linear",
    "range",
    "start",
    "step",
    "time",
    "timestamp",
];

impl Planner {
    fn lower(&mut self, expr: &Expr) -> Result<Lowered, QueryError> {
        let (span, ty) = (expr.span(), expr.value_type());
        let done = |kind, invariant, wrap| Ok(Lowered { node: Node { kind, span, ty }, invariant, wrap });
        match expr {
            Expr::Number(n) => done(Kind::Number(n.value), true, false),
            Expr::String(s) => done(Kind::Text(s.value.clone()), true, false),
            Expr::Paren(p) => self.lower(&p.expr),
            Expr::Vector(v) => {
                let s = self.selector(v)?;
                let fixed = s.at.is_some();
                done(Kind::Vector(s), fixed, fixed)
            }
            Expr::Matrix(m) => {
                let s = self.selector(&m.selector)?;
                let (fixed, range) = (s.at.is_some(), self.duration(&m.range, false)?);
                done(Kind::Matrix(s, range), fixed, false)
            }
            Expr::Unary(u) => {
                let inner = self.lower(&u.expr)?;
                if !u.minus {
                    return Ok(inner);
                }
                let (invariant, wrap) = (inner.invariant, inner.wrap);
                done(Kind::Negate(Box::new(inner.node)), invariant, wrap)
            }
            Expr::Subquery(s) => {
                self.path.push(Mark::NeedsBuckets);
                let inner = self.lower(&s.expr)?;
                self.path.pop();
                let inner = Lowered { wrap: inner.invariant, ..inner }.wrapped();
                let at = self.at(s.at);
                let step = s.step.as_ref().map(|d| self.duration(d, false)).transpose()?;
                let (range, offset) = (self.duration(&s.range, false)?, self.duration(&s.offset, true)?);
                done(Kind::Subquery(Box::new(Subquery { inner, range, step, offset, at })), at.is_some(), false)
            }
            Expr::Aggregate(a) => {
                let inner = self.lower(&a.expr)?;
                let param = a.param.as_ref().map(|p| self.lower(p)).transpose()?;
                let invariant = inner.invariant && param.as_ref().is_none_or(|p| p.invariant);
                let mut grouping = a.grouping.clone();
                grouping.sort();
                // An invariant whole is wrapped above; else its parts are.
                let unwrap = |l: Lowered| if invariant { l.node } else { l.wrapped() };
                let agg = Aggregate { op: a.op, inner: unwrap(inner), param: param.map(unwrap), grouping, without: a.without };
                done(Kind::Aggregate(Box::new(agg)), invariant, invariant)
            }
            Expr::Binary(b) => {
                let trims = matches!(b.op, BinaryOp::TrimUpper | BinaryOp::TrimLower);
                if trims {
                    self.path.push(Mark::NeedsBuckets);
                }
                let (lhs, rhs) = (self.lower(&b.lhs)?, self.lower(&b.rhs)?);
                if trims {
                    self.path.pop();
                }
                let both = lhs.invariant && rhs.invariant;
                let unwrap = |l: Lowered| if both { l.node } else { l.wrapped() };
                let matching = b.matching.clone().unwrap_or_default();
                let node = Binary { op: b.op, lhs: unwrap(lhs), rhs: unwrap(rhs), matching, return_bool: b.return_bool };
                done(Kind::Binary(Box::new(node)), both, both)
            }
            Expr::Call(c) => self.call(c.func, &c.args, span),
        }
    }

    fn call(&mut self, func: &'static Function, args: &[Expr], span: Span) -> Result<Lowered, QueryError> {
        let Times { start, end, step } = self.times;
        let folded = match func.name {
            "start" => Some(start as f64 / 1000.0),
            "end" => Some(end as f64 / 1000.0),
            "range" => Some(end.saturating_sub(start) as f64 / 1000.0),
            "step" => Some(if start == end { 0.0 } else { step as f64 / 1000.0 }),
            _ => None,
        };
        if let Some(v) = folded {
            return Ok(Lowered { node: Node { kind: Kind::Number(v), span, ty: ValueType::Scalar }, invariant: true, wrap: false });
        }
        let mark = match func.name {
            "histogram_count" | "histogram_sum" | "histogram_avg" => Some(Mark::NeedsStats),
            "histogram_quantile" | "histogram_quantiles" | "histogram_fraction" => Some(Mark::NeedsBuckets),
            _ => None,
        };
        self.path.extend(mark);
        let lowered = args.iter().map(|a| self.lower(a)).collect::<Result<Vec<_>, _>>()?;
        if mark.is_some() {
            self.path.pop();
        }
        let all = lowered.iter().all(|l| l.invariant);
        let fixed_timestamp = func.name == "timestamp" && lowered.iter().all(|l| l.invariant && matches!(l.node.kind, Kind::Vector(_)));
        let invariant = all && (fixed_timestamp || !TIME_DEPENDENT.contains(&func.name));
        let args = lowered.into_iter().map(|l| if invariant { l.node } else { l.wrapped() }).collect();
        Ok(Lowered { node: Node { kind: Kind::Call(func, args), span, ty: func.returns }, invariant, wrap: invariant })
    }

    fn selector(&self, v: &VectorSelector) -> Result<Selector, QueryError> {
        // The mark nearest to the selector that is not "stats" decides; a subquery needs the buckets to find resets.
        let stats_only = self.path.contains(&Mark::NeedsStats) && !self.path.contains(&Mark::NeedsBuckets);
        Ok(Selector {
            matchers: v.matchers.clone(),
            offset: self.duration(&v.offset, true)?,
            at: self.at(v.at),
            edges: v.edges,
            stats_only,
        })
    }

    fn at(&self, at: Option<At>) -> Option<i64> {
        at.map(|at| match at {
            At::Time(t) => t,
            At::Start => self.times.start,
            At::End => self.times.end,
        })
    }

    /// Milliseconds.
    fn duration(&self, d: &Duration, may_be_negative: bool) -> Result<i64, QueryError> {
        let e = match d {
            Duration::Ms(ms) => return Ok(*ms),
            Duration::Expr(e) => e,
        };
        let seconds = self.seconds(e)?;
        let fail = |what: &str| Err(place(e, what));
        if !seconds.is_finite() {
            return fail("duration is NaN or infinite");
        }
        if seconds <= 0.0 && !may_be_negative {
            return fail("duration must be greater than 0");
        }
        if out_of_range(seconds) {
            return fail("duration is out of range");
        }
        Ok((seconds * 1000.0) as i64)
    }

    fn seconds(&self, e: &DurationExpr) -> Result<f64, QueryError> {
        let o = match e {
            DurationExpr::Number(n) => return Ok(n.value),
            DurationExpr::Op(o) => o,
        };
        let side = |s: &Option<Box<DurationExpr>>| s.as_ref().map(|e| self.seconds(e)).transpose();
        let (left, right) = (side(&o.lhs)?, side(&o.rhs)?.unwrap_or(0.0));
        let l = left.unwrap_or(0.0);
        Ok(match o.op {
            DurationOp::Step => self.times.step as f64 / 1000.0,
            DurationOp::Range => self.times.end.saturating_sub(self.times.start) as f64 / 1000.0,
            DurationOp::MinOf => go_min(l, right),
            DurationOp::MaxOf => go_max(l, right),
            DurationOp::Add => l + right,
            DurationOp::Sub => l - right,
            DurationOp::Mul => l * right,
            DurationOp::Div if right == 0.0 => return Err(place(e, "division by zero")),
            DurationOp::Div => l / right,
            DurationOp::Mod if right == 0.0 => return Err(place(e, "modulo by zero")),
            DurationOp::Mod => l % right,
            DurationOp::Pow => l.powf(right),
        })
    }
}

/// Smaller of two; NaN if one is (Rust's own `min` would drop it).
pub fn go_min(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if a == 0.0 && b == 0.0 {
        if a.is_sign_negative() { a } else { b }
    } else {
        a.min(b)
    }
}

/// Larger of two; NaN if one is.
pub fn go_max(a: f64, b: f64) -> f64 {
    -go_min(-a, -b)
}

fn place(e: &DurationExpr, what: &str) -> QueryError {
    let span = e.span();
    QueryError::Bad(format!("{}:{}: {what}", span.start, span.end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Features, parse};

    fn planned(query: &str, times: Times) -> Result<Node, QueryError> {
        plan(&parse(query, &Features::all()).unwrap(), times)
    }

    const RANGE: Times = Times { start: 0, end: 600_000, step: 60_000 };

    #[test]
    fn parts_that_do_not_change_are_wrapped_once() {
        let whole = |q: &str| matches!(planned(q, RANGE).unwrap().kind, Kind::Invariant(_));
        assert!(whole("sum(rate(foo[5m] @ 10)) + 1"));
        assert!(!whole("sum(foo @ 10) + bar") && !whole("time()") && !whole("timestamp(abs(foo @ 1))"));
        assert!(whole("timestamp(foo @ 1)"));
        let Kind::Binary(b) = planned("sum(foo @ 10) + bar", RANGE).unwrap().kind else { panic!("a binary") };
        assert!(matches!(b.lhs.kind, Kind::Invariant(_)) && matches!(b.rhs.kind, Kind::Vector(_)));
    }

    #[test]
    fn durations_are_computed() {
        let Kind::Call(_, args) = planned("rate(foo[step() * 2] offset -range())", RANGE).unwrap().kind else { panic!("a call") };
        let Kind::Matrix(s, range) = &args[0].kind else { panic!("a matrix") };
        assert_eq!((*range, s.offset), (120_000, -600_000));
        let e = planned("rate(foo[step()])", Times { start: 0, end: 0, step: 0 }).unwrap_err();
        assert_eq!(e, QueryError::Bad("9:15: duration must be greater than 0".into()));
    }
}
