//! compare(): which attribute values a selection of spans has more often than the rest.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{AnyValue, AttrValues, KeyValue, SpanBatch};
use query::QueryError;
use rustc_hash::FxHashMap;

use super::feed::{Inspected, Seen, feed};
use super::group::rendered;
use super::{Context, Series, label};
use crate::ast::{Attribute, FieldExpr, Intrinsic, Pipeline, Scope, Static};
use crate::limits::{MAX_CACHED_VIEWS, MAX_PENDING_COUNTS};
use crate::pipeline::Stages;
use crate::plan::Planner;
use crate::trace::Trace;
use crate::value::Value;
use crate::view::{View, entry_value};

const KIND: &str = "__meta_type";

/// Intrinsics of a span that are compared like attributes, as numbers above those of columns. Durations, ids and places in the tree tell
/// nothing; what belongs to the trace is counted apart.
const INTRINSICS: [(Intrinsic, u32); 4] = [
    (Intrinsic::Name, u32::MAX),
    (Intrinsic::Status, u32::MAX - 1),
    (Intrinsic::StatusMessage, u32::MAX - 2),
    (Intrinsic::Kind, u32::MAX - 3),
];

/// Counts per interval of the values of one attribute.
#[derive(Default)]
struct Counted {
    values: BTreeMap<String, (AnyValue, Vec<f64>)>,
    total: Vec<f64>,
}

/// Baseline or selection: attributes and their counts.
struct Side<'a> {
    context: &'a Context<'a>,
    attributes: Vec<(String, Counted)>,
    numbers: FxHashMap<String, usize>,
}

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
    let chosen = planner.condition(selection.unwrap_or(&FieldExpr::Literal(Static::Bool(true))))?;
    let root = planner.field(&Attribute::Intrinsic(Intrinsic::RootName));
    let plan = planner.finish();
    let side = || Side { context, attributes: vec![], numbers: FxHashMap::default() };
    let (mut baseline, mut selected) = (Batched::new(side()), Batched::new(side()));
    feed(&stages, &plan, &[root], context, seen, &mut |span: Seen| {
        let start = span.view.batch.start.get(span.row).copied().unwrap_or(0);
        let inside = range.is_none_or(|(from, to)| (from as u64..=to as u64).contains(&start));
        let counts = if inside && span.view.row_passes(&chosen, span.row, span.trace) { &mut selected } else { &mut baseline };
        if let Some((trace, _)) = span.trace {
            counts.root(trace, span.interval)?;
        }
        counts.span(span.view, span.row, span.interval)
    })?;
    let mut out = vec![];
    for (name, mut counts) in [("baseline", baseline), ("selection", selected)] {
        counts.flush()?;
        for (key, counted) in counts.side.attributes {
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

impl Side<'_> {
    fn add(&mut self, key: &str, v: &Value, interval: usize, n: f64) -> Result<(), QueryError> {
        let Some(value) = rendered(v) else { return Ok(()) };
        let intervals = self.context.grid.len();
        let number = match self.numbers.get(key) {
            Some(n) => *n,
            None => {
                self.attributes.push((key.to_owned(), Counted { total: vec![0.0; intervals], ..Counted::default() }));
                self.numbers.insert(key.to_owned(), self.attributes.len() - 1);
                self.attributes.len() - 1
            }
        };
        let Some((_, counted)) = self.attributes.get_mut(number) else { return Ok(()) };
        let text = match &value {
            AnyValue::Str(s) => s.clone(),
            // Other types cannot be mistaken for a text: no text starts with NUL and its own type.
            other => format!("\0{other:?}"),
        };
        if !counted.values.contains_key(&text) {
            self.context.budget.reserve((intervals * 8 + text.len() * 2) as u64)?;
        }
        let (_, counts) = counted.values.entry(text).or_insert_with(|| (value, vec![0.0; intervals]));
        for c in [counts.get_mut(interval), counted.total.get_mut(interval)].into_iter().flatten() {
            *c += n;
        }
        Ok(())
    }
}

/// Attributes counted by their codes within their batches, so that texts are looked at once per batch and not per span.
struct Batched<'a> {
    side: Side<'a>,
    batches: Vec<Arc<SpanBatch>>,
    /// number of a batch by its address
    numbers: FxHashMap<usize, u32>,
    /// (batch, column, value, interval) to count
    spans: FxHashMap<(u32, u32, u64, u32), u32>,
    /// (batch, resource, interval) to count
    resources: FxHashMap<(u32, u32, u32), u32>,
    /// spans of the trace at hand that are to be counted under its root
    root: Option<Root>,
}

struct Root {
    trace: [u8; 16],
    interval: usize,
    name: String,
    service: String,
    spans: u32,
}

impl<'a> Batched<'a> {
    fn new(side: Side<'a>) -> Batched<'a> {
        Batched {
            side,
            batches: vec![],
            numbers: FxHashMap::default(),
            spans: FxHashMap::default(),
            resources: FxHashMap::default(),
            root: None,
        }
    }

    /// Counts a span under its trace's root name and service.
    fn root(&mut self, trace: &Trace, interval: usize) -> Result<(), QueryError> {
        match &mut self.root {
            Some(r) if r.trace == trace.id && r.interval == interval => {
                r.spans += 1;
                Ok(())
            }
            _ => {
                self.flush_root()?;
                let (name, service) = (trace.root_name().to_owned(), trace.root_service().to_owned());
                self.root = Some(Root { trace: trace.id, interval, name, service, spans: 1 });
                Ok(())
            }
        }
    }

    fn flush_root(&mut self) -> Result<(), QueryError> {
        let Some(r) = self.root.take() else { return Ok(()) };
        self.side.add(Intrinsic::RootName.name(), &Value::str(&r.name), r.interval, f64::from(r.spans))?;
        self.side.add(Intrinsic::RootService.name(), &Value::str(&r.service), r.interval, f64::from(r.spans))
    }

    /// Counts a span's intrinsics, its attributes and those of its resource.
    fn span(&mut self, view: &View, row: usize, interval: usize) -> Result<(), QueryError> {
        let b = &view.batch;
        if self.spans.len() > MAX_PENDING_COUNTS || self.batches.len() > MAX_CACHED_VIEWS {
            self.flush()?;
        }
        let batch = *self.numbers.entry(Arc::as_ptr(b) as usize).or_insert_with(|| {
            self.batches.push(b.clone());
            self.batches.len() as u32 - 1
        });
        for (intrinsic, number) in INTRINSICS {
            let code = match intrinsic {
                Intrinsic::Name => b.name.get(row).map(|c| u64::from(*c)),
                Intrinsic::StatusMessage => b.status_message.get(row).map(|c| u64::from(*c)),
                Intrinsic::Status => b.status.get(row).map(|s| u64::from(*s)),
                _ => b.kind.get(row).map(|k| u64::from(*k)),
            };
            if let Some(code) = code {
                *self.spans.entry((batch, number, code, interval as u32)).or_default() += 1;
            }
        }
        for (column, entry) in view.entries_of(row) {
            let Some(values) = b.attrs.get(column as usize).map(|c| &c.values) else { continue };
            let e = entry as usize;
            let code = match values {
                AttrValues::Str(v) => v.get(e).map(|c| u64::from(*c)),
                AttrValues::Int(v) => v.get(e).map(|i| *i as u64),
                AttrValues::Float(v) => v.get(e).map(|f| f.to_bits()),
                AttrValues::Bool(v) => v.get(e).map(|b| u64::from(*b)),
                AttrValues::Other(_) => Some(u64::from(entry)),
            };
            if let Some(code) = code {
                *self.spans.entry((batch, column, code, interval as u32)).or_default() += 1;
            }
        }
        if let Some(r) = b.resource.get(row) {
            *self.resources.entry((batch, *r, interval as u32)).or_default() += 1;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), QueryError> {
        self.flush_root()?;
        for ((batch, column, code, interval), n) in self.spans.drain() {
            let Some(b) = self.batches.get(batch as usize) else { continue };
            if let Some((intrinsic, _)) = INTRINSICS.iter().find(|(_, number)| *number == column) {
                let value = match intrinsic {
                    Intrinsic::Status => Value::Status(code as u8),
                    Intrinsic::Kind => Value::Kind(code as u8),
                    _ => Value::str(b.dict.get(code as u32)),
                };
                self.side.add(intrinsic.name(), &value, interval as usize, f64::from(n))?;
                continue;
            }
            let Some(c) = b.attrs.get(column as usize) else { continue };
            let value = match &c.values {
                AttrValues::Str(_) => Value::str(b.dict.get(code as u32)),
                AttrValues::Int(_) => Value::Int(code as i64),
                AttrValues::Float(_) => Value::Float(f64::from_bits(code)),
                AttrValues::Bool(_) => Value::Bool(code != 0),
                AttrValues::Other(_) => entry_value(b, c, code as usize),
            };
            self.side.add(&format!("{}{}", Scope::Span.prefix(), b.dict.get(c.key)), &value, interval as usize, f64::from(n))?;
        }
        for ((batch, resource, interval), n) in self.resources.drain() {
            let resource = self.batches.get(batch as usize).and_then(|b| b.resources.get(resource as usize));
            for kv in resource.iter().flat_map(|r| &r.attrs) {
                let key = format!("{}{}", Scope::Resource.prefix(), kv.key);
                self.side.add(&key, &Value::of(&kv.value), interval as usize, f64::from(n))?;
            }
        }
        self.batches.clear();
        self.numbers.clear();
        Ok(())
    }
}
