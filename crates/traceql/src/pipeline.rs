//! Pipelines on one trace: from all its spans to the spansets that survive.

use model::{AnyValue, KeyValue};
use query::QueryError;
use rustc_hash::FxHashMap;

use crate::aggregate::aggregate;
use crate::ast::{Aggregate, AggregateOp, BinOp, Pipeline, ScalarExpr, SpansetExpr, SpansetOp, Stage, Static};
use crate::bits::Bits;
use crate::plan::{Expr, Node, Plan, Planner};
use crate::relation::relate;
use crate::trace::Trace;
use crate::value::{Value, compare};

/// A pipeline with its filters and expressions numbered in a plan.
#[derive(Debug)]
pub(crate) struct Stages {
    stages: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Spanset(Spans),
    Scalar { name: String, op: AggregateOp, over: Option<Expr>, compare: BinOp, literal: Static },
    By { name: String, on: Expr },
    Coalesce,
}

#[derive(Debug)]
enum Spans {
    Filter(usize),
    Pipeline(Stages),
    Op(SpansetOp, Box<Spans>, Box<Spans>),
}

/// Some spans of a trace and what stages said of them.
#[derive(Debug, Clone)]
pub(crate) struct Spanset {
    /// places in the trace, ascending; a list, because by() can make as many spansets as there are spans
    pub spans: Vec<u32>,
    pub attributes: Vec<KeyValue>,
}

impl Stages {
    pub fn new(p: &Pipeline, planner: &Planner) -> Result<Stages, QueryError> {
        let mut stages = vec![];
        for stage in &p.stages {
            stages.push(match stage {
                Stage::Spanset(e) => Step::Spanset(Spans::new(e, planner)?),
                Stage::By(e) => Step::By { name: format!("by({e})"), on: planner.expr(e)? },
                Stage::Coalesce => Step::Coalesce,
                Stage::Select(fields) => {
                    fields.iter().for_each(|f| {
                        planner.field(f);
                    });
                    continue;
                }
                Stage::Scalar(f) => match (&f.left, &f.right) {
                    (ScalarExpr::Aggregate(a), ScalarExpr::Literal(v)) => scalar(a, f.op, v, planner)?,
                    _ => return Err(QueryError::Unsupported(format!("the scalar filter {f}"))),
                },
            });
        }
        Ok(Stages { stages })
    }

    /// The spansets of a trace that survive, in the order of their first spans' groups.
    pub fn run(&self, trace: &Trace, plan: &Plan) -> Result<Vec<Spanset>, QueryError> {
        let all = Spanset { spans: (0..trace.spans.len() as u32).collect(), attributes: vec![] };
        self.run_on(vec![all], trace, plan)
    }

    fn run_on(&self, mut sets: Vec<Spanset>, trace: &Trace, plan: &Plan) -> Result<Vec<Spanset>, QueryError> {
        for step in &self.stages {
            if sets.is_empty() {
                break;
            }
            sets = match step {
                Step::Spanset(e) => {
                    let mut out = vec![];
                    for set in sets {
                        out.extend(e.run(set, trace, plan)?);
                    }
                    out
                }
                Step::Scalar { name, op, over, compare: cmp, literal } => sets
                    .into_iter()
                    .filter_map(|mut set| {
                        let value = aggregate(*op, over.as_ref(), &set.spans, trace)?;
                        if !compare(*cmp, &value, &Value::literal(literal)) {
                            return None;
                        }
                        set.attributes.push(KeyValue::new(name.as_str(), value.render()));
                        Some(set)
                    })
                    .collect(),
                Step::By { name, on } => sets.into_iter().flat_map(|set| group(name, on, set, trace)).collect(),
                Step::Coalesce => {
                    let spans = list(&union(&sets, trace));
                    vec![Spanset { spans, attributes: vec![] }]
                }
            };
        }
        Ok(sets)
    }

    /// Numbers of filters of which a matching trace has a span that passes at least one; empty: any trace may match.
    pub fn triggers(&self, plan: &Plan) -> Vec<usize> {
        for step in &self.stages {
            if let Step::Spanset(e) = step {
                return e.triggers(plan).1;
            }
        }
        vec![]
    }

    /// The filters that a span must all pass, if the pipeline is nothing but filters.
    pub fn plain_filters(&self) -> Option<Vec<usize>> {
        self.stages
            .iter()
            .map(|s| match s {
                Step::Spanset(Spans::Filter(n)) => Some(*n),
                _ => None,
            })
            .collect()
    }
}

fn scalar(a: &Aggregate, compare: BinOp, literal: &Static, planner: &Planner) -> Result<Step, QueryError> {
    let over = a.over.as_ref().map(|e| planner.expr(e)).transpose()?;
    Ok(Step::Scalar { name: a.to_string(), op: a.op, over, compare, literal: literal.clone() })
}

impl Spans {
    fn new(e: &SpansetExpr, planner: &Planner) -> Result<Spans, QueryError> {
        Ok(match e {
            SpansetExpr::Filter(f) => Spans::Filter(planner.filter(f.as_ref())?),
            SpansetExpr::Pipeline(p) => Spans::Pipeline(Stages::new(p, planner)?),
            SpansetExpr::Op(op, l, r) => Spans::Op(*op, Box::new(Spans::new(l, planner)?), Box::new(Spans::new(r, planner)?)),
        })
    }

    fn run(&self, set: Spanset, trace: &Trace, plan: &Plan) -> Result<Vec<Spanset>, QueryError> {
        match self {
            Spans::Filter(n) => {
                let passes = |i: &u32| {
                    let at = *i as usize;
                    trace.spans.get(at).is_some_and(|s| s.view.passes(plan, *n, s.row, (trace, at)))
                };
                let spans: Vec<u32> = set.spans.into_iter().filter(passes).collect();
                Ok(if spans.is_empty() { vec![] } else { vec![Spanset { spans, attributes: set.attributes }] })
            }
            Spans::Pipeline(p) => p.run_on(vec![set], trace, plan),
            Spans::Op(op, l, r) => {
                let attributes = set.attributes.clone();
                let (left, right) = (l.run(set.clone(), trace, plan)?, r.run(set, trace, plan)?);
                let spans = match op {
                    SpansetOp::And if left.is_empty() || right.is_empty() => return Ok(vec![]),
                    SpansetOp::And | SpansetOp::Or => union(left.iter().chain(&right), trace),
                    SpansetOp::Structural { relation, mode } => {
                        if left.len() > 1 || right.len() > 1 {
                            return Err(QueryError::Execution(format!(
                                "operand of {} has more than one spanset; join them with coalesce() first",
                                op.text()
                            )));
                        }
                        relate(trace, *relation, *mode, &union(&left, trace), &union(&right, trace))
                    }
                };
                Ok(if spans.is_empty() { vec![] } else { vec![Spanset { spans: list(&spans), attributes }] })
            }
        }
    }

    /// See `Stages::triggers`; with the breadth of the filters.
    fn triggers(&self, plan: &Plan) -> (u32, Vec<usize>) {
        use crate::ast::Mode;
        let narrower = |l: &Spans, r: &Spans| {
            let (l, r) = (l.triggers(plan), r.triggers(plan));
            if l.0 < r.0 { l } else { r }
        };
        match self {
            Spans::Filter(n) => (plan.filters.get(*n).map_or(100, Node::breadth), vec![*n]),
            Spans::Pipeline(p) => {
                let all = p.triggers(plan);
                let breadth = all.iter().filter_map(|n| plan.filters.get(*n)).map(Node::breadth).max().unwrap_or(100);
                (breadth, all)
            }
            Spans::Op(SpansetOp::Or, l, r) => {
                let (mut l, r) = (l.triggers(plan), r.triggers(plan));
                if l.1.is_empty() || r.1.is_empty() {
                    return (100, vec![]);
                }
                l.1.extend(r.1);
                (l.0.max(r.0), l.1)
            }
            Spans::Op(SpansetOp::And, l, r) => narrower(l, r),
            Spans::Op(SpansetOp::Structural { mode: Mode::Not, .. }, _, r) => r.triggers(plan),
            Spans::Op(SpansetOp::Structural { .. }, l, r) => narrower(l, r),
        }
    }
}

fn union<'a>(sets: impl IntoIterator<Item = &'a Spanset>, trace: &Trace) -> Bits {
    let mut out = Bits::none(trace.spans.len());
    sets.into_iter().flat_map(|s| &s.spans).for_each(|i| out.set(*i as usize));
    out
}

fn list(spans: &Bits) -> Vec<u32> {
    spans.rows().map(|i| i as u32).collect()
}

fn group(name: &str, on: &Expr, set: Spanset, trace: &Trace) -> Vec<Spanset> {
    let mut groups: Vec<(AnyValue, Vec<u32>)> = vec![];
    let mut numbers: FxHashMap<String, usize> = FxHashMap::default();
    let mut last = 0;
    for i in set.spans {
        let at = i as usize;
        let Some(s) = trace.spans.get(at) else { continue };
        let value = s.view.eval(on, s.row, Some((trace, at))).render();
        // Neighbours often share a group, so the last one is looked at first.
        if groups.get(last).is_none_or(|g| g.0 != value) {
            last = *numbers.entry(format!("{value:?}")).or_insert_with(|| {
                groups.push((value, vec![]));
                groups.len() - 1
            });
        }
        if let Some(g) = groups.get_mut(last) {
            g.1.push(i);
        }
    }
    let out = groups.into_iter().map(|(value, spans)| {
        let mut attributes = set.attributes.clone();
        attributes.push(KeyValue::new(name, value));
        Spanset { spans, attributes }
    });
    out.collect()
}
