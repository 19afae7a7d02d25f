//! Remote write in both versions and OTLP.

use axum::response::Response;
use proto::io::prometheus::write::v2;
use proto::prometheus as pb;

use crate::Server;
use crate::server::{body, series, snappy};

const V2: &str = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

fn written(response: &Response) -> Vec<Option<&str>> {
    ["Samples", "Histograms", "Exemplars"]
        .iter()
        .map(|kind| response.headers().get(format!("X-Prometheus-Remote-Write-{kind}-Written")).map(|v| v.to_str().unwrap()))
        .collect()
}

fn request_v2(all: &[(&[u32], i64, f64)]) -> v2::Request {
    let one = |(refs, timestamp, value): &(&[u32], i64, f64)| v2::TimeSeries {
        labels_refs: refs.to_vec(),
        samples: vec![v2::Sample { value: *value, timestamp: *timestamp, start_timestamp: 0 }],
        ..v2::TimeSeries::default()
    };
    let symbols = ["", "__name__", "a", "b", "job", "j"].map(String::from).to_vec();
    v2::Request { symbols, timeseries: all.iter().map(one).collect() }
}

#[tokio::test]
async fn version_1() {
    let s = Server::new();
    let send =
        |samples: &[(i64, f64)]| s.write_v1(pb::WriteRequest { timeseries: vec![series(&[("__name__", "a")], samples)], metadata: vec![] });
    let good = send(&[(1000, 1.0)]).await;
    assert_eq!((good.status().as_u16(), written(&good)), (204, vec![None; 3]));
    assert_eq!(send(&[(1000, 1.0)]).await.status(), 204);
    let other = send(&[(1000, 2.0)]).await;
    assert_eq!(other.status(), 400);
    assert!(body(other).await.starts_with("duplicate sample for timestamp"));
    assert_eq!(body(send(&[(i64::MAX, 2.0)]).await).await, "out of bounds");
    s.check(
        "GET /api/v1/query?query=a&time=1",
        r#"200 {"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"a"},"value":[1,"1"]}]}}"#,
    )
    .await;
}

#[tokio::test]
async fn version_2_is_partial() {
    let s = Server::new();
    let headers = [("content-encoding", "snappy"), ("content-type", V2)];
    let good = s.post("/api/v1/write", &headers, snappy(&request_v2(&[(&[1, 2], 1000, 1.0), (&[1, 3], 1000, 2.0)]))).await;
    assert_eq!((good.status().as_u16(), written(&good)), (204, vec![Some("2"), Some("0"), Some("0")]));
    let partial =
        s.post("/api/v1/write", &headers, snappy(&request_v2(&[(&[1, 2], 1000, 9.0), (&[4, 5], 1000, 2.0), (&[1, 3], 2000, 2.0)]))).await;
    assert_eq!((partial.status().as_u16(), written(&partial)), (400, vec![Some("1"), Some("0"), Some("0")]));
    let text = body(partial).await;
    assert!(text.contains("invalid metric name or labels, got {job=\"j\"}") && text.contains("duplicate sample for timestamp"), "{text}");
    let broken = s.post("/api/v1/write", &headers, snap::raw::Encoder::new().compress_vec(b"\x2a\x05x").unwrap()).await;
    assert_eq!((broken.status().as_u16(), written(&broken)), (400, vec![Some("0"); 3]));
}

#[tokio::test]
async fn refusals_before_the_body() {
    let s = Server::new();
    for (encoding, content_type, status) in [
        ("gzip", "application/x-protobuf", 415),
        ("snappy", "text/plain", 415),
        ("zstd", V2, 415),
        ("snappy", "application/x-protobuf", 400),
    ] {
        let response =
            s.post("/api/v1/write", &[("content-encoding", encoding), ("content-type", content_type)], b"not snappy".to_vec()).await;
        assert_eq!((response.status().as_u16(), written(&response)), (status, vec![None; 3]), "{encoding} {content_type}");
    }
}

#[tokio::test]
async fn otlp_json() {
    let s = Server::new();
    let request = r#"{"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"svc"}}]},"scopeMetrics":[{"metrics":[
        {"name":"g","gauge":{"dataPoints":[{"timeUnixNano":"1000000000","asDouble":2.5}]}}]}]}]}"#;
    let send = |content_type: &'static str, body: &str| {
        let body = body.as_bytes().to_vec();
        let s = &s;
        async move { s.post("/api/v1/otlp/v1/metrics", &[("content-type", content_type)], body).await }
    };
    let good = send("application/json; charset=utf-8", request).await;
    assert_eq!((good.status().as_u16(), body(good).await), (200, "{}".to_owned()));
    assert_eq!(send("application/json", "{").await.status(), 400);
    assert_eq!(send("text/plain", request).await.status(), 400);
    assert_eq!(send("application/json", &request.replace("2.5", "3.5")).await.status(), 400, "another value for the same time");
    let want =
        r#"200 {"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"g","job":"svc"},"value":[1,"2.5"]}]}}"#;
    s.check("GET /api/v1/query?query=g&time=1", want).await;
}
