//! Own telemetry: gathers every figure of the process, serves it on 8888 and writes it into our own store.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use api::{Backend, Point, PointKind};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use model::{Labels, METRIC_NAME, Metadata, MetricBatch, MetricKind, Sample, Temporality, Tenant};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use store::{Raw, Write};
use tokio_util::sync::CancellationToken;

use super::process;

/// How often the process writes its own figures into its store.
pub const SELF_SCRAPE_EVERY: Duration = Duration::from_secs(15);
/// The job label of our own series.
pub const SELF_JOB: &str = "trefoil";

/// `/metrics` on 8888 and the probes.
pub fn router(backend: Arc<Backend>) -> Router {
    let ready = |State(b): State<Arc<Backend>>| async move { probe(&b) };
    let healthy = || async { "Trefoil is healthy.\n" };
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthy))
        .route("/-/healthy", get(healthy))
        .route("/-/ready", get(ready))
        .route("/ready", get(ready))
        .with_state(backend)
}

fn probe(backend: &Backend) -> Response {
    if backend.is_ready() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready: starting or stopping\n").into_response()
    }
}

async fn metrics(State(backend): State<Arc<Backend>>) -> Response {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Points(gather(&backend))));
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &registry) {
        // Our names stand as the Collector writes them (no forced suffix), which is the plain text format, not OpenMetrics.
        Ok(()) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text.replace("# EOF\n", "")).into_response(),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "metrics could not be encoded\n").into_response(),
    }
}

/// Every figure of the process, grouped by name.
pub fn gather(backend: &Backend) -> Vec<Point> {
    let mut all = vec![];
    backend.metrics.collect(&mut all);
    super::storestats::collect(&backend.store.stats(), &mut all);
    process::collect(backend.uptime(), &mut all);
    let version = backend.settings.version.clone();
    all.push(Point::gauge("trefoil_build_info", "A constant 1 with the version as label.", 1.0).with("version", version));
    all.push(Point::gauge("trefoil_queries_running", "Queries being evaluated now.", backend.queries.running() as f64));
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

struct Points(Vec<Point>);

impl fmt::Debug for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} points", self.0.len())
    }
}

impl Collector for Points {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        for same_name in self.0.chunk_by(|a, b| a.name == b.name) {
            let first = &same_name[0];
            let kind = match first.kind {
                PointKind::Counter => MetricType::Counter,
                PointKind::Gauge => MetricType::Gauge,
            };
            let mut metric = encoder.encode_descriptor(&first.name, first.help, None, kind)?;
            for p in same_name {
                // The gauge form writes the name as it is; the counter form would add `_total`.
                if p.labels.is_empty() {
                    metric.encode_gauge(&p.value)?;
                } else {
                    metric.encode_family(&p.labels)?.encode_gauge(&p.value)?;
                }
            }
        }
        Ok(())
    }
}

/// Writes our own figures into our own store until stopped.
pub async fn watch_self(backend: Arc<Backend>, instance: String, stop: CancellationToken) {
    let mut tick = tokio::time::interval(SELF_SCRAPE_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        let batch = to_batch(&gather(&backend), &instance, backend.now_ms());
        let write =
            Write { tenant: Tenant::anonymous(), batch: model::Batch::Metrics(batch), raw: Raw::Native, received_ns: backend.now_ns() };
        if let Err(e) = backend.ingest.write(write).await {
            tracing::debug!(error = %e, "own figures not stored");
        }
    }
}

fn to_batch(points: &[Point], instance: &str, t: i64) -> MetricBatch {
    let mut batch = MetricBatch::default();
    for (i, p) in points.iter().enumerate() {
        let own = [(METRIC_NAME, p.name.as_str()), ("instance", instance), ("job", SELF_JOB)];
        batch.series.push(Labels::from_pairs(own.into_iter().chain(p.labels.iter().map(|(n, v)| (*n, v.as_str())))));
        batch.samples.push(Sample { series: i as u32, t, v: p.value, st: 0, temporality: Temporality::AsIs });
    }
    for same_name in points.chunk_by(|a, b| a.name == b.name) {
        let p = &same_name[0];
        let kind = if p.kind == PointKind::Counter { MetricKind::Counter } else { MetricKind::Gauge };
        batch.metadata.push(Metadata { metric: p.name.as_str().into(), kind, help: p.help.into(), unit: "".into() });
    }
    batch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_they_are() {
        let points = vec![
            Point::counter("otelcol_receiver_accepted_spans", "Spans.", 3.0).with("transport", "grpc"),
            Point::gauge("trefoil_x", "X.", 1.5),
        ];
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Points(points)));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        assert!(text.contains("# TYPE otelcol_receiver_accepted_spans counter"), "{text}");
        assert!(text.contains("otelcol_receiver_accepted_spans{transport=\"grpc\"} 3"), "{text}");
        assert!(text.contains("trefoil_x 1.5"), "{text}");
    }

    #[test]
    fn own_series_carry_job_and_instance() {
        let b = to_batch(&[Point::gauge("a", "h", 1.0).with("k", "v")], "host:1", 5);
        assert_eq!(b.series[0].to_string(), r#"{__name__="a", instance="host:1", job="trefoil", k="v"}"#);
        assert_eq!((b.samples.len(), b.metadata.len()), (1, 1));
    }
}
