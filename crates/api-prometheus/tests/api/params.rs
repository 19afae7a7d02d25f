//! Parameters, methods, transport.

use http::{Request, header};

use crate::Server;

fn bad(message: &str) -> String {
    let message = message.replace('"', "\\\"");
    format!(r#"400 {{"status":"error","errorType":"bad_data","error":"{message}"}}"#)
}

#[tokio::test]
async fn bad_parameters_are_named() {
    let s = Server::new();
    let range = "GET /api/v1/query_range?query=1&start=0&end=60";
    for (ask, want) in [
        (
            "GET /api/v1/query?query=1&time=abc",
            r#"invalid parameter "time": invalid time value for 'time': cannot parse "abc" to a valid timestamp"#,
        ),
        ("GET /api/v1/query?query=1&timeout=soon", r#"invalid parameter "timeout": cannot parse "soon" to a valid duration"#),
        ("GET /api/v1/query?query=1&lookback_delta=x", r#"error parsing lookback delta duration: cannot parse "x" to a valid duration"#),
        ("GET /api/v1/query?query=1&limit=-1", r#"invalid parameter "limit": limit must be non-negative"#),
        ("GET /api/v1/query", r#"invalid parameter "query": unknown position: parse error: no expression found in input"#),
        ("GET /api/v1/query_range?query=1&end=1&step=1", r#"invalid parameter "start": cannot parse "" to a valid timestamp"#),
        (
            &format!("{range}&step=0"),
            r#"invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer"#,
        ),
        (&format!("{range}&step=0.0001"), r#"invalid parameter "step": a step below one millisecond is not accepted. Try 0.001 or more"#),
        (
            "GET /api/v1/query_range?query=1&start=60&end=0&step=1",
            r#"invalid parameter "end": end timestamp must not be before start time"#,
        ),
        (
            "GET /api/v1/query_range?query=1&start=0&end=11001&step=1",
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
        ),
        (
            &format!("{range}&step=1&query=m[5m]").replacen("query=1&", "", 1),
            r#"invalid parameter "query": invalid expression type "range vector" for range query, must be Scalar or instant Vector"#,
        ),
        ("GET /api/v1/series", "no match[] parameter provided"),
        ("GET /api/v1/series?match[]={}", r#"invalid parameter "match[]": match[] must contain at least one non-empty matcher"#),
        ("GET /api/v1/labels?match[]={", "1:2: parse error: unexpected end of input inside braces"),
        ("GET /api/v1/label/U__/values", r#"invalid label name: """#),
        ("GET /api/v1/metadata?limit=x", "limit must be a number"),
        ("GET /api/v1/status/tsdb?limit=x", "limit must be a positive number"),
        ("GET /api/v1/rules?type=foo", r#"invalid parameter "type": not supported value "foo""#),
        ("GET /api/v1/query_exemplars?query=m&start=2&end=1", "end timestamp must not be before start timestamp"),
        ("GET /api/v1/scrape_pools/config?scrapePool=x", r#"error retrieving scrape config: scrape pool "x" not found"#),
    ] {
        s.check(ask, &bad(want)).await;
    }
}

#[tokio::test]
async fn methods_and_paths() {
    let s = Server::new();
    for (ask, status) in [
        ("DELETE /api/v1/query", "405"),
        ("HEAD /api/v1/query", "405"),
        ("POST /api/v1/label/job/values", "405"),
        ("GET /api/v1/write", "405"),
        ("GET /-/reload", "405"),
        ("POST /-/reload", "403"),
        ("OPTIONS /api/v1/query", "204"),
        ("GET /api/v1/nosuch", "404"),
        ("HEAD /-/ready", "200"),
        ("GET /-/healthy", "200"),
    ] {
        assert_eq!(&s.ask(ask).await[..3], status, "{ask}");
    }
}

#[tokio::test]
async fn cross_origin_headers_only_for_cross_origin_requests() {
    let s = Server::new();
    for origin in [None, Some("http://x.example")] {
        let mut request = Request::get("/api/v1/query?query=1&time=0");
        if let Some(origin) = origin {
            request = request.header(header::ORIGIN, origin);
        }
        let response = s.send(request.body(axum::body::Body::empty()).unwrap()).await;
        assert_eq!(response.headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN), origin.is_some());
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
    }
}
