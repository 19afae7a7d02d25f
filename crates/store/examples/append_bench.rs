//! Samples, lines and spans per second into a store in memory, and bytes per series: `cargo run --release -p store --example append_bench`.
#![allow(clippy::print_stdout)]

use std::sync::Arc;
use std::time::Instant;

use model::{
    AnyValue, Batch, KeyValue, Labels, LogBatchBuilder, Matcher, MetricBatch, Resource, Sample, Scope, SpanBatchBuilder, SpanHead,
    Temporality, Tenant,
};
use query::{Budget, Direction, LogRange, LogSource, MetricSource, Selector, SeriesBuf, SpanSource};
use store::{NativeOnly, Raw, Store, StoreOptions, Write};

const SERIES: u32 = 50_000;
const ROUNDS: i64 = 60;

fn write(batch: Batch) -> Write {
    Write { tenant: Tenant::anonymous(), batch, raw: Raw::Native, received_ns: 0 }
}

fn labels(i: u32) -> Labels {
    let pairs = [
        ("__name__", format!("http_requests_{}_total", i % 50)),
        ("cluster", format!("cluster-{}", i % 2)),
        ("container", "gateway".to_owned()),
        ("instance", format!("10.0.{}.{}:8080", i / 250 % 250, i % 250)),
        ("job", format!("shop/service-{}", i % 20)),
        ("method", ["GET", "PUT", "POST"][i as usize % 3].to_owned()),
        ("namespace", "production".to_owned()),
        ("node", format!("node-{:03}", i % 100)),
        ("pod", format!("gateway-7c9f8d5b6-{:05}", i / 50)),
        ("status", ["200", "404", "500"][i as usize / 3 % 3].to_owned()),
    ];
    Labels::from_pairs(pairs)
}

fn main() {
    metrics();
    logs();
    spans();
    disk();
}

fn rate(what: &str, n: u64, started: Instant) {
    let s = started.elapsed().as_secs_f64();
    println!("{what}: {n} in {s:.2} s = {:.0} a second", n as f64 / s);
}

fn metrics() {
    let store = Store::open(StoreOptions::memory(), Arc::new(NativeOnly)).unwrap();
    let series: Vec<Labels> = (0..SERIES).map(labels).collect();
    let batches = |round: i64| {
        series.chunks(2_000).enumerate().map(move |(c, chunk)| {
            let value = |i: usize| (round * (1 + i as i64 % 7)) as f64;
            let sample = |i: usize| Sample {
                series: i as u32,
                t: 1_768_000_000_000 + round * 15_000 + (c as i64 * 37 % 1_000),
                v: value(i),
                st: 0,
                temporality: Temporality::AsIs,
            };
            write(Batch::Metrics(MetricBatch {
                series: chunk.to_vec(),
                samples: (0..chunk.len()).map(sample).collect(),
                ..MetricBatch::default()
            }))
        })
    };
    let first = Instant::now();
    batches(0).for_each(|w| drop(store.append_wait(w).unwrap()));
    rate("new series", u64::from(SERIES), first);
    let started = Instant::now();
    (1..ROUNDS).for_each(|r| batches(r).for_each(|w| drop(store.append_wait(w).unwrap())));
    rate("samples", u64::from(SERIES) * (ROUNDS as u64 - 1), started);
    let held = store.stats().tenants[0].metrics_bytes;
    println!("bytes per series of {ROUNDS} samples: {}", held / u64::from(SERIES));
    println!("resident: {} kB", resident_kb());

    let snapshot = store.snapshot(&[Tenant::anonymous()]);
    for (name, matchers) in [
        ("one metric", vec![Matcher::eq("__name__", "http_requests_7_total")]),
        ("a regex", vec![Matcher::new(model::MatchOp::Re, "job", "shop/service-1.*").unwrap()]),
        ("everything", vec![Matcher::new(model::MatchOp::Re, "__name__", ".+").unwrap()]),
    ] {
        for warm in [false, true] {
            let started = Instant::now();
            let selector = Selector { matchers: &matchers, min_t: 0, max_t: i64::MAX };
            let found = snapshot.select(&selector, &Budget::unlimited()).unwrap();
            let selected = started.elapsed();
            let (mut buf, mut samples) = (SeriesBuf::default(), 0);
            for s in &found {
                buf.clear();
                s.read(0, i64::MAX, &mut buf).unwrap();
                samples += buf.len();
            }
            if warm {
                println!(
                    "select {name}: {} series in {selected:.2?}, {samples} samples read in {:.2?}",
                    found.len(),
                    started.elapsed() - selected
                );
            }
        }
    }
}

fn logs() {
    let store = Store::open(StoreOptions::memory(), Arc::new(NativeOnly)).unwrap();
    let streams: Vec<Labels> = (0..100).map(labels).collect();
    let batches: Vec<Batch> = (0..1_000i64)
        .map(|n| {
            let mut b = LogBatchBuilder::default();
            for i in 0..300i64 {
                let s = b.stream(&streams[((n + i / 100) % 100) as usize]);
                let (k, v) = (b.dict().code("trace_id"), b.dict().code(&format!("{:032x}", n * 300 + i)));
                b.push(
                    s,
                    1_768_000_000_000_000_000 + (n * 300 + i) * 1_000_000,
                    &format!("GET /api/orders/{i} took {} ms for user {n}", i % 97),
                    &[(k, v)],
                );
            }
            Batch::Logs(Arc::new(b.finish()))
        })
        .collect();
    let started = Instant::now();
    for b in batches {
        store.append_wait(write(b)).unwrap();
    }
    rate("lines", 300_000, started);
    println!("bytes per line: {}", store.stats().tenants[0].logs_bytes / 300_000);
    let snapshot = store.snapshot(&[Tenant::anonymous()]);
    let (started, mut parts) = (Instant::now(), 0);
    let range = LogRange { start: 0, end: i64::MAX };
    LogSource::scan(
        &snapshot,
        &[Matcher::eq("pod", "gateway-7c9f8d5b6-00001")],
        range,
        Direction::Backward,
        &Budget::unlimited(),
        &mut |_| {
            parts += 1;
            Ok(true)
        },
    )
    .unwrap();
    println!("scan: {parts} parts in {:.2?}", started.elapsed());
}

/// Synced writes of 300 lines, four callers at once, then the time to open the folder again.
fn disk() {
    let dir = host::temp_dir("bench").unwrap();
    let open = || Arc::new(Store::open(StoreOptions::at(&dir), Arc::new(NativeOnly)).unwrap());
    let store = open();
    let started = Instant::now();
    std::thread::scope(|scope| {
        for caller in 0..4i64 {
            let store = store.clone();
            scope.spawn(move || {
                for n in 0..250 {
                    let mut b = LogBatchBuilder::default();
                    let s = b.stream(&labels(caller as u32));
                    (0..300).for_each(|i| b.push(s, n * 300 + i, &format!("GET /api/orders/{i} took {} ms for user {n}", i % 97), &[]));
                    store.append_wait(write(Batch::Logs(Arc::new(b.finish())))).unwrap();
                }
            });
        }
    });
    rate("synced lines", 300_000, started);
    let wal = store.stats().wal;
    println!(
        "{} writes, {} syncs of {:.2?}, {} bytes of log",
        wal.appended_records,
        wal.syncs,
        wal.sync_time / wal.syncs.max(1) as u32,
        wal.bytes
    );
    drop(store);
    println!("opened again in {:.2?}", open().stats().replay.time);
    let _ = std::fs::remove_dir_all(dir);
}

fn spans() {
    let store = Store::open(StoreOptions::memory(), Arc::new(NativeOnly)).unwrap();
    let batches: Vec<Batch> = (0..1_000u64)
        .map(|n| {
            let mut b = SpanBatchBuilder::default();
            let service = KeyValue::new("service.name", AnyValue::Str(format!("service-{}", n % 10)));
            let (resource, scope) = (b.resource(Resource { attrs: vec![service], ..Resource::default() }), b.scope(Scope::default()));
            for i in 0..300u64 {
                let id = n * 300 + i;
                let mut trace_id = [0; 16];
                trace_id[..8].copy_from_slice(&(id / 10).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes());
                let name = b.dict().code(["GET /", "SELECT", "publish", "render"][id as usize % 4]);
                let start = 1_768_000_000_000_000_000 + id * 1_000_000;
                b.span(SpanHead {
                    trace_id,
                    span_id: id.to_le_bytes(),
                    start,
                    end: start + 5_000_000,
                    name,
                    resource,
                    scope,
                    ..SpanHead::default()
                });
                for k in 0..8 {
                    let key = b.dict().code(["http.method", "http.route", "peer", "user", "db", "region", "zone", "build"][k]);
                    b.attr(key, if k < 6 { AnyValue::Str(format!("value {}", id % (k as u64 * 5 + 2))) } else { AnyValue::Int(id as i64) });
                }
            }
            Batch::Spans(Arc::new(b.finish()))
        })
        .collect();
    let started = Instant::now();
    for b in batches {
        store.append_wait(write(b)).unwrap();
    }
    rate("spans", 300_000, started);
    println!("bytes per span: {}", store.stats().tenants[0].traces_bytes / 300_000);
    let snapshot = store.snapshot(&[Tenant::anonymous()]);
    let started = Instant::now();
    for i in 0..1_000u64 {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&(i * 29).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes());
        assert_eq!(snapshot.trace(&id, &Budget::unlimited()).unwrap().spans.len(), 10);
    }
    println!("trace by id: {:.2?} each", started.elapsed() / 1_000);
}

fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find_map(|l| l.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
