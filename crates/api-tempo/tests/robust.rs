//! No request, however odd, ends in a panic or in a status that blames the server.

mod support;

use axum::Router;
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use proptest::prelude::*;
use support::backend;
use tower::ServiceExt;

const PATHS: [&str; 14] = [
    "/api/search",
    "/api/search/tags",
    "/api/v2/search/tags",
    "/api/metrics/query",
    "/api/metrics/query_range",
    "/api/traces/ab01",
    "/api/v2/traces/ab01",
    "/api/v2/search/tag/.a/values",
    "/api/search/tag/name/values",
    "/api/traces",
    "/api/services",
    "/api/operations",
    "/api/dependencies",
    "/status/config",
];

const NAMES: [&str; 26] = [
    "q",
    "query",
    "tags",
    "tag",
    "start",
    "end",
    "since",
    "step",
    "limit",
    "spss",
    "minDuration",
    "maxDuration",
    "scope",
    "maxSeries",
    "exemplars",
    "instant",
    "mode",
    "blockStart",
    "keep_hierarchy",
    "match_depth",
    "ancestor_depth",
    "service",
    "operation",
    "traceID",
    "lookback",
    "endTs",
];

/// Values near the edges of every reader, and noise.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "",
            "0",
            "1",
            "-1",
            "18446744073709551615",
            "9223372036854775807",
            "-9223372036854775808",
            "1e308",
            "-1e308",
            "NaN",
            "inf",
            "1768471200",
            "1768471300",
            "1768471200.5",
            "1768471200000000000",
            "2026-01-15T10:00:00Z",
            "9999-12-31T23:59:59Z",
            "1h",
            "1d",
            "99999999999999999y",
            "5m",
            "{}",
            "{ status = error }",
            "{} | rate()",
            "{} | rate() by(name)",
            "{} | quantile_over_time(duration, .9)",
            "{ .a = ",
            "a=b",
            "a=\"",
            "true",
            "all",
            "a:b",
            "{\"a\":\"b\"}",
            "gateway",
            "span",
            "ab01",
            "\u{0}",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,12}",
    ]
}

fn encoded(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02x}")).collect()
}

fn send(router: &Router, request: Request<Body>) -> u16 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        response.into_body().collect().await.unwrap();
        status
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn parameters(path in prop::sample::select(&PATHS[..]), given in prop::collection::vec((prop::sample::select(&NAMES[..]), value()), 0..6)) {
        thread_local!(static ROUTERS: [Router; 2] = { let b = backend(); [api_tempo::router(b.clone()), api_tempo::jaeger_router(b)] });
        let query: Vec<String> = given.iter().map(|(n, v)| format!("{n}={}", encoded(v))).collect();
        let uri = format!("{path}?{}", query.join("&"));
        ROUTERS.with(|all| for router in all {
            let status = send(router, Request::get(&uri).body(Body::empty()).unwrap());
            assert!(status < 500, "{status} {uri}");
        });
    }

    #[test]
    fn bodies(
        path in prop::sample::select(vec!["/api/mcp", "/api/v2/traces/diff", "/tempopb.StreamingQuerier/Search", "/tempopb.StreamingQuerier/MetricsQueryRange"]),
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40),
            prop::collection::vec(any::<u8>(), 0..40).prop_map(|m| [&[0, 0, 0, 0, m.len() as u8][..], &m].concat()),
            "\\{\"(id|method|params|base|compare|format)\":(1|\"tools/call\"|\\{\"name\":\"trace-diff\"\\})\\}".prop_map(String::into_bytes),
        ],
    ) {
        thread_local!(static ROUTER: Router = support::router());
        let request = Request::post(path).header("content-type", "application/grpc").body(Body::from(body.clone())).unwrap();
        let status = ROUTER.with(|r| send(r, request));
        prop_assert!(status < 500, "{status} {path} {body:?}");
    }
}
