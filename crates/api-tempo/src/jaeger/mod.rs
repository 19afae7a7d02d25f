//! Jaeger's HTTP query API (port 16686) over the same spans: services, operations, traces, dependencies.
//!
//! Answers are Jaeger's envelope `{"data": [...], "total": n, "limit": 0, "offset": 0, "errors": null}`; times are microseconds.

mod dependencies;
mod params;
mod render;

use std::sync::Arc;

use api::{Backend, Params};
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use query::SpanSource;
use serde_json::{Value, json};
use traceql::TagOptions;
use traceql::ast::{Attribute, BinOp, FieldExpr, Intrinsic, Static};

use crate::error::ApiError;
use crate::inward::Caller;
use crate::params::parse_trace_id;
use crate::respond;

pub use render::KINDS;

/// Everything that port 16686 answers.
pub fn router(backend: Arc<Backend>) -> Router {
    Router::new()
        .route("/api/services", get(services))
        .route("/api/services/{service}/operations", get(operation_names))
        .route("/api/operations", get(operations))
        .route("/api/traces", get(traces))
        .route("/api/traces/{id}", get(trace))
        .route("/api/dependencies", get(dependencies))
        .with_state(backend)
}

/// An error in Jaeger's envelope.
struct JaegerError(ApiError);

impl<E: Into<ApiError>> From<E> for JaegerError {
    fn from(e: E) -> JaegerError {
        JaegerError(e.into())
    }
}

impl IntoResponse for JaegerError {
    fn into_response(self) -> Response {
        let ApiError { status, text } = self.0;
        let body = json!({"data": null, "total": 0, "limit": 0, "offset": 0, "errors": [{"code": status.as_u16(), "msg": text}]});
        (status, [(header::CONTENT_TYPE, respond::JSON)], body.to_string()).into_response()
    }
}

type Answer = Result<Response, JaegerError>;

fn answer(data: Vec<Value>) -> Answer {
    let body = json!({"total": data.len(), "data": data, "limit": 0, "offset": 0, "errors": null});
    Ok(respond::body(respond::JSON, body.to_string()))
}

async fn services(State(backend): State<Arc<Backend>>, request: Request) -> Answer {
    let caller = Caller::new(backend, request.headers())?;
    let names = values(&caller, params::service_field(), None).await?;
    answer(names.into_iter().map(Value::from).collect())
}

async fn operation_names(State(backend): State<Arc<Backend>>, Path(service): Path<String>, request: Request) -> Answer {
    let caller = Caller::new(backend, request.headers())?;
    let names = values(&caller, Attribute::Intrinsic(Intrinsic::Name), Some(params::service_is(&service))).await?;
    answer(names.into_iter().map(Value::from).collect())
}

/// Operations with their kinds, of one kind if `spanKind` says so.
async fn operations(State(backend): State<Arc<Backend>>, request: Request) -> Answer {
    let caller = Caller::new(backend, request.headers())?;
    let p = Params::read(request).await?;
    let service = p.given("service").ok_or_else(|| ApiError::bad("parameter 'service' is required"))?;
    let wanted = p.given("spanKind").unwrap_or("");
    let mut all = vec![];
    for (kind, name) in render::KINDS.iter().enumerate().filter(|(_, name)| wanted.is_empty() || **name == wanted) {
        let of_kind = params::binary(Attribute::Intrinsic(Intrinsic::Kind), BinOp::Eq, Static::Kind(kind as u8));
        let filter = params::and(params::service_is(service), of_kind);
        for operation in values(&caller.again(), Attribute::Intrinsic(Intrinsic::Name), Some(filter)).await? {
            all.push(json!({"name": operation, "spanKind": name}));
        }
    }
    answer(all)
}

/// The distinct values of a field, sorted.
async fn values(caller: &Caller, field: Attribute, filter: Option<FieldExpr>) -> Result<Vec<String>, ApiError> {
    let filter = filter.map(|f| params::query(f).to_string());
    let options = TagOptions { filter, ..TagOptions::default() };
    let found = caller.run(move |s, budget| traceql::tag_values(&field, &options, s, budget)).await?;
    let mut names: Vec<String> = found.into_iter().map(|v| v.value).filter(|v| !v.is_empty()).collect();
    names.sort();
    names.dedup();
    Ok(names)
}

/// A search, or with `traceID` the traces named.
async fn traces(State(backend): State<Arc<Backend>>, request: Request) -> Answer {
    let caller = Caller::new(backend, request.headers())?;
    let p = Params::read(request).await?;
    let named = p.all("traceID").map(parse_trace_id).collect::<Result<Vec<_>, _>>()?;
    let found = if named.is_empty() {
        let search = params::Search::read(&p, caller.now())?;
        caller
            .run(move |s, budget| {
                let found = traceql::search(&search.query, &search.options, s, budget)?;
                let ids: Vec<[u8; 16]> = found.traces.iter().map(|t| t.trace_id).collect();
                s.traces(&ids, budget)
            })
            .await?
    } else {
        caller.run(move |s, budget| s.traces(&named, budget)).await?
    };
    answer(found.iter().filter(|t| !t.spans.is_empty()).map(|t| render::trace(&crate::trace::to_proto(t))).collect())
}

async fn trace(State(backend): State<Arc<Backend>>, Path(id): Path<String>, request: Request) -> Answer {
    let caller = Caller::new(backend, request.headers())?;
    let id = parse_trace_id(&id)?;
    let found = caller.run(move |s, budget| s.trace(&id, budget)).await?;
    if found.spans.is_empty() {
        return Err(ApiError::new(StatusCode::NOT_FOUND, "trace not found").into());
    }
    answer(vec![render::trace(&crate::trace::to_proto(&found))])
}

/// Who called whom how often, from the spans of the range.
async fn dependencies(State(backend): State<Arc<Backend>>, request: Request) -> Answer {
    let caller = Caller::new(backend, request.headers())?;
    let p = Params::read(request).await?;
    let range = params::dependency_range(&p, caller.now())?;
    let edges = caller.run(move |s, budget| dependencies::edges(s, range, budget)).await?;
    let edge = |((parent, child), calls): ((String, String), u64)| json!({"parent": parent, "child": child, "callCount": calls});
    answer(edges.into_iter().map(edge).collect())
}
