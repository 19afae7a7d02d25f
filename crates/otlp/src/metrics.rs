//! Metrics: an ExportMetricsServiceRequest into one `MetricBatch`, translated the way Prometheus' OTLP receiver does.

mod exemplars;
pub mod labels;
mod native;
mod points;

use std::borrow::Cow;
use std::sync::Arc;

use model::{Labels, Metadata, MetricBatch, MetricKind, Sample, Temporality};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::cache::Entry;
use crate::limits::{MAX_ITEMS, MAX_LABEL_BYTES, MAX_TARGET_INFO_SAMPLES};
use crate::names::{MetricType, metric_name};
use crate::options::{Delta, MetricSettings, Options};
use crate::partial::Partial;
use crate::value;
use crate::wire::{self, Reader};
use crate::{DecodeError, Decoded};

use labels::{ResourceLabels, ScopeLabels};
use points::Scratch;

/// Reads the whole request.
pub fn decode(bytes: &[u8], options: &Options, received_ns: u64) -> Result<Decoded<MetricBatch>, DecodeError> {
    let mut d = Decoder::new(options, received_ns);
    let mut r = Reader::new(bytes);
    while let Some((number, field)) = r.next()? {
        if number == 1 {
            d.resource_metrics(field.len("resource_metrics")?)?;
        }
    }
    Ok(Decoded { batch: d.batch, items: d.items, rejected: d.partial.rejected, message: d.partial.message() })
}

struct Decoder<'a, 'o> {
    options: &'o Options,
    settings: &'o MetricSettings,
    received_ns: u64,
    batch: MetricBatch,
    /// the batch's series by content
    series: FxHashMap<Labels, u32>,
    described: FxHashSet<u128>,
    partial: Partial,
    items: u64,
    label_bytes: usize,
    scratch: Scratch<'a>,
}

/// What the points of a metric share.
struct Metric {
    /// the hash of resource, scope, name, unit and type
    hash: u128,
    resource: Arc<ResourceLabels>,
    scope: Option<Arc<ScopeLabels>>,
    /// the name with its suffixes
    family: Arc<str>,
    temporality: Temporality,
    exemplars: bool,
}

/// The fields of a Metric message.
#[derive(Default)]
struct Parts<'a> {
    name: &'a [u8],
    description: &'a [u8],
    unit: &'a [u8],
    /// the field number of the data and its message; the last one counts
    data: Option<(u32, &'a [u8])>,
}

/// The numbers of the oneof `Metric.data`.
const GAUGE: u32 = 5;
const SUM: u32 = 7;
const HISTOGRAM: u32 = 9;
const EXPONENTIAL: u32 = 10;
const SUMMARY: u32 = 11;

/// What the data message says besides its points.
struct DataHead {
    points: u64,
    temporality: u64,
    monotonic: bool,
}

/// Times of a resource's points, in milliseconds.
#[derive(Clone, Copy)]
struct Times {
    min: i64,
    max: i64,
}

/// A point that cannot be kept, with the reason; the others of the request are.
type Rejected = Cow<'static, str>;

impl<'a, 'o> Decoder<'a, 'o> {
    fn new(options: &'o Options, received_ns: u64) -> Self {
        Decoder {
            options,
            settings: options.metrics(),
            received_ns,
            batch: MetricBatch::default(),
            series: FxHashMap::default(),
            described: FxHashSet::default(),
            partial: Partial::default(),
            items: 0,
            label_bytes: 0,
            scratch: Scratch::default(),
        }
    }

    fn resource_metrics(&mut self, bytes: &'a [u8]) -> Result<(), DecodeError> {
        let envelope = value::resource_envelope(bytes)?;
        let hash = self.options.cache().hash(envelope.resource);
        let resource = match self.options.cache().get(hash) {
            Some(Entry::Resource(r)) => r,
            _ => {
                let made = Arc::new(ResourceLabels::new(envelope.resource, self.settings)?);
                self.options.cache().put(hash, Entry::Resource(made.clone()));
                made
            }
        };
        for w in &resource.warnings {
            self.partial.warn(w);
        }
        let mut times = Times { min: i64::MAX, max: i64::MIN };
        for bytes in envelope.scopes {
            let envelope = value::scope_envelope(bytes)?;
            let (mut hash, mut scope) = (hash, None);
            if self.settings.promote_scope_metadata {
                let made = ScopeLabels::new(envelope.resource, &envelope.schema_url, self.settings)?;
                let key =
                    [&hash.to_le_bytes()[..], &self.options.cache().hash(envelope.resource).to_le_bytes(), envelope.schema_url.as_bytes()]
                        .concat();
                hash = self.options.cache().hash(&key);
                scope = Some(Arc::new(made));
            }
            for metric in envelope.scopes {
                self.metric(metric, hash, &resource, scope.as_ref(), &mut times)?;
            }
        }
        self.target_info(&resource, times);
        Ok(())
    }

    fn metric(
        &mut self,
        bytes: &'a [u8],
        context: u128,
        resource: &Arc<ResourceLabels>,
        scope: Option<&Arc<ScopeLabels>>,
        times: &mut Times,
    ) -> Result<(), DecodeError> {
        let parts = metric_parts(bytes)?;
        let Some((kind, data)) = parts.data else {
            self.partial.warn("a metric without data was left out");
            return Ok(());
        };
        let head = data_head(kind, data)?;
        if head.points == 0 {
            return Ok(());
        }
        let metadata = match &*self.metadata(&parts, kind, head.monotonic) {
            Ok(m) => m.clone(),
            Err(reason) => {
                self.partial.reject(head.points, reason);
                return Ok(());
            }
        };
        let temporality = match self.temporality(kind, head.temporality) {
            Ok(t) => t,
            Err(reason) => {
                self.partial.reject(head.points, &format!("{}: {reason}", metadata.metric));
                return Ok(());
            }
        };
        let metric = Metric {
            hash: self.metric_hash(context, &parts, kind, head.monotonic),
            resource: resource.clone(),
            scope: scope.cloned(),
            family: metadata.metric.clone(),
            temporality,
            exemplars: kind != GAUGE || self.settings.gauge_exemplars,
        };
        if self.described.insert(metric.hash) {
            self.batch.metadata.push(metadata);
        }
        let mut r = Reader::new(data);
        while let Some((number, field)) = r.next()? {
            if number == 1 {
                self.point(field.len("data_points")?, kind, &metric, times)?;
            }
        }
        Ok(())
    }

    fn point(&mut self, bytes: &'a [u8], kind: u32, metric: &Metric, times: &mut Times) -> Result<(), DecodeError> {
        let result = if self.items >= MAX_ITEMS {
            Err("the request has too many data points".into())
        } else {
            match kind {
                GAUGE | SUM => self.number_point(bytes, metric)?,
                HISTOGRAM => self.histogram_point(bytes, metric)?,
                EXPONENTIAL => self.exponential_point(bytes, metric)?,
                _ => self.summary_point(bytes, metric)?,
            }
        };
        match result {
            Ok(t) => {
                self.items += 1;
                (times.min, times.max) = (times.min.min(t), times.max.max(t));
            }
            Err(reason) => self.partial.reject(1, &format!("{}: {reason}", metric.family)),
        }
        Ok(())
    }

    fn metric_hash(&mut self, context: u128, parts: &Parts<'_>, kind: u32, monotonic: bool) -> u128 {
        let key = &mut self.scratch.key;
        key.clear();
        key.extend_from_slice(&context.to_le_bytes());
        key.extend_from_slice(&[kind as u8, u8::from(monotonic)]);
        key.extend_from_slice(&(parts.name.len() as u64).to_le_bytes());
        key.extend_from_slice(parts.name);
        key.extend_from_slice(parts.unit);
        self.options.cache().hash(key)
    }

    /// The translated name with type, help and unit; from the cache if the same metric came before.
    fn metadata(&mut self, parts: &Parts<'_>, kind: u32, monotonic: bool) -> Arc<Result<Metadata, String>> {
        let key = &mut self.scratch.key;
        key.clear();
        key.extend_from_slice(b"metric");
        key.extend_from_slice(&[kind as u8, u8::from(monotonic)]);
        for text in [parts.name, parts.unit] {
            key.extend_from_slice(&(text.len() as u64).to_le_bytes());
            key.extend_from_slice(text);
        }
        key.extend_from_slice(parts.description);
        let hash = self.options.cache().hash(key);
        if let Some(Entry::Metric(m)) = self.options.cache().get(hash) {
            return m;
        }
        let (name, unit) = (wire::text(parts.name), wire::text(parts.unit));
        let (translated, metric_kind) = match kind {
            GAUGE => (MetricType::Gauge, MetricKind::Gauge),
            SUM if monotonic => (MetricType::Counter, MetricKind::Counter),
            SUM => (MetricType::Other, MetricKind::Gauge),
            SUMMARY => (MetricType::Other, MetricKind::Summary),
            _ => (MetricType::Other, MetricKind::Histogram),
        };
        let made = metric_name(&name, &unit, translated, self.settings.strategy).map(|metric| Metadata {
            metric: metric.into(),
            kind: metric_kind,
            help: wire::text(parts.description).into(),
            unit: unit.into(),
        });
        let made = Arc::new(made);
        self.options.cache().put(hash, Entry::Metric(made.clone()));
        made
    }

    fn temporality(&self, kind: u32, temporality: u64) -> Result<Temporality, &'static str> {
        match (kind, temporality) {
            (GAUGE | SUMMARY, _) | (_, 2) => Ok(Temporality::AsIs),
            (_, 1) if self.settings.delta == Delta::Accumulate => Ok(Temporality::Delta),
            (_, 1) => Err("delta temporality is not supported, send cumulative"),
            _ => Err("the aggregation temporality is not specified"),
        }
    }

    /// The index of a series in the batch.
    fn series(&mut self, labels: &Labels) -> Result<u32, Rejected> {
        if let Some(i) = self.series.get(labels) {
            return Ok(*i);
        }
        self.label_bytes += labels.heap_size();
        if self.label_bytes > MAX_LABEL_BYTES {
            return Err("the labels of this request's series are too large together".into());
        }
        let i = self.batch.series.len() as u32;
        self.batch.series.push(labels.clone());
        self.series.insert(labels.clone(), i);
        Ok(i)
    }

    /// Twice in each lookback from the earliest to the latest point, and at the latest.
    fn target_info(&mut self, resource: &ResourceLabels, times: Times) {
        let Some(labels) = resource.target_info.as_ref().filter(|_| times.min <= times.max) else {
            return;
        };
        let Ok(series) = self.series(labels) else {
            return;
        };
        let step = (self.settings.lookback_ms / 2).max(1);
        let reach = step.saturating_mul(MAX_TARGET_INFO_SAMPLES as i64);
        let mut t = times.min.max(times.max.saturating_sub(reach));
        while t < times.max {
            self.info_sample(series, t);
            t = t.saturating_add(step);
        }
        self.info_sample(series, times.max);
    }

    fn info_sample(&mut self, series: u32, t: i64) {
        let sample = Sample { series, t, v: 1.0, st: 0, temporality: Temporality::AsIs };
        // Several resource envelopes of one request may be the same resource.
        if self.scratch.infos.insert((series, t)) {
            self.batch.samples.push(sample);
        }
    }
}

fn metric_parts(bytes: &[u8]) -> Result<Parts<'_>, DecodeError> {
    let (mut r, mut out) = (Reader::new(bytes), Parts::default());
    while let Some((number, field)) = r.next()? {
        match number {
            1 => out.name = field.len("Metric.name")?,
            2 => out.description = field.len("Metric.description")?,
            3 => out.unit = field.len("Metric.unit")?,
            GAUGE | SUM | HISTOGRAM | EXPONENTIAL | SUMMARY => out.data = Some((number, field.len("Metric.data")?)),
            _ => {}
        }
    }
    Ok(out)
}

fn data_head(kind: u32, data: &[u8]) -> Result<DataHead, DecodeError> {
    let (mut r, mut head) = (Reader::new(data), DataHead { points: 0, temporality: 0, monotonic: false });
    while let Some((number, field)) = r.next()? {
        match number {
            1 => head.points += 1,
            2 if kind != GAUGE && kind != SUMMARY => head.temporality = field.varint("aggregation_temporality")?,
            3 if kind == SUM => head.monotonic = field.varint("Sum.is_monotonic")? != 0,
            _ => {}
        }
    }
    Ok(head)
}

#[cfg(test)]
mod tests;
