//! Admin endpoints and federation.

use api::Settings;
use proto::prometheus as pb;

use crate::Server;
use crate::server::series;

#[tokio::test]
async fn admin_is_off_unless_asked_for() {
    let s = Server::with(Settings::default());
    for path in ["delete_series?match[]=m", "clean_tombstones", "snapshot"] {
        s.check(
            &format!("POST /api/v1/admin/tsdb/{path}"),
            r#"500 {"status":"error","errorType":"unavailable","error":"admin APIs disabled"}"#,
        )
        .await;
    }
    let s = Server::new();
    s.check("POST /api/v1/admin/tsdb/clean_tombstones", "204 ").await;
    let no_match = r#"400 {"status":"error","errorType":"bad_data","error":"no match[] parameter provided"}"#;
    s.check("PUT /api/v1/admin/tsdb/delete_series", no_match).await;
}

#[tokio::test]
async fn federation_shows_what_is_fresh() {
    let s = Server::seeded().await;
    s.check("GET /federate", "200 ").await;
    s.check("GET /federate?match[]=m", "200 ").await;
    assert!(s.ask("GET /federate?match[]={").await.starts_with("400 1:2: parse error"));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    let fresh = series(&[("__name__", "fresh"), ("job", "j")], &[(now - 1000, 5.0)]);
    assert_eq!(s.write_v1(pb::WriteRequest { timeseries: vec![fresh], metadata: vec![] }).await.status(), 204);
    s.check("GET /federate?match[]={job=\"j\"}", &format!("200 # TYPE fresh untyped\nfresh{{instance=\"\",job=\"j\"}} 5 {}", now - 1000))
        .await;
}
