//! What the server says of itself.

use api::Settings;

use crate::Server;

#[tokio::test]
async fn pages() {
    let s = Server::seeded().await;
    s.check("GET /api/v1/status/config", r#"200 {"status":"success","data":{"yaml":"global: {}\n"}}"#).await;
    s.check("GET /api/v1/rules", r#"200 {"status":"success","data":{"groups":[]}}"#).await;
    s.check("GET /api/v1/alerts", r#"200 {"status":"success","data":{"alerts":[]}}"#).await;
    for (path, part) in [
        ("status/buildinfo", r#""version":"3.14.0""#),
        ("status/runtimeinfo", r#""reloadConfigSuccess":true"#),
        ("status/flags", r#""data":{}"#),
        ("status/tsdb", r#""seriesCountByMetricName":[{"name":"m","value":2},{"name":"n","value":1}]"#),
        ("status/tsdb", r#""numSeries":3"#),
        ("status/self_metrics?metric_name_pattern=trefoil_panics_total", r#"[{"name":"trefoil_panics_total","#),
        ("features", r#""info":true"#),
        ("notifications", "[]"),
        ("targets", r#""activeTargets":[]"#),
    ] {
        let got = s.ask(&format!("GET /api/v1/{path}")).await;
        assert!(got.starts_with("200 {\"status\":\"success\"") && got.contains(part), "{path}: {got}");
        assert!(serde_json::from_str::<serde_json::Value>(&got[4..]).is_ok(), "{got}");
    }
    assert!(!s.ask("GET /api/v1/status/buildinfo").await.contains("features"), "Grafana would take us for Mimir");
}

#[tokio::test]
async fn features_follow_the_flags() {
    let s = Server::with(Settings::default());
    let got = s.ask("GET /api/v1/features").await;
    assert!(got.contains(r#""info":false"#) && got.contains(r#""rate":true"#) && got.contains(r#""admin":false"#), "{got}");
}

#[tokio::test]
async fn while_not_ready_only_progress_is_told() {
    let s = Server::new();
    s.backend.set_ready(false);
    for (path, status) in [
        ("/api/v1/query?query=1", "503"),
        ("/-/ready", "503"),
        ("/api/v1/status/walreplay", "200"),
        ("/api/v1/notifications", "200"),
        ("/-/healthy", "200"),
    ] {
        assert_eq!(&s.ask(&format!("GET {path}")).await[..3], status, "{path}");
    }
}
