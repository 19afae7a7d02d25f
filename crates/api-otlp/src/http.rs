//! OTLP/HTTP: one POST per export, protobuf or JSON, answered in the same encoding.

use api::Transport;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode, header};
use otlp::{Encoding, Signal};

use crate::body::{self, InFlight};
use crate::compression::Compression;
use crate::failure::{Failure, Kind};
use crate::grpc;
use crate::ingest::{Receiver, Request, Taken};

/// POST /v1/{metrics,logs,traces}
pub async fn export(receiver: Receiver, signal: Signal, request: http::Request<Body>) -> Response {
    // Senders that mix the ports up speak gRPC to an HTTP path; they get an answer that they can read.
    if grpc::is_grpc(request.headers()) {
        return grpc::failure(&Failure::new(
            Kind::Unimplemented,
            format!("{} is an OTLP/HTTP path, not a gRPC method", request.uri().path()),
        ));
    }
    let encoding = encoding(request.headers());
    match take(&receiver, signal, encoding, request).await {
        Ok((encoding, taken)) => {
            let body = otlp::export_response(signal, encoding, taken.rejected, &taken.message);
            ([(header::CONTENT_TYPE, content_type(encoding))], body).into_response()
        }
        Err(f) => failure(&f, encoding.unwrap_or(Encoding::Json)),
    }
}

async fn take(
    receiver: &Receiver,
    signal: Signal,
    encoding: Option<Encoding>,
    request: http::Request<Body>,
) -> Result<(Encoding, Taken), Failure> {
    let (head, body) = request.into_parts();
    if head.method != Method::POST {
        return Err(Failure::new(Kind::Method, format!("{} is not allowed here, send POST", head.method)));
    }
    let Some(encoding) = encoding else {
        let given = head.headers.get(header::CONTENT_TYPE).map_or("none".into(), |v| String::from_utf8_lossy(v.as_bytes()));
        let message = format!("unsupported content type ({given}), supported: application/x-protobuf, application/json");
        return Err(Failure::new(Kind::MediaType, message));
    };
    let tenant = api::write_tenant(&head.headers).map_err(|e| Failure::new(Kind::Bad, e.to_string()))?;
    let compression = compression(&head.headers)?;
    let max = receiver.backend.settings.max_write_bytes;
    let mut in_flight = InFlight::new(&receiver.in_flight);
    let bytes = body::read(body, max, &mut in_flight).await?;
    let bytes = compression.undo(bytes, max, &mut in_flight)?;
    let taken = receiver.take(Request { signal, encoding, transport: Transport::Http, tenant, bytes }).await?;
    Ok((encoding, taken))
}

fn compression(headers: &HeaderMap) -> Result<Compression, Failure> {
    let name = headers.get(header::CONTENT_ENCODING).map_or("".into(), |v| String::from_utf8_lossy(v.as_bytes()));
    Compression::parse(&name).ok_or_else(|| {
        Failure::new(
            Kind::Bad,
            format!("unsupported content encoding {name:?}, supported: gzip, zstd, deflate, zlib, snappy, x-snappy-framed, lz4, identity"),
        )
    })
}

/// Parameters such as a charset do not matter.
fn encoding(headers: &HeaderMap) -> Option<Encoding> {
    let given = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    match given.split(';').next()?.trim().to_ascii_lowercase().as_str() {
        "application/x-protobuf" | "application/protobuf" => Some(Encoding::Proto),
        "application/json" => Some(Encoding::Json),
        _ => None,
    }
}

fn content_type(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Proto => "application/x-protobuf",
        Encoding::Json => "application/json",
    }
}

/// google.rpc.Status in the request's encoding.
fn failure(f: &Failure, encoding: Encoding) -> Response {
    let body = match encoding {
        Encoding::Proto => f.to_proto(),
        Encoding::Json => f.to_json(),
    };
    let mut response = (f.http_status(), [(header::CONTENT_TYPE, content_type(encoding))], body).into_response();
    if let Some(seconds) = f.retry_after_seconds() {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    if f.kind == Kind::Method {
        response.headers_mut().insert(header::ALLOW, http::HeaderValue::from_static("POST"));
    }
    response
}

/// Readiness probes ask for the base URL.
pub async fn root(request: http::Request<Body>) -> Response {
    match *request.method() {
        Method::GET | Method::HEAD => (StatusCode::OK, "OTLP receiver: POST /v1/metrics, /v1/logs, /v1/traces, or gRPC\n").into_response(),
        _ => unknown(request).await,
    }
}

/// Profiles are not stored; saying so lets senders stop.
pub async fn profiles(request: http::Request<Body>) -> Response {
    let f = Failure::new(Kind::Unimplemented, "profiles are not supported; metrics, logs and traces are");
    failure(&f, encoding(request.headers()).unwrap_or(Encoding::Json))
}

/// Paths and gRPC methods that nobody serves.
pub async fn unknown(request: http::Request<Body>) -> Response {
    let path = request.uri().path();
    if grpc::is_grpc(request.headers()) {
        return grpc::failure(&Failure::new(Kind::Unimplemented, format!("unknown method {path}")));
    }
    let f =
        Failure::new(Kind::NotFound, format!("nothing is served at {path}; OTLP/HTTP takes POST on /v1/metrics, /v1/logs and /v1/traces"));
    failure(&f, encoding(request.headers()).unwrap_or(Encoding::Json))
}
