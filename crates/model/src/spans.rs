//! Spans as columns, attributes key by key: what one export becomes, what the store keeps and what queries scan.

use crate::{AnyValue, Dict, DictBuilder, KeyValue};

/// OTLP span kinds as stored.
pub mod kind {
    pub const UNSPECIFIED: u8 = 0;
    pub const INTERNAL: u8 = 1;
    pub const SERVER: u8 = 2;
    pub const CLIENT: u8 = 3;
    pub const PRODUCER: u8 = 4;
    pub const CONSUMER: u8 = 5;
}

/// OTLP status codes as stored.
pub mod status {
    pub const UNSET: u8 = 0;
    pub const OK: u8 = 1;
    pub const ERROR: u8 = 2;
}

/// One attribute key with one value type over the rows that carry it.
///
/// A predicate reads one column: it turns the literal into a code once and compares integers.
#[derive(Debug, Clone, PartialEq)]
pub struct AttrColumn {
    /// code of the key in the batch's dictionary
    pub key: u32,
    /// owning rows, never decreasing (a row may repeat a key)
    pub rows: Vec<u32>,
    /// one value per entry of `rows`
    pub values: AttrValues,
}

#[derive(Debug, Clone, PartialEq)]
pub enum AttrValues {
    /// codes into the batch's dictionary
    Str(Vec<u32>),
    Int(Vec<i64>),
    Float(Vec<f64>),
    Bool(Vec<bool>),
    /// arrays, maps, bytes and empty values
    Other(Vec<AnyValue>),
}

/// A resource: its attributes apply to every span that refers to it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Resource {
    pub attrs: Vec<KeyValue>,
    pub dropped_attributes: u32,
    pub schema_url: String,
}

impl Resource {
    pub fn attr(&self, key: &str) -> Option<&AnyValue> {
        self.attrs.iter().find(|a| a.key == key).map(|a| &a.value)
    }

    /// `service.name`, where it is a string.
    pub fn service_name(&self) -> Option<&str> {
        self.attr("service.name").and_then(AnyValue::as_str)
    }
}

/// An instrumentation scope.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scope {
    pub name: String,
    pub version: String,
    pub attrs: Vec<KeyValue>,
    pub dropped_attributes: u32,
    pub schema_url: String,
}

/// Events of all spans of a batch; `row` is the owning span, never decreasing.
#[derive(Debug, Clone, Default)]
pub struct EventTable {
    pub row: Vec<u32>,
    /// Unix nanoseconds
    pub time: Vec<u64>,
    pub name: Vec<u32>,
    pub dropped_attributes: Vec<u32>,
    /// rows of these columns are indices into this table
    pub attrs: Vec<AttrColumn>,
}

/// Links of all spans of a batch; `row` is the owning span, never decreasing.
#[derive(Debug, Clone, Default)]
pub struct LinkTable {
    pub row: Vec<u32>,
    pub trace_id: Vec<[u8; 16]>,
    pub span_id: Vec<[u8; 8]>,
    pub trace_state: Vec<u32>,
    pub flags: Vec<u32>,
    pub dropped_attributes: Vec<u32>,
    pub attrs: Vec<AttrColumn>,
}

/// Everything of a span that is not a list.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SpanHead {
    pub trace_id: [u8; 16],
    pub span_id: [u8; 8],
    /// all zero: a root
    pub parent_id: [u8; 8],
    /// Unix nanoseconds
    pub start: u64,
    pub end: u64,
    pub kind: u8,
    pub status: u8,
    /// dictionary codes
    pub name: u32,
    pub status_message: u32,
    pub trace_state: u32,
    pub flags: u32,
    pub dropped_attributes: u32,
    pub dropped_events: u32,
    pub dropped_links: u32,
    /// indices into `SpanBatch::resources` and `SpanBatch::scopes`
    pub resource: u32,
    pub scope: u32,
}

/// A set of spans, immutable once built. Rows stand in order of arrival in fresh batches, by (trace, arrival) in merged ones.
#[derive(Debug, Clone, Default)]
pub struct SpanBatch {
    pub trace_id: Vec<[u8; 16]>,
    pub span_id: Vec<[u8; 8]>,
    pub parent_id: Vec<[u8; 8]>,
    pub start: Vec<u64>,
    pub end: Vec<u64>,
    pub kind: Vec<u8>,
    pub status: Vec<u8>,
    pub name: Vec<u32>,
    pub status_message: Vec<u32>,
    pub trace_state: Vec<u32>,
    pub flags: Vec<u32>,
    /// attributes, events, links that the sender dropped
    pub dropped: Vec<[u32; 3]>,
    pub resource: Vec<u32>,
    pub scope: Vec<u32>,
    pub resources: Vec<Resource>,
    pub scopes: Vec<Scope>,
    /// span attributes; a key has one column per value type that occurs
    pub attrs: Vec<AttrColumn>,
    pub events: EventTable,
    pub links: LinkTable,
    pub dict: Dict,
    /// smallest start and largest end (0, 0 when empty)
    pub min_start: u64,
    pub max_end: u64,
    /// largest start: batches are read newest first by it
    pub max_start: u64,
}

impl SpanBatch {
    pub fn len(&self) -> usize {
        self.trace_id.len()
    }

    pub fn is_empty(&self) -> bool {
        self.trace_id.is_empty()
    }

    /// Nanoseconds; 0 where the end lies before the start.
    pub fn duration(&self, row: usize) -> u64 {
        self.end[row].saturating_sub(self.start[row])
    }

    pub fn name(&self, row: usize) -> &str {
        self.dict.get(self.name[row])
    }

    pub fn resource(&self, row: usize) -> &Resource {
        &self.resources[self.resource[row] as usize]
    }

    pub fn scope(&self, row: usize) -> &Scope {
        &self.scopes[self.scope[row] as usize]
    }

    /// The columns (one per value type) of a span attribute.
    pub fn attr_columns<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a AttrColumn> + 'a {
        self.attrs.iter().filter(move |c| self.dict.get(c.key) == key)
    }

    /// The rows of `events` that belong to a span.
    pub fn events_of(&self, row: usize) -> std::ops::Range<usize> {
        range_of(&self.events.row, row)
    }

    /// The rows of `links` that belong to a span.
    pub fn links_of(&self, row: usize) -> std::ops::Range<usize> {
        range_of(&self.links.row, row)
    }

    /// All attributes of one row of `columns` (span, event or link columns of this batch), for rendering.
    pub fn gather(&self, columns: &[AttrColumn], row: usize) -> Vec<KeyValue> {
        let mut out = vec![];
        for c in columns {
            for i in range_of(&c.rows, row) {
                out.push(KeyValue::new(self.dict.get(c.key), c.value(i, &self.dict)));
            }
        }
        out
    }

    pub fn heap_size(&self) -> usize {
        let columns = |cs: &[AttrColumn]| cs.iter().map(|c| c.rows.len() * 12 + 64).sum::<usize>();
        let shared = self.resources.iter().map(|r| 64 + r.attrs.len() * 80).sum::<usize>() + self.scopes.len() * 128;
        self.len() * 96
            + shared
            + columns(&self.attrs)
            + self.events.row.len() * 20
            + columns(&self.events.attrs)
            + self.links.row.len() * 40
            + columns(&self.links.attrs)
            + self.dict.heap_size()
    }
}

fn range_of(rows: &[u32], row: usize) -> std::ops::Range<usize> {
    let start = rows.partition_point(|r| (*r as usize) < row);
    start..start + rows[start..].iter().take_while(|r| **r as usize == row).count()
}

impl AttrColumn {
    /// The value at an entry (not a row) of this column.
    pub fn value(&self, i: usize, dict: &Dict) -> AnyValue {
        match &self.values {
            AttrValues::Str(v) => AnyValue::Str(dict.get(v[i]).to_owned()),
            AttrValues::Int(v) => AnyValue::Int(v[i]),
            AttrValues::Float(v) => AnyValue::Double(v[i]),
            AttrValues::Bool(v) => AnyValue::Bool(v[i]),
            AttrValues::Other(v) => v[i].clone(),
        }
    }

    /// The entries of this column that belong to a row.
    pub fn entries(&self, row: usize) -> std::ops::Range<usize> {
        range_of(&self.rows, row)
    }
}

/// Builds a batch span by span: register resource and scope, `span`, then its attributes, events and links.
#[derive(Debug, Default)]
pub struct SpanBatchBuilder {
    batch: SpanBatch,
    dict: DictBuilder,
    attrs: ColumnSet,
    event_attrs: ColumnSet,
    link_attrs: ColumnSet,
}

/// Columns found by (key, type).
#[derive(Debug, Default)]
struct ColumnSet {
    columns: Vec<AttrColumn>,
    index: rustc_hash::FxHashMap<(u32, u8), u32>,
}

impl ColumnSet {
    fn push(&mut self, row: u32, key: u32, value: AnyValue, dict: &mut DictBuilder) {
        let tag = match &value {
            AnyValue::Str(_) => 0,
            AnyValue::Int(_) => 1,
            AnyValue::Double(_) => 2,
            AnyValue::Bool(_) => 3,
            _ => 4,
        };
        let column = self.column(key, tag);
        column.rows.push(row);
        match (&mut column.values, value) {
            (AttrValues::Str(v), AnyValue::Str(s)) => v.push(dict.code(&s)),
            (AttrValues::Int(v), AnyValue::Int(i)) => v.push(i),
            (AttrValues::Float(v), AnyValue::Double(f)) => v.push(f),
            (AttrValues::Bool(v), AnyValue::Bool(b)) => v.push(b),
            (AttrValues::Other(v), other) => v.push(other),
            _ => unreachable!("the tag names the column's type"),
        }
    }

    fn column(&mut self, key: u32, tag: u8) -> &mut AttrColumn {
        let columns = &mut self.columns;
        let at = *self.index.entry((key, tag)).or_insert_with(|| {
            let values = match tag {
                0 => AttrValues::Str(vec![]),
                1 => AttrValues::Int(vec![]),
                2 => AttrValues::Float(vec![]),
                3 => AttrValues::Bool(vec![]),
                _ => AttrValues::Other(vec![]),
            };
            columns.push(AttrColumn { key, rows: vec![], values });
            columns.len() as u32 - 1
        });
        &mut self.columns[at as usize]
    }
}

impl SpanBatchBuilder {
    pub fn dict(&mut self) -> &mut DictBuilder {
        &mut self.dict
    }

    pub fn len(&self) -> usize {
        self.batch.len()
    }

    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// Registers a resource for `SpanHead::resource`; an equal one is found again.
    pub fn resource(&mut self, r: Resource) -> u32 {
        find_or_push(&mut self.batch.resources, r)
    }

    /// Registers a scope for `SpanHead::scope`; an equal one is found again.
    pub fn scope(&mut self, s: Scope) -> u32 {
        find_or_push(&mut self.batch.scopes, s)
    }

    /// Starts a span; the calls after it add to this one.
    pub fn span(&mut self, h: SpanHead) {
        let b = &mut self.batch;
        b.trace_id.push(h.trace_id);
        b.span_id.push(h.span_id);
        b.parent_id.push(h.parent_id);
        b.start.push(h.start);
        b.end.push(h.end);
        b.kind.push(h.kind);
        b.status.push(h.status);
        b.name.push(h.name);
        b.status_message.push(h.status_message);
        b.trace_state.push(h.trace_state);
        b.flags.push(h.flags);
        b.dropped.push([h.dropped_attributes, h.dropped_events, h.dropped_links]);
        b.resource.push(h.resource);
        b.scope.push(h.scope);
    }

    fn row(&self) -> u32 {
        debug_assert!(!self.batch.is_empty(), "span() comes first");
        self.batch.len() as u32 - 1
    }

    pub fn attr(&mut self, key: u32, value: AnyValue) {
        let row = self.row();
        self.attrs.push(row, key, value, &mut self.dict);
    }

    /// A string attribute whose value is a dictionary code already.
    pub fn attr_code(&mut self, key: u32, value: u32) {
        let row = self.row();
        push_code(self.attrs.column(key, 0), row, value);
    }

    pub fn event(&mut self, time: u64, name: u32, dropped_attributes: u32) {
        let row = self.row();
        let e = &mut self.batch.events;
        e.row.push(row);
        e.time.push(time);
        e.name.push(name);
        e.dropped_attributes.push(dropped_attributes);
    }

    /// An attribute of the event added last.
    pub fn event_attr(&mut self, key: u32, value: AnyValue) {
        let at = self.batch.events.row.len() as u32 - 1;
        self.event_attrs.push(at, key, value, &mut self.dict);
    }

    pub fn link(&mut self, trace_id: [u8; 16], span_id: [u8; 8], trace_state: u32, flags: u32, dropped_attributes: u32) {
        let row = self.row();
        let l = &mut self.batch.links;
        l.row.push(row);
        l.trace_id.push(trace_id);
        l.span_id.push(span_id);
        l.trace_state.push(trace_state);
        l.flags.push(flags);
        l.dropped_attributes.push(dropped_attributes);
    }

    /// An attribute of the link added last.
    pub fn link_attr(&mut self, key: u32, value: AnyValue) {
        let at = self.batch.links.row.len() as u32 - 1;
        self.link_attrs.push(at, key, value, &mut self.dict);
    }

    pub fn finish(self) -> SpanBatch {
        let mut b = self.batch;
        b.dict = self.dict.finish();
        b.attrs = self.attrs.columns;
        b.events.attrs = self.event_attrs.columns;
        b.links.attrs = self.link_attrs.columns;
        b.min_start = b.start.iter().copied().min().unwrap_or(0);
        b.max_start = b.start.iter().copied().max().unwrap_or(0);
        b.max_end = b.end.iter().copied().max().unwrap_or(0);
        b
    }
}

fn push_code(column: &mut AttrColumn, row: u32, code: u32) {
    column.rows.push(row);
    match &mut column.values {
        AttrValues::Str(v) => v.push(code),
        _ => unreachable!("a string column was asked for"),
    }
}

fn find_or_push<T: PartialEq>(all: &mut Vec<T>, one: T) -> u32 {
    match all.iter().rposition(|x| *x == one) {
        Some(i) => i as u32,
        None => {
            all.push(one);
            all.len() as u32 - 1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_come_back_by_row() {
        let mut b = SpanBatchBuilder::default();
        let (r, s) = (b.resource(Resource::default()), b.scope(Scope::default()));
        for i in 0..3u8 {
            let (name, key, text) = (b.dict().code("op"), b.dict().code("k"), b.dict().code("text"));
            b.span(SpanHead {
                trace_id: [1; 16],
                span_id: [i + 1; 8],
                start: 10 + u64::from(i),
                end: 20,
                name,
                resource: r,
                scope: s,
                ..SpanHead::default()
            });
            if i != 1 {
                b.attr(key, AnyValue::Int(i64::from(i)));
                b.attr_code(text, key);
                b.event(11, name, 0);
                b.event_attr(key, AnyValue::Str("e".into()));
            }
        }
        let batch = b.finish();
        assert_eq!(batch.gather(&batch.attrs, 2), [KeyValue::new("k", AnyValue::Int(2)), KeyValue::new("text", AnyValue::Str("k".into()))]);
        assert!(batch.gather(&batch.attrs, 1).is_empty());
        assert_eq!(batch.events_of(2), 1..2);
        assert_eq!(batch.gather(&batch.events.attrs, 1), [KeyValue::new("k", AnyValue::Str("e".into()))]);
        assert_eq!((batch.min_start, batch.max_start, batch.max_end, batch.duration(2)), (10, 12, 20, 8));
    }
}
