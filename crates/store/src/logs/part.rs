//! A published log batch with what is needed to find streams in it.

use std::ops::Range;
use std::sync::Arc;

use model::LogBatch;
use query::LogRange;
use roaring::RoaringBitmap;
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use crate::tiers::Size;

pub struct Part {
    pub batch: Arc<LogBatch>,
    /// of the oldest write in it
    pub sequence: u64,
    /// index of a stream in the batch to its id in the tenant's index
    pub ids: Box<[u32]>,
    /// (id, index), sorted
    lookup: Box<[(u32, u32)]>,
    pub set: RoaringBitmap,
    /// index of a stream to its first row; one more for the end
    starts: Box<[u32]>,
    bytes: usize,
}

impl Part {
    pub fn new(batch: Arc<LogBatch>, ids: Vec<u32>, sequence: u64) -> Part {
        let mut lookup: Vec<(u32, u32)> = ids.iter().zip(0..).map(|(id, i)| (*id, i)).collect();
        lookup.sort_unstable();
        let mut starts = vec![0u32; batch.streams.len() + 1];
        for s in &batch.stream {
            if let Some(n) = starts.get_mut(*s as usize + 1) {
                *n += 1;
            }
        }
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        let set: RoaringBitmap = ids.iter().copied().collect();
        let bytes = batch.heap_size() + ids.len() * 24 + 256;
        Part { batch, sequence, ids: ids.into(), lookup: lookup.into(), set, starts: starts.into(), bytes }
    }

    pub fn size(&self) -> Size {
        Size { rows: self.batch.len(), bytes: self.bytes }
    }

    pub fn rows(&self, stream: usize) -> Range<usize> {
        self.starts[stream] as usize..self.starts[stream + 1] as usize
    }

    /// The rows of a stream, by its id; more than one run if the batch names the stream twice.
    pub fn rows_of(&self, id: u32) -> impl Iterator<Item = Range<usize>> + '_ {
        let from = self.lookup.partition_point(|l| l.0 < id);
        self.lookup[from..].iter().take_while(move |l| l.0 == id).map(|l| self.rows(l.1 as usize))
    }

    pub fn overlaps(&self, range: LogRange) -> bool {
        !self.batch.is_empty() && self.batch.min_ts < range.end && self.batch.max_ts >= range.start
    }

    /// The rows of a stream (by index) in a time range.
    pub fn rows_in(&self, stream: usize, range: LogRange) -> Range<usize> {
        let rows = self.rows(stream);
        let ts = &self.batch.ts[rows.clone()];
        rows.start + ts.partition_point(|t| *t < range.start)..rows.start + ts.partition_point(|t| *t < range.end)
    }

    /// The rows of a stream (by id) at one time.
    pub fn rows_at(&self, id: u32, t: i64) -> impl Iterator<Item = usize> + '_ {
        self.rows_of(id).flat_map(move |rows| {
            let ts = &self.batch.ts[rows.clone()];
            rows.start + ts.partition_point(|x| *x < t)..rows.start + ts.partition_point(|x| *x <= t)
        })
    }
}

/// Stands for a line and its metadata; long enough that two different entries never share one.
pub fn entry_hash(batch: &LogBatch, row: usize) -> u128 {
    if batch.meta_codes(row).is_empty() {
        return xxh3_128(batch.body.get(row).as_bytes());
    }
    let mut h = Xxh3::new();
    h.update(batch.body.get(row).as_bytes());
    for text in batch.meta(row).flat_map(|(n, v)| [n, v]) {
        // No text holds this byte, so pieces cannot run into each other.
        h.update(&[0xFF]);
        h.update(text.as_bytes());
    }
    h.digest128()
}
