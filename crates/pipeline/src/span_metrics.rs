//! Span metrics: calls, latency and size by service, span name, kind and status, and by configured dimensions.

use std::sync::Arc;

use model::{Labels, SpanBatch, kind, status};
use rustc_hash::FxHashMap;

use crate::attributes::{TextColumn, label_name, text};
use crate::registry::Registry;
use crate::size::span_sizes;

/// Tempo's options of the span-metrics processor; the default is Tempo's.
#[derive(Debug, Clone, PartialEq)]
pub struct SpanMetricsOptions {
    /// attributes that become labels, looked up in the resource first
    pub dimensions: Vec<String>,
    pub mappings: Vec<DimensionMapping>,
    /// the label `status_message`
    pub status_message: bool,
    /// `traces_target_info`, and with it `job` and `instance`
    pub target_info: bool,
    /// resource attributes left out of `traces_target_info`
    pub target_info_excluded: Vec<String>,
    /// upper bounds in seconds
    pub buckets: Vec<f64>,
}

/// A label made of several attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DimensionMapping {
    pub name: String,
    pub sources: Vec<String>,
    pub join: String,
}

impl Default for SpanMetricsOptions {
    fn default() -> Self {
        SpanMetricsOptions {
            dimensions: vec![],
            mappings: vec![],
            status_message: false,
            target_info: false,
            target_info_excluded: vec![],
            buckets: (0..14).map(|n| 0.002 * f64::from(1 << n)).collect(),
        }
    }
}

/// Labels that the processor sets itself; a dimension of such a name gets `__` before it.
const INTRINSIC: [&str; 5] = ["service", "span_name", "span_kind", "status_code", "status_message"];

pub struct SpanMetrics {
    options: SpanMetricsOptions,
    bounds: Arc<[f64]>,
}

impl SpanMetrics {
    pub fn new(options: SpanMetricsOptions) -> SpanMetrics {
        let bounds = options.buckets.clone().into();
        SpanMetrics { options, bounds }
    }

    pub fn observe(&self, batch: &SpanBatch, registry: &mut Registry, now_ms: i64) {
        let o = &self.options;
        let dimensions: Vec<(String, TextColumn)> =
            o.dimensions.iter().map(|d| (dimension_label(d), TextColumn::of_resource_or_span(batch, d))).collect();
        let mapped: Vec<(&DimensionMapping, Vec<TextColumn>)> =
            o.mappings.iter().map(|m| (m, m.sources.iter().map(|s| TextColumn::of_resource_or_span(batch, s)).collect())).collect();
        let targets: Vec<Option<(String, String)>> = batch.resources.iter().map(|_| None).collect();
        let targets = if o.target_info { self.target_info(batch, registry, now_ms) } else { targets };
        let sizes = span_sizes(batch);
        // Without dimensions the labels follow from five codes, and few of their combinations occur in a batch.
        let plain = o.dimensions.is_empty() && o.mappings.is_empty();
        let mut seen: FxHashMap<[u32; 5], Labels> = FxHashMap::default();
        for row in 0..batch.len() {
            let key =
                [batch.resource[row], batch.name[row], u32::from(batch.kind[row]), u32::from(batch.status[row]), batch.status_message[row]];
            if let Some(labels) = seen.get(&key) {
                self.count(batch, row, labels, sizes[row], registry, now_ms);
                continue;
            }
            let mut pairs: Vec<(&str, &str)> = vec![
                ("service", batch.resource(row).service_name().unwrap_or("")),
                ("span_name", batch.name(row)),
                ("span_kind", kind_text(batch.kind[row])),
                ("status_code", status_text(batch.status[row])),
            ];
            if o.status_message {
                pairs.push(("status_message", batch.dict.get(batch.status_message[row])));
            }
            pairs.extend(dimensions.iter().filter_map(|(name, column)| Some((name.as_str(), column.get(row)?))));
            let joined: Vec<(&str, String)> = mapped
                .iter()
                .map(|(m, columns)| (m.name.as_str(), columns.iter().filter_map(|c| c.get(row)).collect::<Vec<_>>().join(&m.join)))
                .collect();
            pairs.extend(joined.iter().map(|(n, v)| (*n, v.as_str())));
            if let Some((job, instance)) = &targets[batch.resource[row] as usize] {
                pairs.extend([("job", job.as_str()), ("instance", instance.as_str())]);
            }
            let labels = Labels::from_pairs(pairs.into_iter().filter(|(_, v)| !v.is_empty()));
            self.count(batch, row, &labels, sizes[row], registry, now_ms);
            if plain {
                seen.insert(key, labels);
            }
        }
    }

    fn count(&self, batch: &SpanBatch, row: usize, labels: &Labels, size: u64, registry: &mut Registry, now_ms: i64) {
        let seconds = batch.duration(row) as f64 / 1e9;
        registry.add("traces_spanmetrics_calls_total", labels, 1.0, now_ms);
        registry.add("traces_spanmetrics_size_total", labels, size as f64, now_ms);
        let trace = batch.trace_id[row];
        registry.observe("traces_spanmetrics_latency", labels, &self.bounds, seconds, 1.0, trace, now_ms);
    }

    /// (job, instance) of each resource, and its `traces_target_info`.
    fn target_info(&self, batch: &SpanBatch, registry: &mut Registry, now_ms: i64) -> Vec<Option<(String, String)>> {
        let identifying = ["service.name", "service.namespace", "service.instance.id"];
        let each = batch.resources.iter().map(|r| {
            let value = |key: &str| r.attr(key).and_then(text).unwrap_or_default();
            let (name, namespace) = (value("service.name"), value("service.namespace"));
            let job = if namespace.is_empty() || name.is_empty() { name } else { format!("{namespace}/{name}") };
            let instance = value("service.instance.id");
            let others =
                r.attrs.iter().filter(|a| !identifying.contains(&a.key.as_str()) && !self.options.target_info_excluded.contains(&a.key));
            let mut pairs: Vec<(String, String)> = others.filter_map(|a| Some((label_name(&a.key), text(&a.value)?))).collect();
            if !(pairs.is_empty() || job.is_empty() && instance.is_empty()) {
                pairs.extend([("job".to_owned(), job.clone()), ("instance".to_owned(), instance.clone())]);
                pairs.retain(|(_, v)| !v.is_empty());
                registry.set("traces_target_info", &Labels::from_pairs(pairs), 1.0, now_ms);
            }
            Some((job, instance))
        });
        each.collect()
    }
}

fn dimension_label(dimension: &str) -> String {
    let name = label_name(dimension);
    if INTRINSIC.contains(&name.as_str()) { format!("__{name}") } else { name }
}

fn kind_text(k: u8) -> &'static str {
    match k {
        kind::INTERNAL => "SPAN_KIND_INTERNAL",
        kind::SERVER => "SPAN_KIND_SERVER",
        kind::CLIENT => "SPAN_KIND_CLIENT",
        kind::PRODUCER => "SPAN_KIND_PRODUCER",
        kind::CONSUMER => "SPAN_KIND_CONSUMER",
        _ => "SPAN_KIND_UNSPECIFIED",
    }
}

fn status_text(s: u8) -> &'static str {
    match s {
        status::OK => "STATUS_CODE_OK",
        status::ERROR => "STATUS_CODE_ERROR",
        _ => "STATUS_CODE_UNSET",
    }
}
