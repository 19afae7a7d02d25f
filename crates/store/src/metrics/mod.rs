//! The metrics head of one tenant: series found by labels, their samples, exemplars and metadata.

mod bits;
mod chunk;
mod delta;
mod exemplars;
mod hints;
mod histograms;
mod metadata;
mod series;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use model::{Exemplar, Labels, Matcher, Metadata, MetricBatch, Temporality};
use query::{Budget, ExemplarSeries, QueryError, SeriesBuf};
use roaring::RoaringBitmap;

pub use series::{Commit, MemSeries};

use crate::evict::Ages;
use crate::index::LabelIndex;
use crate::write::{Appended, Reason, Rejected};
use chunk::{Point, Value};
use exemplars::Exemplars;
use metadata::MetadataTable;
use series::Taken;

/// The writer alone changes it; queries read under short locks, and see what their snapshot's sequence allows.
pub struct MetricHead {
    index: RwLock<LabelIndex<Arc<MemSeries>>>,
    exemplars: RwLock<Exemplars>,
    metadata: RwLock<MetadataTable>,
    /// newest sample time, `i64::MIN` when there is none
    max_t: AtomicI64,
    /// no sample is older
    min_t: AtomicI64,
    /// sequence of the newest commit, set before anything of it is there
    commit: AtomicU64,
    samples: AtomicU64,
    /// heap bytes of series and chunks, without index, exemplars and metadata
    bytes: AtomicU64,
}

impl Default for MetricHead {
    fn default() -> Self {
        MetricHead {
            index: RwLock::default(),
            exemplars: RwLock::default(),
            metadata: RwLock::default(),
            max_t: AtomicI64::new(i64::MIN),
            min_t: AtomicI64::new(i64::MAX),
            commit: AtomicU64::new(0),
            samples: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }
}

/// Which ages of samples are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgeRule {
    /// milliseconds behind the tenant's newest sample; `None` = any age, 0 = in order only
    pub window: Option<i64>,
}

impl AgeRule {
    fn in_order_only(self) -> bool {
        self.window == Some(0)
    }

    fn too_old(self, t: i64, newest: i64) -> bool {
        match self.window {
            Some(w) if w > 0 && newest != i64::MIN => t < newest.saturating_sub(w),
            _ => false,
        }
    }
}

/// What a series takes in memory beside its labels and samples.
const SERIES_BYTES: usize = std::mem::size_of::<MemSeries>() + 16;

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

/// One batch on its way into the head.
struct Apply<'a> {
    head: &'a MetricHead,
    series: Vec<Option<Arc<MemSeries>>>,
    rule: AgeRule,
    commit: Commit,
    newest: i64,
    oldest: i64,
    /// made for this batch
    fresh: Vec<u32>,
    grown: isize,
    out: Appended,
}

impl MetricHead {
    /// Applies a batch in the order of its rows.
    pub fn append(&self, batch: MetricBatch, rule: AgeRule, commit: Commit) -> Appended {
        self.commit.store(commit.sequence, Ordering::SeqCst);
        let newest = self.max_t.load(Ordering::Relaxed);
        let (series, fresh) = self.resolve(&batch);
        let (oldest, out) = (i64::MAX, Appended::default());
        let mut apply = Apply { head: self, series, rule, commit, newest, oldest, fresh, grown: 0, out };
        for s in &batch.samples {
            let point = Point { t: s.t, st: s.st, value: Value::Float(s.v) };
            if apply.sample(s.series, point, s.temporality) {
                apply.out.stored.samples += 1;
            }
        }
        for h in batch.histograms {
            let point = Point { t: h.t, st: h.st, value: Value::Histogram(h.h) };
            if apply.sample(h.series, point, h.temporality) {
                apply.out.stored.histograms += 1;
            }
        }
        apply.exemplars(&batch.series, batch.exemplars);
        apply.metadata(batch.metadata);
        apply.finish()
    }

    /// The series that samples refer to, made where they are new, and the ids of those.
    fn resolve(&self, batch: &MetricBatch) -> (Vec<Option<Arc<MemSeries>>>, Vec<u32>) {
        let mut used = vec![false; batch.series.len()];
        let rows = batch.samples.iter().map(|s| s.series).chain(batch.histograms.iter().map(|h| h.series));
        for i in rows {
            if let Some(u) = used.get_mut(i as usize) {
                *u = true;
            }
        }
        let mut out: Vec<Option<Arc<MemSeries>>> = vec![None; used.len()];
        let (mut fresh, mut made) = (vec![], vec![]);
        {
            let index = read(&self.index);
            for (i, labels) in batch.series.iter().enumerate().filter(|(i, _)| used[*i]) {
                match index.find(labels).and_then(|id| index.get(id)) {
                    Some(s) => out[i] = Some(s.clone()),
                    None => fresh.push(i),
                }
            }
        }
        if fresh.is_empty() {
            return (out, made);
        }
        let mut index = write(&self.index);
        for i in fresh {
            let labels = &batch.series[i];
            // A batch may name a series twice.
            let known = index.find(labels).and_then(|id| index.get(id)).cloned();
            out[i] = Some(known.unwrap_or_else(|| {
                let s = Arc::new(MemSeries::new(labels.clone()));
                self.bytes.fetch_add((SERIES_BYTES + labels.heap_size()) as u64, Ordering::Relaxed);
                made.push(index.insert(s.clone()));
                s
            }));
        }
        (out, made)
    }

    /// Takes series out again whose samples were all refused.
    fn forget_empty(&self, ids: &[u32]) {
        let empty = |index: &LabelIndex<Arc<MemSeries>>, id: u32| index.get(id).is_some_and(|s| s.is_empty());
        let gone: Vec<u32> = {
            let index = read(&self.index);
            ids.iter().copied().filter(|id| empty(&index, *id)).collect()
        };
        if gone.is_empty() {
            return;
        }
        let mut index = write(&self.index);
        for id in gone {
            let freed = index.get(id).map_or(0, |s| SERIES_BYTES + s.labels.heap_size());
            index.remove(id);
            let _ = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |b| Some(b.saturating_sub(freed as u64)));
        }
    }

    /// Drops chunks and exemplars older than `cutoff` and series that have nothing left. Answers the dropped samples.
    pub fn retain(&self, cutoff: i64) -> u64 {
        let all = read(&self.index).all().clone();
        write(&self.exemplars).retain(cutoff);
        self.shrink(&all, |s| s.retain(cutoff))
    }

    /// Deletes samples in [min_t, max_t] of the series that satisfy one of the sets. Answers how many.
    pub fn delete(&self, sets: &[Vec<Matcher>], min_t: i64, max_t: i64) -> u64 {
        let matched = read(&self.index).matching_any(sets);
        self.shrink(&matched, |s| s.delete(min_t, max_t))
    }

    /// Takes something away from series: `less` answers freed bytes, samples, and whether nothing is left.
    fn shrink(&self, ids: &RoaringBitmap, less: impl Fn(&MemSeries) -> (usize, u64, bool)) -> u64 {
        let (mut gone, mut samples, mut freed) = (vec![], 0, 0);
        let index = read(&self.index);
        for (id, s) in ids.iter().filter_map(|id| Some((id, index.get(id)?))) {
            let (bytes, dropped, empty) = less(s);
            samples += dropped;
            freed += bytes;
            if empty {
                gone.push(id);
                freed += SERIES_BYTES + s.labels.heap_size();
            }
        }
        drop(index);
        if !gone.is_empty() {
            let mut index = write(&self.index);
            gone.into_iter().for_each(|id| index.remove(id));
        }
        let less = |by: u64| move |n: u64| Some(n.saturating_sub(by));
        let _ = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less(freed as u64));
        let _ = self.samples.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less(samples));
        samples
    }

    /// The time to `retain` from so that about `excess` bytes go.
    pub fn cut(&self, excess: u64) -> Option<i64> {
        let index = read(&self.index);
        let mut oldest = i64::MAX;
        index.iter().for_each(|(_, s)| s.pieces(&mut |t, _| oldest = oldest.min(t)));
        let mut ages = Ages::new(oldest, self.max_time()?);
        index.iter().for_each(|(_, s)| s.pieces(&mut |t, bytes| ages.add(t, bytes as u64)));
        ages.cut(excess)
    }

    /// The ids that satisfy one of the sets and have something in the range that the snapshot sees.
    fn live(
        &self,
        index: &LabelIndex<Arc<MemSeries>>,
        found: RoaringBitmap,
        range: (i64, i64),
        snapshot: u64,
        budget: &Budget,
    ) -> Result<RoaringBitmap, QueryError> {
        // The usual question, "what is there at all": every series has something, and no lock of a series is needed.
        let all_times = range.0 <= self.min_t.load(Ordering::Relaxed) && range.1 >= self.max_t.load(Ordering::Relaxed);
        if all_times && self.commit.load(Ordering::SeqCst) <= snapshot {
            return Ok(found);
        }
        let mut out = RoaringBitmap::new();
        for (n, id) in found.iter().enumerate() {
            if n % 1024 == 0 {
                budget.check()?;
            }
            if index.get(id).is_some_and(|s| s.overlaps(snapshot, range.0, range.1).is_some()) {
                out.insert(id);
            }
        }
        Ok(out)
    }

    /// The matching series with data in the range, sorted by labels, and whether each has histograms.
    pub fn select(
        &self,
        sets: &[Vec<Matcher>],
        range: (i64, i64),
        snapshot: u64,
        budget: &Budget,
    ) -> Result<Vec<(Arc<MemSeries>, bool)>, QueryError> {
        let index = read(&self.index);
        let mut ids: Vec<u32> = index.matching_any(sets).iter().collect();
        index.sort(&mut ids);
        let mut out = vec![];
        for (n, id) in ids.into_iter().enumerate() {
            if n % 1024 == 0 {
                budget.check()?;
            }
            if let Some(s) = index.get(id)
                && let Some(histograms) = s.overlaps(snapshot, range.0, range.1)
            {
                out.push((s.clone(), histograms));
            }
        }
        Ok(out)
    }

    pub fn label_names(&self, sets: &[Vec<Matcher>], range: (i64, i64), snapshot: u64, budget: &Budget) -> Result<Vec<String>, QueryError> {
        let index = read(&self.index);
        let live = self.live(&index, index.matching_any(sets), range, snapshot, budget)?;
        Ok(index.names(&live))
    }

    pub fn label_values(
        &self,
        name: &str,
        sets: &[Vec<Matcher>],
        range: (i64, i64),
        snapshot: u64,
        budget: &Budget,
    ) -> Result<Vec<String>, QueryError> {
        let index = read(&self.index);
        let live = self.live(&index, index.matching_any(sets), range, snapshot, budget)?;
        Ok(index.values(name, &live))
    }

    pub fn exemplars(&self, sets: &[Vec<Matcher>], min_t: i64, max_t: i64, snapshot: u64) -> Vec<ExemplarSeries> {
        read(&self.exemplars).select(sets, min_t, max_t, snapshot)
    }

    pub fn metadata(&self, metric: Option<&str>) -> Vec<Metadata> {
        read(&self.metadata).get(metric)
    }

    pub fn max_time(&self) -> Option<i64> {
        Some(self.max_t.load(Ordering::Relaxed)).filter(|t| *t != i64::MIN)
    }

    pub fn cardinality(&self) -> Cardinality {
        let index = read(&self.index);
        Cardinality { series: index.len() as u64, labels: index.cardinality(), metrics: index.value_counts(model::METRIC_NAME) }
    }

    pub fn series_count(&self) -> u64 {
        read(&self.index).len() as u64
    }

    pub fn sample_count(&self) -> u64 {
        self.samples.load(Ordering::Relaxed)
    }

    pub fn exemplar_count(&self) -> u64 {
        read(&self.exemplars).len() as u64
    }

    /// Estimated bytes of everything.
    pub fn heap_size(&self) -> u64 {
        let others = read(&self.index).heap_size() + read(&self.exemplars).heap_size() + read(&self.metadata).heap_size();
        self.bytes.load(Ordering::Relaxed) + others as u64
    }

    /// Everything as batches of some `rows` samples, for a checkpoint. Values are cumulative and in time order.
    pub fn dump(&self, rows: usize, each: &mut dyn FnMut(MetricBatch) -> std::io::Result<()>) -> std::io::Result<()> {
        let all: Vec<Arc<MemSeries>> = read(&self.index).iter().map(|(_, s)| s.clone()).collect();
        let mut batch = MetricBatch { metadata: self.metadata(None), ..MetricBatch::default() };
        // The table takes the newest first and puts each in front, so it is given back to front.
        batch.metadata.reverse();
        let mut buf = SeriesBuf::default();
        for s in all {
            buf.clear();
            s.read(u64::MAX, i64::MIN, i64::MAX, &mut buf);
            push_series(&mut batch, &s.labels, &buf);
            if batch.samples.len() + batch.histograms.len() * 8 >= rows {
                each(std::mem::take(&mut batch))?;
            }
        }
        for (labels, e) in read(&self.exemplars).iter() {
            if batch.series.last() != Some(labels) {
                batch.series.push(labels.clone());
            }
            batch.exemplars.push(Exemplar { series: batch.series.len() as u32 - 1, ..e.clone() });
        }
        each(batch)
    }
}

fn push_series(batch: &mut MetricBatch, labels: &Labels, buf: &SeriesBuf) {
    let series = batch.series.len() as u32;
    batch.series.push(labels.clone());
    for (i, (t, v)) in buf.ts.iter().zip(&buf.vals).enumerate() {
        let st = buf.sts.get(i).copied().unwrap_or(0);
        batch.samples.push(model::Sample { series, t: *t, v: *v, st, temporality: Temporality::AsIs });
    }
    for (i, (t, h)) in buf.hist_ts.iter().zip(&buf.hists).enumerate() {
        let st = buf.hist_sts.get(i).copied().unwrap_or(0);
        batch.histograms.push(model::HistogramSample { series, t: *t, st, h: h.clone(), temporality: Temporality::AsIs });
    }
}

/// How many series, label values and metrics a head has, for status pages.
#[derive(Debug, Clone, Default)]
pub struct Cardinality {
    pub series: u64,
    /// (label name, distinct values, series that carry it)
    pub labels: Vec<(String, u64, u64)>,
    /// (metric name, series)
    pub metrics: Vec<(String, u64)>,
}

impl Apply<'_> {
    fn sample(&mut self, series: u32, point: Point, temporality: Temporality) -> bool {
        let Some(s) = self.series.get(series as usize).and_then(Option::clone) else {
            self.reject(Reason::BadSeries, &Labels::empty(), point.t);
            return false;
        };
        let t = point.t;
        let taken = if self.rule.too_old(t, self.newest) {
            Taken::Rejected(Reason::TooOld)
        } else {
            match temporality {
                Temporality::AsIs => self.append(&s, point),
                Temporality::Delta => self.delta(&s, point),
            }
        };
        match taken {
            Taken::Stored => (self.newest, self.oldest) = (self.newest.max(t), self.oldest.min(t)),
            Taken::Same => {}
            Taken::Rejected(reason) => self.reject(reason, &s.labels, t),
        }
        taken == Taken::Stored
    }

    fn append(&mut self, s: &MemSeries, point: Point) -> Taken {
        let (taken, grown) = s.append(point, self.rule.in_order_only(), self.commit);
        self.grown += grown;
        taken
    }

    fn delta(&mut self, s: &MemSeries, point: Point) -> Taken {
        let (newest_t, newest) = s.newest();
        match newest_t {
            // A request that was sent again brings the same times; adding it twice would be wrong.
            Some(t) if point.t == t => Taken::Same,
            Some(t) if point.t < t => Taken::Rejected(Reason::DeltaOutOfOrder),
            _ => self.append(s, delta::add(newest.as_ref(), point)),
        }
    }

    fn reject(&mut self, reason: Reason, labels: &Labels, t: i64) {
        match self.out.rejected.iter_mut().find(|r| r.reason == reason) {
            Some(r) => r.count += 1,
            None => self.out.rejected.push(Rejected { reason, count: 1, example: format!("{labels} at {t}") }),
        }
    }

    fn exemplars(&mut self, series: &[Labels], rows: Vec<Exemplar>) {
        if rows.is_empty() {
            return;
        }
        let mut ring = write(&self.head.exemplars);
        let (in_order, commit) = (self.rule.in_order_only(), self.commit.sequence);
        let mut refused = vec![];
        for e in rows {
            let t = e.t;
            let Some(labels) = series.get(e.series as usize) else {
                refused.push((Reason::BadSeries, Labels::empty(), t));
                continue;
            };
            match ring.append(labels, e, in_order, commit) {
                exemplars::Taken::Stored => self.out.stored.exemplars += 1,
                exemplars::Taken::Same => {}
                exemplars::Taken::OutOfOrder => refused.push((Reason::ExemplarOutOfOrder, labels.clone(), t)),
            }
        }
        drop(ring);
        for (reason, labels, t) in refused {
            self.reject(reason, &labels, t);
        }
    }

    fn metadata(&mut self, rows: Vec<Metadata>) {
        let known = read(&self.head.metadata);
        let fresh: Vec<Metadata> = rows.into_iter().filter(|m| !known.is_newest(m)).collect();
        drop(known);
        if !fresh.is_empty() {
            let mut table = write(&self.head.metadata);
            fresh.into_iter().for_each(|m| table.put(m));
        }
    }

    fn finish(self) -> Appended {
        let head = self.head;
        head.forget_empty(&self.fresh);
        head.min_t.fetch_min(self.oldest, Ordering::Relaxed);
        head.max_t.fetch_max(self.newest, Ordering::Relaxed);
        head.samples.fetch_add(self.out.stored.samples + self.out.stored.histograms, Ordering::Relaxed);
        let grown = self.grown;
        let _ = head.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |b| Some(b.saturating_add_signed(grown as i64)));
        self.out
    }
}
