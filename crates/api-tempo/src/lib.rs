//! Tempo's face: trace by id, search, tags, TraceQL metrics over HTTP and over gRPC on the same router.
//!
//! A handler reads parameters (`params`), makes one call inward (`inward`) and renders Tempo's messages (`json`, or protobuf).

mod error;
mod grpc;
mod inward;
mod jaeger;
mod json;
pub mod limits;
mod mcp;
mod pages;
mod params;
mod query;
mod respond;
mod trace;

use std::sync::Arc;

use api::Backend;
use axum::Router;
use axum::routing::{any, get, post};
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::compression::{CompressionLayer, CompressionLevel};

pub use error::ApiError;
pub use jaeger::router as jaeger_router;

/// Every path of this face, for the page that lists them.
const PATHS: &[&str] = &[
    "/api/echo",
    "/api/mcp",
    "/api/metrics/query",
    "/api/metrics/query_range",
    "/api/search",
    "/api/search/tag/{tag}/values",
    "/api/search/tags",
    "/api/status/buildinfo",
    "/api/traces/{id}",
    "/api/v2/search/tag/{tag}/values",
    "/api/v2/search/tags",
    "/api/v2/traces/diff",
    "/api/v2/traces/{id}",
    "/grpc.health.v1.Health/Check",
    "/metrics",
    "/ready",
    "/status",
    "/status/{page}",
    "/tempopb.StreamingQuerier/{method}",
];

/// Everything that port 3200 answers: HTTP/1, and gRPC over h2c. The read endpoints take any method, the pages GET only.
pub fn router(backend: Arc<Backend>) -> Router {
    Router::new()
        .route("/api/traces/{id}", any(trace::v1))
        .route("/api/v2/traces/{id}", any(trace::v2))
        .route("/api/v2/traces/diff", post(trace::diff::handle))
        .route("/api/search", any(query::search))
        .route("/api/search/tags", any(query::tags_v1))
        .route("/api/v2/search/tags", any(query::tags_v2))
        .route("/api/search/tag/{*rest}", any(query::values_v1))
        .route("/api/v2/search/tag/{*rest}", any(query::values_v2))
        .route("/api/metrics/query_range", any(query::query_range))
        .route("/api/metrics/query", any(query::query_instant))
        .route("/api/mcp", any(mcp::handle))
        .route("/api/echo", any(pages::echo))
        .route("/ready", any(pages::ready))
        .route("/metrics", get(pages::metrics))
        .route("/api/status/buildinfo", get(pages::buildinfo))
        .route("/status", get(pages::status))
        .route("/status/{*page}", get(pages::status_page))
        .route("/tempopb.StreamingQuerier/{method}", post(grpc::streaming_querier))
        .route("/grpc.health.v1.Health/{method}", post(grpc::health))
        .fallback(query::not_found)
        .with_state(backend)
        .layer(compression())
}

/// gzip for clients that ask for it; gRPC has its own.
fn compression() -> CompressionLayer<impl Predicate> {
    let worth = SizeAbove::new(limits::MIN_COMPRESSED_BYTES).and(NotForContentType::GRPC);
    CompressionLayer::new().gzip(true).quality(CompressionLevel::Fastest).compress_when(worth)
}
