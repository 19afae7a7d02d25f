//! OTLP/HTTP.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use api::{Outcome, Signal, Transport};
use axum::body::Body;
use bytes::Bytes;
use http::Method;
use http_body::Frame;
use prost::Message;
use store::StoreOptions;

use crate::server::{Answer, LOG, METRIC, Server, TRACE, gzip, proto};

const JSON: (&str, &str) = ("content-type", "application/json");
const PROTO: (&str, &str) = ("content-type", "application/x-protobuf");

/// google.rpc.Status, as far as asked.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

#[track_caller]
fn check_json_error(a: &Answer, status: u16, part: &str) {
    assert_eq!((a.status.as_u16(), a.header("content-type")), (status, "application/json"), "{:?}", a.text());
    let body: serde_json::Value = serde_json::from_slice(&a.body).unwrap();
    assert!(body["message"].as_str().unwrap().contains(part), "{body}");
}

#[tokio::test]
async fn every_signal_in_both_encodings() {
    let server = Server::new();
    for (path, json, signal) in
        [("/v1/traces", TRACE, otlp::Signal::Traces), ("/v1/logs", LOG, otlp::Signal::Logs), ("/v1/metrics", METRIC, otlp::Signal::Metrics)]
    {
        let a = server.post(path, &[JSON], json).await;
        assert_eq!((a.status.as_u16(), a.header("content-type"), a.text()), (200, "application/json", "{}"));
        let a = server.post(path, &[PROTO], proto(json, signal)).await;
        assert_eq!((a.status.as_u16(), a.header("content-type"), a.body.len()), (200, "application/x-protobuf", 0));
        let a = server.post(path, &[("content-type", "Application/JSON; charset=utf-8")], json).await;
        assert_eq!(a.status, 200);
    }
    let (spans, lines, samples) = server.stored();
    assert!(spans >= 1 && lines >= 1 && samples >= 1, "{spans} {lines} {samples}");
    assert_eq!(server.counted(Signal::Spans, Transport::Http, Outcome::Accepted), 3.0);
    assert_eq!(server.counted(Signal::MetricPoints, Transport::Http, Outcome::Refused), 0.0);
}

#[tokio::test]
async fn empty_requests_are_fine() {
    let server = Server::new();
    for path in ["/v1/traces", "/v1/logs", "/v1/metrics"] {
        assert_eq!(server.post(path, &[PROTO], "").await.status, 200);
        assert_eq!(server.post(path, &[JSON], "{}").await.text(), "{}");
    }
    assert_eq!(server.post("/v1/traces", &[PROTO], vec![0x0a, 0x00]).await.status, 200);
    assert_eq!(server.backend.store.stats().sequence, 0, "nothing was written");
}

#[tokio::test]
async fn partial_success() {
    let server = Server::new();
    let span = |id: &str| format!(r#"{{"traceId":"{id}","spanId":"b7ad6b7169203331"}}"#);
    let json =
        format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{},{}]}}]}}]}}"#, span("0af7651916cd43dd8448eb211c80319c"), span("00ff"));
    let a = server.post("/v1/traces", &[JSON], json).await;
    assert_eq!(
        (a.status.as_u16(), a.text()),
        (200, r#"{"partialSuccess":{"errorMessage":"a span's trace_id is not 16 bytes long","rejectedSpans":"1"}}"#)
    );
    assert_eq!(server.stored().0, 1);
    assert_eq!(server.counted(Signal::Spans, Transport::Http, Outcome::Refused), 1.0);

    // What only the store can refuse: another value at the same time.
    server.post("/v1/metrics", &[JSON], METRIC).await;
    let a = server.post("/v1/metrics", &[JSON], METRIC.replace(r#""1""#, r#""2""#)).await;
    assert!(a.status == 200 && a.text().contains(r#""rejectedDataPoints":"1""#) && a.text().contains("duplicate"), "{}", a.text());
    assert_eq!(server.counted(Signal::MetricPoints, Transport::Http, Outcome::Refused), 1.0);
}

#[tokio::test]
async fn wrong_method_type_and_path() {
    let server = Server::new();
    let a = server.send(Method::GET, "/v1/traces", &[], "").await;
    check_json_error(&a, 405, "send POST");
    assert_eq!(a.header("allow"), "POST");
    check_json_error(&server.post("/v1/traces", &[("content-type", "text/plain")], TRACE).await, 415, "text/plain");
    check_json_error(&server.post("/v1/traces", &[], TRACE).await, 415, "content type");
    check_json_error(&server.post("/v1/nothing", &[JSON], TRACE).await, 404, "/v1/nothing");
    check_json_error(&server.post("/v1/profiles", &[JSON], "{}").await, 501, "profiles");
    let a = server.post("/v1development/profiles", &[PROTO], "").await;
    assert_eq!((a.status.as_u16(), Status::decode(&*a.body).unwrap().code), (501, 12));
    for method in [Method::GET, Method::HEAD] {
        assert_eq!(server.send(method, "/", &[], "").await.status, 200);
    }
    check_json_error(&server.post("/", &[JSON], "{}").await, 404, "/v1/metrics");
}

#[tokio::test]
async fn malformed_bodies() {
    let server = Server::new();
    check_json_error(&server.post("/v1/logs", &[JSON], "{").await, 400, "invalid JSON");
    check_json_error(&server.post("/v1/logs", &[JSON], "").await, 400, "invalid JSON");
    let a = server.post("/v1/logs", &[PROTO], "nonsense").await;
    assert_eq!((a.status.as_u16(), a.header("content-type")), (400, "application/x-protobuf"));
    let status = Status::decode(&*a.body).unwrap();
    assert!(status.code == 3 && !status.message.is_empty());
    for encoding in ["gzip", "zstd", "deflate", "snappy", "lz4"] {
        check_json_error(&server.post("/v1/logs", &[JSON, ("content-encoding", encoding)], "no such thing").await, 400, "not valid");
    }
    check_json_error(&server.post("/v1/logs", &[JSON, ("content-encoding", "br")], LOG).await, 400, "supported: gzip");
    check_json_error(&server.post("/v1/logs", &[JSON, ("x-scope-orgid", "a/b")], LOG).await, 400, "tenant");
    let long = format!(r#"{{"resourceLogs":"{}"}}"#, "x".repeat(100_000));
    assert!(server.post("/v1/logs", &[JSON], long).await.body.len() < 10_000);
    assert_eq!(server.stored(), (0, 0, 0));
}

#[tokio::test]
async fn compressed_bodies() {
    let server = Server::new();
    let packed: [(&str, Vec<u8>); 5] = [
        ("gzip", gzip(LOG.as_bytes())),
        ("zstd", zstd::encode_all(LOG.as_bytes(), 1).unwrap()),
        ("snappy", snap::raw::Encoder::new().compress_vec(LOG.as_bytes()).unwrap()),
        ("identity", LOG.into()),
        ("", LOG.into()),
    ];
    for (name, bytes) in packed {
        assert_eq!(server.post("/v1/logs", &[JSON, ("content-encoding", name)], bytes).await.status, 200, "{name}");
    }
    assert_eq!(server.counted(Signal::LogRecords, Transport::Http, Outcome::Accepted), 5.0);
}

#[tokio::test]
async fn too_large_on_the_wire_and_after_decompression() {
    let server = Server::with(StoreOptions::memory(), 1_000);
    let long = format!("{}{}", " ".repeat(1_000), LOG);
    check_json_error(&server.post("/v1/logs", &[JSON], long.clone()).await, 413, "1000 bytes");
    // Without a declared length.
    check_json_error(&server.post("/v1/logs", &[JSON], in_pieces(&long)).await, 413, "1000 bytes");
    check_json_error(
        &server.post("/v1/logs", &[JSON, ("content-encoding", "gzip")], gzip(long.as_bytes())).await,
        413,
        "after decompression",
    );
    assert_eq!(server.post("/v1/logs", &[JSON], in_pieces(LOG)).await.status, 200);
}

/// A body of unknown length that comes in pieces.
struct Pieces(std::vec::IntoIter<Bytes>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.next().map(|b| Ok(Frame::data(b))))
    }
}

fn in_pieces(text: &str) -> Body {
    let pieces: Vec<Bytes> = text.as_bytes().chunks(100).map(Bytes::copy_from_slice).collect();
    Body::new(Pieces(pieces.into_iter()))
}

#[tokio::test]
async fn a_full_store_asks_to_come_again() {
    let server = Server::with(StoreOptions { memory_limit: 1, ..StoreOptions::memory() }, 1 << 20);
    let mut a = server.post("/v1/logs", &[JSON], LOG).await;
    for _ in 0..3 {
        // The limit is looked at before a write, so the first ones may still pass.
        a = server.post("/v1/logs", &[JSON], LOG).await;
    }
    check_json_error(&a, 503, "retry");
    assert!(a.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert!(a.text().contains("google.rpc.RetryInfo"), "{}", a.text());

    let server = Server::new();
    server.backend.store.close();
    check_json_error(&server.post("/v1/traces", &[JSON], TRACE).await, 503, "closed");
}

#[tokio::test]
async fn tenants_are_kept_apart() {
    let server = Server::new();
    server.post("/v1/logs", &[JSON, ("X-Scope-OrgID", "team-a")], LOG).await;
    let stats = server.backend.store.stats();
    assert_eq!(stats.tenants.iter().map(|t| (t.tenant.as_str(), t.lines)).collect::<Vec<_>>(), [("team-a", 1)]);
}

#[tokio::test]
async fn cors() {
    let server = Server::new();
    let ask = [
        ("origin", "http://localhost:3000"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,traceparent"),
    ];
    let a = server.send(Method::OPTIONS, "/v1/traces", &ask, "").await;
    assert_eq!(
        (a.status.as_u16(), a.header("access-control-allow-origin"), a.header("access-control-max-age")),
        (204, "http://localhost:3000", "7200")
    );
    assert_eq!(a.header("access-control-allow-headers"), "authorization,traceparent");
    let a = server.send(Method::OPTIONS, "/v1/traces", &[("origin", "https://example.com"), ask[1]], "").await;
    assert_eq!((a.status.as_u16(), a.header("access-control-allow-origin")), (204, ""));
    let a = server.post("/v1/traces", &[JSON, ask[0]], TRACE).await;
    assert_eq!(
        (a.status.as_u16(), a.header("access-control-allow-origin"), a.header("access-control-expose-headers")),
        (200, "http://localhost:3000", "Retry-After")
    );
    let a = server.post("/v1/traces", &[JSON], TRACE).await;
    assert_eq!(a.header("access-control-allow-origin"), "");
}
