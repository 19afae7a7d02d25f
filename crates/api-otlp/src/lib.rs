//! The OTLP receiver: OTLP/HTTP and OTLP/gRPC on the same router, so that either port takes either protocol.
//!
//! `router(backend)` gives every route. A request goes body (bounded, decompressed) → `otlp` (decoded into a batch) → the store (one
//! call) → the answer of its protocol: `http` and `grpc` differ in framing and in how they say no, nothing else.

mod body;
mod compression;
mod cors;
mod failure;
mod grpc;
mod http;
mod ingest;
pub mod limits;

use std::sync::Arc;

use api::Backend;
use axum::Router;
use axum::middleware::from_fn;
use axum::routing::any;

use ingest::Receiver;

/// All routes of ports 4317 and 4318, with a fallback for unknown paths and gRPC methods.
pub fn router(backend: Arc<Backend>) -> Router {
    use otlp::Signal::{Logs, Metrics, Traces};
    let receiver = Receiver::new(backend);
    let mut router = Router::new()
        .route("/", any(http::root))
        .route("/v1/profiles", any(http::profiles))
        .route("/v1development/profiles", any(http::profiles));
    for (path, method, signal) in [
        ("/v1/metrics", "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", Metrics),
        ("/v1/logs", "/opentelemetry.proto.collector.logs.v1.LogsService/Export", Logs),
        ("/v1/traces", "/opentelemetry.proto.collector.trace.v1.TraceService/Export", Traces),
    ] {
        let (http, grpc) = (receiver.clone(), receiver.clone());
        router = router
            .route(path, any(move |request| http::export(http, signal, request)))
            .route(method, any(move |request| grpc::export(grpc, signal, request)));
    }
    router.fallback(http::unknown).layer(from_fn(cors::apply))
}
