//! Jaeger's query API: a request line in, the answer's data out.

mod support;

use serde_json::Value;
use support::{ask, backend};

async fn get(path: &str) -> (u16, Value) {
    let router = api_tempo::jaeger_router(backend());
    let (status, media, body) = ask(&router, &format!("GET {path}")).await;
    assert_eq!(media, "application/json", "{path}");
    (status, serde_json::from_slice(&body).unwrap())
}

async fn data(path: &str) -> String {
    let (status, v) = get(path).await;
    assert_eq!((status, v["errors"].is_null()), (200, true), "{path}: {v}");
    v["data"].to_string()
}

#[tokio::test]
async fn lists() {
    assert_eq!(data("/api/services").await, r#"["db","edge","gateway"]"#);
    assert_eq!(data("/api/services/gateway/operations").await, r#"["GET /","call db"]"#);
    assert_eq!(data("/api/operations?service=db").await, r#"[{"name":"SELECT","spanKind":"server"}]"#);
    assert_eq!(data("/api/operations?service=db&spanKind=client").await, "[]");
    let end = support::T0 / 1_000_000 + 60_000;
    assert_eq!(
        data(&format!("/api/dependencies?endTs={end}&lookback=120000")).await,
        r#"[{"callCount":1,"child":"db","parent":"gateway"}]"#
    );
}

#[tokio::test]
async fn searches() {
    let ids = |path: &'static str| async move {
        let (_, v) = get(path).await;
        v["data"].as_array().unwrap().iter().map(|t| t["traceID"].as_str().unwrap()[28..].to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(ids("/api/traces?service=gateway").await, "ab01");
    assert_eq!(ids("/api/traces?service=gateway&operation=call+db&tags=%7B%22error%22:%22true%22%7D&minDuration=50ms").await, "ab01");
    assert_eq!(ids("/api/traces?service=db&tag=db.rows:3").await, "ab01");
    assert_eq!(ids("/api/traces?service=db&tag=db.rows:4").await, "");
    assert_eq!(ids("/api/traces?service=edge&start=1768471204000000&end=1768471206000000").await, "ab02");
    assert_eq!(ids("/api/traces?traceID=ab02").await, "ab02");
}

#[tokio::test]
async fn a_trace() {
    let (_, v) = get("/api/traces/ab01").await;
    let trace = &v["data"][0];
    let call = trace["spans"].as_array().unwrap().iter().find(|s| s["operationName"] == "call db").unwrap();
    assert_eq!(call["references"][0]["spanID"], "1111111111111111");
    assert_eq!((call["startTime"].as_u64(), call["duration"].as_u64()), (Some(1_768_471_200_010_000), Some(80_000)));
    let tags: Vec<&str> = call["tags"].as_array().unwrap().iter().map(|t| t["key"].as_str().unwrap()).collect();
    assert_eq!(tags, ["cache.hit", "span.kind", "otel.scope.name", "otel.scope.version", "otel.status_code", "error"]);
    assert_eq!(call["logs"][0]["fields"][0]["value"], "exception");
    let process = &trace["processes"][call["processID"].as_str().unwrap()];
    assert_eq!(process["serviceName"], "gateway");
}

#[tokio::test]
async fn mistakes() {
    let (status, v) = get("/api/traces/ab99").await;
    assert_eq!((status, v["errors"][0]["msg"].as_str()), (404, Some("trace not found")));
    let (status, v) = get("/api/traces").await;
    assert_eq!((status, v["errors"][0]["msg"].as_str()), (400, Some("parameter 'service' is required")));
}
