//! `grpc.health.v1.Health/Check`: every service is serving while the process is ready.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use api::Backend;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::Response;

use super::codec;

#[derive(Clone, PartialEq, prost::Message)]
pub struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    pub service: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct HealthCheckResponse {
    /// 1 serving, 2 not serving
    #[prost(int32, tag = "1")]
    pub status: i32,
}

/// `/grpc.health.v1.Health/{method}`.
pub async fn check(State(backend): State<Arc<Backend>>, Path(method): Path<String>, request: Request) -> Response {
    if method != "Check" {
        return tonic::Status::unimplemented(format!("method {method} of grpc.health.v1.Health is not offered; use Check")).into_http();
    }
    codec::<HealthCheckRequest, HealthCheckResponse>().unary(Check(backend), request).await.map(Body::new)
}

struct Check(Arc<Backend>);

impl tonic::server::UnaryService<HealthCheckRequest> for Check {
    type Response = HealthCheckResponse;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<HealthCheckResponse>, tonic::Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<HealthCheckRequest>) -> Self::Future {
        let service = request.into_inner().service;
        let answer = match service.as_str() {
            "" | "tempopb.StreamingQuerier" => {
                let status = if self.0.is_ready() { 1 } else { 2 };
                Ok(tonic::Response::new(HealthCheckResponse { status }))
            }
            _ => Err(tonic::Status::not_found(format!("unknown service {service}"))),
        };
        Box::pin(std::future::ready(answer))
    }
}
