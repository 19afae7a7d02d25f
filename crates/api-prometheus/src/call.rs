//! One API call: method table, CORS, readiness, tenants and parameters are settled here, so that handlers only answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::{Backend, Face};
use axum::body::Body;
use axum::extract::{RawPathParams, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use model::Tenant;
use query::{Budget, QueryError};
use store::Snapshot;

use crate::error::{self, ApiError};
use crate::params::Params;
use crate::reply::Reply;

/// What a handler gets.
#[derive(Clone)]
pub struct Call {
    pub backend: Arc<Backend>,
    pub params: Params,
    pub tenants: Vec<Tenant>,
    /// the one variable part of the path, if the route has one
    pub path: String,
    /// the client takes gzip
    pub gzip: bool,
}

/// What a handler gives.
pub type Answer = Result<Response, ApiError>;

impl Call {
    /// Reads on the query pool, under the server's limits; a caller that goes away stops it.
    pub async fn read(
        self,
        timeout: Option<Duration>,
        f: impl FnOnce(&Call, &Snapshot, &Budget) -> Result<Reply, ApiError> + Send + 'static,
    ) -> Answer {
        let gzip = self.gzip;
        let encoded = self.compute(timeout, move |call, snapshot, budget| f(call, snapshot, budget).map(|r| r.encode(gzip))).await?;
        Ok(encoded.respond("application/json"))
    }

    /// As `read`, for answers that are not JSON.
    pub async fn compute<T: Send + 'static>(
        self,
        timeout: Option<Duration>,
        f: impl FnOnce(&Call, &Snapshot, &Budget) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let budget = self.backend.budget(timeout);
        let (backend, started) = (self.backend.clone(), Instant::now());
        let pool = backend.queries.clone();
        // Two layers: the outer error is the pool's (no place, panic), the inner one the handler's.
        let answer = pool.run(&budget, move |budget| {
            let snapshot = self.backend.snapshot(&self.tenants);
            Ok::<_, QueryError>(f(&self, &snapshot, budget))
        });
        let answer = answer.await.map_err(ApiError::from).and_then(|inner| inner);
        backend.metrics.query(Face::Prometheus, answer.is_ok(), started.elapsed());
        answer
    }

    /// A small answer that needs no reading.
    pub fn reply(&self, reply: Reply) -> Answer {
        Ok(reply.encode(self.gzip).respond("application/json"))
    }
}

/// A route of `/api/v1`: OPTIONS is answered for all, other methods only where listed, and none while not ready.
pub fn endpoint<F, Fut>(methods: &'static [Method], handler: F) -> MethodRouter<Arc<Backend>>
where
    F: Fn(Call) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Answer> + Send + 'static,
{
    guarded(methods, true, parsed(handler))
}

/// As `endpoint` for what is asked while the server starts.
pub fn early_endpoint<F, Fut>(methods: &'static [Method], handler: F) -> MethodRouter<Arc<Backend>>
where
    F: Fn(Call) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Answer> + Send + 'static,
{
    guarded(methods, false, parsed(handler))
}

/// As `endpoint` for handlers that read the body themselves.
pub fn raw_endpoint<F, Fut>(methods: &'static [Method], handler: F) -> MethodRouter<Arc<Backend>>
where
    F: Fn(Arc<Backend>, String, Request<Body>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Response> + Send + 'static,
{
    guarded(methods, true, handler)
}

/// Reads tenants and parameters before the handler is called.
fn parsed<F, Fut>(handler: F) -> impl Fn(Arc<Backend>, String, Request<Body>) -> BoxedResponse + Clone + Send + Sync + 'static
where
    F: Fn(Call) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Answer> + Send + 'static,
{
    move |backend, path, request| {
        let handler = handler.clone();
        Box::pin(async move {
            let gzip = accepts_gzip(request.headers());
            let tenants = match api::read_tenants(request.headers()) {
                Ok(tenants) => tenants,
                Err(e) => return ApiError::bad(e.to_string()).into_response(),
            };
            let params = match Params::read(request).await {
                Ok(params) => params,
                Err((StatusCode::BAD_REQUEST, why)) => return ApiError::bad(why).into_response(),
                Err((status, why)) => return error::text(status, &why),
            };
            handler(Call { backend, params, tenants, path, gzip }).await.unwrap_or_else(IntoResponse::into_response)
        })
    }
}

type BoxedResponse = Pin<Box<dyn Future<Output = Response> + Send>>;

fn guarded<F, Fut>(methods: &'static [Method], only_ready: bool, handler: F) -> MethodRouter<Arc<Backend>>
where
    F: Fn(Arc<Backend>, String, Request<Body>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Response> + Send + 'static,
{
    any(move |State(backend): State<Arc<Backend>>, path: RawPathParams, request: Request<Body>| {
        let handler = handler.clone();
        async move {
            let cross_origin = request.headers().contains_key(header::ORIGIN);
            let path = path.iter().next().map_or(String::new(), |(_, v)| v.to_owned());
            let mut response = if request.method() == Method::OPTIONS {
                StatusCode::NO_CONTENT.into_response()
            } else if !methods.contains(request.method()) {
                not_allowed(methods)
            } else if only_ready && !backend.is_ready() {
                not_ready()
            } else {
                handler(backend, path, request).await
            };
            if cross_origin {
                add_cors(response.headers_mut());
            }
            response
        }
    })
}

/// 503 while starting or draining.
pub fn not_ready() -> Response {
    let mut response = error::text(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");
    response.headers_mut().insert("X-Prometheus-Stopping", HeaderValue::from_static("false"));
    response
}

fn not_allowed(methods: &[Method]) -> Response {
    let mut response = error::text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    let names: Vec<&str> = methods.iter().map(Method::as_str).chain(["OPTIONS"]).collect();
    if let Ok(allow) = HeaderValue::from_str(&names.join(", ")) {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

fn add_cors(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Accept, Authorization, Content-Type, Origin"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Date"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
}

/// Whether the client said that it takes gzip (and not with weight 0).
pub fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = weight.trim().strip_prefix("q=").and_then(|q| q.trim().parse::<f32>().ok()) == Some(0.0);
        matches!(name.trim(), "gzip" | "*") && !refused
    })
}
