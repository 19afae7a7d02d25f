//! Log batches merged into one: rows by (stream, time), of equal times in order of arrival.

use std::ops::Range;
use std::sync::Arc;

use model::{DictBuilder, LogBatch};

use super::part::Part;

/// Neighbouring parts, oldest first, as one.
pub fn merge(parts: &[Arc<Part>]) -> Part {
    let mut ids: Vec<u32> = parts.iter().flat_map(|p| p.ids.iter().copied()).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut out = Builder::new(parts.len());
    let mut order: Vec<(i64, u32, u32)> = vec![];
    for (stream, id) in ids.iter().enumerate() {
        order.clear();
        for (p, part) in parts.iter().enumerate() {
            for rows in part.rows_of(*id) {
                if let (true, Some(source)) = (order.is_empty(), rows.clone().next()) {
                    let labels = &part.batch.streams[part.batch.stream[source] as usize];
                    out.batch.streams.push(labels.clone());
                }
                order.extend(rows.map(|r| (part.batch.ts[r], p as u32, r as u32)));
            }
        }
        if order.is_empty() {
            // A stream without rows still has its place, so that ids and streams stay parallel.
            let labels = parts.iter().find_map(|p| p.ids.iter().position(|i| i == id).map(|s| p.batch.streams[s].clone()));
            out.batch.streams.push(labels.unwrap_or_default());
        }
        if !order.is_sorted_by_key(|o| o.0) {
            order.sort_by_key(|o| o.0);
        }
        for (_, p, r) in &order {
            out.push(stream as u32, *p as usize, &parts[*p as usize].batch, *r as usize);
        }
    }
    let sequence = parts.first().map_or(0, |p| p.sequence);
    Part::new(Arc::new(out.finish()), ids, sequence)
}

/// The batch without the rows that `drop` names (ascending).
pub fn without(batch: &LogBatch, drop: &[usize]) -> LogBatch {
    let mut out = Builder::new(1);
    out.batch.streams = batch.streams.clone();
    let mut drop = drop.iter().copied().peekable();
    for row in 0..batch.len() {
        if drop.next_if_eq(&row).is_none() {
            out.push(batch.stream[row], 0, batch, row);
        }
    }
    out.finish()
}

struct Builder {
    batch: LogBatch,
    dict: DictBuilder,
    /// per source: its codes to ours, made when first met; `u32::MAX` = not yet
    codes: Vec<Vec<u32>>,
}

impl Builder {
    fn new(sources: usize) -> Builder {
        Builder { batch: LogBatch::default(), dict: DictBuilder::default(), codes: vec![vec![]; sources] }
    }

    fn push(&mut self, stream: u32, source: usize, from: &LogBatch, row: usize) {
        let b = &mut self.batch;
        b.stream.push(stream);
        b.ts.push(from.ts[row]);
        b.body.push(from.body.get(row));
        let codes = &mut self.codes[source];
        if codes.is_empty() {
            codes.resize(from.dict.len(), u32::MAX);
        }
        for (n, v) in from.meta_codes(row) {
            let mut ours = |code: u32| {
                let slot = &mut codes[code as usize];
                if *slot == u32::MAX {
                    *slot = self.dict.code(from.dict.get(code));
                }
                *slot
            };
            b.meta.push((ours(*n), ours(*v)));
        }
        b.meta_ends.push(b.meta.len() as u32);
    }

    fn finish(self) -> LogBatch {
        let mut b = self.batch;
        b.dict = self.dict.finish();
        b.min_ts = b.ts.iter().copied().min().unwrap_or(0);
        b.max_ts = b.ts.iter().copied().max().unwrap_or(0);
        b
    }
}

/// For a scan's answers: the entries and bytes of a run of rows.
pub fn volume(batch: &LogBatch, rows: Range<usize>) -> (u64, u64, u64) {
    if rows.is_empty() {
        return (0, 0, 0);
    }
    let line_bytes = batch.body.ends()[rows.end - 1] as usize - batch.body.start(rows.start);
    let meta = rows.clone().flat_map(|r| batch.meta(r)).map(|(n, v)| n.len() + v.len()).sum::<usize>();
    (rows.len() as u64, line_bytes as u64, meta as u64)
}
