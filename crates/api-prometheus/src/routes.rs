//! Which path is answered by whom.

use std::sync::Arc;

use api::Backend;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::{HeaderValue, Method, StatusCode, header};

use crate::call::{Call, early_endpoint, endpoint, not_ready, raw_endpoint};
use crate::error;
use crate::handlers::{admin, exemplars, federate, labels, metadata, query, rules, search, status, targets, tsdb};
use crate::{otlp, read, write};

const GET: &[Method] = &[Method::GET];
const GET_POST: &[Method] = &[Method::GET, Method::POST];
const POST: &[Method] = &[Method::POST];
const POST_PUT: &[Method] = &[Method::POST, Method::PUT];
const GET_HEAD: &[Method] = &[Method::GET, Method::HEAD];

/// Everything that Prometheus serves on its port, but for its web pages.
pub fn router(backend: Arc<Backend>) -> Router {
    Router::new().nest("/api/v1", api()).merge(top_level()).with_state(backend)
}

fn api() -> Router<Arc<Backend>> {
    Router::new()
        .route("/query", endpoint(GET_POST, query::instant))
        .route("/query_range", endpoint(GET_POST, query::range))
        .route("/query_exemplars", endpoint(GET_POST, exemplars::query_exemplars))
        .route("/format_query", endpoint(GET_POST, query::format))
        .route("/parse_query", endpoint(GET_POST, query::parse))
        .route("/series", endpoint(GET_POST, labels::series))
        .route("/labels", endpoint(GET_POST, labels::names))
        .route("/label/{name}/values", endpoint(GET, labels::values))
        .route("/metadata", endpoint(GET, metadata::metadata))
        .route("/scrape_pools", endpoint(GET, targets::pools))
        .route("/scrape_pools/config", endpoint(GET, targets::pool))
        .route("/targets", endpoint(GET, targets::targets))
        .route("/targets/metadata", endpoint(GET, targets::metadata))
        .route("/targets/relabel_steps", endpoint(GET, targets::relabel_steps))
        .route("/alertmanagers", endpoint(GET, rules::alertmanagers))
        .route("/rules", endpoint(GET, rules::rules))
        .route("/alerts", endpoint(GET, rules::alerts))
        .route("/status/config", endpoint(GET, status::config))
        .route("/status/flags", endpoint(GET, status::flags))
        .route("/status/buildinfo", endpoint(GET, status::build))
        .route("/status/runtimeinfo", endpoint(GET, status::runtime))
        .route("/status/tsdb", endpoint(GET, tsdb::status))
        .route("/status/tsdb/blocks", endpoint(GET, tsdb::blocks))
        .route("/status/walreplay", early_endpoint(GET, status::wal_replay))
        .route("/status/self_metrics", endpoint(GET, status::self_metrics))
        .route("/features", endpoint(GET, status::features))
        .route("/notifications", early_endpoint(GET, status::notifications))
        .route("/search/metric_names", endpoint(GET_POST, search::metric_names))
        .route("/search/label_names", endpoint(GET_POST, search::label_names))
        .route("/search/label_values", endpoint(GET_POST, search::label_values))
        .route("/admin/tsdb/delete_series", endpoint(POST_PUT, admin::delete_series))
        .route("/admin/tsdb/clean_tombstones", endpoint(POST_PUT, admin::clean_tombstones))
        .route("/admin/tsdb/snapshot", endpoint(POST_PUT, admin::snapshot))
        .route("/otlp/v1/metrics", raw_endpoint(POST, |backend, _, request| otlp::metrics(backend, request)))
        .route("/read", raw_endpoint(POST, |backend, _, request| read::read(backend, request)))
        .route("/write", raw_endpoint(POST, |backend, _, request| write::write(backend, request)))
}

fn top_level() -> Router<Arc<Backend>> {
    Router::new()
        .route("/federate", endpoint(GET_HEAD, |call: Call| async { Ok(federate::federate(call).await) }))
        .route("/version", any(version))
        .route("/-/healthy", any(|method| async move { probe(&method, true, "Prometheus Server is Healthy.") }))
        .route(
            "/-/ready",
            any(|method, State(b): State<Arc<Backend>>| async move { probe(&method, b.is_ready(), "Prometheus Server is Ready.") }),
        )
        .route("/-/reload", any(lifecycle))
        .route("/-/quit", any(lifecycle))
}

fn probe(method: &Method, good: bool, says: &'static str) -> Response {
    if !GET_HEAD.contains(method) {
        error::text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
    } else if good {
        error::text(StatusCode::OK, says)
    } else {
        not_ready()
    }
}

async fn version(State(backend): State<Arc<Backend>>) -> Response {
    let mut body = vec![];
    status::push_build(&mut body, &backend);
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}

/// Signals are the way to reload and stop this process.
async fn lifecycle(method: Method) -> Response {
    if POST_PUT.contains(&method) {
        error::text(StatusCode::FORBIDDEN, "Lifecycle API is not enabled.")
    } else {
        error::text(StatusCode::METHOD_NOT_ALLOWED, "Only POST or PUT requests allowed")
    }
}
