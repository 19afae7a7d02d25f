//! rate, count_over_time and the other functions: spans into series by the values of by().

use std::sync::Arc;

use model::{AnyValue, KeyValue, SpanBatch};
use query::QueryError;
use rustc_hash::FxHashMap;

use super::cells::{Cells, Kind, bucket_bound, bucket_of};
use super::exemplars::{Picked, Picker};
use super::feed::{Inspected, Seen, feed};
use super::local::{FieldCursor, LocalGroups};
use super::{Context, NAME, Series, label};
use crate::ast::{Attribute, Intrinsic, MetricsFn, Pipeline};
use crate::fold::Number;
use crate::pipeline::Stages;
use crate::plan::Planner;
use crate::value::Value;
use crate::view::View;

pub(super) fn aggregate(
    pipeline: &Pipeline,
    function: &MetricsFn,
    by: &[Attribute],
    context: &Context,
    seen: &mut Inspected,
) -> Result<Vec<Series>, QueryError> {
    let planner = Planner::default();
    let stages = Stages::new(pipeline, &planner)?;
    let over = match function {
        MetricsFn::OverTime(_, a) | MetricsFn::Quantile(a, _) | MetricsFn::Histogram(a) => Some(planner.field(a)),
        _ => None,
    };
    let fields: Vec<usize> = by.iter().map(|a| planner.field(a)).collect();
    let plan = planner.finish();
    let kind = match function {
        MetricsFn::OverTime(op, _) => Kind::Over(*op),
        MetricsFn::Quantile(..) | MetricsFn::Histogram(_) => Kind::Buckets,
        _ => Kind::Count,
    };
    let mut groups =
        Groups { by, fields: fields.clone(), kind, context, local: LocalGroups::default(), global: FxHashMap::default(), all: vec![] };
    if by.is_empty() && kind == Kind::Count {
        groups.add(vec![])?;
    }
    let mut picker = Picker::new(context.exemplars, context.grid.bounds());
    let read: Vec<usize> = fields.iter().copied().chain(over).collect();
    let duration = over.is_some_and(|f| plan.fields.get(f) == Some(&Attribute::Intrinsic(Intrinsic::Duration)));
    let mut numbers = Numbers::default();
    feed(&stages, &plan, &read, context, seen, &mut |span: Seen| {
        let value = match over {
            None => None,
            Some(_) if duration => Some(Number::Duration(span.view.batch.duration(span.row).min(i64::MAX as u64) as i64)),
            Some(f) => match numbers.of(&span, f) {
                Some(n) => Some(n),
                None => return Ok(()),
            },
        };
        let bucket = match (kind, value) {
            (Kind::Buckets, Some(Number::Int(i) | Number::Duration(i))) => match bucket_of(i) {
                Some(b) => Some(b),
                None => return Ok(()),
            },
            (Kind::Buckets, _) => return Ok(()),
            _ => None,
        };
        let weight = if context.extrapolate { sampling_weight(span.view, span.row) } else { 1.0 };
        let group = groups.of(&span)?;
        let number = value.map(seconds);
        if let Some(cells) = groups.all.get_mut(group).map(|g| &mut g.cells) {
            match bucket {
                Some(b) => cells.add_bucket(span.interval, b, weight),
                None => cells.add(span.interval, number.unwrap_or(0.0), weight),
            }
        }
        picker.offer(&span, &plan, group, number, bucket);
        Ok(())
    })?;
    let durations = over.and_then(|f| plan.fields.get(f)).is_some_and(is_duration);
    Ok(groups.finish(function, durations, picker.picked))
}

/// Looks up the aggregated field.
#[derive(Default)]
struct Numbers {
    /// the batch that the cursor is of; held, so that no other one gets its address
    batch: Option<Arc<SpanBatch>>,
    cursor: FieldCursor,
}

impl Numbers {
    fn of(&mut self, span: &Seen, field: usize) -> Option<Number> {
        if !self.batch.as_ref().is_some_and(|b| Arc::ptr_eq(b, &span.view.batch)) {
            self.batch = Some(span.view.batch.clone());
            self.cursor.reset();
        }
        match self.cursor.number(span.view, field, span.row) {
            Some(known) => known,
            None => span.view.value(field, span.row, span.trace).number(),
        }
    }
}

/// Durations count in seconds.
fn seconds(n: Number) -> f64 {
    match n {
        Number::Duration(d) => d as f64 / 1e9,
        other => other.as_f64(),
    }
}

fn is_duration(a: &Attribute) -> bool {
    use Intrinsic::*;
    matches!(a, Attribute::Intrinsic(Duration | TraceDuration | EventTimeSinceStart))
}

/// How many spans one stands for by W3C tracestate `ot=th:...`; 1 without it.
fn sampling_weight(view: &View, row: usize) -> f64 {
    let state = view.batch.trace_state.get(row).map_or("", |c| view.batch.dict.get(*c));
    let th = state.split(',').find_map(|v| v.trim().strip_prefix("ot=")).and_then(|v| v.split(';').find_map(|f| f.strip_prefix("th:")));
    let Some(th) = th.filter(|t| !t.is_empty() && t.len() <= 14) else { return 1.0 };
    match u64::from_str_radix(&format!("{th:0<14}"), 16) {
        Ok(threshold) => 1.0 / (1.0 - threshold as f64 / (1u64 << 56) as f64),
        Err(_) => 1.0,
    }
}

struct Group {
    /// values of by(), rendered
    values: Vec<Option<AnyValue>>,
    cells: Cells,
}

struct Groups<'a> {
    by: &'a [Attribute],
    fields: Vec<usize>,
    kind: Kind,
    context: &'a Context<'a>,
    local: LocalGroups,
    global: FxHashMap<String, usize>,
    all: Vec<Group>,
}

impl Groups<'_> {
    /// The number of a span's group.
    fn of(&mut self, span: &Seen) -> Result<usize, QueryError> {
        if self.fields.is_empty() {
            return if self.all.is_empty() { self.add(vec![]) } else { Ok(0) };
        }
        if let Some(group) = self.local.get(span.view, &self.fields, span.row) {
            return Ok(group);
        }
        let render = |f: &usize| rendered(&span.view.value(*f, span.row, span.trace));
        let group = self.add(self.fields.iter().map(render).collect())?;
        self.local.insert(group);
        Ok(group)
    }

    fn add(&mut self, values: Vec<Option<AnyValue>>) -> Result<usize, QueryError> {
        let key = format!("{values:?}");
        if let Some(group) = self.global.get(&key) {
            return Ok(*group);
        }
        let intervals = self.context.grid.len();
        self.context.budget.reserve((key.len() * 3 + intervals * 16) as u64)?;
        self.all.push(Group { values, cells: Cells::new(self.kind, intervals) });
        self.global.insert(key, self.all.len() - 1);
        Ok(self.all.len() - 1)
    }

    fn finish(self, function: &MetricsFn, durations: bool, picked: Vec<Picked>) -> Vec<Series> {
        let scale = if durations { 1e-9 } else { 1.0 };
        let mut out = vec![];
        for (number, group) in self.all.iter().enumerate() {
            let labels = self.labels(group, function);
            let mine = || picked.iter().filter(move |p| p.group == number);
            let grid = &self.context.grid;
            match function {
                MetricsFn::Quantile(_, quantiles) => {
                    for q in quantiles {
                        let values = group.cells.quantile(*q).iter().map(|v| v * scale).collect();
                        let exemplars = mine().map(|p| p.exemplar(grid, None)).collect();
                        out.push(Series { labels: with(&labels, "p", *q), values, exemplars });
                    }
                }
                MetricsFn::Histogram(_) => {
                    for b in group.cells.buckets() {
                        let values = group.cells.bucket(b);
                        let exemplars = mine().filter(|p| p.bucket == Some(b)).map(|p| p.exemplar(grid, Some(&values))).collect();
                        out.push(Series { labels: with(&labels, "__bucket", bucket_bound(b) * scale), values, exemplars });
                    }
                }
                _ => {
                    let mut values = group.cells.values();
                    if matches!(function, MetricsFn::Rate) {
                        values.iter_mut().for_each(|v| *v /= grid.step_seconds());
                    }
                    let exemplars = mine().map(|p| p.exemplar(grid, Some(&values))).collect();
                    out.push(Series { labels, values, exemplars });
                }
            }
        }
        out
    }

    /// Missing values are dropped; if all are, the first stays as `nil`. Without by() the function's name stands.
    fn labels(&self, group: &Group, function: &MetricsFn) -> Vec<KeyValue> {
        if self.by.is_empty() {
            let text = function.to_string();
            let name = text.split('(').next().unwrap_or_default();
            return match function {
                MetricsFn::Quantile(..) | MetricsFn::Histogram(_) => vec![],
                _ => vec![label(NAME, name)],
            };
        }
        let named = self.by.iter().zip(&group.values);
        let out: Vec<KeyValue> = named.filter_map(|(a, v)| v.clone().map(|v| KeyValue::new(a.to_string(), v))).collect();
        match (out.is_empty(), self.by.first()) {
            (true, Some(first)) => vec![label(&first.to_string(), "nil")],
            _ => out,
        }
    }
}

fn with(labels: &[KeyValue], key: &str, value: f64) -> Vec<KeyValue> {
    let mut out = labels.to_vec();
    out.push(KeyValue::new(key, AnyValue::Double(value)));
    out
}

/// A value of a span as text labels carry it; shared with compare().
pub(super) fn rendered(v: &Value) -> Option<AnyValue> {
    match v {
        Value::Nil | Value::Opaque(_) => None,
        v => Some(v.render()),
    }
}
