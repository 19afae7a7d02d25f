//! The settings of the translation: Prometheus' `otlp:` section, Loki's `otlp_config`, and the two profiles.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::cache::SeriesCache;

/// What a decoder needs besides the bytes. Cheap to clone; clones share the cache of translated series.
///
/// The settings are fixed once made, because the cache holds what they led to: for other settings make other `Options`.
#[derive(Debug, Clone)]
pub struct Options {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    metrics: MetricSettings,
    logs: LogSettings,
    traces: TraceSettings,
    cache: SeriesCache,
}

/// How metric and label names are made (`translation_strategy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    #[default]
    UnderscoreEscapingWithSuffixes,
    UnderscoreEscapingWithoutSuffixes,
    NoUtf8EscapingWithSuffixes,
    NoTranslation,
}

impl Strategy {
    /// The spelling of Prometheus' configuration file.
    pub fn parse(text: &str) -> Option<Strategy> {
        Some(match text {
            "UnderscoreEscapingWithSuffixes" => Strategy::UnderscoreEscapingWithSuffixes,
            "UnderscoreEscapingWithoutSuffixes" => Strategy::UnderscoreEscapingWithoutSuffixes,
            "NoUTF8EscapingWithSuffixes" => Strategy::NoUtf8EscapingWithSuffixes,
            "NoTranslation" => Strategy::NoTranslation,
            _ => return None,
        })
    }

    pub fn utf8(self) -> bool {
        matches!(self, Strategy::NoUtf8EscapingWithSuffixes | Strategy::NoTranslation)
    }

    pub fn suffixes(self) -> bool {
        matches!(self, Strategy::UnderscoreEscapingWithSuffixes | Strategy::NoUtf8EscapingWithSuffixes)
    }
}

/// Which resource attributes become labels of every series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Promote {
    Listed(BTreeSet<String>),
    /// all but these (`promote_all_resource_attributes`, `ignore_resource_attributes`)
    AllBut(BTreeSet<String>),
}

impl Default for Promote {
    fn default() -> Self {
        Promote::Listed(BTreeSet::new())
    }
}

impl Promote {
    pub fn takes(&self, attribute: &str) -> bool {
        match self {
            Promote::Listed(list) => list.contains(attribute),
            Promote::AllBut(list) => !list.contains(attribute),
        }
    }
}

/// What becomes of sums and histograms with delta temporality.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delta {
    /// the points are rejected, as Prometheus does by default
    #[default]
    Reject,
    /// rows say `Temporality::Delta`, the store adds them up
    Accumulate,
}

/// Prometheus' `otlp:` section; `default()` is what Prometheus ships.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricSettings {
    pub strategy: Strategy,
    pub promote: Promote,
    /// `target_info` keeps service.name, service.namespace and service.instance.id
    pub keep_identifying_resource_attributes: bool,
    /// explicit histograms become native ones with custom buckets
    pub convert_histograms_to_nhcb: bool,
    /// labels otel_scope_name, otel_scope_version, otel_scope_schema_url, otel_scope_<attribute>
    pub promote_scope_metadata: bool,
    /// `_x` becomes `key_x`
    pub label_name_underscore_sanitization: bool,
    pub label_name_preserve_multiple_underscores: bool,
    pub delta: Delta,
    /// Prometheus drops the exemplars of gauges
    pub gauge_exemplars: bool,
    /// take an exponential histogram's zero_threshold from the sender; Prometheus always writes 1e-128
    pub sender_zero_threshold: bool,
    /// the query engine's lookback; `target_info` is written twice in it
    pub lookback_ms: i64,
}

impl Default for MetricSettings {
    fn default() -> Self {
        MetricSettings {
            strategy: Strategy::default(),
            promote: Promote::default(),
            keep_identifying_resource_attributes: false,
            convert_histograms_to_nhcb: false,
            promote_scope_metadata: false,
            label_name_underscore_sanitization: true,
            label_name_preserve_multiple_underscores: true,
            delta: Delta::Reject,
            gauge_exemplars: false,
            sender_zero_threshold: false,
            lookback_ms: 300_000,
        }
    }
}

/// What becomes of an attribute of a log's resource, scope or record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogAction {
    /// a stream label (not for scope attributes)
    IndexLabel,
    StructuredMetadata,
    Drop,
}

/// Loki's `otlp_config`; `default()` is what Loki ships.
#[derive(Debug, Clone, PartialEq)]
pub struct LogSettings {
    /// resource attributes that become stream labels
    pub index_labels: BTreeSet<String>,
    /// further rules by exact attribute name; they win over `index_labels`
    pub resource_rules: Vec<(String, LogAction)>,
    pub scope_rules: Vec<(String, LogAction)>,
    pub log_rules: Vec<(String, LogAction)>,
    /// severity_text becomes a stream label
    pub severity_text_as_label: bool,
    /// detected_level is found at ingest and kept as structured metadata
    pub detect_level: bool,
}

impl Default for LogSettings {
    fn default() -> Self {
        LogSettings {
            index_labels: LOKI_INDEX_LABELS.iter().map(|s| (*s).to_owned()).collect(),
            resource_rules: vec![],
            scope_rules: vec![],
            log_rules: vec![],
            severity_text_as_label: false,
            detect_level: true,
        }
    }
}

/// The resource attributes that Loki makes stream labels of.
const LOKI_INDEX_LABELS: [&str; 18] = [
    "service.name",
    "service.namespace",
    "service.instance.id",
    "deployment.environment",
    "deployment.environment.name",
    "cloud.region",
    "cloud.availability_zone",
    "k8s.cluster.name",
    "k8s.namespace.name",
    "k8s.pod.name",
    "k8s.container.name",
    "container.name",
    "k8s.replicaset.name",
    "k8s.deployment.name",
    "k8s.statefulset.name",
    "k8s.daemonset.name",
    "k8s.cronjob.name",
    "k8s.job.name",
];

/// The resource attributes that the well-known all-in-one image promotes.
const LGTM_PROMOTED: [&str; 27] = [
    "service.instance.id",
    "service.name",
    "service.namespace",
    "service.version",
    "cloud.availability_zone",
    "cloud.region",
    "container.name",
    "deployment.environment",
    "deployment.environment.name",
    "host.name",
    "k8s.cluster.name",
    "k8s.container.name",
    "k8s.cronjob.name",
    "k8s.daemonset.name",
    "k8s.deployment.name",
    "k8s.job.name",
    "k8s.namespace.name",
    "k8s.node.name",
    "k8s.pod.name",
    "k8s.replicaset.name",
    "k8s.statefulset.name",
    "postgresql.database.name",
    "postgresql.schema.name",
    "postgresql.table.name",
    "postgresql.index.name",
    "database",
    "kafka.cluster.alias",
];

impl MetricSettings {
    /// Our default profile: what the well-known all-in-one stack does, plus delta temporality and exemplars of gauges.
    pub fn all_in_one() -> MetricSettings {
        MetricSettings {
            promote: Promote::Listed(LGTM_PROMOTED.iter().map(|s| (*s).to_owned()).collect()),
            keep_identifying_resource_attributes: true,
            delta: Delta::Accumulate,
            gauge_exemplars: true,
            sender_zero_threshold: true,
            ..MetricSettings::default()
        }
    }
}

/// What Tempo does to spans on the way in; `default()` does nothing to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TraceSettings {
    /// longer attribute keys and string values are cut; Tempo ships 2048
    pub max_attribute_bytes: Option<usize>,
}

impl TraceSettings {
    /// As Tempo ships.
    pub fn stock() -> TraceSettings {
        TraceSettings { max_attribute_bytes: Some(2048) }
    }
}

impl Options {
    pub fn new(metrics: MetricSettings, logs: LogSettings) -> Options {
        Options { inner: Arc::new(Inner { metrics, logs, traces: TraceSettings::default(), cache: SeriesCache::default() }) }
    }

    /// The same with other settings for spans, and a cache of its own.
    pub fn with_traces(&self, traces: TraceSettings) -> Options {
        let (metrics, logs) = (self.inner.metrics.clone(), self.inner.logs.clone());
        Options { inner: Arc::new(Inner { metrics, logs, traces, cache: SeriesCache::default() }) }
    }

    /// Every setting as Prometheus, Loki and Tempo ship it (`--profile stock`).
    pub fn stock() -> Options {
        Options::new(MetricSettings::default(), LogSettings::default()).with_traces(TraceSettings::stock())
    }

    pub fn metrics(&self) -> &MetricSettings {
        &self.inner.metrics
    }

    pub fn logs(&self) -> &LogSettings {
        &self.inner.logs
    }

    pub fn traces(&self) -> &TraceSettings {
        &self.inner.traces
    }

    pub(crate) fn cache(&self) -> &SeriesCache {
        &self.inner.cache
    }
}

impl Default for Options {
    /// The default profile.
    fn default() -> Self {
        Options::new(MetricSettings::all_in_one(), LogSettings::default())
    }
}
