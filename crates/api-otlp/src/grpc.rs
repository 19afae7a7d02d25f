//! OTLP/gRPC: unary calls by hand, so that the request's bytes are at hand for the write-ahead log.
//!
//! A message is [compressed: u8][length: u32 big-endian][bytes]. Success is a message and trailers; an error is headers alone
//! ("Trailers-Only"), because some clients look for the status nowhere else.

use std::convert::Infallible;
use std::fmt::Write;
use std::pin::Pin;
use std::task::{Context, Poll};

use api::Transport;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body::Frame;
use otlp::{Encoding, Signal};

use crate::body::{self, InFlight};
use crate::compression::Compression;
use crate::failure::{Failure, Kind};
use crate::ingest::{Receiver, Request, Taken};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const ACCEPTED: HeaderValue = HeaderValue::from_static("identity,gzip,zstd,deflate,snappy");
const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/grpc");
/// Bytes before each message.
const FRAME: usize = 5;

/// Whether the request is a gRPC call.
pub fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|v| v.as_bytes().starts_with(b"application/grpc"))
}

/// The unary method Export of one service.
pub async fn export(receiver: Receiver, signal: Signal, request: http::Request<Body>) -> Response {
    if !is_grpc(request.headers()) {
        let message = "this is a gRPC method: send content-type application/grpc over HTTP/2, or use /v1/metrics, /v1/logs, /v1/traces";
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, message).into_response();
    }
    match take(&receiver, signal, request).await {
        Ok(taken) => success(&otlp::export_response(signal, Encoding::Proto, taken.rejected, &taken.message)),
        Err(f) => failure(&f),
    }
}

async fn take(receiver: &Receiver, signal: Signal, request: http::Request<Body>) -> Result<Taken, Failure> {
    let (head, body) = request.into_parts();
    if head.method != Method::POST {
        return Err(Failure::new(Kind::Method, format!("gRPC calls are POST, not {}", head.method)));
    }
    // application/grpc and application/grpc+proto; other subtypes are other message encodings.
    let subtype =
        head.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).and_then(|v| v.split(';').next()).unwrap_or("").trim();
    if !matches!(subtype, "application/grpc" | "application/grpc+proto") {
        return Err(Failure::new(
            Kind::Unimplemented,
            format!("the message encoding {subtype} is not supported, send application/grpc+proto"),
        ));
    }
    let tenant = api::write_tenant(&head.headers).map_err(|e| Failure::new(Kind::Bad, e.to_string()))?;
    let compression = compression(&head.headers)?;
    let max = receiver.backend.settings.max_write_bytes;
    let mut in_flight = InFlight::new(&receiver.in_flight);
    let body = body::read(body, max.saturating_add(FRAME), &mut in_flight).await?;
    let (compressed, message) = unframe(body)?;
    let bytes = match (compressed, compression) {
        (false, _) => message,
        (true, Compression::Identity) => {
            return Err(Failure::new(Kind::Framing, "a message is marked as compressed but grpc-encoding is not set"));
        }
        (true, compression) => compression.undo(message, max, &mut in_flight)?,
    };
    receiver.take(Request { signal, encoding: Encoding::Proto, transport: Transport::Grpc, tenant, bytes }).await
}

fn compression(headers: &HeaderMap) -> Result<Compression, Failure> {
    let name = headers.get(GRPC_ENCODING).map_or("".into(), |v| String::from_utf8_lossy(v.as_bytes()));
    match Compression::parse(&name) {
        Some(c) if !matches!(c, Compression::Lz4 | Compression::SnappyFramed) => Ok(c),
        _ => Err(Failure::new(Kind::Unimplemented, format!("grpc-encoding {name:?} is not supported, see grpc-accept-encoding"))),
    }
}

/// The one message of a unary request, and whether it is compressed.
fn unframe(mut body: Bytes) -> Result<(bool, Bytes), Failure> {
    let framing = |message: &str| Failure::new(Kind::Framing, message);
    let Some([flag, len @ ..]) = body.first_chunk::<FRAME>().copied() else {
        return Err(framing("the request ends before its first message"));
    };
    let len = u32::from_be_bytes(len) as usize;
    if flag > 1 {
        return Err(framing("a message frame begins with neither 0 nor 1"));
    }
    let message = body.split_off(FRAME);
    match message.len().cmp(&len) {
        std::cmp::Ordering::Less => Err(framing("the request ends inside its message")),
        std::cmp::Ordering::Equal => Ok((flag == 1, message)),
        std::cmp::Ordering::Greater => Err(framing("a unary request has more than one message")),
    }
}

/// A message frame and trailers.
fn success(message: &[u8]) -> Response {
    let mut frame = BytesMut::with_capacity(FRAME + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    let mut trailers = HeaderMap::new();
    trailers.insert(GRPC_STATUS, HeaderValue::from_static("0"));
    let mut response = Response::new(Body::new(Unary { frame: Some(frame.freeze()), trailers: Some(trailers) }));
    response.headers_mut().insert(header::CONTENT_TYPE, CONTENT_TYPE);
    response.headers_mut().insert(GRPC_ACCEPT, ACCEPTED);
    response
}

/// A body of one message and trailers. Its length stays unsaid: with a `content-length` some clients stop reading before the trailers.
struct Unary {
    frame: Option<Bytes>,
    trailers: Option<HeaderMap>,
}

impl http_body::Body for Unary {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.frame.take().map(Frame::data);
        Poll::Ready(next.or_else(|| self.trailers.take().map(Frame::trailers)).map(Ok))
    }
}

/// Trailers-Only: status and message among the headers, no body. The HTTP status is 200 whatever happened.
pub fn failure(f: &Failure) -> Response {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, CONTENT_TYPE);
    headers.insert(GRPC_STATUS, f.grpc_code().into());
    headers.insert(GRPC_ACCEPT, ACCEPTED);
    if let Ok(message) = HeaderValue::from_str(&percent_encode(&f.message)) {
        headers.insert(GRPC_MESSAGE, message);
    }
    if f.retry_after_seconds().is_some()
        && let Ok(details) = HeaderValue::from_str(&STANDARD_NO_PAD.encode(f.to_proto()))
    {
        headers.insert(GRPC_DETAILS, details);
    }
    response
}

/// Printable ASCII stays, the rest and `%` become `%XX`.
fn percent_encode(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    for b in message.bytes() {
        if (0x20..=0x7e).contains(&b) && b != b'%' {
            out.push(char::from(b));
        } else {
            let _ = write!(out, "%{b:02X}");
        }
    }
    out
}
