//! POST /otlp/v1/logs: OTLP logs through the Loki port.

use std::sync::Arc;

use api::{Outcome, Signal, Transport};
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{Request, StatusCode, header};
use model::Batch;
use store::{Raw, Write};

use super::body::{self, Encoding, InFlight};
use super::{Refusal, header_text};
use crate::error::ApiError;
use crate::face::{Face, writer};

/// 200 with an ExportLogsServiceResponse in the request's type (Loki answers 204, which some exporters log as a failure).
pub async fn push_otlp(State(face): State<Arc<Face>>, req: Request<Body>) -> Response {
    match accept(&face, req).await {
        Ok((content_type, answer)) => ([(header::CONTENT_TYPE, content_type)], answer).into_response(),
        Err(Refusal { error, retry_after }) => {
            let mut answer =
                (error.status, [(header::CONTENT_TYPE, "application/x-protobuf")], status_message(&error.text)).into_response();
            if let Some(seconds) = retry_after {
                answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            }
            answer
        }
    }
}

async fn accept(face: &Arc<Face>, req: Request<Body>) -> Result<(&'static str, Vec<u8>), Refusal> {
    let tenant = writer(req.headers()).map_err(ApiError::from)?;
    let media = header_text(req.headers(), header::CONTENT_TYPE).split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    let (encoding, stored_as, content_type) = match media.as_str() {
        "application/x-protobuf" => (otlp::Encoding::Proto, store::Encoding::OtlpProto, "application/x-protobuf"),
        "application/json" => (otlp::Encoding::Json, store::Encoding::OtlpJson, "application/json"),
        other => {
            return Err(
                ApiError::bad(format!("content type: {other}, is not supported; send application/x-protobuf or application/json")).into()
            );
        }
    };
    let packing = Encoding::of_otlp(req.headers())?;
    let max = face.backend.settings.max_write_bytes;
    let mut in_flight = InFlight::new(&face.in_flight);
    let bytes = body::read(req.into_body(), max, &mut in_flight).await?;
    let (now, options) = (face.backend.now_ns(), face.backend.otlp.clone());
    let work = tokio::task::spawn_blocking(move || {
        let plain = match packing {
            Encoding::Plain => bytes,
            _ => Bytes::from(body::undo(&bytes, packing, max, &mut in_flight)?.into_owned()),
        };
        let decoded = otlp::decode_logs(&plain, encoding, &options, now).map_err(|e| ApiError::bad(e.to_string()))?;
        Ok::<_, ApiError>((plain, decoded))
    });
    let (plain, decoded) =
        work.await.map_err(|e| ApiError::new(StatusCode::SERVICE_UNAVAILABLE, format!("the request could not be read: {e}")))??;
    let metrics = &face.backend.metrics;
    metrics.received(Signal::LogRecords, Transport::Http, Outcome::Refused, decoded.rejected);
    if decoded.items > 0 {
        let raw = Raw::Encoded { signal: store::Signal::Logs, encoding: stored_as, bytes: plain };
        face.backend.ingest.write(Write { tenant, batch: Batch::Logs(Arc::new(decoded.batch)), raw, received_ns: now }).await?;
        metrics.received(Signal::LogRecords, Transport::Http, Outcome::Accepted, decoded.items);
    }
    Ok((content_type, otlp::export_response(otlp::Signal::Logs, encoding, decoded.rejected, &decoded.message)))
}

/// google.rpc.Status with the message alone.
fn status_message(text: &str) -> Vec<u8> {
    let mut out = vec![0x12];
    let mut len = text.len();
    while len >= 0x80 {
        out.push((len & 0x7f) as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    out.extend_from_slice(text.as_bytes());
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn errors_are_status_messages() {
        assert_eq!(super::status_message("no"), [0x12, 2, b'n', b'o']);
        assert_eq!(super::status_message(&"x".repeat(300))[..3], [0x12, 0xac, 0x02]);
    }
}
