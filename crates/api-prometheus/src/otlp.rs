//! POST /api/v1/otlp/v1/metrics: OTLP as Prometheus' own receiver takes it, with the partial success that it lacks.

use std::io::Read;
use std::sync::Arc;

use api::{Backend, Outcome, Signal, Transport};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use model::Batch;
use otlp::Encoding;
use store::{AppendError, Appended, Raw, Reason, Write};

use crate::error::text;
use crate::limits::MAX_DECODED_BYTES;
use crate::write::{body, unavailable};

/// Takes an ExportMetricsServiceRequest.
pub async fn metrics(backend: Arc<Backend>, request: Request<Body>) -> Response {
    let encoding = match encoding(request.headers()) {
        Ok(encoding) => encoding,
        Err(why) => return text(StatusCode::BAD_REQUEST, &why),
    };
    let tenant = match api::write_tenant(request.headers()) {
        Ok(tenant) => tenant,
        Err(e) => return text(StatusCode::BAD_REQUEST, &e.to_string()),
    };
    let compression = request.headers().get(header::CONTENT_ENCODING).and_then(|v| v.to_str().ok()).unwrap_or("").to_owned();
    let bytes = match body(request.into_body()).await.and_then(|b| inflate(b, &compression)) {
        Ok(bytes) => bytes,
        Err((status, why)) => return text(status, &why),
    };
    let received_ns = backend.now_ns();
    let decoded = match otlp::decode_metrics(&bytes, encoding, &backend.otlp, received_ns) {
        Ok(decoded) => decoded,
        Err(e) => return text(StatusCode::BAD_REQUEST, &e.to_string()),
    };
    backend.metrics.received(Signal::MetricPoints, Transport::Http, Outcome::Refused, decoded.rejected);
    if decoded.batch.is_empty() {
        return success(encoding, decoded.rejected, &decoded.message);
    }
    let raw = Raw::Encoded { signal: store::Signal::Metrics, encoding: stored_as(encoding), bytes };
    let answer = backend.ingest.write(Write { tenant, batch: Batch::Metrics(decoded.batch), raw, received_ns }).await;
    let outcome = if answer.is_ok() { Outcome::Accepted } else { Outcome::Refused };
    backend.metrics.received(Signal::MetricPoints, Transport::Http, outcome, decoded.items);
    respond(encoding, decoded.rejected, decoded.message, answer)
}

/// Nothing kept of what was asked: 400. Something kept: success that tells what was not.
fn respond(encoding: Encoding, mut rejected: u64, mut message: String, answer: Result<Appended, AppendError>) -> Response {
    let appended = match answer {
        Ok(appended) => appended,
        Err(e) => return unavailable(&e),
    };
    for r in appended.rejected.iter().filter(|r| !matches!(r.reason, Reason::DuplicateOld | Reason::ExemplarOutOfOrder)) {
        rejected += r.count;
        let before = if message.is_empty() { "" } else { "; " };
        message.push_str(&format!("{before}{} for series {} ({} rows)", r.reason.as_str(), r.example, r.count));
    }
    if rejected > 0 && appended.stored.samples + appended.stored.histograms == 0 {
        return text(StatusCode::BAD_REQUEST, &message);
    }
    success(encoding, rejected, &message)
}

fn success(encoding: Encoding, rejected: u64, message: &str) -> Response {
    let content_type = match encoding {
        Encoding::Proto => "application/x-protobuf",
        Encoding::Json => "application/json",
    };
    ([(header::CONTENT_TYPE, content_type)], otlp::export_response(otlp::Signal::Metrics, encoding, rejected, message)).into_response()
}

fn stored_as(encoding: Encoding) -> store::Encoding {
    match encoding {
        Encoding::Proto => store::Encoding::OtlpProto,
        Encoding::Json => store::Encoding::OtlpJson,
    }
}

/// Parameters such as a charset are passed over.
fn encoding(headers: &HeaderMap) -> Result<Encoding, String> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    match given.split(';').next().unwrap_or("").trim() {
        "application/x-protobuf" => Ok(Encoding::Proto),
        "application/json" => Ok(Encoding::Json),
        _ => Err(format!("unsupported content type: {given}, supported: [application/json, application/x-protobuf]")),
    }
}

/// Undoes the compression, never to more than the limit.
fn inflate(bytes: Bytes, encoding: &str) -> Result<Bytes, (StatusCode, String)> {
    match encoding.trim() {
        "" | "identity" | "none" => return Ok(bytes),
        "gzip" => {}
        other => {
            return Err((StatusCode::BAD_REQUEST, format!("unsupported compression: {other}. Only \"gzip\" or no compression supported")));
        }
    }
    let mut out = vec![];
    let read = flate2::read::MultiGzDecoder::new(&bytes[..]).take(MAX_DECODED_BYTES as u64 + 1).read_to_end(&mut out);
    match read {
        Err(e) => Err((StatusCode::BAD_REQUEST, format!("gzip: {e}"))),
        Ok(n) if n > MAX_DECODED_BYTES => Err((StatusCode::PAYLOAD_TOO_LARGE, "the decompressed request is too large".into())),
        Ok(_) => Ok(out.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn inflating_is_bounded() {
        let mut gzip = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
        gzip.write_all(&vec![0; MAX_DECODED_BYTES + 1]).unwrap();
        let bomb: Bytes = gzip.finish().unwrap().into();
        assert_eq!(inflate(bomb, "gzip").unwrap_err().0, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(inflate(Bytes::from_static(b"no gzip"), "gzip").unwrap_err().0, StatusCode::BAD_REQUEST);
        assert_eq!(inflate(Bytes::from_static(b"x"), ""), Ok(Bytes::from_static(b"x")));
        assert_eq!(inflate(Bytes::new(), "br").unwrap_err().0, StatusCode::BAD_REQUEST);
    }
}
