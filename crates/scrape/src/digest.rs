//! From a page to a batch: target labels, relabelling, limits, staleness. Pure; time comes from outside.

use std::sync::Arc;

use exposition::{Page, Row, Value};
use model::{
    Exemplar, Histogram, HistogramSample, Labels, LabelsBuilder, METRIC_NAME, Metadata, MetricBatch, STALE_NAN, Sample, Temporality,
};
use rustc_hash::FxHashMap;

use crate::config::{Job, ScrapeLimits};
use crate::limits::{MAX_FAMILIES, SERIES_SLACK};
use crate::relabel;

/// What a target's scrapes leave for the next one.
#[derive(Debug, Default)]
pub struct Cache {
    /// series as on the page, to what became of them
    known: FxHashMap<Labels, Known>,
    /// series as stored, of the newest page
    live: FxHashMap<Labels, Live>,
    families: FxHashMap<Arc<str>, Metadata>,
    round: u64,
    /// size of `known` after the newest good page
    settled: usize,
}

#[derive(Debug)]
struct Known {
    /// `None`: relabelling dropped it
    out: Option<Labels>,
    round: u64,
}

#[derive(Debug, Clone, Copy)]
struct Live {
    round: u64,
    /// index into the batch of that round
    slot: u32,
    histogram: bool,
    /// whether its absence is marked: not where the exporter gave a time
    tracked: bool,
    /// whether it was stored by an earlier round
    before: bool,
}

/// What the synthetic series report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// rows on the page
    pub scraped: u64,
    /// rows that metric relabelling left
    pub kept: u64,
    /// series that the page before did not have
    pub added: u64,
}

/// The page's batch at `t` (Unix milliseconds). With an error nothing of the page is in the batch, only markers for all that was there.
pub fn digest(page: &Page, target: &Labels, job: &Job, cache: &mut Cache, t: i64) -> (MetricBatch, Counts, Option<String>) {
    cache.round += 1;
    let mut run = Run { target, job, t, batch: MetricBatch::default(), counts: Counts::default(), stored: 0 };
    let mut error = None;
    for row in &page.rows {
        // Counting goes on after an error, as Prometheus counts on over its sample limit.
        if let Err(e) = run.take(row, cache) {
            error.get_or_insert(e);
        }
    }
    let Run { mut batch, counts, .. } = run;
    if error.is_some() {
        return (rollback(cache, t), counts, error);
    }
    batch.metadata = cache.news(&page.metadata);
    mark(&mut batch, cache, t, |live, round| live.round != round);
    let round = cache.round;
    cache.known.retain(|_, k| k.round == round);
    cache.settled = cache.known.len();
    (batch, counts, None)
}

/// Markers for every series of the newest good page: the scrape failed, or the target is gone.
pub fn failed(cache: &mut Cache, t: i64) -> MetricBatch {
    cache.round += 1;
    rollback(cache, t)
}

/// Markers for what was stored before this round; what this round saw for the first time was not stored.
fn rollback(cache: &mut Cache, t: i64) -> MetricBatch {
    let mut batch = MetricBatch::default();
    mark(&mut batch, cache, t, |live, round| live.round != round || live.before);
    cache.live.clear();
    // The series stay known (they are no news when they come back), as long as failing pages do not pile up new ones.
    if cache.known.len() > cache.settled.saturating_mul(2).saturating_add(SERIES_SLACK) {
        let round = cache.round;
        cache.known.retain(|_, k| k.round == round);
    }
    batch
}

/// Adds markers for tracked series that `gone` picks, and forgets what this round did not see.
fn mark(batch: &mut MetricBatch, cache: &mut Cache, t: i64, gone: impl Fn(&Live, u64) -> bool) {
    let round = cache.round;
    let mut lost: Vec<(&Labels, bool)> =
        cache.live.iter().filter(|(_, l)| l.tracked && gone(l, round)).map(|(s, l)| (s, l.histogram)).collect();
    lost.sort();
    for (series, histogram) in lost {
        push_stale(batch, series.clone(), histogram, t);
    }
    cache.live.retain(|_, l| l.round == round);
}

fn push_stale(batch: &mut MetricBatch, labels: Labels, histogram: bool, t: i64) {
    let series = batch.series.len() as u32;
    batch.series.push(labels);
    if histogram {
        let h = Arc::new(Histogram { sum: STALE_NAN, ..Histogram::default() });
        batch.histograms.push(HistogramSample { series, t, st: 0, h, temporality: Temporality::AsIs });
    } else {
        batch.samples.push(Sample { series, t, v: STALE_NAN, st: 0, temporality: Temporality::AsIs });
    }
}

struct Run<'a> {
    target: &'a Labels,
    job: &'a Job,
    t: i64,
    batch: MetricBatch,
    counts: Counts,
    stored: u64,
}

impl Run<'_> {
    fn take(&mut self, row: &Row, cache: &mut Cache) -> Result<(), String> {
        self.counts.scraped += 1;
        let round = cache.round;
        let mut new = false;
        let out = match cache.known.get_mut(&row.labels) {
            Some(known) => {
                known.round = round;
                known.out.clone()
            }
            None => {
                let out = relabel::apply(&labelled(&row.labels, self.target, self.job.honor_labels), &self.job.metric_relabel)
                    .filter(|l| !l.is_empty());
                if let Some(labels) = &out {
                    check(labels, &self.job.limits)?;
                }
                new = out.is_some();
                cache.known.insert(row.labels.clone(), Known { out: out.clone(), round });
                out
            }
        };
        let Some(out) = out else { return Ok(()) };
        self.counts.kept += 1;
        self.counts.added += u64::from(new);
        let given = row.timestamp.filter(|_| self.job.honor_timestamps);
        let Some(series) = self.slot(out, row, given, cache) else { return Ok(()) };
        self.stored += 1;
        let limit = self.job.limits.samples;
        if limit > 0 && self.stored > limit {
            return Err("sample limit exceeded".into());
        }
        self.store(row, series, given.unwrap_or(self.t));
        Ok(())
    }

    /// The row's place among the batch's series; `None` where the page had the series before: the first one stays.
    fn slot(&mut self, out: Labels, row: &Row, given: Option<i64>, cache: &mut Cache) -> Option<u32> {
        let round = cache.round;
        let tracked = given.is_none() || self.job.track_timestamps_staleness;
        let histogram = matches!(row.value, Value::Histogram(_));
        let next = self.batch.series.len() as u32;
        if let Some(live) = cache.live.get_mut(&out) {
            if live.round == round {
                return given.map(|_| live.slot);
            }
            *live = Live { round, slot: next, histogram, tracked, before: true };
        } else {
            cache.live.insert(out.clone(), Live { round, slot: next, histogram, tracked, before: false });
        }
        self.batch.series.push(out);
        Some(next)
    }

    fn store(&mut self, row: &Row, series: u32, t: i64) {
        let (st, temporality) = (row.start, Temporality::AsIs);
        match &row.value {
            Value::Float(v) => self.batch.samples.push(Sample { series, t, v: *v, st, temporality }),
            Value::Histogram(h) => self.batch.histograms.push(HistogramSample { series, t, st, h: h.clone(), temporality }),
        }
        for e in &row.exemplars {
            self.batch.exemplars.push(Exemplar { series, t: e.timestamp.unwrap_or(t), v: e.value, labels: e.labels.clone() });
        }
    }
}

impl Cache {
    /// What families say of themselves, as far as it is new.
    fn news(&mut self, page: &[Metadata]) -> Vec<Metadata> {
        let mut out = vec![];
        for m in page {
            if self.families.get(&m.metric) != Some(m) && (self.families.len() < MAX_FAMILIES || self.families.contains_key(&m.metric)) {
                self.families.insert(m.metric.clone(), m.clone());
                out.push(m.clone());
            }
        }
        out
    }
}

/// The row's labels with the target's. Where both have a name, one side wins: with `honor` the page, else the target, and the page's
/// label gets as many `exported_` in front as make it unique.
fn labelled(row: &Labels, target: &Labels, honor: bool) -> Labels {
    let mut b = LabelsBuilder::new(row);
    let mut clashes: Vec<(&str, &str)> = vec![];
    for (name, value) in target.iter() {
        match row.get(name) {
            Some(_) if honor => continue,
            Some(theirs) => clashes.push((name, theirs)),
            None => {}
        }
        b.set(name, value);
    }
    clashes.sort_by_key(|(n, _)| n.len());
    for (name, value) in clashes {
        let mut name = format!("exported_{name}");
        while b.get(&name).is_some() {
            name.insert_str(0, "exported_");
        }
        b.set(&name, value);
    }
    b.build()
}

fn check(labels: &Labels, limits: &ScrapeLimits) -> Result<(), String> {
    let Some(metric) = labels.metric_name().filter(|n| !n.is_empty()) else { return Err("missing metric name (__name__ label)".into()) };
    let over = |n: usize, limit: u64| limit > 0 && n as u64 > limit;
    let short = |s: &str| s.chars().take(50).collect::<String>();
    let metric = short(metric);
    if over(labels.len(), limits.labels) {
        return Err(format!("label_limit exceeded (metric: {metric}, number of labels: {}, limit: {})", labels.len(), limits.labels));
    }
    for (name, value) in labels.iter() {
        if over(name.len(), limits.label_name_bytes) {
            let limit = limits.label_name_bytes;
            return Err(format!(
                "label_name_length_limit exceeded (metric: {metric}, label name: {}, length: {}, limit: {limit})",
                short(name),
                name.len()
            ));
        }
        if over(value.len(), limits.label_value_bytes) {
            let limit = limits.label_value_bytes;
            return Err(format!(
                "label_value_length_limit exceeded (metric: {metric}, label name: {}, value: {:?}, length: {}, limit: {limit})",
                short(name),
                short(value),
                value.len()
            ));
        }
    }
    Ok(())
}

/// What a scrape says of itself beside its counts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Report {
    pub up: bool,
    /// seconds
    pub duration: f64,
    pub counts: Counts,
    /// of the page as read, -1 where it was too large
    pub body_bytes: i64,
}

/// Adds the synthetic series of a scrape at `t`; without a report, their markers.
pub fn report(batch: &mut MetricBatch, target: &Labels, job: &Job, timeout_s: f64, t: i64, report: Option<&Report>) {
    let r = report.copied().unwrap_or_default();
    let always = [
        ("up", f64::from(u8::from(r.up))),
        ("scrape_duration_seconds", r.duration),
        ("scrape_samples_scraped", r.counts.scraped as f64),
        ("scrape_samples_post_metric_relabeling", r.counts.kept as f64),
        ("scrape_series_added", r.counts.added as f64),
    ];
    let extra = [
        ("scrape_timeout_seconds", timeout_s),
        ("scrape_sample_limit", job.limits.samples as f64),
        ("scrape_body_size_bytes", r.body_bytes as f64),
    ];
    let extra = if job.extra_metrics { &extra[..] } else { &[] };
    for (name, v) in always.iter().chain(extra) {
        let mut b = LabelsBuilder::new(target);
        b.set(METRIC_NAME, name);
        let series = batch.series.len() as u32;
        batch.series.push(b.build());
        let v = if report.is_some() { *v } else { STALE_NAN };
        batch.samples.push(Sample { series, t, v, st: 0, temporality: Temporality::AsIs });
    }
}
