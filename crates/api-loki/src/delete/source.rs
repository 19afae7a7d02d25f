//! A log source without the lines that delete requests cover.

use std::sync::Arc;

use model::{Labels, LogBatch, Matcher};
use query::{Budget, Direction, LogPart, LogRange, LogSource, QueryError, StreamStats};
use rustc_hash::FxHashSet;

use super::requests::Deletion;

/// `inner` as if the deleted lines had never been.
pub struct Undeleted<'a> {
    pub inner: &'a dyn LogSource,
    pub deletions: &'a [Deletion],
}

type Key = (u64, i64, u64);

fn key(stream: &Labels, ts: i64, line: &str) -> Key {
    use std::hash::{Hash, Hasher};
    let mut h = rustc_hash::FxHasher::default();
    line.hash(&mut h);
    (stream.hash64(), ts, h.finish())
}

impl Undeleted<'_> {
    fn touches(&self, stream: &Labels, range: LogRange) -> bool {
        self.deletions.iter().any(|d| d.range.start < range.end && range.start < d.range.end && d.query.selects(stream))
    }

    /// The part without its deleted rows; the same part where there are none.
    fn strip(&self, part: &LogPart, budget: &Budget) -> Result<LogPart, QueryError> {
        let whole = LogRange { start: part.batch.min_ts, end: part.batch.max_ts.saturating_add(1) };
        let mut gone: FxHashSet<Key> = FxHashSet::default();
        let asked = |d: &Deletion| part.batch.streams.iter().zip(part.selected.iter()).any(|(s, asked)| *asked && d.query.selects(s));
        for d in self.deletions.iter().filter(|d| d.range.start < whole.end && whole.start < d.range.end && asked(d)) {
            budget.check()?;
            d.live.entries(&part.batch, d.range.start, &mut |e| {
                if e.ts < d.range.end {
                    gone.insert(key(&e.stream, e.ts, &e.line));
                }
            });
        }
        if gone.is_empty() {
            return Ok(part.clone());
        }
        Ok(LogPart { batch: Arc::new(without(&part.batch, &gone)), ..part.clone() })
    }
}

/// The rows that are not gone, with the same streams and dictionary.
fn without(batch: &LogBatch, gone: &FxHashSet<Key>) -> LogBatch {
    let mut out = LogBatch { streams: batch.streams.clone(), dict: batch.dict.clone(), ..LogBatch::default() };
    for row in 0..batch.len() {
        let stream = batch.stream[row];
        let (ts, line) = (batch.ts[row], batch.body.get(row));
        if gone.contains(&key(&batch.streams[stream as usize], ts, line)) {
            continue;
        }
        out.stream.push(stream);
        out.ts.push(ts);
        out.body.push(line);
        out.meta.extend_from_slice(batch.meta_codes(row));
        out.meta_ends.push(out.meta.len() as u32);
    }
    // The old bounds still hold, and readers that stop early compare parts by them.
    (out.min_ts, out.max_ts) = (batch.min_ts, batch.max_ts);
    out
}

impl LogSource for Undeleted<'_> {
    fn scan(
        &self,
        matchers: &[Matcher],
        range: LogRange,
        direction: Direction,
        budget: &Budget,
        each: &mut dyn FnMut(&LogPart) -> Result<bool, QueryError>,
    ) -> Result<(), QueryError> {
        self.inner.scan(matchers, range, direction, budget, &mut |part| {
            let stripped = self.strip(part, budget)?;
            if stripped.batch.is_empty() { Ok(true) } else { each(&stripped) }
        })
    }

    fn streams(&self, sets: &[Vec<Matcher>], range: LogRange, budget: &Budget) -> Result<Vec<Labels>, QueryError> {
        let mut out = vec![];
        for stream in self.inner.streams(sets, range, budget)? {
            if !self.touches(&stream, range) || self.count(&stream, range, budget)?.entries > 0 {
                out.push(stream);
            }
        }
        Ok(out)
    }

    fn stats(&self, matchers: &[Matcher], range: LogRange, budget: &Budget) -> Result<Vec<StreamStats>, QueryError> {
        let mut out = vec![];
        for stats in self.inner.stats(matchers, range, budget)? {
            let left = if self.touches(&stats.labels, range) { self.count(&stats.labels, range, budget)? } else { stats };
            if left.entries > 0 {
                out.push(left);
            }
        }
        Ok(out)
    }
}

impl Undeleted<'_> {
    /// What is left of one stream, by reading it.
    fn count(&self, stream: &Labels, range: LogRange, budget: &Budget) -> Result<StreamStats, QueryError> {
        let matchers: Vec<Matcher> = stream.iter().map(|(n, v)| Matcher::eq(n, v)).collect();
        let mut left = StreamStats { labels: stream.clone(), entries: 0, line_bytes: 0, meta_bytes: 0 };
        self.scan(&matchers, range, Direction::Forward, budget, &mut |part| {
            for (s, from, to) in part.runs(range) {
                // The matchers let streams with further labels through.
                if part.batch.streams[s as usize] != *stream {
                    continue;
                }
                left.entries += (to - from) as u64;
                for row in from..to {
                    left.line_bytes += part.batch.body.get(row).len() as u64;
                    left.meta_bytes += part.batch.meta(row).map(|(n, v)| (n.len() + v.len()) as u64).sum::<u64>();
                }
            }
            Ok(true)
        })?;
        Ok(left)
    }
}
