//! Data points: numbers, classic histograms and summaries into samples of their series.

use model::{Labels, METRIC_NAME, STALE_NAN, Sample, Temporality};
use rustc_hash::FxHashSet;

use crate::DecodeError;
use crate::cache::Entry;
use crate::limits::{MAX_CACHED_LABELS, MAX_LABEL_BYTES};
use crate::wire::{Field, Reader};

use super::labels::Merged;
use super::{Decoder, Metric, Rejected};

/// Buffers that live as long as the request, so that points do not allocate.
#[derive(Default)]
pub struct Scratch<'a> {
    pub key: Vec<u8>,
    /// KeyValue messages of the point at hand
    pub attrs: Vec<&'a [u8]>,
    /// Exemplar messages of the point at hand
    pub exemplars: Vec<&'a [u8]>,
    pub counts: Vec<u64>,
    pub bounds: Vec<f64>,
    pub infos: FxHashSet<(u32, i64)>,
}

impl Scratch<'_> {
    pub fn start_point(&mut self) {
        self.attrs.clear();
        self.exemplars.clear();
        self.counts.clear();
        self.bounds.clear();
    }
}

/// Nanoseconds to milliseconds, cut off.
pub fn millis(ns: u64) -> i64 {
    (ns / 1_000_000) as i64
}

/// The parts that all kinds of points share.
#[derive(Debug, Clone, Copy, Default)]
pub struct PointHead {
    pub start: u64,
    pub time: u64,
    pub flags: u64,
}

impl PointHead {
    /// Fields 2 and 3 have the same numbers in every kind of point.
    pub fn take(&mut self, number: u32, field: Field<'_>) -> Result<(), DecodeError> {
        match number {
            2 => self.start = field.fixed64("start_time_unix_nano")?,
            3 => self.time = field.fixed64("time_unix_nano")?,
            _ => {}
        }
        Ok(())
    }

    pub fn stale(&self) -> bool {
        self.flags & 1 != 0
    }
}

/// Where and when a point's samples go.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    pub t: i64,
    pub st: i64,
    pub stale: bool,
    pub temporality: Temporality,
}

impl<'a> Decoder<'a, '_> {
    pub fn place(&self, head: PointHead, metric: &Metric) -> Place {
        let time = if head.time == 0 { self.received_ns } else { head.time };
        // A stale marker ends the series as it is; there is nothing to add up.
        let temporality = if head.stale() { Temporality::AsIs } else { metric.temporality };
        Place { t: millis(time), st: millis(head.start), stale: head.stale(), temporality }
    }

    fn push(&mut self, labels: &Labels, place: Place, v: f64) -> Result<u32, Rejected> {
        let series = self.series(labels)?;
        let v = if place.stale { STALE_NAN } else { v };
        self.batch.samples.push(Sample { series, t: place.t, v, st: place.st, temporality: place.temporality });
        Ok(series)
    }

    pub(super) fn number_point(&mut self, bytes: &'a [u8], metric: &Metric) -> Result<Result<i64, Rejected>, DecodeError> {
        self.scratch.start_point();
        let (mut head, mut v) = (PointHead::default(), None);
        let mut r = Reader::new(bytes);
        while let Some((number, field)) = r.next()? {
            match number {
                4 => v = Some(field.double("NumberDataPoint.as_double")?),
                5 => self.scratch.exemplars.push(field.len("NumberDataPoint.exemplars")?),
                6 => v = Some(field.fixed64("NumberDataPoint.as_int")? as i64 as f64),
                7 => self.scratch.attrs.push(field.len("NumberDataPoint.attributes")?),
                8 => head.flags = field.varint("NumberDataPoint.flags")?,
                _ => head.take(number, field)?,
            }
        }
        let place = self.place(head, metric);
        let v = match v {
            Some(v) => v,
            None if place.stale => 0.0,
            None => return Ok(Err("a data point has no value".into())),
        };
        let labels = match self.one_series(metric)? {
            Ok(l) => l,
            Err(e) => return Ok(Err(e)),
        };
        let series = match self.push(&labels, place, v) {
            Ok(s) => s,
            Err(e) => return Ok(Err(e)),
        };
        if metric.exemplars && !self.scratch.exemplars.is_empty() {
            self.exemplars(place.t, |_, _| Some(series))?;
        }
        Ok(Ok(place.t))
    }

    pub(super) fn histogram_point(&mut self, bytes: &'a [u8], metric: &Metric) -> Result<Result<i64, Rejected>, DecodeError> {
        self.scratch.start_point();
        let (mut head, mut count, mut sum) = (PointHead::default(), 0, None);
        let mut r = Reader::new(bytes);
        while let Some((number, field)) = r.next()? {
            match number {
                4 => count = field.fixed64("HistogramDataPoint.count")?,
                5 => sum = Some(field.double("HistogramDataPoint.sum")?),
                6 => field.repeated_fixed64("HistogramDataPoint.bucket_counts", &mut self.scratch.counts)?,
                7 => field.repeated_double("HistogramDataPoint.explicit_bounds", &mut self.scratch.bounds)?,
                8 => self.scratch.exemplars.push(field.len("HistogramDataPoint.exemplars")?),
                9 => self.scratch.attrs.push(field.len("HistogramDataPoint.attributes")?),
                10 => head.flags = field.varint("HistogramDataPoint.flags")?,
                _ => head.take(number, field)?,
            }
        }
        let place = self.place(head, metric);
        if self.settings.convert_histograms_to_nhcb {
            return self.custom_buckets_point(count, sum, place, metric);
        }
        // A bound without a count of its own has no bucket.
        let buckets = self.scratch.bounds.len().min(self.scratch.counts.len());
        self.scratch.bounds.truncate(buckets);
        let all = match self.many_series(metric, b"h", "le", Family::Histogram)? {
            Ok(all) => all,
            Err(e) => return Ok(Err(e)),
        };
        if let Err(e) = self.push_histogram(&all, count, sum, place) {
            return Ok(Err(e));
        }
        if !self.scratch.exemplars.is_empty() {
            let bounds = std::mem::take(&mut self.scratch.bounds);
            let bucket = |v: f64| bounds.iter().position(|b| v <= *b).unwrap_or(bounds.len());
            self.exemplars(place.t, |d, v| d.series(&all[2 + bucket(v)]).ok())?;
            self.scratch.bounds = bounds;
        }
        Ok(Ok(place.t))
    }

    fn push_histogram(&mut self, all: &[Labels], count: u64, sum: Option<f64>, place: Place) -> Result<(), Rejected> {
        if let Some(sum) = sum {
            self.push(&all[0], place, sum)?;
        }
        self.push(&all[1], place, count as f64)?;
        let (mut below, last) = (0u64, all.len() - 1);
        for (i, labels) in all[2..last].iter().enumerate() {
            below = below.saturating_add(self.scratch.counts[i]);
            self.push(labels, place, below as f64)?;
        }
        self.push(&all[last], place, count as f64)?;
        Ok(())
    }

    pub(super) fn summary_point(&mut self, bytes: &'a [u8], metric: &Metric) -> Result<Result<i64, Rejected>, DecodeError> {
        self.scratch.start_point();
        let (mut head, mut count, mut sum, mut values) = (PointHead::default(), 0, 0.0, vec![]);
        let mut r = Reader::new(bytes);
        while let Some((number, field)) = r.next()? {
            match number {
                4 => count = field.fixed64("SummaryDataPoint.count")?,
                5 => sum = field.double("SummaryDataPoint.sum")?,
                6 => {
                    let (quantile, value) = quantile_value(field.len("SummaryDataPoint.quantile_values")?)?;
                    self.scratch.bounds.push(quantile);
                    values.push(value);
                }
                7 => self.scratch.attrs.push(field.len("SummaryDataPoint.attributes")?),
                8 => head.flags = field.varint("SummaryDataPoint.flags")?,
                _ => head.take(number, field)?,
            }
        }
        let place = self.place(head, metric);
        let all = match self.many_series(metric, b"s", "quantile", Family::Summary)? {
            Ok(all) => all,
            Err(e) => return Ok(Err(e)),
        };
        let rows = [sum, count as f64].into_iter().chain(values);
        for (labels, v) in all.iter().zip(rows) {
            if let Err(e) = self.push(labels, place, v) {
                return Ok(Err(e));
            }
        }
        Ok(Ok(place.t))
    }

    /// The cache key of the point at hand: its metric, its attributes, and its bounds where those make series.
    fn point_key(&mut self, metric: &Metric, tag: &[u8], bounds: bool) -> u128 {
        let s = &mut self.scratch;
        s.key.clear();
        s.key.extend_from_slice(&metric.hash.to_le_bytes());
        s.key.extend_from_slice(tag);
        for attr in &s.attrs {
            s.key.extend_from_slice(&(attr.len() as u32).to_le_bytes());
            s.key.extend_from_slice(attr);
        }
        if bounds {
            s.key.extend_from_slice(&u32::MAX.to_le_bytes());
            for b in &s.bounds {
                s.key.extend_from_slice(&b.to_le_bytes());
            }
        }
        self.options.cache().hash(&s.key)
    }

    /// The labels of a point that is one series.
    pub fn one_series(&mut self, metric: &Metric) -> Result<Result<Labels, Rejected>, DecodeError> {
        let key = self.point_key(metric, b"1", false);
        if let Some(Entry::One(labels)) = self.options.cache().get(key) {
            return Ok(Ok(labels));
        }
        Ok(match Merged::of_point(&self.scratch.attrs, &metric.resource, metric.scope.as_deref(), self.settings)? {
            Ok(base) => {
                let labels = base.finish(&[(METRIC_NAME, &metric.family)]);
                self.options.cache().put(key, Entry::One(labels.clone()));
                Ok(labels)
            }
            Err(reason) => Err(reason.into()),
        })
    }

    /// The labels of a histogram or summary: sum, count, then one per bound (and +Inf for histograms).
    fn many_series(
        &mut self,
        metric: &Metric,
        tag: &[u8],
        bound_label: &str,
        family: Family,
    ) -> Result<Result<std::sync::Arc<[Labels]>, Rejected>, DecodeError> {
        let key = self.point_key(metric, tag, true);
        if let Some(Entry::Many(all)) = self.options.cache().get(key) {
            return Ok(Ok(all));
        }
        let base = match Merged::of_point(&self.scratch.attrs, &metric.resource, metric.scope.as_deref(), self.settings)? {
            Ok(base) => base,
            Err(reason) => return Ok(Err(reason.into())),
        };
        let name = |suffix: &str| format!("{}{suffix}", metric.family);
        let mut all = vec![base.finish(&[(METRIC_NAME, &name("_sum"))]), base.finish(&[(METRIC_NAME, &name("_count"))])];
        let bound_name = if family == Family::Histogram { name("_bucket") } else { name("") };
        let infinite = (family == Family::Histogram).then_some(f64::INFINITY);
        let mut bytes = 0;
        for bound in self.scratch.bounds.iter().copied().chain(infinite) {
            let labels = base.finish(&[(METRIC_NAME, &bound_name), (bound_label, &bound_text(bound))]);
            bytes += labels.heap_size();
            if bytes > MAX_LABEL_BYTES {
                return Ok(Err("the labels of this point's buckets are too large together".into()));
            }
            all.push(labels);
        }
        let all: std::sync::Arc<[Labels]> = all.into();
        if all.len() <= MAX_CACHED_LABELS {
            self.options.cache().put(key, Entry::Many(all.clone()));
        }
        Ok(Ok(all))
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Family {
    Histogram,
    Summary,
}

/// A bucket bound or quantile in plain notation.
fn bound_text(v: f64) -> String {
    if v == f64::INFINITY {
        "+Inf".into()
    } else if v == f64::NEG_INFINITY {
        "-Inf".into()
    } else {
        format!("{v}")
    }
}

fn quantile_value(bytes: &[u8]) -> Result<(f64, f64), DecodeError> {
    let (mut r, mut quantile, mut value) = (Reader::new(bytes), 0.0, 0.0);
    while let Some((number, field)) = r.next()? {
        match number {
            1 => quantile = field.double("ValueAtQuantile.quantile")?,
            2 => value = field.double("ValueAtQuantile.value")?,
            _ => {}
        }
    }
    Ok((quantile, value))
}
