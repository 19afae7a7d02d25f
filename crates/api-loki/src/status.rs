//! What the server says of itself: readiness, build, configuration, limits, rings, own metrics.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use api::{Point, PointKind};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

use crate::error::ApiError;
use crate::face::{Face, json_answer, text_answer};
use crate::limits;

/// Clients switch features on by Loki's version, so this names the one whose API is spoken.
const LOKI_VERSION: &str = "3.8.0";

pub async fn ready(State(face): State<Arc<Face>>) -> Response {
    if face.backend.is_ready() {
        text_answer("ready\n")
    } else {
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "the server is starting or stopping\n").into_response()
    }
}

/// The keys of Loki; the revision says who answers.
pub async fn buildinfo(State(face): State<Arc<Face>>) -> Response {
    let info = serde_json::json!({
        "version": LOKI_VERSION,
        "revision": format!("trefoil-{}", face.backend.settings.version),
        "branch": "main",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    });
    json_answer(info.to_string())
}

pub async fn services(State(face): State<Arc<Face>>) -> Response {
    let state = if face.backend.is_ready() { "Running" } else { "Starting" };
    let names = ["server", "distributor", "ingester", "store", "querier", "query-frontend"];
    text_answer(names.map(|n| format!("{n} => {state}\n")).concat())
}

/// The limits in force, under Loki's names.
fn tenant_limits(face: &Face) -> BTreeMap<&'static str, serde_json::Value> {
    let seconds = |s: u64| format!("{s}s");
    // What senders are tuned to is enforced with the stock profile alone; 0 means no limit.
    let stock = face.backend.settings.profile == api::Profile::Stock;
    let rate = |bytes: u64| if stock { bytes >> 20 } else { 0 };
    BTreeMap::from([
        ("cardinality_limit", 100_000.into()),
        ("creation_grace_period", seconds(limits::MAX_FUTURE_NS as u64 / 1_000_000_000).into()),
        ("discover_log_levels", true.into()),
        (
            "discover_service_name",
            serde_json::json!([
                "service",
                "app",
                "application",
                "app_name",
                "name",
                "app_kubernetes_io_name",
                "container",
                "container_name",
                "k8s_container_name",
                "component",
                "workload",
                "job",
                "k8s_job_name"
            ]),
        ),
        ("allow_structured_metadata", true.into()),
        ("ingestion_burst_size_mb", rate(limits::RATE_BURST_BYTES).into()),
        ("ingestion_rate_mb", rate(limits::RATE_BYTES_PER_SECOND).into()),
        ("log_level_fields", serde_json::json!(otlp::LEVEL_FIELDS)),
        ("max_entries_limit_per_query", limits::MAX_ENTRIES.into()),
        ("max_label_name_length", limits::MAX_LABEL_NAME_BYTES.into()),
        ("max_label_names_per_series", limits::MAX_LABELS.into()),
        ("max_label_value_length", limits::MAX_LABEL_VALUE_BYTES.into()),
        ("max_line_size", limits::MAX_LINE_BYTES.into()),
        ("max_line_size_truncate", false.into()),
        ("max_query_bytes_read", "0B".into()),
        ("max_query_length", if stock { "30d1h" } else { "0s" }.into()),
        ("max_query_lookback", "0s".into()),
        ("max_query_range", "0s".into()),
        ("max_query_series", limits::MAX_SERIES.into()),
        ("max_structured_metadata_entries_count", limits::MAX_METADATA_PAIRS.into()),
        ("max_structured_metadata_size", limits::MAX_METADATA_BYTES.into()),
        ("metric_aggregation_enabled", false.into()),
        ("pattern_persistence_enabled", false.into()),
        ("query_timeout", seconds(api::limits::QUERY_TIMEOUT.as_secs()).into()),
        ("reject_old_samples", false.into()),
        ("retention_period", seconds(face.backend.settings.retention.as_secs()).into()),
        ("volume_enabled", true.into()),
        ("volume_max_series", limits::MAX_VOLUMES.into()),
    ])
}

/// What Logs Drilldown asks before it shows anything.
pub async fn drilldown_limits(State(face): State<Arc<Face>>) -> Response {
    let body = serde_json::json!({ "limits": tenant_limits(&face), "pattern_ingester_enabled": true, "version": LOKI_VERSION });
    json_answer(body.to_string())
}

pub async fn tenant_config(State(face): State<Arc<Face>>) -> Response {
    yaml(&tenant_limits(&face))
}

pub async fn config(State(face): State<Arc<Face>>) -> Response {
    let all = serde_json::json!({ "auth_enabled": false, "limits_config": tenant_limits(&face) });
    yaml(&all)
}

fn yaml(value: &impl serde::Serialize) -> Response {
    match serde_yaml_ng::to_string(value) {
        Ok(text) => ([(header::CONTENT_TYPE, "text/yaml; charset=utf-8")], text).into_response(),
        Err(e) => ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the configuration cannot be shown: {e}")).into_response(),
    }
}

pub async fn log_level() -> Response {
    json_answer(r#"{"message":"Current log level is set by the environment variable RUST_LOG"}"#.into())
}

pub async fn set_log_level() -> ApiError {
    ApiError::bad("the log level cannot be changed while running; start the server with RUST_LOG set")
}

/// Loki writes its memory out; here whatever was acknowledged is kept and seen already.
pub async fn flush() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// One process is its own ring.
pub async fn ring() -> Response {
    json_answer(r#"{"shards":[{"id":"trefoil","state":"ACTIVE","address":"127.0.0.1","zone":""}]}"#.into())
}

/// Own metrics in the text exposition format.
pub async fn metrics(State(face): State<Arc<Face>>) -> Response {
    let mut points = vec![];
    face.backend.metrics.collect(&mut points);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], exposition(&points)).into_response()
}

fn exposition(points: &[Point]) -> String {
    let mut families: BTreeMap<&str, Vec<&Point>> = BTreeMap::new();
    for p in points {
        families.entry(&p.name).or_default().push(p);
    }
    let mut out = String::new();
    for (name, points) in families {
        let kind = if points.iter().any(|p| p.kind == PointKind::Counter) { "counter" } else { "gauge" };
        let help = points.first().map_or("", |p| p.help);
        _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for p in points {
            let labels: Vec<String> = p.labels.iter().map(|(n, v)| format!("{n}={v:?}")).collect();
            let braces = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            _ = writeln!(out, "{name}{braces} {}", p.value);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_in_text() {
        let points = [Point::counter("b_total", "Bees.", 2.0).with("kind", "wild"), Point::gauge("a", "As.", 0.5)];
        let want = "# HELP a As.\n# TYPE a gauge\na 0.5\n# HELP b_total Bees.\n# TYPE b_total counter\nb_total{kind=\"wild\"} 2\n";
        assert_eq!(exposition(&points), want);
    }
}
