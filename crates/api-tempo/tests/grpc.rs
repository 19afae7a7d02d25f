//! The gRPC door over a real loopback connection: HTTP/2 without TLS, tonic's own client.

mod support;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use proto::tempopb as pb;
use tonic::codec::CompressionEncoding;
use tonic::transport::Endpoint;
use tonic_prost::ProstCodec;
use tower::ServiceExt;

/// Serves the router on a free loopback port, HTTP/1 and h2c told apart by their first bytes.
async fn serve() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let router = support::router();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let service = TowerToHyperService::new(
                router.clone().map_request(|r: http::Request<hyper::body::Incoming>| r.map(axum::body::Body::new)),
            );
            tokio::spawn(async move {
                auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), service).await.map_err(drop)
            });
        }
    });
    address
}

/// All messages of a call, or the status it ended with.
async fn call<Req, Resp>(address: &str, method: &str, request: Req) -> Result<Vec<Resp>, tonic::Status>
where
    Req: prost::Message + Default + 'static,
    Resp: prost::Message + Default + 'static,
{
    let channel = Endpoint::from_shared(address.to_owned()).unwrap().connect().await.unwrap();
    let mut client =
        tonic::client::Grpc::new(channel).accept_compressed(CompressionEncoding::Gzip).send_compressed(CompressionEncoding::Gzip);
    client.ready().await.unwrap();
    let path = http::uri::PathAndQuery::try_from(method).unwrap();
    let mut stream = client.server_streaming(tonic::Request::new(request), path, ProstCodec::<Req, Resp>::default()).await?.into_inner();
    let mut all = vec![];
    while let Some(m) = stream.message().await? {
        all.push(m);
    }
    Ok(all)
}

#[tokio::test]
async fn search_streams_its_final_result() {
    let address = serve().await;
    let request = pb::SearchRequest { query: "{ status = error }".into(), ..pb::SearchRequest::default() };
    let all: Vec<pb::SearchResponse> = call(&address, "/tempopb.StreamingQuerier/Search", request).await.unwrap();
    let last = all.last().unwrap();
    assert_eq!(last.traces.len(), 1);
    let trace = &last.traces[0];
    assert_eq!((trace.trace_id.as_str(), trace.root_service_name.as_str(), trace.root_trace_name.as_str()), ("ab01", "gateway", "GET /"));
    assert_eq!((trace.span_sets[0].matched, trace.span_sets[0].spans[0].span_id.as_str()), (1, "2222222222222222"));
    let metrics = last.metrics.unwrap();
    assert_eq!((metrics.completed_jobs, metrics.total_jobs), (1, 1));
}

#[tokio::test]
async fn nothing_found_is_one_message_with_metrics() {
    let address = serve().await;
    let request = pb::SearchRequest { query: "{ name = \"nosuch\" }".into(), ..pb::SearchRequest::default() };
    let all: Vec<pb::SearchResponse> = call(&address, "/tempopb.StreamingQuerier/Search", request).await.unwrap();
    assert_eq!(all.len(), 1);
    assert!(all[0].traces.is_empty() && all[0].metrics.is_some());
}

#[tokio::test]
async fn tags_and_values() {
    let address = serve().await;
    let service = "/tempopb.StreamingQuerier";
    let request = pb::SearchTagsRequest { scope: "span".into(), ..pb::SearchTagsRequest::default() };
    let v1: Vec<pb::SearchTagsResponse> = call(&address, &format!("{service}/SearchTags"), request.clone()).await.unwrap();
    assert_eq!(v1[0].tag_names, ["cache.hit", "db.rows", "http.url"]);
    let v2: Vec<pb::SearchTagsV2Response> = call(&address, &format!("{service}/SearchTagsV2"), request).await.unwrap();
    assert_eq!((v2[0].scopes[0].name.as_str(), v2[0].scopes[0].tags.len()), ("span", 3));
    let asked = |tag: &str| pb::SearchTagValuesRequest { tag_name: tag.into(), ..pb::SearchTagValuesRequest::default() };
    let v1: Vec<pb::SearchTagValuesResponse> = call(&address, &format!("{service}/SearchTagValues"), asked("service.name")).await.unwrap();
    let mut names = v1[0].tag_values.clone();
    names.sort();
    assert_eq!(names, ["db", "edge", "gateway"]);
    let v2: Vec<pb::SearchTagValuesV2Response> =
        call(&address, &format!("{service}/SearchTagValuesV2"), asked("span.db.rows")).await.unwrap();
    assert_eq!((v2[0].tag_values[0].r#type.as_str(), v2[0].tag_values[0].value.as_str()), ("int", "3"));
}

#[tokio::test]
async fn metrics_over_a_range_and_at_once() {
    let address = serve().await;
    let (start, end) = (support::T0 - 60_000_000_000, support::T0 + 60_000_000_000);
    let query = "{ } | count_over_time()".to_owned();
    let request = pb::QueryRangeRequest { query: query.clone(), start, end, step: 60_000_000_000, ..pb::QueryRangeRequest::default() };
    let all: Vec<pb::QueryRangeResponse> = call(&address, "/tempopb.StreamingQuerier/MetricsQueryRange", request).await.unwrap();
    let total: f64 = all.iter().flat_map(|r| &r.series).flat_map(|s| &s.samples).map(|s| s.value).sum();
    assert_eq!(total, 4.0);
    let request = pb::QueryInstantRequest { query, start, end };
    let all: Vec<pb::QueryInstantResponse> = call(&address, "/tempopb.StreamingQuerier/MetricsQueryInstant", request).await.unwrap();
    assert_eq!(all.last().unwrap().series[0].value, 4.0);
}

#[tokio::test]
async fn mistakes_are_codes_with_the_http_texts() {
    let address = serve().await;
    let bad = pb::SearchRequest { query: "{".into(), ..pb::SearchRequest::default() };
    let status = call::<_, pb::SearchResponse>(&address, "/tempopb.StreamingQuerier/Search", bad).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    assert!(status.message().starts_with("invalid TraceQL query: parse error at line 1"), "{}", status.message());
    let wide = pb::SearchRequest { query: "{}".into(), start: 1, end: 1_000_000, ..pb::SearchRequest::default() };
    let status = call::<_, pb::SearchResponse>(&address, "/tempopb.StreamingQuerier/Search", wide).await.unwrap_err();
    assert!(status.message().starts_with("range specified by start and end exceeds 168h0m0s"), "{}", status.message());
    let status =
        call::<_, pb::SearchResponse>(&address, "/tempopb.StreamingQuerier/Nosuch", pb::SearchRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unimplemented);
}

#[derive(Clone, PartialEq, prost::Message)]
struct Health {
    #[prost(int32, tag = "1")]
    status: i32,
}

#[tokio::test]
async fn health_says_serving() {
    let address = serve().await;
    let all: Vec<Health> = call(&address, "/grpc.health.v1.Health/Check", Health::default()).await.unwrap();
    assert_eq!(all, [Health { status: 1 }]);
}
