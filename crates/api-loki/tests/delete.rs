//! Delete requests: what they hide, that they come back when cancelled, and that a restart remembers them.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use tower::ServiceExt;

struct Server {
    app: Router,
    runtime: tokio::runtime::Runtime,
}

impl Server {
    fn new(options: store::StoreOptions) -> Server {
        let store = store::Store::open(options, Arc::new(store::NativeOnly)).unwrap();
        let app = api_loki::router(api::Backend::new(Arc::new(store), api::Settings::default(), otlp::Options::stock()));
        Server { app, runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap() }
    }

    /// Status, the new request's id if there is one, body.
    fn ask(&self, request: &str, body: &str) -> (u16, String, String) {
        let (method, uri) = request.split_once(' ').unwrap();
        let req = Request::builder()
            .method(method)
            .uri(uri)
            .header("content-type", "application/json")
            .body(Body::from(body.to_owned()))
            .unwrap();
        self.runtime.block_on(async {
            let answer = self.app.clone().oneshot(req).await.unwrap();
            let id = answer.headers().get("x-delete-request-id").map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default();
            let status = answer.status().as_u16();
            let bytes = answer.into_body().collect().await.unwrap().to_bytes();
            (status, id, String::from_utf8_lossy(&bytes).trim_end().to_owned())
        })
    }

    #[track_caller]
    fn check(&self, request: &str, want: &str) {
        let (status, _, body) = self.ask(request, "");
        assert_eq!(format!("{status} {body}").trim_end(), want, "{request}");
    }

    /// The lines that are still seen, newest first, how many are counted, and what the index says.
    #[track_caller]
    fn seen(&self, lines: &[&str], streams: &str, entries: usize) {
        let (_, _, body) = self.ask("GET /loki/api/v1/query_range?start=0&end=1000&query=%7Bapp%3D~%22.%2B%22%7D%7Ckeep%20none", "");
        let v: serde_json::Value = serde_json::from_str(&body).unwrap();
        let values = v["data"]["result"][0]["values"].as_array().cloned().unwrap_or_default();
        assert_eq!(values.iter().map(|e| e[1].as_str().unwrap()).collect::<Vec<_>>(), lines);
        let (_, _, body) = self.ask("GET /loki/api/v1/query?time=1000&query=sum(count_over_time(%7Bapp%3D~%22.%2B%22%7D%5B1000s%5D))", "");
        let v: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(v["data"]["result"][0]["value"][1].as_str().unwrap_or("0"), lines.len().to_string());
        self.check("GET /loki/api/v1/label/app/values?start=0&end=1000", streams);
        let (_, _, body) = self.ask("GET /loki/api/v1/index/stats?start=0&end=1000&query=%7Bapp%3D~%22.%2B%22%7D", "");
        assert!(body.contains(&format!("\"entries\":{entries}}}")), "{body}");
    }

    fn fill(&self) {
        let body = r#"{"streams":[{"stream":{"app":"a"},"values":[["100000000000","keep me"],["200000000000","secret 1"],["300000000000","secret 2"]]},
            {"stream":{"app":"b"},"values":[["150000000000","secret b"]]}]}"#;
        assert_eq!(self.ask("POST /loki/api/v1/push", body).0, 204);
    }

    fn delete(&self, query: &str, end: &str) -> String {
        let (status, id, body) = self.ask(&format!("POST /loki/api/v1/delete?start=0000000000&end={end}&query={query}"), "");
        assert_eq!((status, body.as_str()), (204, ""));
        id
    }
}

const BOTH: &str = r#"200 {"status":"success","data":["a","b"]}"#;

#[test]
fn lines_vanish_and_come_back() {
    let s = Server::new(store::StoreOptions::memory());
    s.fill();
    s.seen(&["secret 2", "secret 1", "secret b", "keep me"], BOTH, 4);
    let id = s.delete("%7Bapp%3D%22a%22%7D%7C%3D%22secret%22", "0000000250");
    s.seen(&["secret 2", "secret b", "keep me"], BOTH, 3);
    s.delete("%7Bapp%3D%22b%22%7D", "0000001000");
    s.seen(&["secret 2", "keep me"], r#"200 {"status":"success","data":["a"]}"#, 2);
    let (_, _, list) = s.ask("GET /loki/api/v1/delete", "");
    assert!(
        list.starts_with(&format!(
            r#"[{{"request_id":"{id}","start_time":0,"end_time":250,"query":"{{app=\"a\"}}|=\"secret\"","status":"received","created_at":"#
        )),
        "{list}"
    );
    s.check(&format!("DELETE /loki/api/v1/delete?request_id={id}"), "204");
    s.check(&format!("DELETE /loki/api/v1/delete?request_id={id}"), "404 could not find delete request with given id");
    s.seen(&["secret 2", "secret 1", "keep me"], r#"200 {"status":"success","data":["a"]}"#, 3);
}

#[test]
fn bad_requests_say_why() {
    let s = Server::new(store::StoreOptions::memory());
    let post = |query: &str| format!("POST /loki/api/v1/delete?{query}");
    s.check(&post("start=0000000001"), "400 query not set");
    s.check(&post("query=%7Ba%3D%22b%22%7D"), "400 start time not set");
    s.check(&post("query=%7Ba%3D%22b%22%7D&start=1"), "400 invalid start time: require unix seconds or RFC3339 format");
    s.check(&post("query=%7Ba%3D%22b%22%7D&start=0000000001&end=9999999999"), "400 deletes in future not allowed");
    s.check(&post("query=%7Ba%3D%22b%22%7D&start=0000000002&end=0000000001"), "400 start time can't be greater than end time");
    s.check(
        &post("query=%7Ba%3D%22b%22%7D%7Cjson&start=0000000001"),
        "400 a delete request takes a selector with line filters and label filters only",
    );
    s.check(
        &post("query=%7B&start=0000000001"),
        "400 parse error at line 1, col 2: syntax error: unexpected $end, expecting IDENTIFIER or }",
    );
    s.check("GET /loki/api/v1/delete", "200 []");
}

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_restart_remembers() {
    let folder = Folder(std::env::temp_dir().join(format!("api-loki-delete-{}", std::process::id())));
    let s = Server::new(store::StoreOptions::at(&folder.0));
    s.fill();
    s.delete("%7Bapp%3D%22b%22%7D", "0000001000");
    drop(s);
    let s = Server::new(store::StoreOptions::at(&folder.0));
    s.seen(&["secret 2", "secret 1", "keep me"], r#"200 {"status":"success","data":["a"]}"#, 3);
}
