//! Queries in all forms.

use std::io::Read;

use http::{Request, header};
use http_body_util::BodyExt;

use crate::Server;

const A: &str = r#"{"metric":{"__name__":"m","job":"a"},"#;
const B: &str = r#"{"metric":{"__name__":"m","job":"b"},"#;

fn data(kind: &str, result: &str) -> String {
    format!(r#"200 {{"status":"success","data":{{"resultType":"{kind}","result":{result}}}}}"#)
}

#[tokio::test]
async fn instants() {
    let s = Server::seeded().await;
    s.check("GET /api/v1/query?query=1e-7&time=1.5", &data("scalar", r#"[1.500,"0.0000001"]"#)).await;
    s.check("GET /api/v1/query?query=\"x\"&time=0", &data("string", r#"[0,"x"]"#)).await;
    let both = data("vector", &format!(r#"[{A}"value":[30,"3"]}},{B}"value":[30,"30"]}}]"#));
    s.check("GET /api/v1/query?query=m&time=30", &both).await;
    s.check("POST /api/v1/query query=m&time=30", &both).await;
    s.check("POST /api/v1/query?query=n&time=30 query=m", &both).await;
    s.check("GET /api/v1/query?query=m&time=400", &data("vector", "[]")).await;
    s.check("GET /api/v1/query?query=m&time=400&lookback_delta=1h&limit=0", &both.replace("[30,", "[400,")).await;
    s.check("GET /api/v1/query?query=m{job=\"a\"}[20s]&time=30", &data("matrix", &format!(r#"[{A}"values":[[15,"2"],[30,"3"]]}}]"#))).await;
}

#[tokio::test]
async fn ranges() {
    let s = Server::seeded().await;
    let want = data("matrix", &format!(r#"[{A}"values":[[0,"1"],[15,"2"],[30,"3"]]}}]"#));
    s.check("GET /api/v1/query_range?query=m{job=\"a\"}&start=0&end=30&step=15", &want).await;
    s.check("POST /api/v1/query_range?timeout=30s query=m{job=\"a\"}&start=0&end=40&step=15s", &want).await;
}

#[tokio::test]
async fn notes_and_limits() {
    let s = Server::seeded().await;
    let cut =
        data("matrix", &format!(r#"[{A}"values":[[30,"3"]]}}]"#)).replace("]}}", r#"]},"warnings":["results truncated due to limit"]}"#);
    s.check("GET /api/v1/query_range?query=m&start=30&end=30&step=15&limit=1", &cut).await;
    let got = s.ask("GET /api/v1/query?query=rate(m[1m])&time=30").await;
    assert!(got.contains(r#""infos":["PromQL info: metric might not be a counter"#), "{got}");
    let got = s.ask("GET /api/v1/query?query=m&time=30&stats=yes").await;
    assert!(got.contains(r#""stats":{"timings":{"evalTotalTime":"#) && got.contains("is deprecated and will be rejected"), "{got}");
}

#[tokio::test]
async fn failures_have_their_status() {
    let s = Server::seeded().await;
    let got = s.ask("GET /api/v1/query?query=m*on()m&time=30").await;
    assert!(got.starts_with(r#"422 {"status":"error","errorType":"execution","error":"found duplicate series"#), "{got}");
    let got = s.ask("GET /api/v1/query?query=m&time=30&timeout=0.000000001").await;
    assert!(got.starts_with(r#"503 {"status":"error","errorType":"timeout""#), "{got}");
}

#[tokio::test]
async fn printing() {
    let s = Server::new();
    s.check("GET /api/v1/format_query?query=sum(m)by(job)", r#"200 {"status":"success","data":"sum by (job) (m)"}"#).await;
    let tree = r#"{"expr":{"anchored":false,"matchers":[{"name":"__name__","type":"=","value":"m"}],"name":"m","offset":60000,"offsetExpr":null,"smoothed":false,"startOrEnd":null,"timestamp":1500,"type":"vectorSelector"},"op":"-","type":"unaryExpr"}"#;
    s.check("GET /api/v1/parse_query?query=-m offset 1m @1.5", &format!(r#"200 {{"status":"success","data":{tree}}}"#)).await;
}

#[tokio::test]
async fn large_answers_are_compressed_and_whole() {
    let s = Server::seeded().await;
    let path = "/api/v1/query_range?query=vector(time())&start=1768471200&end=1768482200&step=1";
    let request = |encoding: &str| Request::get(path).header(header::ACCEPT_ENCODING, encoding).body(axum::body::Body::empty()).unwrap();
    let plain = s.send(request("identity")).await;
    assert!(!plain.headers().contains_key(header::CONTENT_ENCODING));
    let plain = plain.into_body().collect().await.unwrap().to_bytes();
    let gzip = s.send(request("gzip, deflate")).await;
    assert_eq!(gzip.headers()[header::CONTENT_ENCODING], "gzip");
    let gzip = gzip.into_body().collect().await.unwrap().to_bytes();
    let mut text = vec![];
    flate2::read::GzDecoder::new(&gzip[..]).read_to_end(&mut text).unwrap();
    assert!(plain.len() > 200_000 && gzip.len() < plain.len() / 3);
    assert_eq!(text, plain);
}
