//! The generator against Tempo's recorded series over the shared corpus; skipped with a line where the corpus is missing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use model::{MetricBatch, SpanBatch};
use pipeline::{DimensionMapping, Generator, GeneratorOptions, ServiceGraphOptions, SpanMetricsOptions};
use serde_json::Value;

/// Final value of every series, by `name{labels}`.
type Series = BTreeMap<String, f64>;

fn shared() -> Option<PathBuf> {
    let dir = std::env::var_os("TREFOIL_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")), PathBuf::from);
    let found = dir.join("conformance/metrics-generator").is_dir();
    if !found {
        eprintln!("skipped: {} is missing", dir.display());
    }
    found.then(|| dir.join("conformance"))
}

fn spans(dir: &std::path::Path) -> Vec<SpanBatch> {
    let bytes = std::fs::read(dir.join("corpus/traces.otlp")).unwrap();
    let (mut out, mut rest) = (vec![], bytes.as_slice());
    while let Some((head, tail)) = rest.split_first_chunk::<4>() {
        let (one, next) = tail.split_at(u32::from_be_bytes(*head) as usize);
        out.push(otlp::decode_traces(one, otlp::Encoding::Proto, &otlp::Options::stock(), 0).unwrap().batch);
        rest = next;
    }
    out
}

fn final_values(batch: &MetricBatch, into: &mut Series) {
    for s in &batch.samples {
        into.insert(batch.series[s.series as usize].to_string(), s.v);
    }
}

fn expected(dir: &std::path::Path, file: &str) -> Series {
    let json: Value = serde_json::from_slice(&std::fs::read(dir.join("metrics-generator").join(file)).unwrap()).unwrap();
    let mut out = Series::new();
    let mut put = |name: String, labels: &Value, le: Option<&str>, v: f64| {
        let own = labels.as_object().unwrap().iter().map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned()));
        let more = [("__name__".to_owned(), name)].into_iter().chain(le.map(|le| ("le".to_owned(), le.to_owned())));
        out.insert(model::Labels::from_pairs(own.chain(more)).to_string(), v);
    };
    for c in json["counters"].as_array().unwrap() {
        put(c["name"].as_str().unwrap().to_owned(), &c["labels"], None, c["value"].as_f64().unwrap());
    }
    for h in json["histograms"].as_array().unwrap() {
        let name = h["name"].as_str().unwrap();
        for (le, n) in h["buckets"].as_object().unwrap() {
            put(format!("{name}_bucket"), &h["labels"], Some(le), n.as_f64().unwrap());
        }
        put(format!("{name}_sum"), &h["labels"], None, h["sum"].as_f64().unwrap());
        put(format!("{name}_count"), &h["labels"], None, h["count"].as_f64().unwrap());
    }
    out
}

#[track_caller]
fn check(file: &str, options: GeneratorOptions) {
    let Some(dir) = shared() else { return };
    let mut generator = Generator::new(options);
    let mut got = Series::new();
    for batch in spans(&dir) {
        generator.observe(&batch, 1_000_000_000_000);
    }
    final_values(&generator.collect(1_020_000_000_000), &mut got);
    let want = expected(&dir, file);
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b.abs().max(1.0);
    let mut wrong: Vec<String> = want
        .iter()
        .filter(|(k, v)| !got.get(*k).is_some_and(|g| near(*g, **v)))
        .map(|(k, v)| format!("{k}: got {:?}, expected {v}", got.get(k)))
        .collect();
    wrong.extend(got.keys().filter(|k| !want.contains_key(*k)).map(|k| format!("{k} is not expected")));
    eprintln!("{file}: {} series, {} wrong", want.len(), wrong.len());
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
}

#[test]
fn default_settings() {
    check("expected.json", GeneratorOptions::default());
}

#[test]
fn every_option() {
    let list = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    let span_metrics = SpanMetricsOptions {
        dimensions: list(&["http.status_code", "host.name", "operation.type"]),
        mappings: vec![DimensionMapping {
            name: "where".into(),
            sources: list(&["deployment.environment", "telemetry.sdk.language"]),
            join: "/".into(),
        }],
        status_message: true,
        target_info: true,
        target_info_excluded: list(&["feature.flags", "nested"]),
        buckets: vec![0.01, 0.1, 1.0],
    };
    let service_graph = ServiceGraphOptions {
        dimensions: list(&["http.method", "deployment.environment"]),
        client_server_prefix: true,
        messaging_latency: true,
        virtual_node_label: false,
        buckets: vec![0.01, 0.1, 1.0],
    };
    check("expected-options.json", GeneratorOptions { span_metrics: Some(span_metrics), service_graph: Some(service_graph) });
}
