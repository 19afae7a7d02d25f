//! OTLP/gRPC.

use api::{Outcome, Signal, Transport};
use base64::Engine;
use http::Method;
use store::StoreOptions;

use crate::server::{Answer, LOG, METRIC, Server, TRACE, gzip, proto};

const GRPC: (&str, &str) = ("content-type", "application/grpc");
const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

fn frame(flag: u8, message: &[u8]) -> Vec<u8> {
    let mut out = vec![flag];
    out.extend_from_slice(&(message.len() as u32).to_be_bytes());
    out.extend_from_slice(message);
    out
}

fn trace() -> Vec<u8> {
    proto(TRACE, otlp::Signal::Traces)
}

/// Errors are headers alone.
#[track_caller]
fn check_error(a: &Answer, code: &str, part: &str) {
    assert_eq!(
        (a.status.as_u16(), a.header("content-type"), a.header("grpc-status")),
        (200, "application/grpc", code),
        "{}",
        a.header("grpc-message")
    );
    assert!(a.body.is_empty() && a.trailers.is_none());
    assert!(a.header("grpc-message").contains(part), "{}", a.header("grpc-message"));
}

#[track_caller]
fn check_success(a: &Answer) -> &[u8] {
    assert_eq!(
        (a.status.as_u16(), a.header("content-type"), a.header("grpc-status")),
        (200, "application/grpc", ""),
        "{}",
        a.header("grpc-message")
    );
    assert_eq!(a.trailers.as_ref().and_then(|t| t.get("grpc-status")).map(|v| v.as_bytes()), Some(&b"0"[..]));
    assert_eq!(a.body.len() - 5, u32::from_be_bytes(a.body[1..5].try_into().unwrap()) as usize);
    &a.body[5..]
}

#[tokio::test]
async fn every_signal() {
    let server = Server::new();
    for (path, json, signal) in
        [(TRACES, TRACE, otlp::Signal::Traces), (LOGS, LOG, otlp::Signal::Logs), (METRICS, METRIC, otlp::Signal::Metrics)]
    {
        for headers in [&[GRPC, ("te", "trailers")][..], &[("content-type", "application/grpc+proto")]] {
            let a = server.post(path, headers, frame(0, &proto(json, signal))).await;
            assert!(check_success(&a).is_empty(), "{path}");
        }
    }
    let (spans, lines, samples) = server.stored();
    assert!(spans >= 1 && lines >= 1 && samples >= 1);
    assert_eq!(server.counted(Signal::Spans, Transport::Grpc, Outcome::Accepted), 2.0);
    assert_eq!(server.counted(Signal::Spans, Transport::Http, Outcome::Accepted), 0.0);
}

#[tokio::test]
async fn empty_requests_are_fine() {
    let server = Server::new();
    check_success(&server.post(TRACES, &[GRPC], frame(0, &[])).await);
    assert_eq!(server.backend.store.stats().sequence, 0, "nothing was written");
}

#[tokio::test]
async fn compressed_messages() {
    let server = Server::new();
    let snappy = snap::raw::Encoder::new().compress_vec(&trace()).unwrap();
    for (name, bytes) in [("gzip", gzip(&trace())), ("zstd", zstd::encode_all(&*trace(), 1).unwrap()), ("snappy", snappy)] {
        check_success(&server.post(TRACES, &[GRPC, ("grpc-encoding", name)], frame(1, &bytes)).await);
        // A message may be sent plain all the same.
        check_success(&server.post(TRACES, &[GRPC, ("grpc-encoding", name)], frame(0, &trace())).await);
    }
    check_error(&server.post(TRACES, &[GRPC, ("grpc-encoding", "gzip")], frame(1, b"no gzip")).await, "3", "gzip");
    let a = server.post(TRACES, &[GRPC, ("grpc-encoding", "br")], frame(1, &trace())).await;
    check_error(&a, "12", "br");
    assert_eq!(a.header("grpc-accept-encoding"), "identity,gzip,zstd,deflate,snappy");
}

#[tokio::test]
async fn partial_success_is_in_the_message() {
    let server = Server::new();
    let a = server.post(TRACES, &[GRPC], frame(0, &[0x0a, 0x04, 0x12, 0x02, 0x12, 0x00])).await;
    let message = String::from_utf8_lossy(check_success(&a)).into_owned();
    assert!(message.contains("no trace_id"), "{message}");
}

#[tokio::test]
async fn broken_framing() {
    let server = Server::new();
    let two = [frame(0, &trace()), frame(0, &trace())].concat();
    let short = frame(0, &trace())[..20].to_vec();
    let mut flag = frame(0, &trace());
    flag[0] = 7;
    for (body, part) in [
        (vec![], "first message"),
        (vec![0, 0, 0], "first message"),
        (short, "inside"),
        (two, "more than one"),
        (flag, "neither 0 nor 1"),
        (frame(1, &trace()), "grpc-encoding"),
    ] {
        check_error(&server.post(TRACES, &[GRPC], body).await, "13", part);
    }
    check_error(&server.post(TRACES, &[GRPC], frame(0, b"nonsense")).await, "3", "");
    assert_eq!(server.stored(), (0, 0, 0));
}

#[tokio::test]
async fn wrong_method_and_type() {
    let server = Server::new();
    check_error(
        &server.post("/opentelemetry.proto.collector.trace.v1.TraceService/Nothing", &[GRPC], frame(0, &[])).await,
        "12",
        "unknown method",
    );
    check_error(
        &server.post("/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export", &[GRPC], frame(0, &[])).await,
        "12",
        "unknown method",
    );
    check_error(&server.post("/v1/traces", &[GRPC], frame(0, &trace())).await, "12", "OTLP/HTTP path");
    check_error(&server.send(Method::GET, TRACES, &[GRPC], "").await, "12", "POST");
    check_error(&server.post(TRACES, &[("content-type", "application/grpc+json")], frame(0, b"{}")).await, "12", "application/grpc+proto");
    assert_eq!(server.post(TRACES, &[("content-type", "application/json")], "{}").await.status, 415);
    check_error(&server.post(TRACES, &[GRPC, ("x-scope-orgid", "ä/b")], frame(0, &trace())).await, "3", "tenant");
}

#[tokio::test]
async fn too_large() {
    let server = Server::with(StoreOptions::memory(), 1_000);
    let zeros = vec![0u8; 1_001];
    let a = server.post(TRACES, &[GRPC], frame(0, &zeros)).await;
    check_error(&a, "8", "larger than");
    assert_eq!(a.header("grpc-status-details-bin"), "", "not to be retried");
    check_error(&server.post(TRACES, &[GRPC, ("grpc-encoding", "gzip")], frame(1, &gzip(&zeros))).await, "8", "after decompression");
    check_success(&server.post(TRACES, &[GRPC], frame(0, &trace())).await);
}

#[tokio::test]
async fn a_full_store_asks_to_come_again() {
    let server = Server::with(StoreOptions { memory_limit: 1, ..StoreOptions::memory() }, 1 << 20);
    let mut a = server.post(TRACES, &[GRPC], frame(0, &trace())).await;
    for _ in 0..3 {
        a = server.post(TRACES, &[GRPC], frame(0, &trace())).await;
    }
    check_error(&a, "14", "retry");
    let details = base64::engine::general_purpose::STANDARD_NO_PAD.decode(a.header("grpc-status-details-bin")).unwrap();
    assert!(String::from_utf8_lossy(&details).contains("type.googleapis.com/google.rpc.RetryInfo"));
}

#[tokio::test]
async fn messages_are_percent_encoded() {
    let server = Server::new();
    let a = server.post("/ünknown%25/Method", &[GRPC], frame(0, &[])).await;
    check_error(&a, "12", "unknown method /%C3%BCnknown%2525/Method");
}
