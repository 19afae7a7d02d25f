//! One series in memory: sealed chunks, an open one, out-of-order samples aside, and what each snapshot may see of them.

use std::sync::{Arc, Mutex, MutexGuard};

use model::{Histogram, Labels};
use query::SeriesBuf;
use rustc_hash::FxHashMap;

use super::chunk::{Chunk, FloatWriter, HistogramPoint, Point, Value, chunks_of, histogram_points};
use super::hints::hinted;
use crate::index::Labelled;
use crate::limits;
use crate::write::Reason;

pub struct MemSeries {
    pub labels: Labels,
    data: Mutex<Data>,
}

impl Labelled for std::sync::Arc<MemSeries> {
    fn labels(&self) -> &Labels {
        &self.labels
    }
}

/// Samples newer than the newest go to the open chunk; all others to `late`, in order of arrival, and are merged at read.
#[derive(Default)]
struct Data {
    chunks: Vec<Chunk>,
    open: FloatWriter,
    /// in-order samples that retention has dropped, so that marks stay comparable
    dropped: u32,
    /// in-order samples ever taken, dropped ones included
    taken: u32,
    sealed_bytes: u32,
    /// what was there before the newest commit
    last: Mark,
    extra: Option<Box<Extra>>,
}

/// Parts that most series do not need.
#[derive(Default)]
struct Extra {
    open_histograms: Vec<HistogramPoint>,
    late: Vec<Point>,
    /// time to place in `late`, made when it grows beyond a short scan
    late_times: FxHashMap<i64, u32>,
    /// marks of earlier commits that some living snapshot still needs, ascending
    history: Vec<Mark>,
}

/// How much of a series a snapshot sees that is older than `commit`.
#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    commit: u64,
    taken: u32,
    late: u32,
}

/// What a writer knows while it applies one group of writes.
#[derive(Debug, Clone, Copy)]
pub struct Commit {
    /// the sequence of the group's first write: snapshots at or after it see the samples
    pub sequence: u64,
    /// the oldest sequence that a living or future snapshot has
    pub oldest_snapshot: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    Stored,
    /// the very sample is there already
    Same,
    Rejected(Reason),
}

impl MemSeries {
    pub fn new(labels: Labels) -> MemSeries {
        MemSeries { labels, data: Mutex::new(Data::default()) }
    }

    fn lock(&self) -> MutexGuard<'_, Data> {
        self.data.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Takes a sample as it stands. Also answers by how many bytes the series grew (or shrank).
    pub fn append(&self, point: Point, in_order_only: bool, commit: Commit) -> (Taken, isize) {
        let mut data = self.lock();
        let before = data.heap_size();
        let taken = data.append(point, in_order_only, commit);
        (taken, data.heap_size() as isize - before as isize)
    }

    /// The newest sample, and the newest value that is no stale marker with the start time it has.
    pub fn newest(&self) -> (Option<i64>, Option<Point>) {
        let data = self.lock();
        (data.newest_time(), data.newest_value())
    }

    /// Whether a chunk or sample that the snapshot sees may lie in the range, and if so whether the series has histograms.
    pub fn overlaps(&self, snapshot: u64, min_t: i64, max_t: i64) -> Option<bool> {
        let data = self.lock();
        data.overlaps(snapshot, min_t, max_t).then(|| data.has_histograms())
    }

    /// Appends the samples of the range that the snapshot sees.
    pub fn read(&self, snapshot: u64, min_t: i64, max_t: i64, out: &mut SeriesBuf) {
        let view = self.lock().view(snapshot, min_t, max_t);
        view.read(min_t, max_t, out);
    }

    /// Nothing was ever stored, or everything has been dropped.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// The newest time and the bytes of each piece that `retain` can drop.
    pub fn pieces(&self, each: &mut dyn FnMut(i64, usize)) {
        let data = self.lock();
        for c in &data.chunks {
            each(c.max_t, c.heap_size() + std::mem::size_of::<Chunk>());
        }
        if let Some(newest) = data.newest_time() {
            each(newest, data.open.heap_size());
        }
    }

    /// Deletes the samples of a range, for every snapshot at once. Answers the freed bytes, the deleted samples, and whether nothing is left.
    pub fn delete(&self, min_t: i64, max_t: i64) -> (usize, u64, bool) {
        let mut data = self.lock();
        let before = data.heap_size();
        let samples = data.delete(min_t, max_t);
        (before.saturating_sub(data.heap_size()), samples, data.is_empty())
    }

    /// Drops chunks that end before `cutoff`. Answers the freed bytes, the dropped samples, and whether nothing is left.
    pub fn retain(&self, cutoff: i64) -> (usize, u64, bool) {
        let mut data = self.lock();
        let before = data.heap_size();
        let samples = data.retain(cutoff);
        (before.saturating_sub(data.heap_size()), samples, data.is_empty())
    }
}

impl Data {
    fn heap_size(&self) -> usize {
        let extra = self.extra.as_ref().map_or(0, |x| {
            std::mem::size_of::<Extra>()
                + x.open_histograms.last().map_or(0, |p| p.2.heap_size() + 24) * x.open_histograms.len()
                + x.late.capacity() * std::mem::size_of::<Point>()
                + x.late_times.capacity() * 16
                + x.history.capacity() * 16
        });
        self.chunks.capacity() * std::mem::size_of::<Chunk>() + self.sealed_bytes as usize + self.open.heap_size() + extra
    }

    fn extra(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }

    fn open_histograms(&self) -> &[HistogramPoint] {
        self.extra.as_ref().map_or(&[], |x| &x.open_histograms)
    }

    fn late(&self) -> &[Point] {
        self.extra.as_ref().map_or(&[], |x| &x.late)
    }

    fn is_empty(&self) -> bool {
        self.taken == self.dropped && self.late().is_empty()
    }

    /// Of the in-order samples.
    fn newest_time(&self) -> Option<i64> {
        match self.open_histograms().last() {
            Some(p) => Some(p.0),
            None if self.open.count > 0 => Some(self.open.t),
            None => self.chunks.last().map(|c| c.max_t),
        }
    }

    fn newest_value(&self) -> Option<Point> {
        let live = |points: Vec<Point>| points.into_iter().rev().find(|p| !p.value.is_stale());
        if let Some(p) = live(histogram_points(self.open_histograms())) {
            return Some(p);
        }
        if self.open.count > 0 {
            let (v, st) = (self.open.last_value(), self.open.last_st());
            if !model::is_stale(v) {
                return Some(Point { t: self.open.t, st, value: Value::Float(v) });
            }
            if let Some(p) = live(self.open.copy().points()) {
                return Some(p);
            }
        }
        self.chunks.iter().rev().find_map(|c| live(c.points()))
    }

    fn append(&mut self, p: Point, in_order_only: bool, commit: Commit) -> Taken {
        match self.newest_time() {
            Some(newest) if p.t == newest => {
                let same = self.at(p.t).is_some_and(|old| old.same(&p.value));
                if same { Taken::Same } else { Taken::Rejected(Reason::Duplicate) }
            }
            Some(newest) if p.t < newest => {
                if in_order_only {
                    return Taken::Rejected(Reason::OutOfOrder);
                }
                match self.at(p.t) {
                    Some(old) if old.same(&p.value) => Taken::Same,
                    Some(_) => Taken::Rejected(Reason::DuplicateOld),
                    None => {
                        self.push_late(p, commit);
                        Taken::Stored
                    }
                }
            }
            _ => {
                self.note(commit);
                self.push(p);
                Taken::Stored
            }
        }
    }

    /// Remembers what was there before this commit, and forgets marks that no snapshot needs any more.
    fn note(&mut self, commit: Commit) {
        if self.last.commit == commit.sequence {
            return;
        }
        let last = self.last;
        if last.commit > commit.oldest_snapshot {
            self.extra().history.push(last);
        }
        if let Some(x) = &mut self.extra {
            x.history.retain(|m| m.commit > commit.oldest_snapshot);
            // A snapshot that somebody forgot to drop must not grow the head for ever; it begins to see newer samples instead.
            let surplus = x.history.len().saturating_sub(limits::MARKS);
            x.history.drain(..surplus);
        }
        self.last = Mark { commit: commit.sequence, taken: self.taken, late: self.late().len() as u32 };
    }

    fn push(&mut self, p: Point) {
        match p.value {
            Value::Float(v) => {
                if !self.open_histograms().is_empty()
                    || self.open.count >= limits::CHUNK_SAMPLES
                    || (self.open.count > 0 && self.open.with_st != (p.st != 0))
                {
                    self.seal();
                }
                self.open.push(p.t, v, p.st);
            }
            Value::Histogram(h) => {
                let h = match self.open_histograms().last() {
                    Some(before) => hinted(h, Some(&before.2)),
                    None => hinted(h, self.sealed_histogram().as_deref()),
                };
                if self.open.count > 0 || self.open_histograms().len() >= limits::CHUNK_SAMPLES as usize {
                    self.seal();
                }
                self.extra().open_histograms.push((p.t, p.st, h));
            }
        }
        self.taken = self.taken.saturating_add(1);
    }

    /// The newest histogram, if it lies in a sealed chunk and no float came after it.
    fn sealed_histogram(&self) -> Option<Arc<Histogram>> {
        let newest = self.chunks.last().filter(|c| self.open.count == 0 && c.is_histograms())?;
        match newest.points().pop()?.value {
            Value::Histogram(h) => Some(h),
            Value::Float(_) => None,
        }
    }

    fn seal(&mut self) {
        let chunk = if self.open.count > 0 {
            self.open.seal()
        } else {
            let points = self.extra.as_mut().map(|x| std::mem::take(&mut x.open_histograms)).unwrap_or_default();
            if points.is_empty() {
                return;
            }
            Chunk::histograms(&points)
        };
        self.sealed_bytes = self.sealed_bytes.saturating_add(chunk.heap_size() as u32);
        self.chunks.reserve_exact(1);
        self.chunks.push(chunk);
    }

    /// The value at this time, wherever it lies.
    fn at(&self, t: i64) -> Option<Value> {
        if let Some(x) = &self.extra {
            let hit = if x.late_times.is_empty() {
                x.late.iter().find(|p| p.t == t)
            } else {
                x.late_times.get(&t).and_then(|i| x.late.get(*i as usize))
            };
            if let Some(p) = hit {
                return Some(p.value.clone());
            }
            if let Ok(i) = x.open_histograms.binary_search_by_key(&t, |p| p.0) {
                return Some(Value::Histogram(x.open_histograms[i].2.clone()));
            }
        }
        if self.open.count > 0 && t == self.open.t {
            return Some(Value::Float(self.open.last_value()));
        }
        let in_points = |points: Vec<Point>| points.into_iter().find(|p| p.t == t).map(|p| p.value);
        if self.open.count > 0 && t >= self.open.min_t {
            return in_points(self.open.copy().points());
        }
        let chunk = self.chunks.get(self.chunks.partition_point(|c| c.max_t < t))?;
        if chunk.min_t <= t { in_points(chunk.points()) } else { None }
    }

    fn push_late(&mut self, p: Point, commit: Commit) {
        // Rows that somebody may not see yet must stay apart; everything older than all snapshots may move into the chunks.
        let settled = self.last.commit != commit.sequence && self.last.commit <= commit.oldest_snapshot;
        if self.late().len() >= limits::OOO_SAMPLES && settled {
            self.merge_late();
        }
        self.note(commit);
        let x = self.extra();
        let at = x.late.len() as u32;
        if !x.late_times.is_empty() {
            x.late_times.insert(p.t, at);
        } else if x.late.len() >= limits::OOO_SAMPLES {
            x.late_times = x.late.iter().zip(0..).map(|(p, i)| (p.t, i)).collect();
            x.late_times.insert(p.t, at);
        }
        x.late.push(p);
    }

    /// Rewrites the chunks that late samples fall into.
    fn merge_late(&mut self) {
        self.seal();
        let Some(x) = &mut self.extra else { return };
        let mut late = std::mem::take(&mut x.late);
        x.late_times = FxHashMap::default();
        x.history.clear();
        self.taken = self.taken.saturating_add(late.len() as u32);
        late.sort_by_key(|p| p.t);
        let mut late = late.into_iter().peekable();
        let mut chunks = Vec::with_capacity(self.chunks.len() + 2);
        for chunk in std::mem::take(&mut self.chunks) {
            let mut inside = vec![];
            while let Some(p) = late.next_if(|p| p.t <= chunk.max_t) {
                inside.push(p);
            }
            if inside.is_empty() {
                chunks.push(chunk);
                continue;
            }
            inside.extend(chunk.points());
            inside.sort_by_key(|p| p.t);
            chunks.extend(chunks_of(&inside));
        }
        // Late samples are older than the newest, so none should be left; if so they still must not be lost.
        let rest: Vec<Point> = late.collect();
        chunks.extend(chunks_of(&rest));
        self.sealed_bytes = chunks.iter().map(|c| c.heap_size() as u32).fold(0, u32::saturating_add);
        self.chunks = chunks;
    }

    /// How many in-order samples (of those still held) and late samples a snapshot sees.
    fn visible(&self, snapshot: u64) -> (u32, usize) {
        let all = (self.taken - self.dropped, self.late().len());
        if self.last.commit <= snapshot {
            return all;
        }
        let history = self.extra.as_ref().map_or(&[][..], |x| &x.history);
        let mark = history.iter().find(|m| m.commit > snapshot).unwrap_or(&self.last);
        (mark.taken.saturating_sub(self.dropped), mark.late as usize)
    }

    fn overlaps(&self, snapshot: u64, min_t: i64, max_t: i64) -> bool {
        let (visible, late) = self.visible(snapshot);
        let mut before = 0;
        for c in &self.chunks {
            if before >= visible || c.min_t > max_t {
                break;
            }
            if c.max_t >= min_t {
                return true;
            }
            before += c.count;
        }
        let open = match self.open_histograms() {
            [] => (self.open.count > 0).then_some((self.open.min_t, self.open.t)),
            [first, .., last] | [first @ last] => Some((first.0, last.0)),
        };
        let sealed: u32 = self.chunks.iter().map(|c| c.count).sum();
        open.is_some_and(|(from, to)| sealed < visible && from <= max_t && min_t <= to)
            || self.late().iter().take(late).any(|p| min_t <= p.t && p.t <= max_t)
    }

    fn has_histograms(&self) -> bool {
        let late = |x: &Extra| !x.open_histograms.is_empty() || x.late.iter().any(|p| matches!(p.value, Value::Histogram(_)));
        self.extra.as_ref().is_some_and(|x| late(x)) || self.chunks.iter().any(Chunk::is_histograms)
    }

    /// What is needed to read a range, so that decoding happens without the lock.
    fn view(&self, snapshot: u64, min_t: i64, max_t: i64) -> View {
        let (mut visible, late) = self.visible(snapshot);
        let mut chunks = vec![];
        for c in &self.chunks {
            if visible == 0 {
                break;
            }
            if c.max_t >= min_t && c.min_t <= max_t {
                chunks.push((c.clone(), visible.min(c.count)));
            }
            visible = visible.saturating_sub(c.count);
        }
        if visible > 0 && self.open.count > 0 && self.open.t >= min_t && self.open.min_t <= max_t {
            chunks.push((self.open.copy(), visible.min(self.open.count)));
        }
        let histograms = self.open_histograms();
        if visible > 0 && !histograms.is_empty() {
            let seen = histograms.get(..visible as usize).unwrap_or(histograms);
            chunks.push((Chunk::open_histograms(seen), visible));
        }
        let in_range = |p: &&Point| min_t <= p.t && p.t <= max_t;
        View { chunks, late: self.late().iter().take(late).filter(in_range).cloned().collect() }
    }

    fn delete(&mut self, min_t: i64, max_t: i64) -> u64 {
        let View { chunks, late: mut points } = self.view(u64::MAX, i64::MIN, i64::MAX);
        points.extend(chunks.iter().flat_map(|(c, _)| c.points()));
        let held = points.len();
        points.retain(|p| p.t < min_t || p.t > max_t);
        if points.len() < held {
            points.sort_by_key(|p| p.t);
            let chunks = chunks_of(&points);
            let sealed_bytes = chunks.iter().map(|c| c.heap_size() as u32).fold(0, u32::saturating_add);
            *self = Data { chunks, sealed_bytes, taken: points.len() as u32, ..Data::default() };
        }
        (held - points.len()) as u64
    }

    fn retain(&mut self, cutoff: i64) -> u64 {
        let mut samples = 0u64;
        let gone = self.chunks.partition_point(|c| c.max_t < cutoff);
        for c in self.chunks.drain(..gone) {
            samples += u64::from(c.count);
            self.dropped = self.dropped.saturating_add(c.count);
            self.sealed_bytes = self.sealed_bytes.saturating_sub(c.heap_size() as u32);
        }
        self.chunks.shrink_to_fit();
        if self.chunks.is_empty() && self.newest_time().is_some_and(|t| t < cutoff) {
            self.seal();
            if let Some(c) = self.chunks.pop() {
                samples += u64::from(c.count);
                self.dropped = self.dropped.saturating_add(c.count);
                self.sealed_bytes = 0;
                self.open = FloatWriter::default();
            }
        }
        // Marks count late samples, so single ones cannot go; all of them can when the series goes.
        if self.taken == self.dropped && self.late().iter().all(|p| p.t < cutoff) {
            samples += self.late().len() as u64;
            self.extra = None;
        }
        samples
    }
}

struct View {
    /// with how many of its samples are visible
    chunks: Vec<(Chunk, u32)>,
    late: Vec<Point>,
}

impl View {
    fn read(mut self, min_t: i64, max_t: i64, out: &mut SeriesBuf) {
        if self.late.is_empty() {
            for (chunk, visible) in &self.chunks {
                chunk.read(*visible, min_t, max_t, out);
            }
            return;
        }
        for (chunk, visible) in &self.chunks {
            self.late.extend(chunk.points().into_iter().take(*visible as usize).filter(|p| min_t <= p.t && p.t <= max_t));
        }
        self.late.sort_by_key(|p| p.t);
        for p in self.late {
            match p.value {
                Value::Float(v) => out.push_float(p.t, v, p.st),
                Value::Histogram(h) => out.push_histogram(p.t, h, p.st),
            }
        }
    }
}
