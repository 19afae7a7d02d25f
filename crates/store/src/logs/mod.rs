//! The logs head of one tenant: batches as they came, small neighbours merged, streams found by labels.

mod merge;
mod part;

use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use model::{Labels, LogBatch, Matcher};
use query::{Budget, Direction, LogPart, LogRange, QueryError, StreamStats};
use roaring::RoaringBitmap;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::evict::Ages;
use crate::index::LabelIndex;
use crate::tiers;
use crate::write::Appended;
use part::{Part, entry_hash};

/// Owned by the writer; what queries see is the published `LogView`.
#[derive(Default)]
pub struct LogHead {
    index: Arc<RwLock<LabelIndex<Labels>>>,
    /// stream id to the newest time it has
    newest: Vec<i64>,
    /// stream id to one time and hashes of all its entries: made when a time comes again, so that many equal times stay cheap
    entries: FxHashMap<u32, (i64, FxHashSet<u128>)>,
    /// in order of arrival
    parts: Vec<Arc<Part>>,
    bytes: u64,
    lines: u64,
}

/// An immutable list of parts. The index grows beside it, which shows nothing: answers come from the parts.
#[derive(Clone, Default)]
pub struct LogView {
    index: Arc<RwLock<LabelIndex<Labels>>>,
    parts: Vec<Arc<Part>>,
    bytes: u64,
    lines: u64,
}

fn read(index: &RwLock<LabelIndex<Labels>>) -> RwLockReadGuard<'_, LabelIndex<Labels>> {
    index.read().unwrap_or_else(PoisonError::into_inner)
}

impl LogHead {
    /// Takes a batch. Entries that their stream has already are left out. Also answers the batch as stored, for live readers.
    pub fn append(&mut self, batch: Arc<LogBatch>, sequence: u64) -> (Appended, Arc<LogBatch>) {
        let ids = self.resolve(&batch.streams);
        let repeated = self.repeated(&batch, &ids);
        let batch = if repeated.is_empty() { batch } else { Arc::new(merge::without(&batch, &repeated)) };
        let mut out = Appended { sequence, ..Appended::default() };
        out.stored.lines = batch.len() as u64;
        if batch.is_empty() {
            return (out, batch);
        }
        for (s, _, end) in batch.runs() {
            let newest = &mut self.newest[ids[s as usize] as usize];
            *newest = (*newest).max(batch.ts[end - 1]);
        }
        self.lines += batch.len() as u64;
        let part = Part::new(batch.clone(), ids, sequence);
        self.bytes += part.size().bytes as u64;
        self.parts.push(Arc::new(part));
        self.merge();
        (out, batch)
    }

    fn resolve(&mut self, streams: &[Labels]) -> Vec<u32> {
        let mut ids: Vec<Option<u32>> = {
            let index = read(&self.index);
            streams.iter().map(|l| index.find(l)).collect()
        };
        if ids.iter().any(Option::is_none) {
            let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
            for (id, labels) in ids.iter_mut().zip(streams).filter(|(id, _)| id.is_none()) {
                *id = Some(index.find(labels).unwrap_or_else(|| index.insert(labels.clone())));
            }
        }
        let ids: Vec<u32> = ids.into_iter().flatten().collect();
        let most = ids.iter().max().map_or(0, |id| *id as usize + 1);
        if self.newest.len() < most {
            self.newest.resize(most, i64::MIN);
        }
        ids
    }

    /// Rows that equal an earlier entry (time, line, metadata) of their stream, ascending.
    fn repeated(&mut self, batch: &LogBatch, ids: &[u32]) -> Vec<usize> {
        let mut out = vec![];
        for (s, from, to) in batch.runs() {
            let id = ids[s as usize];
            let mut at = from;
            while at < to {
                let t = batch.ts[at];
                let end = at + batch.ts[at..to].partition_point(|x| *x == t);
                // A single row that is newer than its stream can repeat nothing: the usual case, and no hash is made.
                if end - at > 1 || t <= self.newest[id as usize] {
                    self.repeated_at(batch, id, at..end, &mut out);
                }
                at = end;
            }
        }
        out
    }

    /// The same for rows of one stream and one time.
    fn repeated_at(&mut self, batch: &LogBatch, id: u32, rows: Range<usize>, out: &mut Vec<usize>) {
        let t = batch.ts[rows.start];
        let known = match self.entries.remove(&id) {
            Some((at, known)) if at == t => Some(known),
            _ if t <= self.newest[id as usize] => {
                let parts = self.parts.iter().filter(|p| p.batch.min_ts <= t && t <= p.batch.max_ts);
                Some(parts.flat_map(|p| p.rows_at(id, t).map(|row| entry_hash(&p.batch, row))).collect())
            }
            _ => None,
        };
        let mut known: FxHashSet<u128> = known.unwrap_or_default();
        if known.is_empty() && rows.len() == 1 {
            return;
        }
        out.extend(rows.filter(|row| !known.insert(entry_hash(batch, *row))));
        self.entries.insert(id, (t, known));
    }

    fn merge(&mut self) {
        while let Some(range) = tiers::pick(self.parts.iter().map(|p| p.size())) {
            let merged = merge::merge(&self.parts[range.clone()]);
            let before: usize = self.parts[range.clone()].iter().map(|p| p.size().bytes).sum();
            self.bytes = (self.bytes + merged.size().bytes as u64).saturating_sub(before as u64);
            self.parts.splice(range, [Arc::new(merged)]);
        }
    }

    /// The time to `retain` from so that about `excess` bytes go.
    pub fn cut(&self, excess: u64) -> Option<i64> {
        let newest = || self.parts.iter().map(|p| p.batch.max_ts);
        let mut ages = Ages::new(newest().min()?, newest().max()?);
        self.parts.iter().for_each(|p| ages.add(p.batch.max_ts, p.size().bytes as u64));
        ages.cut(excess)
    }

    /// Drops parts that end before `cutoff`, and streams that no part has any more. Answers the dropped lines.
    pub fn retain(&mut self, cutoff: i64) -> u64 {
        let old = self.parts.len();
        let mut lines = 0;
        self.parts.retain(|p| {
            let keep = p.batch.max_ts >= cutoff;
            if !keep {
                lines += p.batch.len() as u64;
                self.bytes = self.bytes.saturating_sub(p.size().bytes as u64);
            }
            keep
        });
        if self.parts.len() < old {
            self.entries.clear();
            let used = self.parts.iter().fold(RoaringBitmap::new(), |all, p| all | &p.set);
            let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
            let unused = index.all() - used;
            unused.iter().for_each(|id| index.remove(id));
        }
        self.lines = self.lines.saturating_sub(lines);
        lines
    }

    pub fn heap_size(&self) -> u64 {
        self.bytes + read(&self.index).heap_size() as u64
    }

    pub fn view(&self) -> LogView {
        LogView { index: self.index.clone(), parts: self.parts.clone(), bytes: self.bytes, lines: self.lines }
    }
}

impl LogView {
    fn matching(&self, sets: &[Vec<Matcher>]) -> RoaringBitmap {
        read(&self.index).matching_any(sets)
    }

    /// As `query::LogSource::scan`.
    pub fn scan(
        &self,
        matchers: &[Matcher],
        range: LogRange,
        direction: Direction,
        budget: &Budget,
        each: &mut dyn FnMut(&LogPart) -> Result<bool, QueryError>,
    ) -> Result<(), QueryError> {
        for part in self.select(matchers, range, direction) {
            budget.check()?;
            if !each(&part)? {
                break;
            }
        }
        Ok(())
    }

    /// The parts of a scan, in its order.
    pub fn select(&self, matchers: &[Matcher], range: LogRange, direction: Direction) -> Vec<LogPart> {
        let matched = read(&self.index).matching(matchers);
        let mut parts: Vec<&Arc<Part>> = self.parts.iter().filter(|p| p.overlaps(range) && !p.set.is_disjoint(&matched)).collect();
        sort_for(&mut parts, direction, |p| &p.batch);
        let pick = |p: &Part| LogPart {
            batch: p.batch.clone(),
            selected: p.ids.iter().map(|id| matched.contains(*id)).collect(),
            sequence: p.sequence,
        };
        parts.into_iter().map(|p| pick(p)).collect()
    }

    /// Labels of the matching streams with lines in the range, unsorted.
    pub fn streams(&self, sets: &[Vec<Matcher>], range: LogRange, budget: &Budget) -> Result<Vec<Labels>, QueryError> {
        let mut left = self.matching(sets);
        let mut out = vec![];
        for p in self.parts.iter().filter(|p| p.overlaps(range)) {
            budget.check()?;
            for (s, id) in p.ids.iter().enumerate() {
                if left.contains(*id) && !p.rows_in(s, range).is_empty() {
                    left.remove(*id);
                    out.push(p.batch.streams[s].clone());
                }
            }
        }
        Ok(out)
    }

    /// Volume per matching stream, unsorted.
    pub fn stats(&self, matchers: &[Matcher], range: LogRange, budget: &Budget) -> Result<Vec<StreamStats>, QueryError> {
        let matched = read(&self.index).matching(matchers);
        let mut found: FxHashMap<u32, StreamStats> = FxHashMap::default();
        for p in self.parts.iter().filter(|p| p.overlaps(range)) {
            budget.check()?;
            for (s, id) in p.ids.iter().enumerate().filter(|(_, id)| matched.contains(**id)) {
                let (entries, line_bytes, meta_bytes) = merge::volume(&p.batch, p.rows_in(s, range));
                if entries == 0 {
                    continue;
                }
                let fresh = || StreamStats { labels: p.batch.streams[s].clone(), entries: 0, line_bytes: 0, meta_bytes: 0 };
                let total = found.entry(*id).or_insert_with(fresh);
                total.entries += entries;
                total.line_bytes += line_bytes;
                total.meta_bytes += meta_bytes;
            }
        }
        Ok(found.into_values().collect())
    }

    /// Every batch in order of arrival, with the sequence of its oldest write.
    pub fn batches(&self) -> impl Iterator<Item = (u64, &Arc<LogBatch>)> {
        self.parts.iter().map(|p| (p.sequence, &p.batch))
    }

    pub fn heap_size(&self) -> u64 {
        self.bytes + read(&self.index).heap_size() as u64
    }

    pub fn line_count(&self) -> u64 {
        self.lines
    }

    pub fn stream_count(&self) -> u64 {
        read(&self.index).len() as u64
    }
}

/// Backward by falling `max_ts`, forward by rising `min_ts`; of equal ones the earlier arrival first.
pub fn sort_for<T>(parts: &mut [T], direction: Direction, batch: impl Fn(&T) -> &LogBatch) {
    match direction {
        Direction::Backward => parts.sort_by_key(|p| std::cmp::Reverse(batch(p).max_ts)),
        Direction::Forward => parts.sort_by_key(|p| batch(p).min_ts),
    }
}
