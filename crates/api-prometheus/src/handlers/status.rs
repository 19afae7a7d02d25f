//! /status/*, /features, /notifications, /version: what the server says of itself.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use api::{Backend, Point, PointKind};

use crate::call::{Answer, Call};
use crate::engine;
use crate::error::ApiError;
use crate::json::{push_key, push_list, push_str};
use crate::number::{push_int, push_plain};
use crate::reply::Reply;
use crate::time::rfc3339_text;

/// The Prometheus version whose API this is: clients decide by it which calls they may make.
const API_VERSION: &str = "3.14.0";

/// `{"key":"value",…}`
fn push_texts<'a>(out: &mut Vec<u8>, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) {
    out.push(b'{');
    for (key, value) in pairs {
        push_key(out, key);
        push_str(out, value);
    }
    out.push(b'}');
}

/// The build; no `features`, whose presence would make Grafana take us for Mimir.
pub fn push_build(out: &mut Vec<u8>, backend: &Backend) {
    let revision = format!("trefoil-{}", backend.settings.version);
    let pairs =
        [("version", API_VERSION), ("revision", &revision), ("branch", "trefoil"), ("buildUser", ""), ("buildDate", ""), ("goVersion", "")];
    push_texts(out, pairs);
}

pub async fn build(call: Call) -> Answer {
    call.reply(Reply::write(|out| push_build(out, &call.backend)))
}

/// The configuration file as given.
pub async fn config(call: Call) -> Answer {
    call.reply(Reply::write(|out| push_texts(out, [("yaml", call.backend.settings.config_text.as_str())])))
}

/// The command line's flags.
pub async fn flags(call: Call) -> Answer {
    let flags: BTreeMap<&str, &str> = call.backend.settings.flags.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    call.reply(Reply::write(|out| push_texts(out, flags)))
}

/// Process facts. Keys about Go's runtime hold the nearest thing that there is here.
pub async fn runtime(call: Call) -> Answer {
    let backend = &call.backend;
    let started = rfc3339_text(unix_ms(backend.started));
    let cwd = std::env::current_dir().map_or_else(|_| String::new(), |d| d.display().to_string());
    let now = rfc3339_text(backend.now_ms());
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let retention = match backend.settings.retention {
        Duration::ZERO => "unlimited".to_owned(),
        keep => promql::format::duration(i64::try_from(keep.as_millis()).unwrap_or(i64::MAX)),
    };
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as i64);
    call.reply(Reply::write(|out| {
        out.push(b'{');
        for (key, value) in [("startTime", started.as_str()), ("CWD", &cwd), ("hostname", hostname.trim()), ("serverTime", &now)] {
            push_key(out, key);
            push_str(out, value);
        }
        push_key(out, "reloadConfigSuccess");
        out.extend_from_slice(b"true");
        push_key(out, "lastConfigTime");
        push_str(out, &started);
        for (key, value) in [("corruptionCount", 0), ("goroutineCount", threads()), ("GOMAXPROCS", cores), ("GOMEMLIMIT", i64::MAX)] {
            push_key(out, key);
            push_int(out, value);
        }
        for (key, value) in [("GOGC", ""), ("GODEBUG", ""), ("storageRetention", retention.as_str())] {
            push_key(out, key);
            push_str(out, value);
        }
        out.push(b'}');
    }))
}

fn unix_ms(t: SystemTime) -> i64 {
    t.duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}

/// Threads of this process, as Linux tells.
fn threads() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find_map(|l| l.strip_prefix("Threads:")).and_then(|n| n.trim().parse().ok()).unwrap_or(1)
}

/// Progress of the log's replay. It is over before this server listens.
pub async fn wal_replay(call: Call) -> Answer {
    call.reply(Reply::json(br#"{"min":0,"max":0,"current":0}"#.to_vec()))
}

/// Messages to the operator; there is no source of them yet, so the list is empty.
pub async fn notifications(call: Call) -> Answer {
    call.reply(Reply::json(b"[]".to_vec()))
}

/// Our own metrics as families, those whose name matches `metric_name_pattern`.
pub async fn self_metrics(call: Call) -> Answer {
    let pattern = call.params.get("metric_name_pattern");
    let matcher = model::Matcher::new(model::MatchOp::Re, "n", if pattern.is_empty() { ".*" } else { pattern })
        .map_err(|e| ApiError::parameter("metric_name_pattern", e))?;
    let mut points = vec![];
    call.backend.metrics.collect(&mut points);
    points.retain(|p| matcher.matches(&p.name));
    points.sort_by(|a, b| a.name.cmp(&b.name));
    call.reply(Reply::write(|out| push_list(out, points.chunk_by(|a, b| a.name == b.name), push_family)))
}

fn push_family(out: &mut Vec<u8>, family: &[Point]) {
    let Some(first) = family.first() else { return };
    let (kind, key) = match first.kind {
        PointKind::Counter => ("COUNTER", "counter"),
        PointKind::Gauge => ("GAUGE", "gauge"),
    };
    out.push(b'{');
    for (key, value) in [("name", first.name.as_str()), ("help", first.help), ("type", kind)] {
        push_key(out, key);
        push_str(out, value);
    }
    push_key(out, "metric");
    push_list(out, family, |out, point| {
        out.push(b'{');
        push_key(out, "label");
        push_list(out, &point.labels, |out, (name, value)| push_texts(out, [("name", *name), ("value", value.as_str())]));
        push_key(out, key);
        out.push(b'{');
        push_key(out, "value");
        push_plain(out, point.value);
        out.extend_from_slice(b"}}");
    });
    out.push(b'}');
}

/// What is on, by category.
pub async fn features(call: Call) -> Answer {
    let all = feature_map(&call.backend);
    call.reply(Reply::write(|out| {
        out.push(b'{');
        for (category, flags) in &all {
            push_key(out, category);
            out.push(b'{');
            for (name, on) in flags {
                push_key(out, name);
                out.extend_from_slice(if *on { b"true" } else { b"false" });
            }
            out.push(b'}');
        }
        out.push(b'}');
    }))
}

type FeatureMap = BTreeMap<&'static str, BTreeMap<&'static str, bool>>;

fn feature_map(backend: &Backend) -> FeatureMap {
    let f = engine::features(backend);
    let flag = |name: &str| backend.settings.features.has(name);
    let deltas = backend.settings.profile == api::Profile::Default;
    let mut all = FeatureMap::new();
    all.insert(
        "api",
        BTreeMap::from([
            ("admin", backend.settings.enable_admin_api),
            ("exclude_alerts", true),
            ("label_values_match", true),
            ("lifecycle", false),
            ("openapi_3.1", false),
            ("openapi_3.2", false),
            ("otlp_write_receiver", true),
            ("query_stats", true),
            ("query_warnings", true),
            ("remote_write_receiver", true),
            ("search", flag("search-api")),
            ("search_fuzz_alg_jarowinkler", true),
            ("search_fuzz_alg_subsequence", true),
            ("time_range_labels", true),
            ("time_range_series", true),
        ]),
    );
    all.insert("otlp_receiver", BTreeMap::from([("delta_conversion", deltas), ("native_delta_ingestion", false)]));
    all.insert("prometheus", BTreeMap::from([("agent_mode", false), ("auto_reload_config", false), ("server_mode", true)]));
    all.insert("promql", language(&f));
    let functions = promql::functions().iter().map(|x| (x.name, !x.experimental || f.experimental_functions));
    all.insert("promql_functions", functions.collect());
    all.insert("promql_operators", operators(&f));
    all.insert("rules", BTreeMap::from([("concurrent_rule_eval", false), ("keep_firing_for", true), ("query_offset", true)]));
    all.insert("tsdb", BTreeMap::from([("exemplar_storage", true), ("native_histograms", true), ("start_timestamps", f.start_timestamps)]));
    all.insert("ui", BTreeMap::from([("ui_v2", false), ("ui_v3", false)]));
    all
}

fn language(f: &promql::Features) -> BTreeMap<&'static str, bool> {
    BTreeMap::from([
        ("anchored", f.extended_range_selectors),
        ("at_modifier", true),
        ("bool", true),
        ("by", true),
        ("delayed_name_removal", f.delayed_name_removal),
        ("duration_expr", f.duration_expressions),
        ("fill", f.fill_modifiers),
        ("fill_left", f.fill_modifiers),
        ("fill_right", f.fill_modifiers),
        ("group_left", true),
        ("group_right", true),
        ("ignoring", true),
        ("negative_offset", true),
        ("offset", true),
        ("on", true),
        ("per_query_lookback_delta", true),
        ("per_step_stats", f.per_step_stats),
        ("smoothed", f.extended_range_selectors),
        ("subqueries", true),
        ("type_and_unit_labels", f.type_and_unit_labels),
        ("without", true),
    ])
}

fn operators(f: &promql::Features) -> BTreeMap<&'static str, bool> {
    const BINARY: [&str; 21] =
        ["!=", "!~", "%", "*", "+", "-", "/", "<", "</", "<=", "==", "=~", ">", ">/", ">=", "@", "^", "and", "atan2", "or", "unless"];
    let aggregations = promql::ast::AggregateOp::ALL.into_iter().map(|a| (a.as_str(), !a.is_experimental() || f.experimental_functions));
    BINARY.into_iter().map(|name| (name, true)).chain(aggregations).collect()
}
