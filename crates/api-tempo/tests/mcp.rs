//! The MCP server: a JSON-RPC message in, a message out.

mod support;

use serde_json::{Value, json};
use support::{ask, router};

async fn post(message: Value) -> Value {
    let (status, _, body) = ask(&router(), &format!("POST /api/mcp\nContent-Type: application/json\n\n{message}")).await;
    assert_eq!(status, 200);
    serde_json::from_slice(&body).unwrap()
}

async fn tool(name: &str, arguments: Value) -> (bool, String) {
    let v = post(json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}})).await;
    let r = &v["result"];
    (r["isError"].as_bool().unwrap(), r["content"][0]["text"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn the_handshake() {
    let v = post(json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-03-26"}})).await;
    assert_eq!((v["id"].as_i64(), v["result"]["protocolVersion"].as_str()), (Some(1), Some("2025-03-26")));
    let note = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let (status, ..) = ask(&router(), &format!("POST /api/mcp\n\n{note}")).await;
    assert_eq!(status, 202);
    let (status, ..) = ask(&router(), "GET /api/mcp").await;
    assert_eq!(status, 405);
    let v = post(json!({"jsonrpc": "2.0", "id": 2, "method": "nosuch"})).await;
    assert_eq!(v["error"]["code"], -32601);
}

#[tokio::test]
async fn tools_answer() {
    let v = post(json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})).await;
    let names: Vec<&str> = v["result"]["tools"].as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"traceql-search") && names.contains(&"get-attribute-values"), "{names:?}");
    let (failed, text) =
        tool("traceql-search", json!({"query": "{ status = error }", "start": "2026-01-15T09:59:00Z", "end": "2026-01-15T10:01:00Z"}))
            .await;
    assert!(!failed && text.contains("\"traceID\":\"ab01\""), "{text}");
    let (failed, text) = tool("get-trace", json!({"trace_id": "ab02"})).await;
    assert!(!failed && text.contains("\"name\":\"tick\""), "{text}");
    let (_, text) = tool("get-attribute-values", json!({"name": "resource.service.name", "filter-query": "{ kind = client }"})).await;
    assert!(text.contains(r#"{"string":["gateway"]}"#), "{text}");
    let (_, text) =
        tool("traceql-metrics-instant", json!({"query": "{ } | count_over_time()", "start": 1768471100, "end": 1768471300})).await;
    assert!(text.contains("\"value\":4"), "{text}");
    let (failed, text) = tool("trace-diff", json!({"base_trace_id": "ab01", "compare_trace_id": "ab02"})).await;
    assert!(!failed && text.contains("\"removedSpans\":3"), "{text}");
    let (failed, text) = tool("traceql-search", json!({"query": "{"})).await;
    assert!(failed && text.contains("parse error"), "{text}");
    let (failed, text) = tool("get-trace", json!({})).await;
    assert!(failed && text == "argument trace_id is required", "{text}");
}

#[tokio::test]
async fn pages_can_be_read() {
    let v = post(json!({"jsonrpc": "2.0", "id": 1, "method": "resources/list"})).await;
    for r in v["result"]["resources"].as_array().unwrap() {
        let page = post(json!({"jsonrpc": "2.0", "id": 2, "method": "resources/read", "params": {"uri": r["uri"]}})).await;
        assert!(page["result"]["contents"][0]["text"].as_str().unwrap().len() > 100, "{r}");
    }
}
