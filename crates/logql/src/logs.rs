//! Log queries: the newest or oldest lines that pass a pipeline.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::hash::BuildHasher;

use model::Labels;
use query::{Budget, Direction, LogPart, LogRange, LogSource, QueryError};
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};

use crate::pipeline::{Conditions, Pipeline, Row, Wanted};
use crate::syntax::ast::LogExpr;

/// What is asked besides the query.
#[derive(Debug, Clone, Copy)]
pub struct LogOptions {
    /// Unix nanoseconds, start included, end excluded
    pub range: LogRange,
    pub direction: Direction,
    /// most entries to answer, 0 = all
    pub limit: usize,
    /// nanoseconds that entries must at least lie apart, over all streams; 0 = keep all
    pub interval: i64,
    /// Unix nanoseconds, for the template function `now`
    pub now: i64,
}

/// One line of an answer. The three label sets have no name in common.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Unix nanoseconds
    pub ts: i64,
    pub line: String,
    /// labels of the stream, without those that stages removed or replaced
    pub stream: Labels,
    /// structured metadata
    pub metadata: Labels,
    /// labels made by the query; the error labels are here
    pub parsed: Labels,
}

impl Entry {
    /// All labels in one set: the stream of an answer without `categorize-labels`.
    pub fn flat(&self) -> Labels {
        match (self.metadata.is_empty(), self.parsed.is_empty()) {
            (true, true) => self.stream.clone(),
            _ => Labels::from_pairs(self.stream.iter().chain(self.metadata.iter()).chain(self.parsed.iter())),
        }
    }
}

/// The entries of an answer in its direction.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogResult {
    pub entries: Vec<Entry>,
}

/// Entries that share labels, in the direction of the answer.
#[derive(Debug, Clone)]
pub struct StreamEntries<'a> {
    pub labels: Labels,
    pub entries: Vec<&'a Entry>,
}

impl LogResult {
    /// The result objects of the Loki API, sorted by labels: by stream labels alone if `categorize`, else by all labels.
    pub fn streams(&self, categorize: bool) -> Vec<StreamEntries<'_>> {
        let mut index: FxHashMap<Labels, usize> = FxHashMap::default();
        let mut out: Vec<StreamEntries<'_>> = vec![];
        for e in &self.entries {
            let labels = if categorize { e.stream.clone() } else { e.flat() };
            let at = *index.entry(labels).or_insert_with_key(|labels| {
                out.push(StreamEntries { labels: labels.clone(), entries: vec![] });
                out.len() - 1
            });
            out[at].entries.push(e);
        }
        out.sort_by(|a, b| a.labels.cmp(&b.labels));
        out
    }
}

/// Answers a log query. Reading stops as soon as no later part can hold better lines.
pub fn eval_logs(expr: &LogExpr, options: &LogOptions, source: &dyn LogSource, budget: &Budget) -> Result<LogResult, QueryError> {
    let pipeline = Pipeline::compile_at(&expr.stages, options.now).map_err(QueryError::Bad)?;
    let mut best = Best::new(options);
    let mut probe = Probe::new(&pipeline);
    source.scan(&expr.matchers, options.range, options.direction, budget, &mut |part| {
        budget.check()?;
        if best.beats_all(part) {
            return Ok(false);
        }
        let mut scan = Scan { pipeline: &pipeline, conditions: pipeline.conditions(&part.batch), part, probe: &mut probe, budget };
        for (stream, from, to) in part.runs(options.range) {
            scan.run(stream, from, to, &mut best)?;
        }
        Ok(true)
    })?;
    Ok(LogResult { entries: best.finish(options, budget) })
}

/// Rows that are filtered in one go; small first, because the newest rows may be all that is needed.
const FIRST_CHUNK: usize = 256;
const LAST_CHUNK: usize = 16_384;

/// Tries lines with only those labels that filters read, where few lines pass: the others' labels are never made.
struct Probe {
    wanted: Option<Wanted>,
    tried: u32,
    passed: u32,
}

impl Probe {
    fn new(pipeline: &Pipeline) -> Probe {
        let wanted = if pipeline.filters_parsed() { pipeline.labels_read().map(Wanted::Only) } else { None };
        Probe { wanted, tried: 0, passed: 0 }
    }

    fn pays(&self) -> bool {
        self.wanted.is_some() && (self.tried < 64 || self.passed < self.tried / 2)
    }
}

/// Reading one part.
struct Scan<'a> {
    pipeline: &'a Pipeline,
    conditions: Conditions,
    part: &'a LogPart,
    probe: &'a mut Probe,
    budget: &'a Budget,
}

impl Scan<'_> {
    fn run(&mut self, stream: u32, from: usize, to: usize, best: &mut Best) -> Result<(), QueryError> {
        let (pipeline, part) = (self.pipeline, self.part);
        let (batch, labels) = (&*part.batch, &part.batch.streams[stream as usize]);
        let (all, some) = (Wanted::All, self.probe.wanted.clone().unwrap_or(Wanted::All));
        let (mut row, mut trial) = (Row::new(labels, &all), Row::new(labels, &some));
        let mut metadata: FxHashMap<&[(u32, u32)], (Labels, Labels)> = FxHashMap::default();
        let (mut low, mut high, mut chunk, mut rows) = (from, to, FIRST_CHUNK, vec![]);
        while low < high {
            let (a, b) = if best.backward { (high.saturating_sub(chunk).max(low), high) } else { (low, (low + chunk).min(high)) };
            rows.clear();
            pipeline.select(batch, &self.conditions, stream, a, b, &mut rows);
            let bytes = u64::from(batch.body.ends()[b - 1]) - batch.body.start(a) as u64;
            self.budget.count_read((b - a) as u64, bytes);
            if best.backward {
                rows.reverse();
            }
            for r in rows.iter().map(|r| *r as usize) {
                if !best.wants(batch.ts[r], part.sequence, r) {
                    return Ok(());
                }
                let entry = if pipeline.only_filters_lines() {
                    let (stream, metadata) = metadata.entry(batch.meta_codes(r)).or_insert_with(|| {
                        row.load(batch, r);
                        let (stream, metadata, _) = row.categories();
                        (stream, metadata)
                    });
                    let line = batch.body.get(r).to_owned();
                    Entry { ts: batch.ts[r], line, stream: stream.clone(), metadata: metadata.clone(), parsed: Labels::empty() }
                } else {
                    if self.probe.pays() {
                        self.probe.tried += 1;
                        trial.load(batch, r);
                        if !pipeline.run_steps(&mut trial) {
                            continue;
                        }
                        self.probe.passed += 1;
                    }
                    row.load(batch, r);
                    if !pipeline.run_steps(&mut row) {
                        continue;
                    }
                    let (stream, metadata, parsed) = row.categories();
                    Entry { ts: row.ts, line: row.line().to_owned(), stream, metadata, parsed }
                };
                best.offer(entry, labels, batch.body.get(r), batch.meta(r), part.sequence, r, self.budget)?;
            }
            if best.backward {
                high = a
            } else {
                low = b
            }
            chunk = (chunk * 2).min(LAST_CHUNK);
        }
        Ok(())
    }
}

/// Where an entry stands among others: time, then arrival, then place in its batch.
type Place = (i64, u64, usize);

#[derive(Debug)]
struct Ranked {
    /// mirrored for backward queries, so that the largest is always the one to give up first
    place: Place,
    entry: Entry,
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place
    }
}

impl Eq for Ranked {}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place.cmp(&other.place)
    }
}

/// The best entries so far, the worst of them on top.
struct Best {
    backward: bool,
    limit: usize,
    heap: BinaryHeap<Ranked>,
    seen: FxHashSet<(i64, u64)>,
    bytes: u64,
}

impl Best {
    fn new(options: &LogOptions) -> Best {
        // Thinning comes before the limit, so that with an interval everything is a candidate.
        let limit = if options.interval > 0 || options.limit == 0 { usize::MAX } else { options.limit };
        let backward = options.direction == Direction::Backward;
        Best { backward, limit, heap: BinaryHeap::new(), seen: FxHashSet::default(), bytes: 0 }
    }

    fn place(&self, ts: i64, sequence: u64, row: usize) -> Place {
        if self.backward { (ts.wrapping_neg(), !sequence, !row) } else { (ts, sequence, row) }
    }

    fn worst(&self) -> Option<&Ranked> {
        if self.heap.len() >= self.limit { self.heap.peek() } else { None }
    }

    fn wants(&self, ts: i64, sequence: u64, row: usize) -> bool {
        self.worst().is_none_or(|w| self.place(ts, sequence, row) < w.place)
    }

    /// Whether the part, and so all after it, can only hold worse entries.
    fn beats_all(&self, part: &LogPart) -> bool {
        self.worst().is_some_and(|w| match self.backward {
            true => part.batch.max_ts < w.place.0.wrapping_neg(),
            false => part.batch.min_ts > w.place.0,
        })
    }

    #[allow(clippy::too_many_arguments)]
    fn offer<'a>(
        &mut self,
        entry: Entry,
        stream: &Labels,
        stored: &str,
        meta: impl Iterator<Item = (&'a str, &'a str)>,
        sequence: u64,
        row: usize,
        budget: &Budget,
    ) -> Result<(), QueryError> {
        let meta: Vec<(&str, &str)> = meta.collect();
        let identity = FxBuildHasher.hash_one((stream.hash64(), stored, meta));
        if !self.seen.insert((entry.ts, identity)) {
            return Ok(());
        }
        let bytes = entry.line.len() as u64 + 160;
        budget.reserve(bytes)?;
        self.bytes += bytes;
        let place = self.place(entry.ts, sequence, row);
        self.heap.push(Ranked { place, entry });
        if self.heap.len() > self.limit
            && let Some(gone) = self.heap.pop()
        {
            let bytes = gone.entry.line.len() as u64 + 160;
            budget.release(bytes);
            self.bytes -= bytes;
        }
        Ok(())
    }

    fn finish(self, options: &LogOptions, budget: &Budget) -> Vec<Entry> {
        budget.release(self.bytes);
        let mut out: Vec<Entry> = self.heap.into_sorted_vec().into_iter().map(|r| r.entry).collect();
        if options.interval > 0 {
            let mut last: Option<i64> = None;
            out.retain(|e| {
                let keep = last.is_none_or(|l| l.abs_diff(e.ts) >= options.interval.unsigned_abs());
                if keep {
                    last = Some(e.ts);
                }
                keep
            });
        }
        if options.limit > 0 {
            out.truncate(options.limit);
        }
        out
    }
}
