//! compare(): which attribute values a selection of spans has more often than the rest.

use std::collections::BTreeMap;

use model::{AnyValue, KeyValue};
use query::QueryError;

use super::feed::{Inspected, Seen, feed};
use super::{Context, Series, label};
use crate::ast::{Attribute, FieldExpr, Intrinsic, Pipeline, Scope};
use crate::pipeline::Stages;
use crate::plan::Planner;
use crate::value::Value;
use crate::view::{View, entry_value};

const KIND: &str = "__meta_type";

/// Intrinsics that are compared like attributes; durations, ids and places in the tree tell nothing.
const INTRINSICS: [Intrinsic; 6] =
    [Intrinsic::Name, Intrinsic::Status, Intrinsic::StatusMessage, Intrinsic::Kind, Intrinsic::RootName, Intrinsic::RootService];

/// Counts per interval of the values of one attribute.
#[derive(Default)]
struct Counted {
    values: BTreeMap<String, (AnyValue, Vec<f64>)>,
    total: Vec<f64>,
}

/// Of baseline and selection: attribute to its counts.
type Side = BTreeMap<String, Counted>;

pub(super) fn compare(
    pipeline: &Pipeline,
    selection: Option<&FieldExpr>,
    top: usize,
    range: Option<(i64, i64)>,
    context: &Context,
    seen: &mut Inspected,
) -> Result<Vec<Series>, QueryError> {
    let planner = Planner::default();
    let stages = Stages::new(pipeline, &planner)?;
    let chosen = planner.condition(selection.unwrap_or(&FieldExpr::Literal(crate::ast::Static::Bool(true))))?;
    let intrinsics: Vec<(String, usize)> =
        INTRINSICS.iter().map(|i| (i.name().to_owned(), planner.field(&Attribute::Intrinsic(*i)))).collect();
    let plan = planner.finish();
    let read: Vec<usize> = intrinsics.iter().map(|(_, f)| *f).collect();
    let (mut baseline, mut selected) = (Side::new(), Side::new());
    feed(&stages, &plan, &read, context, seen, &mut |span: Seen| {
        let start = span.view.batch.start.get(span.row).copied().unwrap_or(0);
        let inside = range.is_none_or(|(from, to)| (from as u64..=to as u64).contains(&start));
        let side = if inside && span.view.row_passes(&chosen, span.row, span.trace) { &mut selected } else { &mut baseline };
        let mut count = |key: &str, v: &Value| add(side, key, v, span.interval, context);
        for (name, field) in &intrinsics {
            count(name, &span.view.value(*field, span.row, span.trace))?;
        }
        attributes(span.view, span.row, &mut count)
    })?;
    let mut out = vec![];
    for (name, side) in [("baseline", baseline), ("selection", selected)] {
        for (key, counted) in side {
            let mut values: Vec<_> = counted.values.into_values().collect();
            values.sort_by(|a, b| b.1.iter().sum::<f64>().total_cmp(&a.1.iter().sum()));
            for (value, counts) in values.into_iter().take(top) {
                out.push(series(name, &key, value, counts));
            }
            out.push(series(&format!("{name}_total"), &key, AnyValue::Str("nil".into()), counted.total));
        }
    }
    Ok(out)
}

fn series(kind: &str, key: &str, value: AnyValue, values: Vec<f64>) -> Series {
    Series { labels: vec![label(KIND, kind), KeyValue::new(key, value)], values, exemplars: vec![] }
}

fn add(side: &mut Side, key: &str, v: &Value, interval: usize, context: &Context) -> Result<(), QueryError> {
    let Some(rendered) = super::group::rendered(v) else { return Ok(()) };
    let intervals = context.grid.len();
    if !side.contains_key(key) {
        side.insert(key.to_owned(), Counted { total: vec![0.0; intervals], ..Counted::default() });
    }
    let Some(counted) = side.get_mut(key) else { return Ok(()) };
    let text = format!("{rendered:?}");
    if !counted.values.contains_key(&text) {
        context.budget.reserve((intervals * 8 + text.len() * 2) as u64)?;
    }
    let (_, counts) = counted.values.entry(text).or_insert_with(|| (rendered, vec![0.0; intervals]));
    for c in [counts.get_mut(interval), counted.total.get_mut(interval)].into_iter().flatten() {
        *c += 1.0;
    }
    Ok(())
}

/// Calls `each` with the attributes of the span and of its resource.
fn attributes(view: &View, row: usize, each: &mut dyn FnMut(&str, &Value) -> Result<(), QueryError>) -> Result<(), QueryError> {
    let b = &view.batch;
    for column in &b.attrs {
        if let Some(entry) = column.entries(row).next() {
            each(&format!("{}{}", Scope::Span.prefix(), b.dict.get(column.key)), &entry_value(b, column, entry))?;
        }
    }
    let resource = b.resource.get(row).and_then(|r| b.resources.get(*r as usize));
    for kv in resource.iter().flat_map(|r| &r.attrs) {
        each(&format!("{}{}", Scope::Resource.prefix(), kv.key), &Value::of(&kv.value))?;
    }
    Ok(())
}
