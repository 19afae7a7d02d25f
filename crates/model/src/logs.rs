//! Log lines as columns: what one push becomes, what the store keeps and what queries scan.

use crate::{Dict, DictBuilder, Labels, StrColumn};

/// Rows sorted by (stream, time); the order of arrival is kept among equal times. Immutable once built.
#[derive(Debug, Clone, Default)]
pub struct LogBatch {
    /// the distinct streams of this batch
    pub streams: Vec<Labels>,
    /// row to index into `streams`, never decreasing
    pub stream: Vec<u32>,
    /// Unix nanoseconds, ascending within a stream
    pub ts: Vec<i64>,
    /// the lines, end to end
    pub body: StrColumn,
    /// row to the end of its pairs in `meta`
    pub meta_ends: Vec<u32>,
    /// structured metadata: (name, value) codes into `dict`; within a row sorted by name, names unique
    pub meta: Vec<(u32, u32)>,
    pub dict: Dict,
    /// smallest and largest `ts` (0, 0 when empty)
    pub min_ts: i64,
    pub max_ts: i64,
}

impl LogBatch {
    pub fn len(&self) -> usize {
        self.ts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ts.is_empty()
    }

    /// The row's metadata pairs as codes.
    pub fn meta_codes(&self, row: usize) -> &[(u32, u32)] {
        let start = if row == 0 { 0 } else { self.meta_ends[row - 1] as usize };
        &self.meta[start..self.meta_ends[row] as usize]
    }

    /// The row's metadata pairs as text.
    pub fn meta(&self, row: usize) -> impl Iterator<Item = (&str, &str)> + '_ {
        self.meta_codes(row).iter().map(|(n, v)| (self.dict.get(*n), self.dict.get(*v)))
    }

    /// The rows of each stream: (index into `streams`, first row, end row).
    pub fn runs(&self) -> impl Iterator<Item = (u32, usize, usize)> + '_ {
        let mut at = 0;
        std::iter::from_fn(move || {
            let stream = *self.stream.get(at)?;
            let start = at;
            at += self.stream[at..].partition_point(|s| *s == stream);
            Some((stream, start, at))
        })
    }

    pub fn heap_size(&self) -> usize {
        let labels: usize = self.streams.iter().map(Labels::heap_size).sum();
        labels + self.len() * 16 + self.body.heap_size() + self.meta.capacity() * 8 + self.dict.heap_size()
    }
}

/// Takes lines in any order and builds the sorted batch.
#[derive(Debug, Default)]
pub struct LogBatchBuilder {
    streams: Vec<Labels>,
    rows: Vec<(u32, i64)>,
    body: StrColumn,
    meta_ends: Vec<u32>,
    meta: Vec<(u32, u32)>,
    dict: DictBuilder,
}

impl LogBatchBuilder {
    /// The index of a stream for `push`; the caller gives each stream once (an equal one given again is found).
    pub fn stream(&mut self, labels: &Labels) -> u32 {
        match self.streams.iter().rposition(|l| l == labels) {
            Some(i) => i as u32,
            None => {
                self.streams.push(labels.clone());
                self.streams.len() as u32 - 1
            }
        }
    }

    pub fn dict(&mut self) -> &mut DictBuilder {
        &mut self.dict
    }

    /// `meta` holds (name, value) codes of `dict()`; of a name given twice the last stays.
    pub fn push(&mut self, stream: u32, ts: i64, line: &str, meta: &[(u32, u32)]) {
        self.rows.push((stream, ts));
        self.body.push(line);
        let start = self.meta.len();
        for pair in meta {
            match self.meta[start..].iter_mut().find(|p| p.0 == pair.0) {
                Some(p) => p.1 = pair.1,
                None => self.meta.push(*pair),
            }
        }
        let dict = &self.dict;
        self.meta[start..].sort_by(|a, b| dict.get(a.0).cmp(dict.get(b.0)));
        self.meta_ends.push(self.meta.len() as u32);
    }

    /// As `push` for pairs that are sorted by name and unique already: the caller vouches for it.
    pub fn push_sorted(&mut self, stream: u32, ts: i64, line: &str, meta: &[(u32, u32)]) {
        debug_assert!(meta.windows(2).all(|w| self.dict.get(w[0].0) < self.dict.get(w[1].0)), "metadata is sorted and unique");
        self.rows.push((stream, ts));
        self.body.push(line);
        self.meta.extend_from_slice(meta);
        self.meta_ends.push(self.meta.len() as u32);
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn finish(self) -> LogBatch {
        let sorted = self.rows.is_sorted();
        let mut out = LogBatch { streams: self.streams, dict: self.dict.finish(), ..LogBatch::default() };
        out.min_ts = self.rows.iter().map(|r| r.1).min().unwrap_or(0);
        out.max_ts = self.rows.iter().map(|r| r.1).max().unwrap_or(0);
        if sorted {
            (out.stream, out.ts) = self.rows.into_iter().unzip();
            (out.body, out.meta_ends, out.meta) = (self.body, self.meta_ends, self.meta);
            return out;
        }
        let mut order: Vec<u32> = (0..self.rows.len() as u32).collect();
        order.sort_by_key(|i| self.rows[*i as usize]);
        for i in order.into_iter().map(|i| i as usize) {
            out.stream.push(self.rows[i].0);
            out.ts.push(self.rows[i].1);
            out.body.push(self.body.get(i));
            let start = if i == 0 { 0 } else { self.meta_ends[i - 1] as usize };
            out.meta.extend_from_slice(&self.meta[start..self.meta_ends[i] as usize]);
            out.meta_ends.push(out.meta.len() as u32);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_by_stream_and_time_and_keeps_metadata() {
        let mut b = LogBatchBuilder::default();
        let (x, y) = (b.stream(&Labels::from_pairs([("a", "x")])), b.stream(&Labels::from_pairs([("a", "y")])));
        let (k, v, w) = (b.dict().code("k"), b.dict().code("v"), b.dict().code("w"));
        b.push_sorted(y, 5, "y5", &[(k, v)]);
        b.push_sorted(x, 9, "x9", &[]);
        b.push(x, 3, "x3", &[(k, v), (k, w)]);
        let batch = b.finish();
        assert_eq!(batch.body.iter().collect::<Vec<_>>(), ["x3", "x9", "y5"]);
        assert_eq!(batch.meta(0).collect::<Vec<_>>(), [("k", "w")]);
        assert_eq!(batch.meta(2).collect::<Vec<_>>(), [("k", "v")]);
        assert_eq!(batch.runs().collect::<Vec<_>>(), [(0, 0, 2), (1, 2, 3)]);
        assert_eq!((batch.min_ts, batch.max_ts), (3, 9));
    }
}
