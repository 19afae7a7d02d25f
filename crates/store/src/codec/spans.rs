//! Span batches in bytes.

use model::{AttrColumn, AttrValues, EventTable, LinkTable, Resource, Scope, SpanBatch};

use super::bytes::{Read, Reader, Writer};

pub fn encode(b: &SpanBatch, w: &mut Writer) {
    w.dict(&b.dict);
    w.num(b.resources.len() as u64);
    for r in &b.resources {
        w.attrs(&r.attrs);
        w.num(u64::from(r.dropped_attributes));
        w.text(&r.schema_url);
    }
    w.num(b.scopes.len() as u64);
    for s in &b.scopes {
        w.text(&s.name);
        w.text(&s.version);
        w.attrs(&s.attrs);
        w.num(u64::from(s.dropped_attributes));
        w.text(&s.schema_url);
    }
    w.num(b.len() as u64);
    b.trace_id.iter().for_each(|id| w.raw(id));
    b.span_id.iter().for_each(|id| w.raw(id));
    b.parent_id.iter().for_each(|id| w.raw(id));
    w.deltas(b.start.iter().map(|t| *t as i64));
    w.deltas(b.end.iter().zip(&b.start).map(|(e, s)| e.wrapping_sub(*s) as i64));
    w.raw(&b.kind);
    w.raw(&b.status);
    for column in [&b.name, &b.status_message, &b.trace_state, &b.flags, &b.resource, &b.scope] {
        w.column(column.iter().map(|v| u64::from(*v)));
    }
    w.column(b.dropped.iter().flatten().map(|v| u64::from(*v)));
    columns(&b.attrs, w);

    let e = &b.events;
    w.num(e.row.len() as u64);
    w.deltas(e.row.iter().map(|r| i64::from(*r)));
    w.deltas(e.time.iter().map(|t| *t as i64));
    w.column(e.name.iter().map(|v| u64::from(*v)));
    w.column(e.dropped_attributes.iter().map(|v| u64::from(*v)));
    columns(&e.attrs, w);

    let l = &b.links;
    w.num(l.row.len() as u64);
    w.deltas(l.row.iter().map(|r| i64::from(*r)));
    l.trace_id.iter().for_each(|id| w.raw(id));
    l.span_id.iter().for_each(|id| w.raw(id));
    for column in [&l.trace_state, &l.flags, &l.dropped_attributes] {
        w.column(column.iter().map(|v| u64::from(*v)));
    }
    columns(&l.attrs, w);
}

fn columns(all: &[AttrColumn], w: &mut Writer) {
    w.num(all.len() as u64);
    for c in all {
        w.num(u64::from(c.key));
        w.num(c.rows.len() as u64);
        w.deltas(c.rows.iter().map(|r| i64::from(*r)));
        match &c.values {
            AttrValues::Str(v) => {
                w.byte(0);
                w.column(v.iter().map(|v| u64::from(*v)));
            }
            AttrValues::Int(v) => {
                w.byte(1);
                v.iter().for_each(|v| w.signed(*v));
            }
            AttrValues::Float(v) => {
                w.byte(2);
                v.iter().for_each(|v| w.float(*v));
            }
            AttrValues::Bool(v) => {
                w.byte(3);
                v.iter().for_each(|v| w.byte(u8::from(*v)));
            }
            AttrValues::Other(v) => {
                w.byte(4);
                v.iter().for_each(|v| w.value(v));
            }
        }
    }
}

pub fn decode(r: &mut Reader<'_>) -> Read<SpanBatch> {
    let dict = r.dict()?;
    let codes = dict.len();
    let n = r.count()?;
    let resources = r.many(n, |r| Ok(Resource { attrs: r.attrs()?, dropped_attributes: r.num32()?, schema_url: r.text()?.to_owned() }))?;
    let n = r.count()?;
    let scopes = r.many(n, |r| {
        let (name, version) = (r.text()?.to_owned(), r.text()?.to_owned());
        Ok(Scope { name, version, attrs: r.attrs()?, dropped_attributes: r.num32()?, schema_url: r.text()?.to_owned() })
    })?;
    let n = r.count()?;
    let mut b = SpanBatch { dict, resources, scopes, ..SpanBatch::default() };
    b.trace_id = r.many(n, Reader::array)?;
    b.span_id = r.many(n, Reader::array)?;
    b.parent_id = r.many(n, Reader::array)?;
    b.start = r.deltas(n)?.into_iter().map(|t| t as u64).collect();
    b.end = r.deltas(n)?.iter().zip(&b.start).map(|(d, s)| s.wrapping_add(*d as u64)).collect();
    b.kind = r.raw(n)?.to_vec();
    b.status = r.raw(n)?.to_vec();
    b.name = r.indices(n, codes)?;
    b.status_message = r.indices(n, codes)?;
    b.trace_state = r.indices(n, codes)?;
    b.flags = r.many(n, Reader::num32)?;
    b.resource = r.indices(n, b.resources.len())?;
    b.scope = r.indices(n, b.scopes.len())?;
    b.dropped = r.many(n, |r| Ok([r.num32()?, r.num32()?, r.num32()?]))?;
    b.attrs = read_columns(r, codes, n)?;

    let e = r.count()?;
    b.events = EventTable {
        row: r.owners(e, n)?,
        time: r.deltas(e)?.into_iter().map(|t| t as u64).collect(),
        name: r.indices(e, codes)?,
        dropped_attributes: r.many(e, Reader::num32)?,
        attrs: read_columns(r, codes, e)?,
    };
    let l = r.count()?;
    b.links = LinkTable {
        row: r.owners(l, n)?,
        trace_id: r.many(l, Reader::array)?,
        span_id: r.many(l, Reader::array)?,
        trace_state: r.indices(l, codes)?,
        flags: r.many(l, Reader::num32)?,
        dropped_attributes: r.many(l, Reader::num32)?,
        attrs: read_columns(r, codes, l)?,
    };
    b.min_start = b.start.iter().copied().min().unwrap_or(0);
    b.max_start = b.start.iter().copied().max().unwrap_or(0);
    b.max_end = b.end.iter().copied().max().unwrap_or(0);
    Ok(b)
}

fn read_columns(r: &mut Reader<'_>, codes: usize, owners: usize) -> Read<Vec<AttrColumn>> {
    let n = r.count()?;
    r.many(n, |r| {
        let key = r.index(codes)?;
        let n = r.count()?;
        let rows = r.owners(n, owners)?;
        let values = match r.byte()? {
            0 => AttrValues::Str(r.indices(n, codes)?),
            1 => AttrValues::Int(r.many(n, Reader::signed)?),
            2 => AttrValues::Float(r.many(n, Reader::float)?),
            3 => AttrValues::Bool(r.many(n, |r| Ok(r.byte()? != 0))?),
            4 => AttrValues::Other(r.many(n, Reader::value)?),
            other => return Err(format!("unknown column type {other}")),
        };
        Ok(AttrColumn { key, rows, values })
    })
}
