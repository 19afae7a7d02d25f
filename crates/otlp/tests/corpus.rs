//! The shared corpus through the decoders, compared with what Prometheus and Loki answered after taking the same bytes in.
//!
//! Skipped, with a printed line, where the shared folder is missing.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;

use base64::Engine;
use model::Labels;
use otlp::{Decoded, Encoding, Options};
use serde_json::Value;

fn shared(path: &str) -> Option<Vec<u8>> {
    let root = std::env::var_os("TREFOIL_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")), PathBuf::from);
    let file = root.join("conformance").join(path);
    let bytes = std::fs::read(&file).ok();
    if bytes.is_none() {
        eprintln!("skipped: {} is missing", file.display());
    }
    bytes
}

/// The requests of a corpus file: each [u32 big-endian length][bytes].
fn requests(file: &[u8]) -> Vec<&[u8]> {
    let (mut rest, mut out) = (file, vec![]);
    while let Some((len, tail)) = rest.split_first_chunk::<4>() {
        let (one, tail) = tail.split_at(u32::from_be_bytes(*len) as usize);
        out.push(one);
        rest = tail;
    }
    out
}

fn cases(path: &str) -> Vec<Value> {
    let text = shared(path).unwrap_or_default();
    text.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(|l| serde_json::from_slice(l).unwrap()).collect()
}

fn pairs(v: &Value) -> BTreeMap<String, String> {
    v.as_object().unwrap().iter().map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned())).collect()
}

/// Nothing of the corpus may be rejected; the item counts are those of its description.
fn total<B>(file: &[u8], mut decode: impl FnMut(&[u8]) -> Decoded<B>) -> (u64, Vec<B>) {
    let (mut items, mut batches) = (0, vec![]);
    for bytes in requests(file) {
        let d = decode(bytes);
        assert_eq!((d.rejected, d.message.as_str()), (0, ""));
        items += d.items;
        batches.push(d.batch);
    }
    (items, batches)
}

#[test]
fn spans() {
    let (Some(file), Some(about)) = (shared("corpus/traces.otlp"), shared("corpus/corpus.json")) else { return };
    let about: Value = serde_json::from_slice(&about).unwrap();
    let (items, batches) = total(&file, |b| otlp::decode_traces(b, Encoding::Proto, &Options::stock(), 1).unwrap());
    assert_eq!(Some(items), about["spans"].as_u64());
    let known: HashSet<String> = batches.iter().flat_map(|b| &b.trace_id).map(hex::encode).collect();
    for t in about["traces"].as_array().unwrap() {
        assert!(known.contains(t["id"].as_str().unwrap()));
    }
}

#[test]
fn log_lines_have_lokis_streams_and_metadata() {
    let (Some(file), Some(about)) = (shared("corpus/logs.otlp"), shared("corpus/corpus.json")) else { return };
    let about: Value = serde_json::from_slice(&about).unwrap();
    let (items, batches) = total(&file, |b| otlp::decode_logs(b, Encoding::Proto, &Options::stock(), 1).unwrap());
    assert_eq!(Some(items), about["log_lines"].as_u64());
    type Row = (BTreeMap<String, String>, BTreeMap<String, String>);
    let mut rows: HashMap<(String, String), Vec<Row>> = HashMap::new();
    for b in &batches {
        for row in 0..b.len() {
            let owned =
                |it: &mut dyn Iterator<Item = (&str, &str)>| it.map(|(n, v)| (n.to_owned(), v.to_owned())).collect::<BTreeMap<_, _>>();
            let stream = owned(&mut b.streams[b.stream[row] as usize].iter());
            rows.entry((b.ts[row].to_string(), b.body.get(row).to_owned())).or_default().push((stream, owned(&mut b.meta(row))));
        }
    }
    let mut checked = 0;
    for case in cases("cases/loki.jsonl").iter().chain(&cases("cases-more/loki.jsonl")) {
        let query = case["params"]["query"].as_str().unwrap_or("");
        let changes = ["line_format", "label_format", "decolorize", "keep", "drop", "unpack"].iter().any(|w| query.contains(w));
        let data = &case["expect"]["body"]["data"];
        let apart = data["encodingFlags"][0] == "categorize-labels";
        // Without the flag everything lies in one map, so only queries that add nothing to it can be compared.
        let adds = query.replace("|=", "").replace("|~", "").contains('|');
        if changes || !query.starts_with('{') || data["resultType"] != "streams" || (adds && !apart) {
            continue;
        }
        for stream in data["result"].as_array().unwrap() {
            for line in stream["values"].as_array().unwrap() {
                let key = (line[0].as_str().unwrap().to_owned(), line[1].as_str().unwrap().to_owned());
                let found = rows.get(&key).unwrap_or_else(|| panic!("no line {key:?} for {query}"));
                let labels = pairs(&stream["stream"]);
                let same = if apart {
                    found.contains(&(labels.clone(), line[2].get("structuredMetadata").map(pairs).unwrap_or_default()))
                } else {
                    found.iter().any(|(stream, meta)| {
                        stream.iter().chain(meta).map(|(n, v)| (n.clone(), v.clone())).collect::<BTreeMap<_, _>>() == labels
                    })
                };
                assert!(same, "{query}\n{key:?}\nexpected {labels:?} {line}\n   found {found:?}");
                checked += 1;
            }
        }
    }
    println!("{checked} recorded lines are as Loki answered them");
    assert!(checked > 0);
}

#[test]
fn series_are_prometheus_series() {
    let (Some(file), Some(_)) = (shared("corpus/metrics.otlp"), shared("corpus/corpus.json")) else { return };
    let (items, batches) = total(&file, |b| otlp::decode_metrics(b, Encoding::Proto, &Options::stock(), 1).unwrap());
    let series: HashSet<Labels> = batches.iter().flat_map(|b| b.series.iter().cloned()).collect();
    println!("{items} data points, {} series", series.len());
    let names: HashSet<&str> = series.iter().filter_map(Labels::metric_name).collect();
    let mut checked = 0;
    for case in cases("cases/prometheus.jsonl") {
        let body = &case["expect"]["body"]["data"];
        let query = case["params"]["query"].as_str().unwrap_or("");
        // Selectors only: functions and operators change labels.
        let plain = query.is_empty() || !query.contains(['(', '*', '/', '+', '-', '@']) || query.starts_with('{');
        let all = body.as_array().or_else(|| body["result"].as_array()).into_iter().flatten();
        for metric in all.filter_map(|r| r.get("metric").or(Some(r))).filter(|m| plain && m.get("__name__").is_some()) {
            let labels = Labels::from_pairs(pairs(metric));
            assert!(series.contains(&labels), "{}: {query}: {labels}", case["name"]);
            checked += 1;
        }
        if case["path"] == "/api/v1/label/__name__/values" && body.as_array().is_some_and(|a| a.len() == names.len()) {
            assert!(body.as_array().unwrap().iter().all(|n| names.contains(n.as_str().unwrap())));
            checked += 1;
        }
    }
    println!("{checked} recorded series are as Prometheus answered them");
    assert!(checked > 0);
}

/// What the push cases write, against the instant vectors that Prometheus answered afterwards.
#[test]
fn pushed_metrics_read_back() {
    let (mut written, mut checked) = (vec![], 0);
    for case in cases("cases-push/prometheus.jsonl").iter().filter(|c| c["name"].as_str().unwrap().starts_with("prometheus-push-otlp/")) {
        let body = case["body64"].as_str().map(|b| base64::engine::general_purpose::STANDARD.decode(b).unwrap());
        if let Some(body) = body.filter(|_| case["headers"]["Content-Encoding"].is_null()) {
            let encoding = if case["headers"]["Content-Type"] == "application/json" { Encoding::Json } else { Encoding::Proto };
            let decoded = otlp::decode_metrics(&body, encoding, &Options::stock(), 1);
            // A duplicate with another value is the store's to refuse.
            let duplicate = case["name"].as_str().unwrap().contains("duplicate");
            assert_eq!(decoded.is_err(), case["expect"]["status"] == 400 && case["compare"] == "status" && !duplicate, "{}", case["name"]);
            if duplicate {
                continue;
            }
            written.extend(decoded.map(|d| d.batch));
            continue;
        }
        let query = case["params"]["query"].as_str().unwrap_or("");
        let data = &case["expect"]["body"]["data"];
        if data["resultType"] != "vector" || query.contains('(') || query.contains("gzip") {
            continue;
        }
        let time: f64 = case["params"]["time"].as_str().unwrap().parse().unwrap();
        for result in data["result"].as_array().unwrap() {
            let labels = Labels::from_pairs(pairs(&result["metric"]));
            let at = |t: i64| t <= (time * 1e3) as i64;
            let floats = written.iter().flat_map(|b: &model::MetricBatch| {
                b.samples.iter().filter(|s| b.series[s.series as usize] == labels && at(s.t)).map(|s| (s.t, s.v.to_string()))
            });
            let histograms = written.iter().flat_map(|b| {
                b.histograms.iter().filter(|s| b.series[s.series as usize] == labels && at(s.t)).map(|s| (s.t, s.h.count.to_string()))
            });
            let newest = floats.chain(histograms).max_by_key(|(t, _)| *t).unwrap_or_else(|| panic!("{}: no {labels}", case["name"]));
            let expected = result["value"][1].as_str().or(result["histogram"][1]["count"].as_str()).unwrap();
            assert_eq!(newest.1, expected, "{}: {labels}", case["name"]);
            checked += 1;
        }
    }
    println!("{checked} recorded samples are as Prometheus answered them");
}
