//! A batch with the query's fields looked up in it: which columns hold a field, and a field's value at a row.

use std::cell::OnceCell;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use model::{AnyValue, AttrColumn, AttrValues, KeyValue, SpanBatch};
use rustc_hash::FxHashMap;

use crate::ast::{Attribute, Intrinsic, Scope};
use crate::eval::Mask;
use crate::limits::{MAX_CACHED_BYTES, MAX_CACHED_VIEWS};
use crate::plan::{List, Plan};
use crate::trace::Trace;
use crate::value::{Value, trace_id_text};

pub(crate) struct View {
    pub batch: Arc<SpanBatch>,
    pub fields: Vec<Located>,
    /// rows that pass each filter of the plan, filled when first asked for
    pub masks: Vec<OnceCell<Mask>>,
    /// span attributes by row, made when first asked for
    rows: OnceCell<RowIndex>,
}

/// (column, entry) of every span attribute, row by row.
struct RowIndex {
    ends: Vec<u32>,
    entries: Vec<(u32, u32)>,
}

/// Where a batch holds a field.
pub(crate) enum Located {
    Intrinsic(Intrinsic),
    /// indices into the batch's span columns
    Span(Vec<usize>),
    /// per resource the attribute's index
    Resource(Vec<Option<usize>>),
    /// span columns, then resources
    Any(Vec<usize>, Vec<Option<usize>>),
    /// per scope the attribute's index
    Scope(Vec<Option<usize>>),
    /// indices into the list's columns
    Item(List, Vec<usize>),
}

impl View {
    pub fn new(batch: &Arc<SpanBatch>, plan: &Plan) -> View {
        let fields = plan.fields.iter().map(|a| locate(batch, a)).collect();
        View { batch: batch.clone(), fields, masks: plan.filters.iter().map(|_| OnceCell::new()).collect(), rows: OnceCell::new() }
    }

    /// A field's value at a row; of events and links the first that has it. `trace`: the row's trace and its place in it.
    pub fn value(&self, field: usize, row: usize, trace: Option<(&Trace, usize)>) -> Value<'_> {
        let b = &self.batch;
        match self.fields.get(field) {
            Some(Located::Intrinsic(i)) => self.intrinsic(*i, row, trace),
            Some(Located::Span(columns)) => column_value(b, &b.attrs, columns, row),
            Some(Located::Resource(at)) => self.resource_value(at, row),
            Some(Located::Any(columns, at)) => match column_value(b, &b.attrs, columns, row) {
                Value::Nil => self.resource_value(at, row),
                found => found,
            },
            Some(Located::Scope(at)) => {
                let scope = index(&b.scope, row);
                b.scopes.get(scope).map_or(Value::Nil, |s| attr_at(&s.attrs, at.get(scope)))
            }
            Some(Located::Item(list, _)) => {
                self.items(*list, row).map(|item| self.item_value(field, item, row)).find(|v| !v.is_nil()).unwrap_or(Value::Nil)
            }
            None => Value::Nil,
        }
    }

    /// (column, entry) of the span attributes of a row, a key once.
    pub fn entries_of(&self, row: usize) -> impl Iterator<Item = (u32, u32)> + '_ {
        let index = self.rows.get_or_init(|| RowIndex::new(&self.batch));
        let start = row.checked_sub(1).and_then(|r| index.ends.get(r)).map_or(0, |e| *e as usize);
        let end = index.ends.get(row).map_or(start, |e| *e as usize);
        index.entries.get(start..end).unwrap_or_default().iter().copied()
    }

    /// The rows of the list's table that belong to a span.
    pub fn items(&self, list: List, row: usize) -> Range<usize> {
        match list {
            List::Events => self.batch.events_of(row),
            List::Links => self.batch.links_of(row),
        }
    }

    /// A field's value at one event or link of the span `row`.
    pub fn item_value(&self, field: usize, item: usize, row: usize) -> Value<'_> {
        let b = &self.batch;
        match self.fields.get(field) {
            Some(Located::Item(List::Events, columns)) => column_value(b, &b.events.attrs, columns, item),
            Some(Located::Item(List::Links, columns)) => column_value(b, &b.links.attrs, columns, item),
            Some(Located::Intrinsic(Intrinsic::EventName)) => b.events.name.get(item).map_or(Value::Nil, |c| Value::str(b.dict.get(*c))),
            Some(Located::Intrinsic(Intrinsic::EventTimeSinceStart)) => match (b.events.time.get(item), b.start.get(row)) {
                (Some(t), Some(s)) => Value::Duration(t.saturating_sub(*s).min(i64::MAX as u64) as i64),
                _ => Value::Nil,
            },
            Some(Located::Intrinsic(Intrinsic::LinkTraceId)) => owned(b.links.trace_id.get(item).map(trace_id_text)),
            Some(Located::Intrinsic(Intrinsic::LinkSpanId)) => owned(b.links.span_id.get(item).map(hex::encode)),
            _ => Value::Nil,
        }
    }

    fn resource_value(&self, at: &[Option<usize>], row: usize) -> Value<'_> {
        let resource = index(&self.batch.resource, row);
        self.batch.resources.get(resource).map_or(Value::Nil, |r| attr_at(&r.attrs, at.get(resource)))
    }

    fn intrinsic(&self, i: Intrinsic, row: usize, trace: Option<(&Trace, usize)>) -> Value<'_> {
        let b = &self.batch;
        let dict = |codes: &[u32]| codes.get(row).map_or(Value::Nil, |c| Value::str(b.dict.get(*c)));
        match i {
            Intrinsic::Duration => Value::Duration(b.duration(row).min(i64::MAX as u64) as i64),
            Intrinsic::Name => dict(&b.name),
            Intrinsic::StatusMessage => dict(&b.status_message),
            Intrinsic::Status => b.status.get(row).map_or(Value::Nil, |s| Value::Status(*s)),
            Intrinsic::Kind => b.kind.get(row).map_or(Value::Nil, |k| Value::Kind(*k)),
            Intrinsic::SpanId => owned(b.span_id.get(row).map(hex::encode)),
            Intrinsic::ParentId => match b.parent_id.get(row) {
                Some([0, 0, 0, 0, 0, 0, 0, 0]) => Value::str(""),
                id => owned(id.map(hex::encode)),
            },
            Intrinsic::TraceId => owned(b.trace_id.get(row).map(trace_id_text)),
            Intrinsic::InstrumentationName => b.scopes.get(index(&b.scope, row)).map_or(Value::Nil, |s| Value::str(&s.name)),
            Intrinsic::InstrumentationVersion => b.scopes.get(index(&b.scope, row)).map_or(Value::Nil, |s| Value::str(&s.version)),
            Intrinsic::EventName | Intrinsic::EventTimeSinceStart => self.first_item(i, List::Events, row),
            Intrinsic::LinkTraceId | Intrinsic::LinkSpanId => self.first_item(i, List::Links, row),
            Intrinsic::Parent => Value::Nil,
            of_trace => trace.map_or(Value::Nil, |(t, at)| t.intrinsic(of_trace, at)),
        }
    }

    fn first_item(&self, i: Intrinsic, list: List, row: usize) -> Value<'_> {
        let field = self.fields.iter().position(|f| matches!(f, Located::Intrinsic(x) if *x == i));
        match (field, self.items(list, row).next()) {
            (Some(field), Some(item)) => self.item_value(field, item, row),
            _ => Value::Nil,
        }
    }
}

impl RowIndex {
    fn new(b: &SpanBatch) -> RowIndex {
        let mut ends = vec![0u32; b.len()];
        // A row may repeat a key; the first one counts.
        let firsts = |c: &AttrColumn| {
            let mut last = None;
            let mut out = Vec::with_capacity(c.rows.len());
            for (i, row) in c.rows.iter().enumerate() {
                if last.replace(*row) != Some(*row) {
                    out.push(i);
                }
            }
            out
        };
        for c in &b.attrs {
            for i in firsts(c) {
                if let Some(n) = c.rows.get(i).and_then(|r| ends.get_mut(*r as usize)) {
                    *n += 1;
                }
            }
        }
        let mut total = 0;
        let mut next: Vec<u32> = Vec::with_capacity(ends.len());
        for n in &mut ends {
            next.push(total);
            total += *n;
            *n = total;
        }
        let mut entries = vec![(0, 0); total as usize];
        for (column, c) in b.attrs.iter().enumerate() {
            for i in firsts(c) {
                let Some(at) = c.rows.get(i).and_then(|r| next.get_mut(*r as usize)) else { continue };
                if let Some(slot) = entries.get_mut(*at as usize) {
                    *slot = (column as u32, i as u32);
                }
                *at += 1;
            }
        }
        RowIndex { ends, entries }
    }
}

fn owned(text: Option<String>) -> Value<'static> {
    text.map_or(Value::Nil, |t| Value::Str(t.into()))
}

pub(crate) fn index(column: &[u32], row: usize) -> usize {
    column.get(row).map_or(usize::MAX, |i| *i as usize)
}

fn locate(b: &SpanBatch, a: &Attribute) -> Located {
    let Attribute::Named { scope, name, .. } = a else {
        return match a {
            Attribute::Intrinsic(i) => Located::Intrinsic(*i),
            _ => Located::Intrinsic(Intrinsic::Parent),
        };
    };
    let columns = |all: &[AttrColumn]| (0..all.len()).filter(|i| b.dict.get(all[*i].key) == name).collect::<Vec<_>>();
    let attr = |attrs: &[KeyValue]| attrs.iter().position(|kv| kv.key == *name);
    let resources = || b.resources.iter().map(|r| attr(&r.attrs)).collect::<Vec<_>>();
    match scope {
        Scope::Span => Located::Span(columns(&b.attrs)),
        Scope::Resource => Located::Resource(resources()),
        Scope::Any => Located::Any(columns(&b.attrs), resources()),
        Scope::Instrumentation => Located::Scope(b.scopes.iter().map(|s| attr(&s.attrs)).collect()),
        Scope::Event => Located::Item(List::Events, columns(&b.events.attrs)),
        Scope::Link => Located::Item(List::Links, columns(&b.links.attrs)),
    }
}

fn attr_at<'a>(attrs: &'a [KeyValue], at: Option<&Option<usize>>) -> Value<'a> {
    at.copied().flatten().and_then(|i| attrs.get(i)).map_or(Value::Nil, |kv| Value::of(&kv.value))
}

/// The value of a row in the columns of one key.
fn column_value<'a>(b: &'a SpanBatch, all: &'a [AttrColumn], columns: &[usize], row: usize) -> Value<'a> {
    for column in columns.iter().filter_map(|c| all.get(*c)) {
        if let Some(entry) = column.entries(row).next() {
            return entry_value(b, column, entry);
        }
    }
    Value::Nil
}

pub(crate) fn entry_value<'a>(b: &'a SpanBatch, column: &'a AttrColumn, entry: usize) -> Value<'a> {
    match &column.values {
        AttrValues::Str(v) => v.get(entry).map_or(Value::Nil, |c| Value::str(b.dict.get(*c))),
        AttrValues::Int(v) => v.get(entry).map_or(Value::Nil, |i| Value::Int(*i)),
        AttrValues::Float(v) => v.get(entry).map_or(Value::Nil, |f| Value::Float(*f)),
        AttrValues::Bool(v) => v.get(entry).map_or(Value::Nil, |b| Value::Bool(*b)),
        AttrValues::Other(v) => v.get(entry).map_or(Value::Nil, Value::of),
    }
}

/// Views by batch, so that a batch is looked through once per query. Bounded, because a view keeps its batch in memory.
#[derive(Default)]
pub(crate) struct Views {
    by_batch: FxHashMap<usize, Rc<View>>,
    bytes: usize,
}

impl Views {
    pub fn of(&mut self, batch: &Arc<SpanBatch>, plan: &Plan) -> Rc<View> {
        // The view holds the batch, so its address cannot be given to another one meanwhile.
        if let Some(v) = self.by_batch.get(&(Arc::as_ptr(batch) as usize)) {
            return v.clone();
        }
        let view = Rc::new(View::new(batch, plan));
        self.keep(&view);
        view
    }

    /// Keeps a view for later look-ups.
    pub fn keep(&mut self, view: &Rc<View>) {
        let bytes = view.batch.heap_size();
        if self.by_batch.len() >= MAX_CACHED_VIEWS || self.bytes.saturating_add(bytes) > MAX_CACHED_BYTES {
            self.by_batch.clear();
            self.bytes = 0;
        }
        if self.by_batch.insert(Arc::as_ptr(&view.batch) as usize, view.clone()).is_none() {
            self.bytes += bytes;
        }
    }
}

/// A scalar or array as the tag APIs list it: elements of arrays one by one, what cannot be compared not at all.
pub(crate) fn scalars<'a>(v: &Value<'a>, each: &mut dyn FnMut(Value<'a>)) {
    match v {
        Value::Array(items) => items.iter().for_each(|i: &'a AnyValue| each(Value::of(i))),
        Value::Nil | Value::Opaque(_) => {}
        other => each(other.clone()),
    }
}
