//! Metric samples as a write brings them: rows that refer to the series of their batch.

use std::sync::Arc;

use crate::{Histogram, Labels};

/// The bit pattern of the NaN that marks a series as gone.
pub const STALE_NAN_BITS: u64 = 0x7ff0_0000_0000_0002;
pub const STALE_NAN: f64 = f64::from_bits(STALE_NAN_BITS);

pub fn is_stale(v: f64) -> bool {
    v.to_bits() == STALE_NAN_BITS
}

/// How the store must take a value: as it stands, or added to the series' newest value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Temporality {
    #[default]
    AsIs,
    Delta,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// index into `MetricBatch::series`
    pub series: u32,
    /// Unix milliseconds
    pub t: i64,
    pub v: f64,
    /// start (created) timestamp in Unix milliseconds, 0 = unknown
    pub st: i64,
    pub temporality: Temporality,
}

#[derive(Debug, Clone, PartialEq)]
pub struct HistogramSample {
    pub series: u32,
    pub t: i64,
    pub st: i64,
    pub h: Arc<Histogram>,
    pub temporality: Temporality,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    pub series: u32,
    /// Unix milliseconds
    pub t: i64,
    pub v: f64,
    /// the exemplar's own labels, e.g. trace_id and span_id
    pub labels: Labels,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub enum MetricKind {
    #[default]
    Unknown,
    Counter,
    Gauge,
    Histogram,
    GaugeHistogram,
    Summary,
    Info,
    StateSet,
}

impl MetricKind {
    /// The word of the exposition format and of the metadata API.
    pub fn as_str(self) -> &'static str {
        match self {
            MetricKind::Unknown => "unknown",
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
            MetricKind::GaugeHistogram => "gaugehistogram",
            MetricKind::Summary => "summary",
            MetricKind::Info => "info",
            MetricKind::StateSet => "stateset",
        }
    }
}

/// What a metric family says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Metadata {
    pub metric: Arc<str>,
    pub kind: MetricKind,
    pub help: Arc<str>,
    pub unit: Arc<str>,
}

/// One write of metrics. Rows stand in the order in which they arrived.
#[derive(Debug, Clone, Default)]
pub struct MetricBatch {
    pub series: Vec<Labels>,
    pub samples: Vec<Sample>,
    pub histograms: Vec<HistogramSample>,
    pub exemplars: Vec<Exemplar>,
    pub metadata: Vec<Metadata>,
}

impl MetricBatch {
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty() && self.histograms.is_empty() && self.exemplars.is_empty() && self.metadata.is_empty()
    }
}
