//! The HTTP door: a request line in, the answer's text out.

mod support;

use prost::Message;
use proto::tempopb as pb;
use support::{ask, router};

/// JSON in one spelling, without the `metrics` block, which counts bytes of a layout that may change. Other text stays as it is.
fn plain(text: &str) -> String {
    let Ok(mut v) = serde_json::from_str::<serde_json::Value>(text) else { return text.to_owned() };
    if let Some(o) = v.as_object_mut() {
        assert!(o.remove("metrics").is_none_or(|m| m.is_object()));
    }
    v.to_string()
}

#[track_caller]
fn check(request: &str, want: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (status, media, body) = runtime.block_on(async { ask(&router(), request).await });
    let (head, tail) = want.split_at(want.find('{').unwrap_or(want.len()));
    let got = format!("{status} {media} {}", plain(&String::from_utf8(body).unwrap()));
    assert_eq!(got, format!("{head}{}", plain(tail)), "{request}");
}

const JSON: &str = "200 application/json ";

#[test]
fn pages() {
    check("GET /api/echo", "200 text/plain echo\n");
    check("POST /api/echo", "200 text/plain echo\n");
    check("GET /ready", "200 text/plain ready\n");
    check("GET /api/nope", "404 text/plain 404 page not found\n");
    check("GET /api/v2/search/tag//values", "404 text/plain 404 page not found\n");
    check("POST /api/status/buildinfo", "405  ");
    check("GET /status/nosuch", "404 text/plain 404 page not found\n");
}

#[test]
fn traces() {
    let edge = r#"{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"edge"}}]},"scopeSpans":[{"scope":{"name":"lib","version":"1"},"spans":[{"traceId":"AAAAAAAAAAAAAAAAAACrAg==","spanId":"RERERERERERE=","name":"tick","kind":"SPAN_KIND_INTERNAL","startTimeUnixNano":"1768471205000000000","endTimeUnixNano":"1768471205000000000","status":{}}]}]}"#
        .replace("RERERERERERE=", "REREREREREQ=");
    check("GET /api/traces/ab02", &format!("{JSON}{{\"batches\":[{edge}]}}"));
    check("GET /api/v2/traces/0000AB02", &format!("{JSON}{{\"trace\":{{\"resourceSpans\":[{edge}]}}}}"));
    check("GET /api/traces/ab99", "404 text/plain ");
    check("GET /api/v2/traces/ab99", &format!("{JSON}{{\"trace\":{{}}}}"));
    check("GET /api/traces/xyz", "400 text/plain trace IDs can only contain hex characters: invalid character 'x' at position 1");
    check("GET /api/traces/ab01\nX-Scope-OrgID: other", "404 text/plain ");
}

#[tokio::test]
async fn a_missing_trace_is_present_and_empty_in_protobuf() {
    let (status, media, body) = ask(&router(), "GET /api/v2/traces/ab99\nAccept: application/protobuf").await;
    assert_eq!((status, media.as_str(), &body[..2]), (200, "application/protobuf", &[0x0a, 0x00][..]));
    let (_, _, body) = ask(&router(), "GET /api/v2/traces/ab01\nAccept: application/protobuf").await;
    let trace = pb::TraceByIdResponse::decode(&body[..]).unwrap().trace.unwrap();
    // Grafana panics on a batch without a resource, a scope or a status.
    for b in &trace.resource_spans {
        assert!(b.resource.is_some() && b.scope_spans.iter().all(|s| s.scope.is_some() && s.spans.iter().all(|s| s.status.is_some())));
    }
    assert_eq!(trace.resource_spans.iter().flat_map(|b| &b.scope_spans).map(|s| s.spans.len()).sum::<usize>(), 3);
}

#[tokio::test]
async fn long_answers_are_compressed_on_demand() {
    let path = "GET /api/v2/search/tags?scope=none";
    let (_, _, plain) = ask(&router(), path).await;
    let (_, _, small) = ask(&router(), "GET /api/echo\nAccept-Encoding: gzip").await;
    let (_, _, large) = ask(&router(), "GET /api/v2/traces/ab01\nAccept-Encoding: gzip").await;
    assert_eq!((plain[0], &small[..], &large[..2]), (b'{', &b"echo\n"[..], &[0x1f, 0x8b][..]));
}

#[tokio::test]
async fn a_filter_leaves_spans_out_and_says_so() {
    let (_, _, body) = ask(&router(), "GET /api/v2/traces/ab01?q=%7Bkind%3Dclient%7D&keep_hierarchy=true").await;
    let v: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        (v["status"].as_str(), v["message"].as_str()),
        (Some("PARTIAL"), Some("1 of 3 spans do not match the filter and are left out"))
    );
    let (_, media, body) = ask(&router(), "GET /api/v2/traces/ab01\nAccept: application/vnd.grafana.llm").await;
    let v: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((media.as_str(), v["trace"]["traceId"].as_str()), ("application/vnd.grafana.llm", Some("0000000000000000000000000000ab01")));
}

#[test]
fn differences() {
    check("GET /api/v2/traces/diff", "405  ");
    check("POST /api/v2/traces/diff\n\n{\"base\":{\"traceId\":\"ab01\"}}", "400 text/plain compare.traceId is required");
    check(
        "POST /api/v2/traces/diff\n\n{\"base\":{\"traceId\":\"ab01\"},\"compare\":{\"traceId\":\"ab99\"}}",
        "404 text/plain trace ab99 not found",
    );
    let side = r#"{"spanCount":1,"traceId":"0000000000000000000000000000ab02"}"#;
    let stats = r#"{"spanCountA":1,"spanCountB":1,"matchedSpans":1,"modifiedSpans":0,"addedSpans":0,"removedSpans":0,"fieldChanges":0,"attributeChanges":0,"eventChanges":0,"truncated":false}"#;
    check(
        "POST /api/v2/traces/diff\n\n{\"base\":{\"traceId\":\"ab02\"},\"compare\":{\"traceID\":\"ab02\"},\"format\":\"trace-patch-v0\"}",
        &format!(
            "{JSON}{{\"version\":\"trace-patch-v0\",\"base\":{side},\"compare\":{side},\"stats\":{stats},\"modified\":[],\"added\":[],\"removed\":[],\"warnings\":[]}}"
        ),
    );
}

#[test]
fn searches() {
    let error = r#"{"spans":[{"spanID":"2222222222222222","startTimeUnixNano":"1768471200010000000","durationNanos":"80000000","attributes":[{"key":"status","value":{"stringValue":"error"}}]}],"matched":1}"#;
    let stats = r#""serviceStats":{"db":{"spanCount":1},"gateway":{"spanCount":2,"errorCount":1}}"#;
    let first = r#""traceID":"ab01","rootServiceName":"gateway","rootTraceName":"GET /","startTimeUnixNano":"1768471200000000000","durationMs":100"#;
    let second = r#"{"traceID":"ab02","rootServiceName":"edge","rootTraceName":"tick","startTimeUnixNano":"1768471205000000000"}"#;
    check(
        "GET /api/search?q=%7B+status+%3D+error+%7D",
        &format!("{JSON}{{\"traces\":[{{{first},\"spanSet\":{error},\"spanSets\":[{error}],{stats}}}]}}"),
    );
    check("GET /api/search?limit=1", &format!("{JSON}{{\"traces\":[{second}]}}"));
    check("GET /api/search?tags=service.name%3Dgate", &format!("{JSON}{{\"traces\":[{{{first}}}]}}"));
    check("GET /api/search?start=1768471204&end=1768471206", &format!("{JSON}{{\"traces\":[{second}]}}"));
    check("GET /api/search?q=%7Bfalse%7D", &format!("{JSON}{{\"traces\":[]}}"));
    check("POST /api/search\nContent-Type: application/x-www-form-urlencoded\n\nq={name=\"nosuch\"}", &format!("{JSON}{{\"traces\":[]}}"));
    check("GET /api/search?q=%7B", "400 text/plain invalid TraceQL query: parse error at line 1, col 2: syntax error: unexpected $end");
}

#[test]
fn tags_and_values() {
    check("GET /api/search/tags?scope=span", &format!("{JSON}{{\"tagNames\":[\"cache.hit\",\"db.rows\",\"http.url\"]}}"));
    check("GET /api/v2/search/tags?scope=event", &format!("{JSON}{{\"scopes\":[{{\"name\":\"event\",\"tags\":[\"message\"]}}]}}"));
    check("GET /api/v2/search/tags?scope=link", &format!("{JSON}{{\"scopes\":[]}}"));
    check("GET /api/v2/search/tag/span.db.rows/values", &format!("{JSON}{{\"tagValues\":[{{\"type\":\"int\",\"value\":\"3\"}}]}}"));
    check("GET /api/v2/search/tag/span.a%2Fb/values", &format!("{JSON}{{\"tagValues\":[]}}"));
    check("GET /api/v2/search/tag/span.a/b/values", &format!("{JSON}{{\"tagValues\":[]}}"));
    check("GET /api/search/tag/http.url/values", &format!("{JSON}{{\"tagValues\":[\"http://a/b\"]}}"));
    check(
        "GET /api/v2/search/tag/1/values",
        "400 text/plain please provide a valid tagName: failed to parse identifier 1: parse error : expected an attribute but got an expression",
    );
}

#[test]
fn metrics() {
    let name = r#"{"labels":[{"key":"__name__","value":{"stringValue":"count_over_time"}}]"#;
    check(
        "GET /api/metrics/query?q=%7B%7D+%7C+count_over_time()&start=1768471100&end=1768471300",
        &format!("{JSON}{{\"series\":[{name},\"value\":4}}]}}"),
    );
    check("GET /api/metrics/query_range?q=%7B%7D&start=1&end=2", "400 text/plain not a metrics query");
    check("GET /api/metrics/query_range?q=%7B%7D+%7C+rate()&start=2&end=1", "400 text/plain end must be greater than start");
}
