//! Pages with what Prometheus made of them: our own few, and the shared corpus where it is there.

use exposition::{Page, ScrapeError, Value, parse};
use model::{METRIC_NAME, MetricKind};
use proptest::prelude::*;
use serde_json::Value as Json;

/// One page as text: rows as `labels value[ @ts][ # exemplar]`, or `error: ...`.
fn rendered(body: &str, content_type: &str) -> String {
    match parse(body.as_bytes(), content_type, None) {
        Err(e) => format!("error: {e}"),
        Ok(page) => page.rows.iter().map(row).collect::<Vec<_>>().join("\n"),
    }
}

fn row(r: &exposition::Row) -> String {
    let value = match &r.value {
        Value::Float(v) => v.to_string(),
        Value::Histogram(h) => format!("histogram of {}", h.count),
    };
    let time = r.timestamp.map_or_else(String::new, |t| format!(" @{t}"));
    let exemplars: String = r.exemplars.iter().map(|e| format!(" # {} {}", e.labels, e.value)).collect();
    format!("{} {value}{time}{exemplars}", r.labels)
}

#[track_caller]
fn check(body: &str, content_type: &str, expected: &str) {
    assert_eq!(rendered(body, content_type), expected);
}

#[test]
fn text() {
    check(
        "# TYPE a histogram\na_bucket{le=\"1\"} 3\nb{x=\"y\",} 2 15\n",
        "text/plain",
        "{__name__=\"a_bucket\", le=\"1.0\"} 3\n{__name__=\"b\", x=\"y\"} 2 @15",
    );
    check("{\"a.b\",\"c d\"=\"e\"} 1", "text/plain", "{__name__=\"a.b\", c d=\"e\"} 1");
    check("a{b=\"x\ny\"} 1", "text/plain", "{__name__=\"a\", b=\"x\\ny\"} 1");
    check("a 1 2 3", "text/plain", "error: expected next entry after timestamp, got \"3\"");
    check("a{b=\"x\",b=\"y\"} 1", "text/plain", "error: label name \"b\" is not unique: invalid sample");
}

#[test]
fn open_metrics() {
    let om = "application/openmetrics-text; version=1.0.0";
    check("# TYPE a counter\na_total 1 1.5 # {t=\"x\"} 2 3\n# EOF\n", om, "{__name__=\"a_total\"} 1 @1500 # {t=\"x\"} 2");
    check("a 1\n", om, "error: data does not end with # EOF");
    check("a 1\n# EOF\nb 2\n", om, "error: unexpected data after # EOF");
}

proptest! {
    #[test]
    fn no_page_panics(body in proptest::collection::vec(any::<u8>(), 0..300), kind in 0usize..3) {
        let types = ["text/plain", "application/openmetrics-text", "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily"];
        let _ = parse(&body, types[kind], None);
    }

    #[test]
    fn no_text_panics(body in "[a-c{}=\",# \\\\\n0-9.TYPEHLUNIOF]{0,200}", kind in 0usize..2) {
        let _ = parse(body.as_bytes(), ["text/plain", "application/openmetrics-text"][kind], None);
    }
}

#[test]
fn recorded_pages() {
    let shared = std::env::var("TREFOIL_SHARED").unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").into());
    let dir = std::path::Path::new(&shared).join("conformance/exposition");
    let Ok(index) = std::fs::read(dir.join("index.json")) else {
        println!("skipped: {} is missing", dir.display());
        return;
    };
    let pages: Vec<Json> = serde_json::from_slice(&index).unwrap();
    let mut wrong = vec![];
    for p in &pages {
        let file = p["file"].as_str().unwrap();
        let body = std::fs::read(dir.join(file)).unwrap();
        if let Err(why) = compare(p, parse(&body, p["content_type"].as_str().unwrap_or(""), None)) {
            wrong.push(format!("{file}: {why}"));
        }
    }
    println!("exposition: {} passed, {} failed", pages.len() - wrong.len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn compare(expected: &Json, got: Result<Page, ScrapeError>) -> Result<(), String> {
    let page = match got {
        Err(e) if expected["ok"] == true => return Err(format!("failed: {e}")),
        Err(e) => {
            let part = expected["error_contains"].as_str().unwrap_or("");
            let class = match e {
                ScrapeError::ContentType(_) => "content-type",
                ScrapeError::Parse(_) => "parse",
                ScrapeError::Sample(_) => "sample",
            };
            let right = e.to_string().contains(part) && expected["error_class"] == class;
            return if right { Ok(()) } else { Err(format!("error {class}: {e}, expected {part}")) };
        }
        Ok(_) if expected["ok"] == false => return Err("was accepted".into()),
        Ok(page) => page,
    };
    let mut kept: Vec<String> = vec![];
    let mut got: Vec<String> = vec![];
    for r in &page.rows {
        // Labels that the recording's target had too (job, instance, file) are not the parser's business; the first of equal rows stays.
        let key = format!("{} {:?}", r.labels, r.timestamp);
        if !kept.contains(&key) {
            kept.push(key);
            let labels = r.labels.filter(|n, _| !["job", "instance", "file"].contains(&n) && !n.starts_with("exported_"));
            let Value::Float(v) = r.value else { return Err("a histogram".into()) };
            got.push(format!("{labels} {:?} {:?}", v.to_bits(), r.timestamp));
        }
    }
    let mut want: Vec<String> = expected["series"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| {
            let pairs = s["labels"].as_object().unwrap().iter().map(|(k, v)| (k.as_str(), v.as_str().unwrap()));
            let labels =
                model::Labels::from_pairs(pairs).filter(|n, _| !["job", "instance", "file"].contains(&n) && !n.starts_with("exported_"));
            let v: f64 = s["value"].as_str().unwrap().parse().unwrap();
            let v = if v.is_nan() { f64::from_bits(0x7ff8_0000_0000_0001) } else { v };
            format!("{labels} {:?} {:?}", v.to_bits(), s["timestamp"].as_f64().map(|t| (t * 1000.0).round() as i64))
        })
        .collect();
    got.sort();
    want.sort();
    if got != want {
        return Err(format!("rows\n   {got:?}\nexpected\n   {want:?}"));
    }
    let mut got: Vec<String> = page.metadata.iter().map(|m| format!("{} {} {} {}", m.metric, kind(m.kind), m.help, m.unit)).collect();
    let text = |m: &Json, k: &str| m[k].as_str().unwrap().to_owned();
    let mut want: Vec<String> = expected["metadata"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| format!("{} {} {} {}", text(m, "metric"), text(m, "type"), text(m, "help"), text(m, "unit")))
        .collect();
    got.sort();
    want.sort();
    let exemplars = |m: &Json| m["exemplar"].is_object() as usize;
    let wanted: usize = expected["series"].as_array().unwrap().iter().map(exemplars).sum();
    let found: usize = page.rows.iter().map(|r| r.exemplars.len()).sum();
    if got != want {
        return Err(format!("metadata {got:?}, expected {want:?}"));
    }
    if wanted != found {
        return Err(format!("{found} exemplars, expected {wanted}"));
    }
    assert!(page.rows.iter().all(|r| r.labels.get(METRIC_NAME).is_some()));
    Ok(())
}

fn kind(k: MetricKind) -> &'static str {
    k.as_str()
}
