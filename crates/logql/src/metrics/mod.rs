//! Metric queries: the tree is evaluated series by series over all steps at once.

mod aggregate;
mod binary;
mod grouping;
mod range;
mod samples;
mod topk;
mod windows;

pub(crate) use binary::fold_literals;

use model::Labels;
use query::{Budget, LogSource, QueryError, TimeGrid};
use rustc_hash::FxHashMap;

use crate::limits;
use crate::syntax::ast::{LabelReplace, MetricExpr, RangeOp, VectorOp};

/// What is asked besides the query.
#[derive(Debug, Clone, Copy)]
pub struct MetricOptions {
    /// Unix nanoseconds; Loki aligns range queries before, see `align`
    pub grid: TimeGrid,
    /// the query asks for one instant: answers a vector, not a matrix
    pub instant: bool,
    /// most result series, 0 = no limit
    pub max_series: usize,
    /// over the limit: answer the first series with a warning instead of an error
    pub partial: bool,
    /// Unix nanoseconds, for the template function `now`
    pub now: i64,
}

impl MetricOptions {
    /// Unix nanoseconds.
    pub fn instant(at: i64) -> MetricOptions {
        MetricOptions { grid: TimeGrid::instant(at), instant: true, max_series: limits::MAX_SERIES, partial: false, now: at }
    }

    /// Unix nanoseconds, step too.
    pub fn range(start: i64, end: i64, step: i64) -> MetricOptions {
        MetricOptions { grid: TimeGrid { start, end, step }, instant: false, max_series: limits::MAX_SERIES, partial: false, now: end }
    }
}

/// Start rounded down and end rounded up to multiples of the step, as Loki does with range queries.
pub fn align(grid: TimeGrid) -> TimeGrid {
    let step = grid.step.max(1);
    let start = grid.start.div_euclid(step).saturating_mul(step);
    let end = match grid.end.rem_euclid(step) {
        0 => grid.end,
        rest => grid.end.saturating_add(step - rest),
    };
    TimeGrid { start, end, step }
}

#[derive(Debug, Clone, PartialEq)]
pub struct MetricResult {
    pub value: Value,
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// an instant query that is just a number; over a range it is a matrix
    Scalar(f64),
    /// sorted by labels, or by value where the query sorts
    Vector(Vec<Sample>),
    /// sorted by labels
    Matrix(Vec<Series>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub labels: Labels,
    pub value: f64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    pub labels: Labels,
    /// (Unix nanoseconds, value), ascending, only the steps that have one
    pub points: Vec<(i64, f64)>,
}

/// A step without a value. No calculation makes this NaN.
const ABSENT_BITS: u64 = 0x7ff8_0000_dead_0001;
const ABSENT: f64 = f64::from_bits(ABSENT_BITS);

fn is_absent(v: f64) -> bool {
    v.to_bits() == ABSENT_BITS
}

/// One series over all steps of the grid.
#[derive(Debug, Clone)]
struct Line {
    labels: Labels,
    values: Vec<f64>,
}

enum Operand {
    Scalar(f64),
    Vector(Vec<Line>),
}

/// What evaluation needs everywhere.
struct Eval<'a> {
    options: &'a MetricOptions,
    grid: TimeGrid,
    source: &'a dyn LogSource,
    budget: &'a Budget,
}

/// Answers a metric query.
pub fn eval_metric(
    expr: &MetricExpr,
    options: &MetricOptions,
    source: &dyn LogSource,
    budget: &Budget,
) -> Result<MetricResult, QueryError> {
    let grid = if options.instant { TimeGrid::instant(options.grid.start) } else { options.grid };
    if grid.step <= 0 || grid.end.checked_sub(grid.start).is_none() {
        return Err(QueryError::Bad("zero or negative query resolution step widths are not accepted. Try a positive integer".into()));
    }
    if grid.len() > limits::MAX_STEPS {
        return Err(QueryError::Bad(format!("query has more than {} steps; try a larger step", limits::MAX_STEPS)));
    }
    let eval = Eval { options, grid, source, budget };
    let lines = match eval.expr(expr)? {
        Operand::Scalar(v) if options.instant => return Ok(MetricResult { value: Value::Scalar(v), warnings: vec![] }),
        Operand::Scalar(v) => vec![Line { labels: Labels::empty(), values: vec![v; grid.len()] }],
        Operand::Vector(lines) => lines,
    };
    eval.result(expr, lines)
}

impl Eval<'_> {
    fn expr(&self, expr: &MetricExpr) -> Result<Operand, QueryError> {
        self.budget.check()?;
        Ok(match expr {
            MetricExpr::Literal(v) => Operand::Scalar(*v),
            MetricExpr::Vector(v) => Operand::Vector(vec![Line { labels: Labels::empty(), values: vec![*v; self.grid.len()] }]),
            MetricExpr::Range(r) => Operand::Vector(range::eval(self, r, None)?),
            MetricExpr::Aggregate(a) => Operand::Vector(self.aggregate(a)?),
            MetricExpr::Binary(b) => binary::eval(self, b)?,
            MetricExpr::LabelReplace(l) => Operand::Vector(self.label_replace(l)?),
        })
    }

    /// A vector; where a number stands it is one series without labels.
    fn vector(&self, expr: &MetricExpr) -> Result<Vec<Line>, QueryError> {
        Ok(match self.expr(expr)? {
            Operand::Vector(v) => v,
            Operand::Scalar(v) => vec![Line { labels: Labels::empty(), values: vec![v; self.grid.len()] }],
        })
    }

    fn aggregate(&self, a: &crate::syntax::ast::VectorAgg) -> Result<Vec<Line>, QueryError> {
        if a.op == VectorOp::ApproxTopK && !self.options.instant {
            return Err(QueryError::Bad("approx_topk is only supported on instant queries".into()));
        }
        // A sum of counts needs no series below the groups: lines go straight into their group.
        if let (VectorOp::Sum, MetricExpr::Range(r)) = (a.op, &*a.inner)
            && matches!(r.op, RangeOp::Count | RangeOp::Rate | RangeOp::Bytes | RangeOp::BytesRate | RangeOp::Sum)
        {
            let all = crate::syntax::ast::Grouping::default();
            return range::eval(self, r, Some(a.grouping.as_ref().unwrap_or(&all)));
        }
        let inner = self.vector(&a.inner)?;
        Ok(match a.op {
            VectorOp::TopK | VectorOp::BottomK | VectorOp::ApproxTopK => topk::eval(a, inner, self.grid.len()),
            VectorOp::Sort | VectorOp::SortDesc => topk::sorted(a.op, inner, self.options.instant),
            _ => aggregate::eval(a, inner, self.grid.len()),
        })
    }

    fn label_replace(&self, l: &LabelReplace) -> Result<Vec<Line>, QueryError> {
        let mut out: Vec<Line> = vec![];
        let mut index: FxHashMap<Labels, usize> = FxHashMap::default();
        let mut value = String::new();
        for mut line in self.vector(&l.inner)? {
            if let Some(found) = l.regex.regex().captures(line.labels.value(&l.src)) {
                value.clear();
                found.expand(&l.replacement, &mut value);
                line.labels = model::LabelsBuilder::new(&line.labels).set(&l.dst, &value).build();
            }
            let labels = line.labels.clone();
            if !binary::merge(&mut out, &mut index, line) {
                return Err(QueryError::Execution(format!("label_replace gives several series the labels {labels} at the same time")));
            }
        }
        Ok(out)
    }

    fn result(&self, expr: &MetricExpr, mut lines: Vec<Line>) -> Result<MetricResult, QueryError> {
        lines.retain(|l| l.values.iter().any(|v| !is_absent(*v)));
        if !(self.options.instant && sorts(expr)) {
            lines.sort_by(|a, b| a.labels.cmp(&b.labels));
        }
        let (max, mut warnings) = (self.options.max_series, vec![]);
        if max > 0 && lines.len() > max {
            let reached = format!("maximum number of series ({max}) reached for a single query");
            if !self.options.partial {
                return Err(QueryError::TooMuch(format!(
                    "{reached}; consider reducing query cardinality by adding more specific stream selectors, reducing the time range, or aggregating results with functions like sum(), count() or topk()"
                )));
            }
            warnings.push(format!("{reached}; returning partial results"));
            lines.truncate(max);
        }
        let value = if self.options.instant {
            let sample = |l: Line| Some(Sample { value: *l.values.first()?, labels: l.labels });
            Value::Vector(lines.into_iter().filter_map(sample).collect())
        } else {
            Value::Matrix(lines.into_iter().map(|l| self.series(l)).collect())
        };
        Ok(MetricResult { value, warnings })
    }

    fn series(&self, line: Line) -> Series {
        let points = line.values.iter().enumerate().filter(|(_, v)| !is_absent(**v)).map(|(i, v)| (self.grid.at(i), *v)).collect();
        Series { labels: line.labels, points }
    }
}

/// Whether the query orders its samples somewhere.
fn sorts(expr: &MetricExpr) -> bool {
    match expr {
        MetricExpr::Aggregate(a) => matches!(a.op, VectorOp::Sort | VectorOp::SortDesc) || sorts(&a.inner),
        MetricExpr::Binary(b) => sorts(&b.left) || sorts(&b.right),
        MetricExpr::LabelReplace(l) => sorts(&l.inner),
        MetricExpr::Literal(_) | MetricExpr::Vector(_) | MetricExpr::Range(_) => false,
    }
}
