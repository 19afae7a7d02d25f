//! Pages that say what the process is: health, build, settings, own metrics.

use std::fmt::Write;
use std::sync::Arc;

use api::{Backend, Point, PointKind};
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::error::ApiError;
use crate::query::page_not_found;
use crate::respond;

const TEXT: &str = "text/plain; charset=utf-8";

/// Grafana's health check.
pub async fn echo() -> Response {
    text("echo\n")
}

pub async fn ready(State(backend): State<Arc<Backend>>) -> Response {
    if backend.is_ready() {
        return text("ready\n");
    }
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "not ready: starting or stopping\n").into_response()
}

pub async fn buildinfo(State(backend): State<Arc<Backend>>) -> Response {
    let info = json!({
        "version": backend.settings.version, "revision": "", "branch": "", "buildUser": "", "buildDate": "", "goVersion": "",
    });
    respond::body(respond::JSON, info.to_string())
}

/// `/status`: everything together.
pub async fn status(State(backend): State<Arc<Backend>>) -> Response {
    let pages = ["version", "services", "endpoints", "runtime_config", "overrides", "config"];
    let all: Vec<String> = pages.iter().filter_map(|p| page(&backend, p)).collect();
    text(all.join("\n---\n"))
}

/// `/status/{page}`; `overrides` may name a tenant after it.
pub async fn status_page(State(backend): State<Arc<Backend>>, Path(path): Path<String>) -> Result<Response, ApiError> {
    let name = if path.starts_with("overrides/") { "overrides" } else { path.as_str() };
    page(&backend, name).map(text).ok_or_else(page_not_found)
}

fn page(backend: &Backend, name: &str) -> Option<String> {
    let s = &backend.settings;
    Some(match name {
        "version" => format!("trefoil, version {}\n", s.version),
        "services" => format!("query-frontend: {}\nstore: Running\n", if backend.is_ready() { "Running" } else { "Starting" }),
        "endpoints" => crate::PATHS.iter().map(|p| format!("{p}\n")).collect(),
        "config" => config(backend),
        "runtime_config" => "overrides: {}\n".into(),
        "overrides" => limits(),
        "usage-stats" => format!("usage statistics are not reported\nuptime_seconds: {}\n", backend.uptime().as_secs()),
        _ => return None,
    })
}

/// The configuration file as read, then the flags as YAML comments.
fn config(backend: &Backend) -> String {
    let mut out = backend.settings.config_text.clone();
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
    for (name, value) in &backend.settings.flags {
        let _ = writeln!(out, "# --{name}={value}");
    }
    out
}

/// The limits of this face; they are the same for every tenant.
fn limits() -> String {
    use crate::limits as l;
    let rows: [(&str, u64); 8] = [
        ("max_search_limit", u64::from(l::MAX_SEARCH_LIMIT)),
        ("max_spans_per_span_set", u64::from(l::MAX_SPANS_PER_SPANSET)),
        ("max_search_duration_seconds", u64::from(l::MAX_SEARCH_RANGE_SECONDS)),
        ("max_metrics_duration_seconds", l::MAX_METRICS_RANGE_NS / 1_000_000_000),
        ("max_metrics_intervals", l::MAX_METRICS_INTERVALS),
        ("max_metrics_series", u64::from(l::MAX_SERIES)),
        ("max_exemplars", u64::from(l::MAX_EXEMPLARS)),
        ("max_bytes_per_tag_values_query", l::MAX_TAG_BYTES as u64),
    ];
    rows.iter().map(|(name, v)| format!("{name}: {v}\n")).collect()
}

/// What the faces count, in the text format of Prometheus.
pub async fn metrics(State(backend): State<Arc<Backend>>) -> Response {
    let mut points = vec![];
    backend.metrics.collect(&mut points);
    points.sort_by(|a, b| a.name.cmp(&b.name));
    let mut out = String::new();
    for family in points.chunk_by(|a, b| a.name == b.name) {
        let kind = if family[0].kind == PointKind::Counter { "counter" } else { "gauge" };
        let _ = writeln!(out, "# HELP {} {}\n# TYPE {0} {kind}", family[0].name, family[0].help);
        for p in family {
            let _ = writeln!(out, "{}{} {}", p.name, labels(p), p.value);
        }
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], out).into_response()
}

fn labels(p: &Point) -> String {
    if p.labels.is_empty() {
        return String::new();
    }
    let pairs: Vec<String> =
        p.labels.iter().map(|(n, v)| format!("{n}=\"{}\"", v.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))).collect();
    format!("{{{}}}", pairs.join(","))
}

fn text(body: impl Into<String>) -> Response {
    ([(header::CONTENT_TYPE, TEXT)], body.into()).into_response()
}
