//! The real loop against a small server: recorded pages, own pages, discovery, failures.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use model::{Labels, MetricBatch};
use scrape::{Config, Sink, State};
use serde_json::Value as Json;
use tokio_util::sync::CancellationToken;

type Answer = dyn Fn(&Request<Incoming>) -> Response<Full<Bytes>> + Send + Sync;

/// Serves on loopback until the test's runtime ends.
async fn serve(answer: Arc<Answer>) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = answer.clone();
            let service = service_fn(move |r| {
                let answer = answer.clone();
                async move { Ok::<_, Infallible>(answer(&r)) }
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

fn page(kind: &str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let b = Response::builder();
    let b = if kind.is_empty() { b } else { b.header("content-type", kind) };
    b.body(Full::new(body.into())).unwrap()
}

/// Collects batches, runs the loops until `enough` says so (or 20 s are over), then stops them.
async fn collect(jobs: &str, enough: impl Fn(&[MetricBatch]) -> bool) -> (Vec<MetricBatch>, Arc<State>) {
    let config = Config::parse(None, &serde_yaml_ng::from_str(jobs).unwrap(), &std::env::temp_dir()).unwrap();
    let got: Arc<Mutex<Vec<MetricBatch>>> = Arc::default();
    let into = got.clone();
    let sink: Sink = Arc::new(move |batch| {
        into.lock().unwrap().push(batch);
        Box::pin(async { Ok(()) })
    });
    let (state, stop) = (Arc::<State>::default(), CancellationToken::new());
    let running = tokio::spawn(scrape::run(config, sink, state.clone(), stop.clone()));
    for _ in 0..2000 {
        if enough(&got.lock().unwrap()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.cancel();
    running.await.unwrap();
    let all = got.lock().unwrap().clone();
    (all, state)
}

/// The value of the named series in a batch.
fn value(b: &MetricBatch, name: &str) -> Option<f64> {
    let at = b.series.iter().position(|l| l.metric_name() == Some(name))? as u32;
    b.samples.iter().find(|s| s.series == at).map(|s| s.v)
}

fn label<'a>(b: &'a MetricBatch, name: &str) -> &'a str {
    b.series.first().map_or("", |l| l.value(name))
}

#[tokio::test]
async fn recorded_pages() {
    let shared = std::env::var("TREFOIL_SHARED").unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").into());
    let dir = PathBuf::from(shared).join("conformance/exposition");
    let Ok(index) = std::fs::read(dir.join("index.json")) else {
        println!("skipped: {} is missing", dir.display());
        return;
    };
    let pages: Vec<Json> = serde_json::from_slice(&index).unwrap();
    let served: BTreeMap<String, (String, Vec<u8>)> = pages
        .iter()
        .map(|p| {
            let file = p["file"].as_str().unwrap();
            (format!("/{file}"), (p["content_type"].as_str().unwrap_or("").to_owned(), std::fs::read(dir.join(file)).unwrap()))
        })
        .collect();
    let address = serve(Arc::new(move |r| {
        let (kind, body) = &served[r.uri().path()];
        page(kind, body.clone())
    }))
    .await;
    // One target per page, told apart by `file` as in the recording.
    let groups: String = pages
        .iter()
        .map(|p| {
            format!("    - {{targets: ['{address}'], labels: {{file: '{0}', __metrics_path__: '/{0}'}}}}\n", p["file"].as_str().unwrap())
        })
        .collect();
    let jobs = format!("- job_name: pages\n  scrape_interval: 1s\n  static_configs:\n{groups}");
    let files = |all: &[MetricBatch]| all.iter().map(|b| label(b, "file").to_owned()).collect::<std::collections::BTreeSet<_>>();
    let (all, state) = collect(&jobs, |all| files(all).len() == pages.len()).await;
    let active = state.pools()["pages"].active.clone();
    let mut wrong = vec![];
    for p in &pages {
        let file = p["file"].as_str().unwrap();
        let slot = active.iter().find(|s| s.target.labels.value("file") == file).unwrap();
        let outcome = all
            .iter()
            .find(|b| label(b, "file") == file)
            .ok_or("no batch".to_owned())
            .and_then(|b| compare(p, b, &slot.status().last_error, &address));
        if let Err(e) = outcome {
            wrong.push(format!("{file}: {e}"));
        }
    }
    println!("scraped pages: {} passed, {} failed", pages.len() - wrong.len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn compare(p: &Json, b: &MetricBatch, error: &str, address: &SocketAddr) -> Result<(), String> {
    let ok = p["ok"] == true;
    if value(b, "up") != Some(f64::from(u8::from(ok))) {
        return Err(format!("up is {:?}: {error}", value(b, "up")));
    }
    if !error.contains(p["error_contains"].as_str().unwrap_or("")) || error.is_empty() != ok {
        return Err(format!("the error is {error:?}"));
    }
    let own = |l: &Labels| matches!(l.metric_name(), Some("up")) || l.metric_name().is_some_and(|n| n.starts_with("scrape_"));
    let mut got = vec![];
    for s in &b.samples {
        let l = &b.series[s.series as usize];
        if l.value("job") != "pages" || l.value("instance") != address.to_string() {
            return Err(format!("{l} lacks the target's labels"));
        }
        if !own(l) {
            got.push(format!("{} {:x}", l.filter(|n, _| !["job", "instance", "file"].contains(&n)), canonical(s.v)));
        }
    }
    let expected = p["series"].as_array().unwrap();
    let mut want: Vec<String> = expected
        .iter()
        .map(|s| {
            let labels = Labels::from_pairs(s["labels"].as_object().unwrap().iter().map(|(k, v)| (k.as_str(), v.as_str().unwrap())));
            let v = match s["value"].as_str().unwrap() {
                "+Inf" => f64::INFINITY,
                "-Inf" => f64::NEG_INFINITY,
                v => v.parse().unwrap(),
            };
            format!("{labels} {:x}", canonical(v))
        })
        .collect();
    got.sort();
    want.sort();
    let exemplars = expected.iter().filter(|s| s["exemplar"].is_object()).count();
    if got != want || exemplars != b.exemplars.len() {
        return Err(format!("{got:?} and {} exemplars, expected {want:?} and {exemplars}", b.exemplars.len()));
    }
    Ok(())
}

/// One bit pattern for every NaN.
fn canonical(v: f64) -> u64 {
    if v.is_nan() { f64::NAN.to_bits() } else { v.to_bits() }
}

#[tokio::test]
async fn what_a_scrape_sends_and_reports() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = seen.clone();
    let address = serve(Arc::new(move |r| {
        let header = |n: &str| r.headers().get(n).and_then(|v| v.to_str().ok()).unwrap_or("").to_owned();
        if r.uri().path() == "/moved" {
            return Response::builder().status(302).header("location", "/final").body(Full::default()).unwrap();
        }
        let mut log = log.lock().unwrap();
        log.push(format!(
            "{} {} {} {}",
            r.uri(),
            header("authorization"),
            header("accept-encoding"),
            header("x-prometheus-scrape-timeout-seconds")
        ));
        // every second page has lost a series
        let body = if log.len() % 2 == 1 { "a 1\nb 2\n" } else { "a 3\n" };
        let mut packed = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, body.as_bytes()).unwrap();
        let mut answer = page("text/plain", packed.finish().unwrap());
        answer.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
        answer
    }))
    .await;
    let jobs = format!(
        "[{{job_name: j, scrape_interval: 200ms, scrape_timeout: 150ms, metrics_path: /moved, basic_auth: {{username: u, password: p}}, static_configs: [{{targets: ['{address}']}}]}}]"
    );
    let (all, state) = collect(&jobs, |all| all.len() >= 2).await;
    assert_eq!(seen.lock().unwrap()[0], "/final Basic dTpw gzip 0.15");
    let (first, second) = (&all[0], &all[1]);
    assert_eq!((value(first, "a"), value(first, "b"), value(first, "up")), (Some(1.0), Some(2.0), Some(1.0)));
    assert_eq!((value(first, "scrape_samples_scraped"), value(first, "scrape_series_added")), (Some(2.0), Some(2.0)));
    assert_eq!((value(second, "a"), value(second, "b").map(model::is_stale)), (Some(3.0), Some(true)));
    let slot = state.pools()["j"].active[0].clone();
    assert_eq!((slot.target.url.as_str(), slot.status().up), (format!("http://{address}/moved").as_str(), Some(true)));
}

#[tokio::test]
async fn failures_are_down_with_their_reason() {
    let address = serve(Arc::new(|r| match r.uri().path() {
        "/500" => Response::builder().status(500).body(Full::default()).unwrap(),
        _ => page("text/plain", "a 1\n".repeat(100)),
    }))
    .await;
    let jobs = format!(
        "- {{job_name: status, scrape_interval: 200ms, metrics_path: /500, static_configs: [{{targets: ['{address}']}}]}}\n\
         - {{job_name: large, scrape_interval: 200ms, body_size_limit: 100B, extra_scrape_metrics: true, static_configs: [{{targets: ['{address}']}}]}}\n\
         - {{job_name: many, scrape_interval: 200ms, target_limit: 1, static_configs: [{{targets: ['{address}', '{address}1']}}]}}\n\
         - {{job_name: closed, scrape_interval: 200ms, static_configs: [{{targets: ['127.0.0.1:1']}}]}}\n"
    );
    let jobs_seen = |all: &[MetricBatch]| all.iter().map(|b| label(b, "job").to_owned()).collect::<std::collections::BTreeSet<_>>().len();
    let (all, state) = collect(&jobs, |all| jobs_seen(all) == 4).await;
    assert!(all.iter().all(|b| value(b, "up") == Some(0.0)));
    let large = all.iter().find(|b| label(b, "job") == "large").unwrap();
    assert_eq!(value(large, "scrape_body_size_bytes"), Some(-1.0));
    let error = |job: &str| state.pools()[job].active.iter().map(|s| s.status().last_error).max().unwrap();
    assert_eq!(error("status"), "server returned HTTP status 500 Internal Server Error");
    assert_eq!(error("large"), "body size limit exceeded");
    assert_eq!(error("many"), "target_limit exceeded (number of targets: 2, limit: 1)");
    assert!(error("closed").contains("refused"), "{}", error("closed"));
}

#[tokio::test]
async fn http_discovery_comes_and_goes() {
    let listed = Arc::new(Mutex::new(true));
    let list = listed.clone();
    let address = serve(Arc::new(move |r| match r.uri().path() {
        "/sd" if *list.lock().unwrap() => {
            let host = r.headers()["host"].to_str().unwrap();
            page("application/json", format!(r#"[{{"targets":["{host}"],"labels":{{"dc":"x"}}}}]"#))
        }
        "/sd" => page("application/json", "[]"),
        _ => page("text/plain", "a 1\n"),
    }))
    .await;
    let jobs =
        format!("[{{job_name: j, scrape_interval: 100ms, http_sd_configs: [{{url: 'http://{address}/sd', refresh_interval: 100ms}}]}}]");
    let stale = |b: &MetricBatch, n: &str| value(b, n).is_some_and(model::is_stale);
    let (all, state) = collect(&jobs, |all| {
        if all.len() >= 2 {
            *listed.lock().unwrap() = false;
        }
        all.iter().any(|b| stale(b, "up"))
    })
    .await;
    assert_eq!(label(&all[0], "dc"), "x");
    assert_eq!(value(&all[0], "a"), Some(1.0));
    let last = all.last().unwrap();
    assert!(stale(last, "a") && stale(last, "up") && stale(last, "scrape_duration_seconds"));
    assert!(state.pools()["j"].active.is_empty());
}
