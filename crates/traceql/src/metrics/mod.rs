//! Metrics queries: series over time, or one value each over a range.

mod cells;
mod compare;
mod exemplars;
mod feed;
mod grid;
mod group;
mod local;
mod math;
mod second;

use std::cmp::Ordering;

use model::{AnyValue, KeyValue};
use query::{Budget, QueryError, SpanSource};

use crate::answer::{Exemplar, MetricSeries, MetricsOptions, MetricsResult};
use crate::ast::{Body, MetricsExpr, MetricsFn, Query, Static};
use crate::limits::MAX_EXEMPLARS;
use feed::Inspected;
pub(crate) use grid::Grid;

pub use grid::default_step;

/// A series while it is computed: a value per interval, NaN where there is none.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub labels: Vec<KeyValue>,
    pub values: Vec<f64>,
    pub exemplars: Vec<Exemplar>,
}

/// The label that holds a series' name where it has no other.
pub(crate) const NAME: &str = "__name__";

/// What all parts of one query share.
pub(crate) struct Context<'a> {
    pub grid: Grid,
    pub source: &'a dyn SpanSource,
    pub budget: &'a Budget,
    /// most exemplars, 0 = none
    pub exemplars: usize,
    /// weigh spans by their sampling probability
    pub extrapolate: bool,
}

/// Series over time. Steps are aligned: interval ends are multiples of the step, each interval is (end - step, end], the first ends at or
/// before `start`, the last at or after `end`.
///
/// Errors: `Bad` for a query without metrics, an empty range or too many intervals, and whatever the budget says.
pub fn query_range(q: &Query, options: &MetricsOptions, source: &dyn SpanSource, budget: &Budget) -> Result<MetricsResult, QueryError> {
    run(q, options, Grid::range(options)?, source, budget)
}

/// One value per series over the whole range, both ends included; the sample's time is the end.
pub fn query_instant(q: &Query, options: &MetricsOptions, source: &dyn SpanSource, budget: &Budget) -> Result<MetricsResult, QueryError> {
    run(q, options, Grid::instant(options)?, source, budget)
}

fn run(q: &Query, options: &MetricsOptions, grid: Grid, source: &dyn SpanSource, budget: &Budget) -> Result<MetricsResult, QueryError> {
    let Body::Metrics(expr) = &q.body else { return Err(QueryError::Bad("not a metrics query".into())) };
    let exemplars = match q.hint("exemplars") {
        Some(Static::Bool(false)) => 0,
        Some(Static::Int(n)) => (*n).clamp(0, MAX_EXEMPLARS as i64) as usize,
        _ => options.exemplars as usize,
    };
    let extrapolate = q.hint("extrapolate") == Some(&Static::Bool(true));
    let context = Context { grid, source, budget, exemplars, extrapolate };
    let mut seen = Inspected::default();
    let mut series = evaluate(expr, &context, &mut seen)?;
    budget.count_read(seen.spans, seen.bytes);
    series.retain(|s| s.values.iter().any(|v| !v.is_nan()));
    series.sort_by(|a, b| order(&a.labels, &b.labels));
    let mut partial = None;
    if options.max_series > 0 && series.len() > options.max_series {
        let most = options.max_series;
        partial = Some(format!(
            "The answer has {} series, only {most} (the limit) are in it. Narrow the query or raise maxSeries.",
            series.len()
        ));
        series.truncate(most);
    }
    Ok(MetricsResult {
        series: series.into_iter().map(|s| finished(s, &context.grid)).collect(),
        partial,
        inspected_traces: seen.traces,
        inspected_spans: seen.spans,
        inspected_bytes: seen.bytes,
    })
}

fn evaluate(e: &MetricsExpr, context: &Context, seen: &mut Inspected) -> Result<Vec<Series>, QueryError> {
    context.budget.check()?;
    match e {
        MetricsExpr::Aggregate { pipeline, function: MetricsFn::Compare { selection, top, range }, .. } => {
            compare::compare(pipeline, selection.as_ref(), *top as usize, *range, context, seen)
        }
        MetricsExpr::Aggregate { pipeline, function, by } => group::aggregate(pipeline, function, by, context, seen),
        MetricsExpr::Second(inner, stage) => Ok(second::apply(stage, evaluate(inner, context, seen)?)),
        MetricsExpr::Math(op, l, r) => match (l.as_ref(), r.as_ref()) {
            (MetricsExpr::Number(n), r) => Ok(math::with_number(evaluate(r, context, seen)?, |v| math::calculate(*op, *n, v))),
            (l, MetricsExpr::Number(n)) => Ok(math::with_number(evaluate(l, context, seen)?, |v| math::calculate(*op, v, *n))),
            (l, r) => {
                let left = evaluate(l, context, seen)?;
                Ok(math::join(*op, left, evaluate(r, context, seen)?))
            }
        },
        MetricsExpr::Number(_) => Err(QueryError::Bad("a number alone is no metrics query".into())),
    }
}

fn finished(s: Series, grid: &Grid) -> MetricSeries {
    let samples = s.values.iter().enumerate().filter(|(_, v)| !v.is_nan()).map(|(i, v)| (grid.at_ms(i), *v)).collect();
    MetricSeries { labels: s.labels, samples, exemplars: s.exemplars }
}

/// By number of labels, keys, values.
fn order(a: &[KeyValue], b: &[KeyValue]) -> Ordering {
    let keys = |l: &[KeyValue]| l.iter().map(|kv| kv.key.clone()).collect::<Vec<_>>();
    let values = || a.iter().zip(b).map(|(x, y)| order_values(&x.value, &y.value)).find(|o| o.is_ne()).unwrap_or(Ordering::Equal);
    a.len().cmp(&b.len()).then_with(|| keys(a).cmp(&keys(b))).then_with(values)
}

fn order_values(a: &AnyValue, b: &AnyValue) -> Ordering {
    match (a, b) {
        (AnyValue::Str(x), AnyValue::Str(y)) => x.cmp(y),
        (AnyValue::Int(x), AnyValue::Int(y)) => x.cmp(y),
        (AnyValue::Double(x), AnyValue::Double(y)) => x.total_cmp(y),
        (AnyValue::Bool(x), AnyValue::Bool(y)) => x.cmp(y),
        _ => format!("{a:?}").cmp(&format!("{b:?}")),
    }
}

pub(crate) fn label(key: &str, value: &str) -> KeyValue {
    KeyValue::new(key, AnyValue::Str(value.to_owned()))
}
