//! Lines that were sent twice count once: same stream, time, text and metadata.

use std::sync::Arc;

use model::{Labels, LogBatch};
use rustc_hash::{FxHashMap, FxHashSet};

/// Rows of one stream in one batch.
#[derive(Debug)]
struct Seen {
    batch: Arc<LogBatch>,
    from: usize,
    to: usize,
}

impl Seen {
    fn overlaps(&self, min: i64, max: i64) -> bool {
        self.batch.ts[self.from] <= max && self.batch.ts[self.to - 1] >= min
    }
}

/// Remembers runs whose time may be met again. Feed it parts by rising or falling time.
#[derive(Debug, Default)]
pub struct Dedup {
    streams: FxHashMap<Labels, Vec<Seen>>,
    runs: usize,
}

impl Dedup {
    /// The rows of the run that repeat an earlier row, ascending; then remembers the run.
    ///
    /// `window` is the time range that this and later parts may lie in; runs outside are forgotten.
    pub fn repeated(&mut self, batch: &Arc<LogBatch>, stream: u32, from: usize, to: usize, window: (i64, i64)) -> Vec<u32> {
        let (min, max) = (batch.ts[from], batch.ts[to - 1]);
        let mut out = vec![];
        inside(batch, from, to, &mut out);
        self.runs += 1;
        if self.runs.is_multiple_of(1024) {
            self.streams.retain(|_, runs| {
                runs.retain(|s| s.overlaps(window.0, window.1));
                !runs.is_empty()
            });
        }
        let runs = self.streams.entry(batch.streams[stream as usize].clone()).or_default();
        runs.retain(|s| s.overlaps(window.0, window.1));
        for seen in runs.iter().filter(|s| s.overlaps(min, max)) {
            across(seen, batch, from, to, &mut out);
        }
        runs.push(Seen { batch: batch.clone(), from, to });
        out.sort_unstable();
        out.dedup();
        out
    }
}

/// Repetitions within the run, among rows of one time.
fn inside(batch: &LogBatch, from: usize, to: usize, out: &mut Vec<u32>) {
    let ts = &batch.ts[from..to];
    let mut at = 0;
    while let Some(step) = ts[at..].windows(2).position(|w| w[0] == w[1]) {
        let start = at + step;
        let len = ts[start..].iter().take_while(|t| **t == ts[start]).count();
        let mut seen: FxHashSet<(&str, &[(u32, u32)])> = FxHashSet::default();
        for row in from + start..from + start + len {
            if !seen.insert((batch.body.get(row), batch.meta_codes(row))) {
                out.push(row as u32);
            }
        }
        at = start + len;
    }
}

/// Repetitions of rows of another batch: both runs ascend in time, so they are walked side by side.
fn across(seen: &Seen, batch: &LogBatch, from: usize, to: usize, out: &mut Vec<u32>) {
    let (mut i, mut j) = (seen.from, from);
    while i < seen.to && j < to {
        let (a, b) = (seen.batch.ts[i], batch.ts[j]);
        if a < b {
            i += seen.batch.ts[i..seen.to].partition_point(|t| *t < b);
        } else if b < a {
            j += batch.ts[j..to].partition_point(|t| *t < a);
        } else {
            let (m, n) = (run_of(&seen.batch.ts[i..seen.to]), run_of(&batch.ts[j..to]));
            for row in j..j + n {
                if (i..i + m).any(|k| same(&seen.batch, k, batch, row)) {
                    out.push(row as u32);
                }
            }
            (i, j) = (i + m, j + n);
        }
    }
}

fn run_of(ts: &[i64]) -> usize {
    ts.iter().take_while(|t| **t == ts[0]).count()
}

fn same(a: &LogBatch, i: usize, b: &LogBatch, j: usize) -> bool {
    a.body.get(i) == b.body.get(j) && a.meta_codes(i).len() == b.meta_codes(j).len() && a.meta(i).eq(b.meta(j))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::LogBatchBuilder;

    fn batch(rows: &[(i64, &str)]) -> Arc<LogBatch> {
        let mut b = LogBatchBuilder::default();
        let s = b.stream(&Labels::from_pairs([("a", "b")]));
        for (t, l) in rows {
            b.push(s, *t, l, &[]);
        }
        Arc::new(b.finish())
    }

    #[test]
    fn within_and_across_batches() {
        let mut d = Dedup::default();
        let a = batch(&[(1, "x"), (2, "y"), (2, "y"), (2, "z"), (3, "x")]);
        assert_eq!(d.repeated(&a, 0, 0, 5, (1, i64::MAX)), [2]);
        let b = batch(&[(2, "z"), (2, "new"), (3, "x"), (4, "x")]);
        assert_eq!(d.repeated(&b, 0, 0, 4, (2, i64::MAX)), [0, 2]);
        let c = batch(&[(9, "x")]);
        assert!(d.repeated(&c, 0, 0, 1, (9, i64::MAX)).is_empty());
    }
}
