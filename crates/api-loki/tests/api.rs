//! The router over a memory store: requests as text in, answers as text out.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use tower::ServiceExt;

const JSON: (&str, &str) = ("content-type", "application/json");

struct Server(Router);

impl Server {
    fn new() -> Server {
        let store = store::Store::open(store::StoreOptions::memory(), Arc::new(store::NativeOnly)).unwrap();
        let settings = api::Settings { profile: api::Profile::Stock, ..api::Settings::default() };
        Server(api_loki::router(api::Backend::new(Arc::new(store), settings, otlp::Options::stock())))
    }

    async fn ask(&self, method: &str, uri: &str, headers: &[(&str, &str)], body: &str) -> String {
        let mut req = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            req = req.header(*name, *value);
        }
        let answer = self.0.clone().oneshot(req.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&bytes);
        // What a query took differs from run to run.
        let text = match text.split_once(",\"stats\":") {
            Some((head, _)) => format!("{head} …"),
            None => text.into_owned(),
        };
        format!("{status} {}", text.trim_end())
    }

    #[track_caller]
    fn check(&self, request: &str, headers: &[(&str, &str)], body: &str, want: &str) {
        let (method, uri) = request.split_once(' ').unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        assert_eq!(runtime.block_on(self.ask(method, uri, headers, body)), want, "{request}");
    }

    #[track_caller]
    fn get(&self, uri: &str, want: &str) {
        self.check(&format!("GET {uri}"), &[], "", want);
    }

    /// Three lines of two streams, seconds 100, 200 and 300.
    fn filled() -> Server {
        let s = Server::new();
        let body = r#"{"streams":[{"stream":{"app":"a","pod":"1"},"values":[["100000000000","level=info n=1"],["300000000000","{\"n\":2}",{"trace_id":"t"}]]},
            {"stream":{"app":"b"},"values":[["200000000000","other"]]}]}"#;
        s.check("POST /loki/api/v1/push", &[JSON], body, "204 ");
        s
    }
}

const RANGE: &str = "start=0&end=1000";

#[test]
fn lines_come_newest_first_with_their_labels() {
    let s = Server::filled();
    s.get(
        &format!("/loki/api/v1/query_range?{RANGE}&query=%7Bapp%3D~%22.%2B%22%7D"),
        "200 {\"status\":\"success\",\"data\":{\"resultType\":\"streams\",\"result\":[\
         {\"stream\":{\"app\":\"a\",\"detected_level\":\"info\",\"pod\":\"1\",\"service_name\":\"a\"},\"values\":[[\"100000000000\",\"level=info n=1\"]]},\
         {\"stream\":{\"app\":\"a\",\"detected_level\":\"unknown\",\"pod\":\"1\",\"service_name\":\"a\",\"trace_id\":\"t\"},\"values\":[[\"300000000000\",\"{\\\"n\\\":2}\"]]},\
         {\"stream\":{\"app\":\"b\",\"detected_level\":\"unknown\",\"service_name\":\"b\"},\"values\":[[\"200000000000\",\"other\"]]}] …",
    );
    let flag = [("x-loki-response-encoding-flags", "categorize-labels")];
    s.check(
        &format!("GET /loki/api/v1/query_range?{RANGE}&limit=1&query=%7Bapp%3D%22a%22%7D%7Cjson"),
        &flag,
        "",
        "200 {\"status\":\"success\",\"data\":{\"resultType\":\"streams\",\"encodingFlags\":[\"categorize-labels\"],\"result\":[\
         {\"stream\":{\"app\":\"a\",\"pod\":\"1\",\"service_name\":\"a\"},\"values\":[[\"300000000000\",\"{\\\"n\\\":2}\",\
         {\"structuredMetadata\":{\"detected_level\":\"unknown\",\"trace_id\":\"t\"},\"parsed\":{\"n\":\"2\"}}]]}] …",
    );
}

#[test]
fn numbers_over_lines() {
    let s = Server::filled();
    s.get(
        "/loki/api/v1/query?time=300&query=sum%20by(app)(count_over_time(%7Bapp%3D~%22.%2B%22%7D%5B5m%5D))",
        "200 {\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":{\"app\":\"a\"},\"value\":[300,\"2\"]},{\"metric\":{\"app\":\"b\"},\"value\":[300,\"1\"]}] …",
    );
    s.get(
        "/loki/api/v1/query_range?start=130&end=290&step=60&query=count_over_time(%7Bapp%3D%22b%22%7D%5B1m%5D)",
        "200 {\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[{\"metric\":{\"app\":\"b\",\"detected_level\":\"unknown\",\"service_name\":\"b\"},\"values\":[[240,\"1\"]]}] …",
    );
    let two = r#"200 {"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[4000000000,"2"]}] …"#;
    s.get("/loki/api/v1/query?time=4000000000000000000&query=vector(1)%2Bvector(1)", two);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    s.check("POST /loki/api/v1/query?time=4000000000", &form, "query=vector(1)%2Bvector(1)", two);
}

#[test]
fn what_the_streams_are_called() {
    let s = Server::filled();
    s.get(&format!("/loki/api/v1/labels?{RANGE}"), r#"200 {"status":"success","data":["app","pod","service_name"]}"#);
    s.get(&format!("/loki/api/v1/label/app/values?{RANGE}"), r#"200 {"status":"success","data":["a","b"]}"#);
    s.get("/loki/api/v1/label/app/values?start=400&end=500", r#"200 {"status":"success"}"#);
    s.get(
        &format!("/loki/api/v1/series?{RANGE}&match[]=%7Bapp%3D%22b%22%7D"),
        r#"200 {"status":"success","data":[{"app":"b","service_name":"b"}]}"#,
    );
    s.get(&format!("/loki/api/v1/detected_labels?{RANGE}"), r#"200 {"detectedLabels":[{"label":"app","cardinality":2},{"label":"pod","cardinality":1},{"label":"service_name","cardinality":2}]}"#);
    s.get(
        &format!("/loki/api/v1/detected_fields?{RANGE}&query=%7Bapp%3D%22a%22%7D"),
        "200 {\"fields\":[{\"label\":\"detected_level\",\"type\":\"string\",\"cardinality\":2,\"parsers\":null},{\"label\":\"trace_id\",\"type\":\"boolean\",\"cardinality\":1,\"parsers\":null},\
         {\"label\":\"n\",\"type\":\"int\",\"cardinality\":2,\"parsers\":[\"json\",\"logfmt\"],\"jsonPath\":[\"n\"]},{\"label\":\"level\",\"type\":\"string\",\"cardinality\":1,\"parsers\":[\"logfmt\"]}],\"limit\":1000}",
    );
    s.get(&format!("/loki/api/v1/detected_field/n/values?{RANGE}&query=%7Bapp%3D%22a%22%7D"), r#"200 {"values":["2","1"],"limit":1000}"#);
}

#[test]
fn volumes() {
    let s = Server::filled();
    let sizes = "14 + 7 bytes of lines, 18 + 21 + 9 of metadata";
    let total = "level=info n=1".len() + "{\"n\":2}".len() + "detected_levelinfo".len() + "detected_levelunknown".len() + "trace_idt".len();
    s.get(
        &format!("/loki/api/v1/index/stats?{RANGE}&query=%7Bapp%3D%22a%22%7D"),
        &format!(r#"200 {{"streams":1,"chunks":1,"bytes":{total},"entries":2}}"#),
    );
    assert_eq!(total, 14 + 7 + 18 + 21 + 9, "{sizes}");
    s.get(
        &format!("/loki/api/v1/index/volume?{RANGE}&query=%7Bapp%3D%22a%22%7D"),
        &format!(
            r#"200 {{"status":"success","data":{{"resultType":"vector","result":[{{"metric":{{"app":"a"}},"value":[1000,"{total}"]}}] …"#
        ),
    );
    s.get(
        "/loki/api/v1/index/volume_range?start=0&end=400&step=200&query=%7Bapp%3D%22a%22%7D",
        "200 {\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[{\"metric\":{\"app\":\"a\"},\"values\":[[199.999,\"32\"],[400,\"37\"]]}] …",
    );
}

#[test]
fn errors_are_plain_text() {
    let s = Server::new();
    s.get(
        "/loki/api/v1/query?query=%7Ba%3D%22b%22%7D",
        "400 log queries are not supported as an instant query type, please change your query to a range query type",
    );
    s.get("/loki/api/v1/query_range?start=2&end=1&query=%7Ba%3D%22b%22%7D", "400 end timestamp must not be before or equal to start time");
    s.get(
        "/loki/api/v1/query_range?limit=5001&query=%7Ba%3D%22b%22%7D",
        "400 max entries limit per query exceeded, limit > max_entries_limit_per_query (5001 > 5000)",
    );
    s.get("/loki/api/v1/labels?query=%7Ba%3D%22b%22%7D%7C%3D%22x%22", "400 parse error : only label matchers are supported");
    s.get("/loki/api/v1/tail?query=%7B", "400 parse error at line 1, col 2: syntax error: unexpected $end, expecting IDENTIFIER or }");
    s.get(
        "/loki/api/v1/format_query?query=%7Ba%3D%22b%22",
        r#"400 {"status":"invalid-query","error":"parse error at line 1, col 7: syntax error: unexpected $end, expecting } or ,"}"#,
    );
    let long = "400 the query time range exceeds the limit (query length: 722h0m1s, limit: 30d1h)";
    s.get(&format!("/loki/api/v1/query_range?start=0&end={}&query=%7Ba%3D%22b%22%7D", 722 * 3600 + 1), long);
    s.get("/loki/api/v1/query_range?query=%7Ba%3D%22b%22%7D%7Cxml", "400 parse error at line 1, col 12: syntax error: unexpected $end");
    s.check("GET /nothing", &[], "", "404 404 page not found");
    s.check("GET /loki/api/v1/push", &[], "", "405 ");
    s.check("PUT /loki/api/v1/query_range", &[], "", "405 ");
    s.get("/loki/api/v1/rules", "404 no rule groups found");
    s.check("GET /loki/api/v1/labels", &[("x-scope-orgid", "a/b")], "", "400 tenant ID 'a/b' contains unsupported character '/'");
}

#[test]
fn pushes_are_kept_in_part_and_answered_in_words() {
    let s = Server::new();
    s.check("POST /loki/api/v1/push", &[JSON], "{}", "422 error at least one valid stream is required for ingestion");
    s.check("POST /loki/api/v1/push", &[], "{}", "400 mime: no media type");
    let body = r#"{"streams":[{"stream":{"job":"p"},"values":[["1000000000","kept"],["9000000000000000000","2255"]]}]}"#;
    s.check(
        "POST /loki/api/v1/push",
        &[JSON],
        body,
        "400 entry for stream '{job=\"p\", service_name=\"p\"}' has timestamp too new: 2255-03-14T16:00:00Z",
    );
    s.get(&format!("/loki/api/v1/label/job/values?{RANGE}"), r#"200 {"status":"success","data":["p"]}"#);
    let other = [JSON, ("x-scope-orgid", "other")];
    s.check("GET /loki/api/v1/labels", &other, "", r#"200 {"status":"success"}"#);
    let fake = [JSON, ("x-scope-orgid", "fake")];
    s.check(&format!("GET /loki/api/v1/label/job/values?{RANGE}"), &fake, "", r#"200 {"status":"success","data":["p"]}"#);
    s.check("POST /otlp/v1/logs", &[JSON], "{}", "200 {}");
    s.check(
        "POST /otlp/v1/logs",
        &[("content-type", "text/plain")],
        "{}",
        "400 \u{12}[content type: text/plain, is not supported; send application/x-protobuf or application/json",
    );
}

#[test]
fn tenants_are_apart_unless_read_together() {
    let s = Server::new();
    for tenant in ["t1", "t2"] {
        let body = r#"{"streams":[{"stream":{"app":"x"},"values":[["1000000000","of "#.to_owned() + tenant + r#""]]}]}"#;
        s.check("POST /loki/api/v1/push", &[JSON, ("x-scope-orgid", tenant)], &body, "204 ");
    }
    let of = |line: &str| format!(r#"{{"stream":{{"app":"x"}},"values":[["1000000000","{line}"]]}}"#);
    let query = format!("GET /loki/api/v1/query_range?{RANGE}&query=%7Bapp%3D%22x%22%7D%7Ckeep%20app");
    let head = r#"200 {"status":"success","data":{"resultType":"streams","result":["#;
    s.check(&query, &[("x-scope-orgid", "t1")], "", &format!("{head}{}] …", of("of t1")));
    s.check(&query, &[], "", &format!("{head}] …"));
    let query = format!("GET /loki/api/v1/label/__tenant_id__/values?{RANGE}");
    s.check(&query, &[("x-scope-orgid", "t1|t2")], "", r#"200 {"status":"success","data":["t1","t2"]}"#);
    s.check("GET /loki/api/v1/labels", &[("x-scope-orgid", "!loki-deletes")], "", "400 tenant ID '!loki-deletes' is reserved");
}

#[test]
fn what_the_server_says_of_itself() {
    let s = Server::new();
    s.get("/ready", "200 ready");
    s.get("/prometheus/api/v1/rules", r#"200 {"status":"success","data":{"groups":[]},"errorType":"","error":""}"#);
    let limits = [
        ("/loki/api/v1/drilldown-limits", "\"max_entries_limit_per_query\":5000"),
        ("/config/tenant/v1/limits", "max_query_series: 500"),
        ("/config", "limits_config:"),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (uri, part) in limits {
        let answer = runtime.block_on(s.ask("GET", uri, &[], ""));
        assert!(answer.starts_with("200 ") && answer.contains(part), "{uri}: {answer}");
    }
}

#[test]
fn large_answers_are_compressed_for_those_who_ask() {
    let s = Server::filled();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let coding = |uri: &str, accept: &'static str| {
        let req = Request::get(uri).header("accept-encoding", accept).body(Body::empty()).unwrap();
        let answer = runtime.block_on(s.0.clone().oneshot(req)).unwrap();
        answer.headers().get("content-encoding").map(|v| v.to_str().unwrap().to_owned())
    };
    let large = format!("/loki/api/v1/query_range?{RANGE}&query=%7Bapp%3D~%22.%2B%22%7D");
    assert_eq!(coding(&large, "gzip").as_deref(), Some("gzip"));
    assert_eq!(coding(&large, "identity"), None);
    assert_eq!(coding(&format!("/loki/api/v1/labels?{RANGE}"), "gzip"), None);
}
