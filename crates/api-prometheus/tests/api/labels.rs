//! Series, names, values, metadata, exemplars.

use proto::prometheus as pb;

use crate::Server;
use crate::server::series;

fn ok(data: &str) -> String {
    format!(r#"200 {{"status":"success","data":{data}}}"#)
}

fn cut(data: &str) -> String {
    format!(r#"200 {{"status":"success","data":{data},"warnings":["results truncated due to limit"]}}"#)
}

#[tokio::test]
async fn what_there_is() {
    let s = Server::seeded().await;
    s.check("GET /api/v1/series?match[]=m&match[]={job=\"a\"}", &ok(r#"[{"__name__":"m","job":"a"},{"__name__":"m","job":"b"}]"#)).await;
    s.check("POST /api/v1/series match[]=m&limit=1", &cut(r#"[{"__name__":"m","job":"a"}]"#)).await;
    s.check("GET /api/v1/series?match[]=m&start=1000000&end=2000000", &ok("[]")).await;
    s.check("GET /api/v1/labels", &ok(r#"["__name__","http.route","job"]"#)).await;
    s.check("POST /api/v1/labels match[]=m", &ok(r#"["__name__","job"]"#)).await;
    s.check("GET /api/v1/labels?limit=2", &cut(r#"["__name__","http.route"]"#)).await;
    s.check("GET /api/v1/label/job/values", &ok(r#"["a","b"]"#)).await;
    s.check("GET /api/v1/label/job/values?limit=1", &cut(r#"["a"]"#)).await;
    s.check("GET /api/v1/label/U__http_2e_route/values", &ok(r#"["/x"]"#)).await;
    s.check("GET /api/v1/label/nosuch/values?match[]=m", &ok("[]")).await;
}

#[tokio::test]
async fn metadata_of_families() {
    let s = Server::new();
    let family =
        |name: &str, help: &str| pb::MetricMetadata { r#type: 1, metric_family_name: name.into(), help: help.into(), unit: "s".into() };
    let request = pb::WriteRequest {
        timeseries: vec![series(&[("__name__", "a_total")], &[(0, 1.0)])],
        metadata: vec![family("a_total", "A \"quoted\" help"), family("b_total", "b")],
    };
    assert_eq!(s.write_v1(request).await.status(), 204);
    s.check("GET /api/v1/metadata?limit=1", &ok(r#"{"a_total":[{"type":"counter","unit":"s","help":"A \"quoted\" help"}]}"#)).await;
    s.check("GET /api/v1/metadata?metric=b_total", &ok(r#"{"b_total":[{"type":"counter","unit":"s","help":"b"}]}"#)).await;
    s.check("GET /api/v1/metadata?metric=nosuch", &ok("{}")).await;
}

#[tokio::test]
async fn exemplars() {
    let s = Server::new();
    let mut one = series(&[("__name__", "a_total")], &[(1000, 1.0)]);
    one.exemplars.push(pb::Exemplar {
        labels: vec![pb::Label { name: "trace_id".into(), value: "t1".into() }],
        value: 0.5,
        timestamp: 1500,
    });
    assert_eq!(s.write_v1(pb::WriteRequest { timeseries: vec![one], metadata: vec![] }).await.status(), 204);
    let want =
        ok(r#"[{"seriesLabels":{"__name__":"a_total"},"exemplars":[{"labels":{"trace_id":"t1"},"value":"0.5","timestamp":1.500}]}]"#);
    s.check("GET /api/v1/query_exemplars?query=sum(rate(a_total[5m]))&start=0&end=10", &want).await;
    s.check("POST /api/v1/query_exemplars query=test&start=1768471260000&end=1768471620000", &ok("[]")).await;
    s.check("GET /api/v1/query_exemplars?query=1&start=0&end=10", "204 ").await;
}

#[tokio::test]
async fn searching() {
    let s = Server::seeded().await;
    let want = "200 {\"results\":[{\"name\":\"http.route\",\"score\":1}]}\n{\"status\":\"success\",\"has_more\":false}";
    s.check("GET /api/v1/search/label_names?search[]=http&include_score=true&start=0&end=60", want).await;
    let want = "200 {\"results\":[{\"value\":\"b\"}]}\n{\"results\":[{\"value\":\"a\"}]}\n{\"status\":\"success\",\"has_more\":false}";
    s.check("GET /api/v1/search/label_values?label=job&sort_dir=dsc&batch_size=1&start=0&end=60", want).await;
    let off = Server::with(api::Settings::default());
    let got = off.ask("GET /api/v1/search/metric_names").await;
    assert!(got.starts_with(r#"500 {"status":"error","errorType":"unavailable""#), "{got}");
}
