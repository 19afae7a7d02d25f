//! Span batches merged into one: rows by (trace, arrival), columns gathered key by key.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use model::{AnyValue, AttrColumn, AttrValues, DictBuilder, EventTable, KeyValue, LinkTable, Resource, Scope, SpanBatch};
use rustc_hash::{FxHashMap, FxHasher};

/// (source, row in the source) per row of the merged table
type Order = Vec<(u32, u32)>;

/// Neighbouring batches, oldest first, as one.
pub fn merge(sources: &[Arc<SpanBatch>]) -> SpanBatch {
    let mut order: Order = sources.iter().zip(0u32..).flat_map(|(b, s)| (0..b.len() as u32).map(move |r| (s, r))).collect();
    // Stable: the spans of a trace stay as they came, by which siblings are numbered.
    order.sort_by_key(|(s, r)| sources[*s as usize].trace_id[*r as usize]);
    let mut dict = DictBuilder::default();
    let codes: Vec<Vec<u32>> = sources.iter().map(|b| b.dict.iter().map(|text| dict.code(text)).collect()).collect();
    let m = Merge { sources, order: &order, codes: &codes };
    let (resources, resource_map) = unite(sources.iter().map(|b| b.resources.as_slice()), hash_resource);
    let (scopes, scope_map) = unite(sources.iter().map(|b| b.scopes.as_slice()), hash_scope);
    let (events, links) = (m.events(), m.links());
    SpanBatch {
        trace_id: m.column(|b| &b.trace_id),
        span_id: m.column(|b| &b.span_id),
        parent_id: m.column(|b| &b.parent_id),
        start: m.column(|b| &b.start),
        end: m.column(|b| &b.end),
        kind: m.column(|b| &b.kind),
        status: m.column(|b| &b.status),
        name: m.coded(&codes, |b| &b.name),
        status_message: m.coded(&codes, |b| &b.status_message),
        trace_state: m.coded(&codes, |b| &b.trace_state),
        flags: m.column(|b| &b.flags),
        dropped: m.column(|b| &b.dropped),
        resource: m.coded(&resource_map, |b| &b.resource),
        scope: m.coded(&scope_map, |b| &b.scope),
        resources,
        scopes,
        attrs: gather(&order, &columns_of(sources, |b| &b.attrs), &sources.iter().map(|b| b.len()).collect::<Vec<_>>(), &codes),
        events,
        links,
        dict: dict.finish(),
        min_start: sources.iter().map(|b| b.min_start).min().unwrap_or(0),
        max_start: sources.iter().map(|b| b.max_start).max().unwrap_or(0),
        max_end: sources.iter().map(|b| b.max_end).max().unwrap_or(0),
    }
}

struct Merge<'a> {
    sources: &'a [Arc<SpanBatch>],
    order: &'a Order,
    codes: &'a [Vec<u32>],
}

impl Merge<'_> {
    fn column<T: Copy>(&self, get: impl Fn(&SpanBatch) -> &Vec<T>) -> Vec<T> {
        let columns: Vec<&Vec<T>> = self.sources.iter().map(|b| get(b)).collect();
        self.order.iter().map(|(s, r)| columns[*s as usize][*r as usize]).collect()
    }

    /// A column of codes, each source's translated by its map.
    fn coded(&self, maps: &[Vec<u32>], get: impl Fn(&SpanBatch) -> &Vec<u32>) -> Vec<u32> {
        let columns: Vec<&Vec<u32>> = self.sources.iter().map(|b| get(b)).collect();
        self.order.iter().map(|(s, r)| maps[*s as usize][columns[*s as usize][*r as usize] as usize]).collect()
    }

    fn events(&self) -> EventTable {
        let mut out = EventTable::default();
        let order = self.children(|b| &b.events.row, &mut out.row);
        for (s, e) in order.iter().map(|(s, e)| (*s as usize, *e as usize)) {
            let from = &self.sources[s].events;
            out.time.push(from.time[e]);
            out.name.push(self.codes[s][from.name[e] as usize]);
            out.dropped_attributes.push(from.dropped_attributes[e]);
        }
        let sizes: Vec<usize> = self.sources.iter().map(|b| b.events.row.len()).collect();
        out.attrs = gather(&order, &columns_of(self.sources, |b| &b.events.attrs), &sizes, self.codes);
        out
    }

    fn links(&self) -> LinkTable {
        let mut out = LinkTable::default();
        let order = self.children(|b| &b.links.row, &mut out.row);
        for (s, l) in order.iter().map(|(s, l)| (*s as usize, *l as usize)) {
            let from = &self.sources[s].links;
            out.trace_id.push(from.trace_id[l]);
            out.span_id.push(from.span_id[l]);
            out.trace_state.push(self.codes[s][from.trace_state[l] as usize]);
            out.flags.push(from.flags[l]);
            out.dropped_attributes.push(from.dropped_attributes[l]);
        }
        let sizes: Vec<usize> = self.sources.iter().map(|b| b.links.row.len()).collect();
        out.attrs = gather(&order, &columns_of(self.sources, |b| &b.links.attrs), &sizes, self.codes);
        out
    }

    /// The order of a table whose rows belong to spans; `owner` gets the new owning rows.
    fn children(&self, rows: impl Fn(&SpanBatch) -> &Vec<u32>, owner: &mut Vec<u32>) -> Order {
        let offsets: Vec<Vec<u32>> = self.sources.iter().map(|b| offsets(rows(b), b.len())).collect();
        let mut out = vec![];
        for (new, (s, r)) in self.order.iter().enumerate() {
            for child in entries(&offsets[*s as usize], *r) {
                out.push((*s, child));
                owner.push(new as u32);
            }
        }
        out
    }
}

/// Owner to its first entry in a column of owners (never decreasing); one more for the end.
fn offsets(rows: &[u32], owners: usize) -> Vec<u32> {
    let mut out = vec![0u32; owners + 1];
    for r in rows {
        if let Some(n) = out.get_mut(*r as usize + 1) {
            *n += 1;
        }
    }
    for i in 1..out.len() {
        out[i] += out[i - 1];
    }
    out
}

fn entries(offsets: &[u32], owner: u32) -> std::ops::Range<u32> {
    offsets[owner as usize]..offsets[owner as usize + 1]
}

fn columns_of<'a>(sources: &'a [Arc<SpanBatch>], get: impl Fn(&'a SpanBatch) -> &'a Vec<AttrColumn>) -> Vec<&'a [AttrColumn]> {
    sources.iter().map(|b| get(b).as_slice()).collect()
}

/// Merges attribute columns: one per (key, type), rows in the new order.
fn gather(order: &Order, columns: &[&[AttrColumn]], owners: &[usize], codes: &[Vec<u32>]) -> Vec<AttrColumn> {
    // Per output column: the source columns it is made of.
    let mut groups: Vec<Vec<Option<&AttrColumn>>> = vec![];
    let mut index: FxHashMap<(u32, u8), usize> = FxHashMap::default();
    let mut keys = vec![];
    for (s, source) in columns.iter().enumerate() {
        for c in *source {
            let key = codes[s][c.key as usize];
            let at = *index.entry((key, tag(&c.values))).or_insert_with(|| {
                groups.push(vec![None; columns.len()]);
                keys.push(key);
                groups.len() - 1
            });
            groups[at][s] = Some(c);
        }
    }
    groups.iter().zip(keys).map(|(group, key)| gather_one(order, group, owners, codes, key)).collect()
}

fn gather_one(order: &Order, group: &[Option<&AttrColumn>], owners: &[usize], codes: &[Vec<u32>], key: u32) -> AttrColumn {
    let starts: Vec<Option<Vec<u32>>> = group.iter().zip(owners).map(|(c, n)| c.map(|c| offsets(&c.rows, *n))).collect();
    let mut rows = vec![];
    let mut picked: Vec<(u32, u32)> = vec![];
    for (new, (s, r)) in order.iter().enumerate() {
        if let Some(starts) = &starts[*s as usize] {
            for e in entries(starts, *r) {
                rows.push(new as u32);
                picked.push((*s, e));
            }
        }
    }
    let values = match group.iter().flatten().next().map(|c| &c.values) {
        Some(AttrValues::Int(_)) => AttrValues::Int(pick(&picked, group, |v| if let AttrValues::Int(v) = v { v } else { &[] }, |_, v| *v)),
        Some(AttrValues::Float(_)) => {
            AttrValues::Float(pick(&picked, group, |v| if let AttrValues::Float(v) = v { v } else { &[] }, |_, v| *v))
        }
        Some(AttrValues::Bool(_)) => {
            AttrValues::Bool(pick(&picked, group, |v| if let AttrValues::Bool(v) = v { v } else { &[] }, |_, v| *v))
        }
        Some(AttrValues::Other(_)) => {
            AttrValues::Other(pick(&picked, group, |v| if let AttrValues::Other(v) = v { v } else { &[] }, |_, v: &AnyValue| v.clone()))
        }
        _ => AttrValues::Str(pick(&picked, group, |v| if let AttrValues::Str(v) = v { v } else { &[] }, |s, v| codes[s][*v as usize])),
    };
    AttrColumn { key, rows, values }
}

fn pick<'a, T: 'a>(
    picked: &[(u32, u32)],
    group: &[Option<&'a AttrColumn>],
    get: impl Fn(&'a AttrValues) -> &'a [T],
    map: impl Fn(usize, &T) -> T,
) -> Vec<T> {
    let columns: Vec<&[T]> = group.iter().map(|c| c.map_or(&[][..], |c| get(&c.values))).collect();
    picked.iter().map(|(s, e)| map(*s as usize, &columns[*s as usize][*e as usize])).collect()
}

fn tag(values: &AttrValues) -> u8 {
    match values {
        AttrValues::Str(_) => 0,
        AttrValues::Int(_) => 1,
        AttrValues::Float(_) => 2,
        AttrValues::Bool(_) => 3,
        AttrValues::Other(_) => 4,
    }
}

/// The distinct items of all sources, and per source its indices to the new ones.
fn unite<'a, T: Clone + PartialEq + 'a>(
    sources: impl Iterator<Item = &'a [T]>,
    hash: impl Fn(&T, &mut FxHasher),
) -> (Vec<T>, Vec<Vec<u32>>) {
    let mut all: Vec<T> = vec![];
    let mut by_hash: FxHashMap<u64, Vec<u32>> = FxHashMap::default();
    let mut maps = vec![];
    for source in sources {
        let mut map = vec![];
        for item in source {
            let mut h = FxHasher::default();
            hash(item, &mut h);
            let known = by_hash.entry(h.finish()).or_default();
            let at = known.iter().copied().find(|i| all[*i as usize] == *item).unwrap_or_else(|| {
                all.push(item.clone());
                known.push(all.len() as u32 - 1);
                all.len() as u32 - 1
            });
            map.push(at);
        }
        maps.push(map);
    }
    (all, maps)
}

fn hash_resource(r: &Resource, h: &mut FxHasher) {
    hash_attrs(&r.attrs, h);
}

fn hash_scope(s: &Scope, h: &mut FxHasher) {
    (&s.name, &s.version).hash(h);
    hash_attrs(&s.attrs, h);
}

/// Keys and string values: enough to tell most apart, equality does the rest.
fn hash_attrs(attrs: &[KeyValue], h: &mut FxHasher) {
    for a in attrs {
        (&a.key, a.value.as_str()).hash(h);
    }
}
