//! Answers recorded from Prometheus that need no data: parse trees, layouts, error texts, methods.

use std::path::PathBuf;

use axum::body::Body;
use http::{Method, Request, header};
use http_body_util::BodyExt;
use serde_json::Value;

use crate::Server;

const GROUPS: [&str; 9] = ["parse", "format", "parse-error", "type-error", "bad-param", "method", "health", "rules", "targets"];

fn cases() -> Option<Vec<Value>> {
    let shared = std::env::var("TREFOIL_SHARED")
        .map_or_else(|_| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")), PathBuf::from);
    let text = std::fs::read_to_string(shared.join("conformance/cases/prometheus.jsonl")).ok()?;
    text.lines().map(|line| serde_json::from_str(line).ok()).collect()
}

fn query_string(params: &Value) -> String {
    let encode = |text: &str| text.bytes().map(|b| format!("%{b:02x}")).collect::<String>();
    let mut pairs = vec![];
    for (name, value) in params.as_object().into_iter().flatten() {
        let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        pairs.extend(values.iter().map(|v| format!("{}={}", encode(name), encode(v.as_str().unwrap_or_default()))));
    }
    pairs.join("&")
}

fn request(case: &Value) -> Request<Body> {
    let (path, query) = (case["path"].as_str().unwrap_or("/"), query_string(&case["params"]));
    let method: Method = case["method"].as_str().unwrap_or("GET").parse().unwrap();
    let as_form = method == Method::POST && case["body"].is_null();
    let uri = if as_form || query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in case["headers"].as_object().into_iter().flatten() {
        request = request.header(name, value.as_str().unwrap_or_default());
    }
    if as_form && case["headers"].get("Content-Type").is_none() {
        request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    }
    let body = case["body"].as_str().map(str::to_owned).unwrap_or(if as_form { query } else { String::new() });
    request.body(Body::from(body)).unwrap()
}

#[tokio::test]
async fn recorded_answers_without_data() {
    let Some(cases) = cases() else {
        eprintln!("skipped: no recorded cases found (set TREFOIL_SHARED)");
        return;
    };
    let (server, mut asked, mut wrong) = (Server::new(), 0, vec![]);
    for case in &cases {
        let name = case["name"].as_str().unwrap_or_default();
        if !GROUPS.iter().any(|g| name.strip_prefix("prometheus-").and_then(|n| n.split('/').next()) == Some(g)) {
            continue;
        }
        asked += 1;
        let response = server.send(request(case)).await;
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        let expect = &case["expect"];
        let exact = matches!(case["compare"].as_str(), Some("json" | "ordered" | "error"));
        if expect["status"] != status || (exact && expect["body"] != body) {
            wrong.push(format!(
                "{name}: {status} {}\n   expected {} {}",
                String::from_utf8_lossy(&bytes),
                expect["status"],
                expect["body"]
            ));
        }
    }
    eprintln!("recorded cases without data: {} of {asked} agree, error texts included", asked - wrong.len());
    assert!(asked > 100 && wrong.is_empty(), "{}", wrong.join("\n"));
}
