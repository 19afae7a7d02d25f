//! POST /api/v1/write: negotiation, decompression, decoding, the store's answer in the words of the remote-write protocol.

#[cfg(test)]
mod fuzz;
mod histogram;
mod labels;
mod v1;
mod v2;

use std::sync::Arc;

use api::{Backend, Outcome, Signal, Transport};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use model::{Batch, Labels, MetricBatch, Tenant};
use store::{AppendError, Appended, Counts, Raw, Reason, Rejected, Write};

use crate::error::text;
use crate::limits::{MAX_BODY_BYTES, MAX_DECODED_BYTES, MAX_FUTURE_MS};

/// Most characters of an exemplar's label names and values together; longer ones are dropped, as everywhere.
const MAX_EXEMPLAR_CHARS: usize = 128;

fn exemplar_fits(labels: &Labels) -> bool {
    labels.iter().map(|(n, v)| n.chars().count() + v.chars().count()).sum::<usize>() <= MAX_EXEMPLAR_CHARS
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    V1,
    V2,
}

/// Takes a remote-write request of either version.
pub async fn write(backend: Arc<Backend>, request: Request<Body>) -> Response {
    let version = match negotiate(request.headers()) {
        Ok(version) => version,
        Err(why) => return text(StatusCode::UNSUPPORTED_MEDIA_TYPE, &why),
    };
    let tenant = match api::write_tenant(request.headers()) {
        Ok(tenant) => tenant,
        Err(e) => return text(StatusCode::BAD_REQUEST, &e.to_string()),
    };
    let bytes = match body(request.into_body()).await.and_then(|b| unsnappy(&b)) {
        Ok(bytes) => bytes,
        Err((status, why)) => return text(status, &why),
    };
    let latest = backend.now_ms().saturating_add(MAX_FUTURE_MS);
    match version {
        Version::V1 => write_v1(&backend, tenant, &bytes, latest).await,
        Version::V2 => write_v2(&backend, tenant, &bytes, latest).await,
    }
}

/// Both headers are checked before the body is touched.
fn negotiate(headers: &HeaderMap) -> Result<Version, String> {
    let read = |name| headers.get(name).map_or(Ok(""), |v: &HeaderValue| v.to_str().map_err(|_| "a header is not ASCII".to_owned()));
    let encoding = read(header::CONTENT_ENCODING)?.trim();
    if !encoding.is_empty() && !encoding.eq_ignore_ascii_case("snappy") {
        return Err(format!("{encoding} encoding (compression) is not accepted by this server; only snappy is acceptable"));
    }
    let given = read(header::CONTENT_TYPE)?.trim();
    let mut parts = given.split(';').map(str::trim);
    match parts.next() {
        Some("" | "application/x-protobuf") => {}
        Some(other) => return Err(format!("expected application/x-protobuf as the first (media) part, got {other} content-type")),
        None => return Ok(Version::V1),
    }
    for parameter in parts.filter(|p| !p.is_empty()) {
        match parameter.split_once('=').map(|(name, value)| (name.trim(), value.trim().trim_matches('"'))) {
            Some(("proto", "prometheus.WriteRequest")) => return Ok(Version::V1),
            Some(("proto", "io.prometheus.write.v2.Request")) => return Ok(Version::V2),
            Some(("proto", other)) => return Err(format!("got {given} content type; unknown remote write protobuf message {other}")),
            Some(_) => {}
            None => return Err(format!("expected parameters to be key-values, got {parameter} in {given} content-type")),
        }
    }
    Ok(Version::V1)
}

/// The compressed body, bounded.
pub async fn body(body: Body) -> Result<Bytes, (StatusCode, String)> {
    match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(e) if e.is::<LengthLimitError>() => Err((StatusCode::PAYLOAD_TOO_LARGE, "http: request body too large".into())),
        Err(e) => Err((StatusCode::BAD_REQUEST, e.to_string())),
    }
}

/// Snappy's block format. The length it claims is looked at before anything is allocated.
pub fn unsnappy(bytes: &[u8]) -> Result<Vec<u8>, (StatusCode, String)> {
    let bad = |why: &str| Err((StatusCode::BAD_REQUEST, why.to_owned()));
    match snap::raw::decompress_len(bytes) {
        Ok(length) if length > MAX_DECODED_BYTES => bad("snappy: decoded block is too large"),
        Ok(length) if length > 0 || bytes == [0] => {
            snap::raw::Decoder::new().decompress_vec(bytes).or_else(|_| bad("snappy: corrupt input"))
        }
        _ => bad("snappy: corrupt input"),
    }
}

async fn write_v1(backend: &Backend, tenant: Tenant, bytes: &[u8], latest: i64) -> Response {
    let decoded = match v1::decode(bytes, latest) {
        Ok(decoded) => decoded,
        Err(why) => return text(StatusCode::BAD_REQUEST, &why),
    };
    if decoded.skipped > 0 {
        tracing::debug!(samples = decoded.skipped, "remote write: series with unusable labels were skipped");
    }
    match append(backend, tenant, decoded.batch).await {
        Ok(Some(appended)) => match refusals(&appended, false).next() {
            Some(first) => text(StatusCode::BAD_REQUEST, &line(first)),
            None => StatusCode::NO_CONTENT.into_response(),
        },
        Ok(None) => StatusCode::NO_CONTENT.into_response(),
        Err(e) => unavailable(&e),
    }
}

async fn write_v2(backend: &Backend, tenant: Tenant, bytes: &[u8], latest: i64) -> Response {
    let v2::Decoded { batch, mut errors, .. } = match v2::decode(bytes, latest) {
        Ok(decoded) => decoded,
        Err(e) => return with_counts(text(StatusCode::BAD_REQUEST, &e.to_string()), Counts::default()),
    };
    let sent = counts(&batch);
    let written = match append(backend, tenant, batch).await {
        Ok(Some(appended)) => {
            errors.extend(refusals(&appended, true).map(line));
            written(sent, &appended)
        }
        Ok(None) => Counts::default(),
        Err(e) => return with_counts(unavailable(&e), Counts::default()),
    };
    let response =
        if errors.is_empty() { StatusCode::NO_CONTENT.into_response() } else { text(StatusCode::BAD_REQUEST, &errors.join("\n")) };
    with_counts(response, written)
}

/// `None` where the batch held nothing to write.
pub async fn append(backend: &Backend, tenant: Tenant, batch: MetricBatch) -> Result<Option<Appended>, AppendError> {
    if batch.is_empty() {
        return Ok(None);
    }
    let items = (batch.samples.len() + batch.histograms.len()) as u64;
    let received_ns = backend.now_ns();
    let answer = backend.ingest.write(Write { tenant, batch: Batch::Metrics(batch), raw: Raw::Native, received_ns }).await;
    let outcome = if answer.is_ok() { Outcome::Accepted } else { Outcome::Refused };
    backend.metrics.received(Signal::MetricPoints, Transport::Http, outcome, items);
    answer.map(Some)
}

fn counts(batch: &MetricBatch) -> Counts {
    Counts {
        samples: batch.samples.len() as u64,
        histograms: batch.histograms.len() as u64,
        exemplars: batch.exemplars.len() as u64,
        ..Counts::default()
    }
}

/// What counts as written: everything sent but what was refused. Repeated rows that the store drops in silence were written before.
fn written(sent: Counts, appended: &Appended) -> Counts {
    let count = |exemplars: bool| {
        let of_kind = |r: &&Rejected| (r.reason == Reason::ExemplarOutOfOrder) == exemplars;
        refusals(appended, true).filter(of_kind).map(|r| r.count).sum::<u64>()
    };
    let refused = count(false);
    let from_samples = refused.min(sent.samples.saturating_sub(appended.stored.samples));
    Counts {
        samples: sent.samples - from_samples,
        histograms: sent.histograms.saturating_sub(refused - from_samples),
        exemplars: sent.exemplars.saturating_sub(count(true)),
        ..Counts::default()
    }
}

/// The reasons that make the answer a 400. Repeats of older samples never do, exemplars only in version 2.
fn refusals(appended: &Appended, exemplars: bool) -> impl Iterator<Item = &Rejected> {
    appended.rejected.iter().filter(move |r| match r.reason {
        Reason::DuplicateOld => false,
        Reason::ExemplarOutOfOrder => exemplars,
        _ => true,
    })
}

fn line(r: &Rejected) -> String {
    format!("{} for series {}", r.reason.as_str(), r.example)
}

/// Nothing was kept; the sender should try again.
pub fn unavailable(e: &AppendError) -> Response {
    let (status, wait) = match e {
        AppendError::Busy { retry_after, .. } => (StatusCode::SERVICE_UNAVAILABLE, Some(retry_after.as_secs().max(1))),
        AppendError::Failed(_) | AppendError::Closed => (StatusCode::INTERNAL_SERVER_ERROR, None),
    };
    let mut response = text(status, &e.to_string());
    if let Some(seconds) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Only answers to version 2 carry these: senders take their absence for an old receiver.
fn with_counts(mut response: Response, counts: Counts) -> Response {
    let headers = response.headers_mut();
    headers.insert("X-Prometheus-Remote-Write-Samples-Written", HeaderValue::from(counts.samples));
    headers.insert("X-Prometheus-Remote-Write-Histograms-Written", HeaderValue::from(counts.histograms));
    headers.insert("X-Prometheus-Remote-Write-Exemplars-Written", HeaderValue::from(counts.exemplars));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(encoding: &str, content_type: &str, want: Option<Version>) {
        let mut headers = HeaderMap::new();
        for (name, value) in [(header::CONTENT_ENCODING, encoding), (header::CONTENT_TYPE, content_type)] {
            if !value.is_empty() {
                headers.insert(name, HeaderValue::from_str(value).unwrap());
            }
        }
        assert_eq!(negotiate(&headers).ok(), want);
    }

    #[test]
    fn negotiation() {
        check("snappy", "application/x-protobuf", Some(Version::V1));
        check("", "", Some(Version::V1));
        check("snappy", "application/x-protobuf;proto=prometheus.WriteRequest", Some(Version::V1));
        check("snappy", "application/x-protobuf;proto=io.prometheus.write.v2.Request", Some(Version::V2));
        check("snappy", "application/x-protobuf; proto=io.prometheus.write.v2.Request", Some(Version::V2));
        check("gzip", "application/x-protobuf", None);
        check("snappy", "text/plain", None);
        check("snappy", "application/x-protobuf;proto=io.example.Nope", None);
        check("snappy", "application/x-protobuf;foo", None);
    }

    #[test]
    fn lying_lengths_are_refused_before_anything_is_allocated() {
        assert_eq!(unsnappy(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0]).unwrap_err().1, "snappy: decoded block is too large");
        assert_eq!(unsnappy(&[]).unwrap_err().1, "snappy: corrupt input");
        assert_eq!(unsnappy(&[10, 0]).unwrap_err().1, "snappy: corrupt input");
        assert_eq!(unsnappy(&[0]), Ok(vec![]));
    }

    #[test]
    fn repeats_count_as_written() {
        let sent = Counts { samples: 3, histograms: 1, exemplars: 1, ..Counts::default() };
        let rejected = |reason, count| Rejected { reason, count, example: String::new() };
        let check = |stored: Counts, rejected: Vec<Rejected>| {
            let w = written(sent, &Appended { sequence: 1, stored, rejected });
            (w.samples, w.histograms, w.exemplars)
        };
        let stored = Counts { samples: 1, histograms: 1, exemplars: 0, ..Counts::default() };
        assert_eq!(check(stored, vec![]), (3, 1, 1));
        assert_eq!(check(stored, vec![rejected(Reason::Duplicate, 1), rejected(Reason::DuplicateOld, 1)]), (2, 1, 1));
        assert_eq!(check(Counts { samples: 3, ..stored }, vec![rejected(Reason::TooOld, 1)]), (3, 0, 1));
        assert_eq!(check(sent, vec![rejected(Reason::ExemplarOutOfOrder, 1)]), (3, 1, 0));
    }
}
