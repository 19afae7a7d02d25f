//! The generator's own series: counters, gauges and classic histograms, given out as a metric batch.

use std::sync::Arc;

use model::{Exemplar, Labels, LabelsBuilder, METRIC_NAME, Metadata, MetricBatch, MetricKind, Sample, Temporality};
use rustc_hash::FxHashMap;

use crate::limits::{HEARTBEAT_MS, MAX_EXEMPLARS, MAX_SERIES, STALE_AFTER_MS};

/// Series by (metric, labels). Labels do not hold the metric's name.
#[derive(Default)]
pub struct Registry {
    series: FxHashMap<(&'static str, Labels), Series>,
    described: Vec<&'static str>,
}

struct Series {
    value: Value,
    /// Unix milliseconds of the last span and of the last time it was given out (0: never)
    touched: i64,
    written: i64,
    changed: bool,
}

enum Value {
    Counter(f64),
    Gauge(f64),
    Histogram(Box<Histogram>),
}

struct Histogram {
    bounds: Arc<[f64]>,
    buckets: Vec<u64>,
    sum: f64,
    count: u64,
    exemplars: Vec<(f64, i64, [u8; 16])>,
}

impl Registry {
    pub fn add(&mut self, metric: &'static str, labels: &Labels, by: f64, now_ms: i64) {
        if let Value::Counter(v) = &mut self.entry(metric, labels, now_ms, || Value::Counter(0.0)).value {
            *v += by;
        }
    }

    pub fn set(&mut self, metric: &'static str, labels: &Labels, to: f64, now_ms: i64) {
        if let Value::Gauge(v) = &mut self.entry(metric, labels, now_ms, || Value::Gauge(0.0)).value {
            *v = to;
        }
    }

    /// One observation counted `times` (a sampled span stands for several).
    #[expect(clippy::too_many_arguments, reason = "an observation has that many parts")]
    pub fn observe(
        &mut self,
        metric: &'static str,
        labels: &Labels,
        bounds: &Arc<[f64]>,
        v: f64,
        times: f64,
        trace: [u8; 16],
        now_ms: i64,
    ) {
        let fresh = || {
            let buckets = vec![0; bounds.len() + 1];
            Value::Histogram(Box::new(Histogram { bounds: bounds.clone(), buckets, sum: 0.0, count: 0, exemplars: vec![] }))
        };
        if let Value::Histogram(h) = &mut self.entry(metric, labels, now_ms, fresh).value {
            let n = times.round().max(0.0) as u64;
            h.buckets[h.bounds.partition_point(|b| *b < v)] += n;
            h.sum += v * times;
            h.count += n;
            if h.exemplars.len() == MAX_EXEMPLARS {
                h.exemplars.remove(0);
            }
            h.exemplars.push((v, now_ms, trace));
        }
    }

    fn entry(&mut self, metric: &'static str, labels: &Labels, now_ms: i64, fresh: impl FnOnce() -> Value) -> &mut Series {
        let full = self.series.len() >= MAX_SERIES && !self.series.contains_key(&(metric, labels.clone()));
        let labels = if full { Labels::from_pairs([("metric_overflow", "true")]) } else { labels.clone() };
        let s = self.series.entry((metric, labels)).or_insert_with(|| Series { value: fresh(), touched: 0, written: 0, changed: false });
        (s.touched, s.changed) = (now_ms, true);
        s
    }

    /// What changed since the last call, and what was not given out for a while; series without spans for long are forgotten.
    pub fn collect(&mut self, now_ms: i64) -> MetricBatch {
        let mut out = MetricBatch::default();
        for ((metric, labels), s) in &mut self.series {
            let gone = now_ms - s.touched >= STALE_AFTER_MS;
            if !s.changed && !gone && now_ms - s.written < HEARTBEAT_MS {
                continue;
            }
            let first = s.written == 0;
            give(&mut out, metric, labels, &mut s.value, now_ms, first, gone);
            (s.written, s.changed) = (now_ms, false);
        }
        self.series.retain(|_, s| now_ms - s.touched < STALE_AFTER_MS);
        for (metric, kind) in KINDS {
            if !self.described.contains(metric) && out.series.iter().any(|l| l.metric_name().is_some_and(|n| n.starts_with(metric))) {
                self.described.push(metric);
                out.metadata.push(Metadata { metric: (*metric).into(), kind: *kind, help: "".into(), unit: "".into() });
            }
        }
        out
    }
}

/// Lower hex without leading zeros, as Tempo writes exemplars.
fn trace_text(id: [u8; 16]) -> String {
    format!("{:x}", u128::from_be_bytes(id))
}

const KINDS: &[(&str, MetricKind)] = &[
    ("traces_spanmetrics_calls_total", MetricKind::Counter),
    ("traces_spanmetrics_size_total", MetricKind::Counter),
    ("traces_spanmetrics_latency", MetricKind::Histogram),
    ("traces_target_info", MetricKind::Gauge),
    ("traces_service_graph_request_total", MetricKind::Counter),
    ("traces_service_graph_request_failed_total", MetricKind::Counter),
    ("traces_service_graph_request_server_seconds", MetricKind::Histogram),
    ("traces_service_graph_request_client_seconds", MetricKind::Histogram),
    ("traces_service_graph_request_messaging_system_seconds", MetricKind::Histogram),
];

fn give(out: &mut MetricBatch, metric: &str, labels: &Labels, value: &mut Value, t: i64, first: bool, gone: bool) {
    let mut row = |name: &str, le: Option<&str>, v: f64, starts_at_zero: bool| {
        let mut b = LabelsBuilder::new(labels);
        b.set(METRIC_NAME, name);
        if let Some(le) = le {
            b.set("le", le);
        }
        let series = out.series.len() as u32;
        out.series.push(b.build());
        let mut push = |t, v| out.samples.push(Sample { series, t, v, st: 0, temporality: Temporality::AsIs });
        if first && starts_at_zero {
            // A counter's first increment would be lost to rate() without the zero before it.
            push(t - 1, 0.0);
        }
        push(t, if gone { model::STALE_NAN } else { v });
        series
    };
    match value {
        Value::Counter(v) => {
            row(metric, None, *v, true);
        }
        Value::Gauge(v) => {
            row(metric, None, *v, false);
        }
        Value::Histogram(h) => {
            let (mut below, mut ids) = (0, vec![]);
            for (i, n) in h.buckets.iter().enumerate() {
                below += n;
                let le = h.bounds.get(i).map_or_else(|| "+Inf".to_owned(), f64::to_string);
                ids.push(row(&format!("{metric}_bucket"), Some(&le), below as f64, true));
            }
            row(&format!("{metric}_sum"), None, h.sum, true);
            row(&format!("{metric}_count"), None, h.count as f64, true);
            for (v, t, trace) in h.exemplars.drain(..) {
                let series = ids[h.bounds.partition_point(|b| *b < v)];
                out.exemplars.push(Exemplar { series, t, v, labels: Labels::from_pairs([("traceID", trace_text(trace))]) });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_begin_with_a_zero_and_end_with_a_marker() {
        let (mut r, labels) = (Registry::default(), Labels::from_pairs([("a", "b")]));
        r.add("traces_spanmetrics_calls_total", &labels, 2.0, 1_000);
        let values = |b: &MetricBatch| b.samples.iter().map(|s| (s.t, s.v)).collect::<Vec<_>>();
        assert_eq!(values(&r.collect(1_500)), [(1_499, 0.0), (1_500, 2.0)]);
        assert!(r.collect(2_000).samples.is_empty());
        assert_eq!(values(&r.collect(1_500 + HEARTBEAT_MS)), [(1_500 + HEARTBEAT_MS, 2.0)]);
        assert!(model::is_stale(r.collect(1_000 + STALE_AFTER_MS).samples[0].v));
        assert!(r.collect(2_000 + STALE_AFTER_MS).samples.is_empty());
    }
}
