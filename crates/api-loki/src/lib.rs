//! The Loki face: its HTTP API on port 3100 (queries, index, detected fields, patterns, tail) and its ways of writing (push, OTLP).
//!
//! `router(backend)` gives every route. A request goes `face::Ask` (parameters, tenants) → one call into the store or an engine on the
//! query pool → a hand-written JSON answer. Writing lives in `push`.

mod delete;
mod error;
mod face;
mod json;
mod limits;
mod params;
mod push;
mod read;
mod read_json;
mod rules;
mod stats;
mod status;
mod tail;
mod time;

use std::sync::Arc;

use api::Backend;
use axum::Router;
use axum::routing::{MethodRouter, get, post};
use tower_http::compression::predicate::SizeAbove;
use tower_http::compression::{CompressionLayer, CompressionLevel};

use face::Face;

/// All routes of Loki's API; anything else answers 404 `404 page not found`.
pub fn router(backend: Arc<Backend>) -> Router {
    let face = Arc::new(Face::new(backend));
    let read = Router::new()
        .route("/loki/api/v1/query_range", both(read::query::range))
        .route("/loki/api/v1/query", both(read::query::instant))
        .route("/loki/api/v1/format_query", both(read::query::format))
        .route("/loki/api/v1/tail", both(tail::tail))
        .route("/api/prom/query", both(read::query::legacy))
        .route("/api/prom/tail", both(tail::tail))
        .route("/loki/api/v1/label", both(read::labels::names))
        .route("/loki/api/v1/labels", both(read::labels::names))
        .route("/loki/api/v1/label/{name}/values", both(read::labels::values))
        .route("/loki/api/v1/series", both(read::labels::series))
        .route("/loki/api/v1/detected_labels", both(read::labels::detected))
        .route("/loki/api/v1/detected_fields", both(read::detected::fields))
        .route("/loki/api/v1/detected_field/{*name}", both(read::detected::values))
        .route("/loki/api/v1/patterns", both(read::detected::patterns))
        .route("/loki/api/v1/index/stats", both(read::index::stats))
        .route("/loki/api/v1/index/shards", both(read::index::shards))
        .route("/loki/api/v1/index/volume", both(read::index::volume))
        .route("/loki/api/v1/index/volume_range", both(read::index::volume_range))
        .route("/api/prom/label", both(read::labels::names))
        .route("/api/prom/label/{name}/values", both(read::labels::values))
        .route("/api/prom/series", both(read::labels::series));
    let write = Router::new()
        .route("/loki/api/v1/delete", get(delete::list).post(delete::create).put(delete::create).delete(delete::cancel))
        .route("/loki/api/v1/push", post(push::push))
        .route("/api/prom/push", post(push::push))
        .route("/otlp/v1/logs", post(push::push_otlp))
        .route("/loki/otlp/v1/logs", post(push::push_otlp));
    // Loki compresses by default; Grafana's client asks for it. Small answers are not worth it.
    let gzip = CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(SizeAbove::new(limits::MIN_GZIP_BYTES));
    read.merge(write).merge(status_routes()).merge(rule_routes()).fallback(not_found).layer(gzip).with_state(face)
}

async fn not_found() -> error::ApiError {
    error::ApiError::new(http::StatusCode::NOT_FOUND, "404 page not found\n")
}

/// GET and POST of one handler: all query paths take both.
fn both<H, T>(handler: H) -> MethodRouter<Arc<Face>>
where
    H: axum::handler::Handler<T, Arc<Face>>,
    T: 'static,
{
    get(handler.clone()).post(handler)
}

fn status_routes() -> Router<Arc<Face>> {
    let mut routes = Router::new()
        .route("/ready", get(status::ready))
        .route("/services", get(status::services))
        .route("/metrics", get(status::metrics))
        .route("/flush", both(status::flush))
        .route("/log_level", get(status::log_level).post(status::set_log_level))
        .route("/config", get(status::config))
        .route("/config/tenant/v1/limits", get(status::tenant_config))
        .route("/loki/api/v1/drilldown-limits", get(status::drilldown_limits))
        .route("/loki/api/v1/status/buildinfo", get(status::buildinfo));
    for path in [
        "/ring",
        "/distributor/ring",
        "/pattern/ring",
        "/ruler/ring",
        "/indexgateway/ring",
        "/scheduler/ring",
        "/compactor/ring",
        "/partition-ring",
        "/memberlist",
    ] {
        routes = routes.route(path, get(status::ring));
    }
    routes
}

fn rule_routes() -> Router<Arc<Face>> {
    let mut routes =
        Router::new().route("/prometheus/api/v1/rules", get(rules::list)).route("/prometheus/api/v1/alerts", get(rules::alerts));
    for prefix in ["/loki/api/v1/rules", "/api/prom/rules"] {
        routes = routes
            .route(prefix, get(rules::no_groups))
            .route(&format!("{prefix}/{{namespace}}"), get(rules::no_groups).post(rules::read_only).delete(rules::read_only))
            .route(&format!("{prefix}/{{namespace}}/{{group}}"), get(rules::no_groups).delete(rules::read_only));
    }
    routes
}
