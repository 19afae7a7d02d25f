//! The traces head of one tenant: span batches as they came, small neighbours merged, traces found by id.

mod merge;

use std::cmp::Reverse;
use std::sync::Arc;

use model::SpanBatch;
use query::{Budget, QueryError, SpanRange, SpanRef, TraceSpans};
use rustc_hash::FxHashSet;

use crate::evict::Ages;
use crate::tiers::{self, Size};
use crate::write::Appended;

/// Owned by the writer; what queries see is the published `SpanView`.
#[derive(Default)]
pub struct SpanHead {
    view: SpanView,
}

/// An immutable list of parts in order of arrival.
#[derive(Clone, Default)]
pub struct SpanView {
    parts: Vec<Arc<Part>>,
    bytes: u64,
    spans: u64,
}

struct Part {
    batch: Arc<SpanBatch>,
    /// rows by trace id; `None` if they stand in that order
    by_trace: Option<Box<[u32]>>,
    bytes: usize,
}

impl Part {
    fn new(batch: Arc<SpanBatch>) -> Part {
        let by_trace = (!batch.trace_id.is_sorted()).then(|| {
            let mut rows: Vec<u32> = (0..batch.len() as u32).collect();
            rows.sort_by_key(|r| batch.trace_id[*r as usize]);
            rows.into_boxed_slice()
        });
        let bytes = batch.heap_size() + by_trace.as_ref().map_or(0, |r| r.len() * 4) + 128;
        Part { batch, by_trace, bytes }
    }

    fn size(&self) -> Size {
        Size { rows: self.batch.len(), bytes: self.bytes }
    }

    /// Unix nanoseconds; signed, as ages are reckoned.
    fn newest(&self) -> i64 {
        i64::try_from(self.batch.max_end.max(self.batch.max_start)).unwrap_or(i64::MAX)
    }

    fn row(&self, place: usize) -> u32 {
        self.by_trace.as_ref().map_or(place as u32, |rows| rows[place])
    }

    /// The rows of a trace, in order of arrival or start.
    fn rows_of<'a>(&'a self, id: &'a [u8; 16]) -> impl Iterator<Item = u32> + 'a {
        let (mut low, mut high) = (0, self.batch.len());
        while low < high {
            let mid = (low + high) / 2;
            if self.batch.trace_id[self.row(mid) as usize] < *id { low = mid + 1 } else { high = mid }
        }
        (low..self.batch.len()).map(|place| self.row(place)).take_while(move |r| self.batch.trace_id[*r as usize] == *id)
    }
}

impl SpanHead {
    pub fn append(&mut self, batch: Arc<SpanBatch>, sequence: u64) -> Appended {
        let mut out = Appended { sequence, ..Appended::default() };
        out.stored.spans = batch.len() as u64;
        if batch.is_empty() {
            return out;
        }
        let v = &mut self.view;
        v.spans += batch.len() as u64;
        let part = Part::new(batch);
        v.bytes += part.bytes as u64;
        v.parts.push(Arc::new(part));
        while let Some(range) = tiers::pick(v.parts.iter().map(|p| p.size())) {
            let sources: Vec<Arc<SpanBatch>> = v.parts[range.clone()].iter().map(|p| p.batch.clone()).collect();
            let before: usize = v.parts[range.clone()].iter().map(|p| p.bytes).sum();
            let merged = Part::new(Arc::new(merge::merge(&sources)));
            v.bytes = (v.bytes + merged.bytes as u64).saturating_sub(before as u64);
            v.parts.splice(range, [Arc::new(merged)]);
        }
        out
    }

    /// The time to `retain` from so that about `excess` bytes go.
    pub fn cut(&self, excess: u64) -> Option<u64> {
        let newest = || self.view.parts.iter().map(|p| p.newest());
        let mut ages = Ages::new(newest().min()?, newest().max()?);
        self.view.parts.iter().for_each(|p| ages.add(p.newest(), p.bytes as u64));
        ages.cut(excess).map(|t| t.max(0) as u64)
    }

    /// Drops parts whose spans all ended before `cutoff` (Unix nanoseconds). Answers the dropped spans.
    pub fn retain(&mut self, cutoff: u64) -> u64 {
        let v = &mut self.view;
        let before = v.spans;
        v.parts.retain(|p| p.batch.max_end.max(p.batch.max_start) >= cutoff);
        v.spans = v.parts.iter().map(|p| p.batch.len() as u64).sum();
        v.bytes = v.parts.iter().map(|p| p.bytes as u64).sum();
        before - v.spans
    }

    pub fn heap_size(&self) -> u64 {
        self.view.bytes
    }

    pub fn view(&self) -> SpanView {
        self.view.clone()
    }
}

impl SpanView {
    /// The batches that overlap the range.
    pub fn overlapping(&self, range: SpanRange) -> impl Iterator<Item = &Arc<SpanBatch>> {
        let hit = move |b: &SpanBatch| b.min_start <= range.end && b.max_end.max(b.max_start) >= range.start;
        self.parts.iter().map(|p| &p.batch).filter(move |b| hit(b))
    }

    /// Appends the spans of a trace in order of arrival.
    pub fn find(&self, id: &[u8; 16], out: &mut Vec<SpanRef>) {
        for p in &self.parts {
            out.extend(p.rows_of(id).map(|row| SpanRef { batch: p.batch.clone(), row }));
        }
    }

    /// Every batch in order of arrival.
    pub fn batches(&self) -> impl Iterator<Item = &Arc<SpanBatch>> {
        self.parts.iter().map(|p| &p.batch)
    }

    pub fn heap_size(&self) -> u64 {
        self.bytes
    }

    pub fn span_count(&self) -> u64 {
        self.spans
    }
}

/// As `query::SpanSource::scan`, over several tenants' views.
pub fn scan<'a>(
    views: impl Iterator<Item = &'a SpanView>,
    range: SpanRange,
    budget: &Budget,
    each: &mut dyn FnMut(&Arc<SpanBatch>) -> Result<bool, QueryError>,
) -> Result<(), QueryError> {
    let mut batches: Vec<&Arc<SpanBatch>> = views.flat_map(|v| v.overlapping(range)).collect();
    batches.sort_by_key(|b| Reverse(b.max_start));
    for b in batches {
        budget.check()?;
        if !each(b)? {
            break;
        }
    }
    Ok(())
}

/// Orders a trace's spans (given in order of arrival) by start and leaves out spans that were sent again.
pub fn tidy(mut spans: Vec<SpanRef>) -> TraceSpans {
    spans.sort_by_key(|s| s.batch.start[s.row as usize]);
    let mut out: Vec<SpanRef> = Vec::with_capacity(spans.len());
    let mut seen = FxHashSet::default();
    for s in spans {
        let start = s.batch.start[s.row as usize];
        let again = !seen.insert((start, s.batch.span_id[s.row as usize]))
            && out.iter().rev().take_while(|o| o.batch.start[o.row as usize] == start).any(|o| same_span(o, &s));
        if !again {
            out.push(s);
        }
    }
    TraceSpans { spans: out }
}

fn same_span(a: &SpanRef, b: &SpanRef) -> bool {
    let (x, y, i, j) = (&a.batch, &b.batch, a.row as usize, b.row as usize);
    x.span_id[i] == y.span_id[j]
        && x.parent_id[i] == y.parent_id[j]
        && (x.start[i], x.end[i], x.kind[i], x.status[i]) == (y.start[j], y.end[j], y.kind[j], y.status[j])
        && x.name(i) == y.name(j)
        && x.resource(i) == y.resource(j)
        && x.scope(i) == y.scope(j)
        && x.gather(&x.attrs, i).len() == y.gather(&y.attrs, j).len()
        && x.gather(&x.attrs, i).iter().all(|kv| y.gather(&y.attrs, j).contains(kv))
        && x.events_of(i).len() == y.events_of(j).len()
        && x.links_of(i).len() == y.links_of(j).len()
}
