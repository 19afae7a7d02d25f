//! The protobuf size of each span of a batch, without building the messages.

use model::{AnyValue, AttrColumn, AttrValues, SpanBatch};

/// Encoded bytes of each span (field contents, without the outer tag), from the columns.
pub fn span_sizes(batch: &SpanBatch) -> Vec<u64> {
    let mut sizes: Vec<u64> = (0..batch.len()).map(|row| head_size(batch, row)).collect();
    add_attributes(batch, &batch.attrs, &mut sizes, 1);
    let events = &batch.events;
    let mut inner: Vec<u64> = (0..events.row.len())
        .map(|i| 9 + text(batch.dict.get(events.name[i]).len(), 1) + number(u64::from(events.dropped_attributes[i]), 1))
        .collect();
    add_attributes(batch, &events.attrs, &mut inner, 1);
    for (i, row) in events.row.iter().enumerate() {
        sizes[*row as usize] += message(inner[i], 1);
    }
    let links = &batch.links;
    let mut inner: Vec<u64> = (0..links.row.len())
        .map(|i| {
            let flags = if links.flags[i] == 0 { 0 } else { 5 };
            18 + 10 + text(batch.dict.get(links.trace_state[i]).len(), 1) + number(u64::from(links.dropped_attributes[i]), 1) + flags
        })
        .collect();
    add_attributes(batch, &links.attrs, &mut inner, 1);
    for (i, row) in links.row.iter().enumerate() {
        sizes[*row as usize] += message(inner[i], 1);
    }
    sizes
}

fn head_size(b: &SpanBatch, row: usize) -> u64 {
    let parent = if b.parent_id[row] == [0; 8] { 0 } else { 10 };
    let fixed = |v: u64| if v == 0 { 0 } else { 9 };
    let [attributes, events, links] = b.dropped[row];
    let status = text(b.dict.get(b.status_message[row]).len(), 1) + number(u64::from(b.status[row]), 1);
    // The status message and the flags (tag 16, two bytes) as Tempo stores them: an empty status is present all the same.
    let flags = if b.flags[row] == 0 { 0 } else { 6 };
    let dropped = number(u64::from(attributes), 1) + number(u64::from(events), 1) + number(u64::from(links), 1);
    18 + 10
        + parent
        + text(b.dict.get(b.trace_state[row]).len(), 1)
        + text(b.name(row).len(), 1)
        + number(u64::from(b.kind[row]), 1)
        + fixed(b.start[row])
        + fixed(b.end[row])
        + dropped
        + message(status, 1)
        + flags
}

fn add_attributes(batch: &SpanBatch, columns: &[AttrColumn], sizes: &mut [u64], tag: u64) {
    for column in columns {
        let key = text(batch.dict.get(column.key).len(), 1);
        for (i, row) in column.rows.iter().enumerate() {
            let value = match &column.values {
                AttrValues::Str(codes) => always_text(batch.dict.get(codes[i]).len()),
                AttrValues::Int(v) => 1 + varint(v[i] as u64),
                AttrValues::Float(_) => 9,
                AttrValues::Bool(_) => 2,
                AttrValues::Other(v) => value_size(&v[i]),
            };
            if let Some(size) = sizes.get_mut(*row as usize) {
                *size += message(key + message(value, 1), tag);
            }
        }
    }
}

/// The contents of an AnyValue message: a member of a oneof is written even when it is empty.
fn value_size(v: &AnyValue) -> u64 {
    match v {
        AnyValue::Empty => 0,
        AnyValue::Str(s) => always_text(s.len()),
        AnyValue::Bool(_) => 2,
        AnyValue::Int(i) => 1 + varint(*i as u64),
        AnyValue::Double(_) => 9,
        AnyValue::Bytes(b) => always_text(b.len()),
        AnyValue::Array(all) => message(all.iter().map(|x| message(value_size(x), 1)).sum(), 1),
        AnyValue::Map(all) => message(all.iter().map(|kv| message(text(kv.key.len(), 1) + message(value_size(&kv.value), 1), 1)).sum(), 1),
    }
}

fn varint(v: u64) -> u64 {
    u64::from((64 - (v | 1).leading_zeros()).div_ceil(7))
}

/// A message field: tag, length, contents.
fn message(contents: u64, tag: u64) -> u64 {
    tag + varint(contents) + contents
}

/// A text field, absent when empty.
fn text(len: usize, tag: u64) -> u64 {
    if len == 0 { 0 } else { message(len as u64, tag) }
}

fn always_text(len: usize) -> u64 {
    message(len as u64, 1)
}

/// A varint field, absent when zero.
fn number(v: u64, tag: u64) -> u64 {
    if v == 0 { 0 } else { tag + varint(v) }
}
