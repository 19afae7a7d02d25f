//! The heads against reference models: random writes, interleaved snapshots, everything compared.

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::*;
use model::{Batch, BucketSpan, Histogram, HistogramSample, MatchOp, Matcher, MetricBatch, Sample, Temporality};
use proptest::prelude::*;
use query::{Budget, Direction, LogRange, LogSource, MetricSource, Selector, SeriesBuf, SpanRange, SpanSource};
use store::Snapshot;

/// Of a sample: float bits, or the count of a histogram; and the start time.
type Cell = (bool, u64, i64);
type Model = BTreeMap<String, BTreeMap<i64, Cell>>;

#[derive(Debug, Clone)]
struct Row {
    series: u8,
    t: i64,
    v: u8,
    histogram: bool,
    st: i64,
}

fn any_row(times: std::ops::Range<i64>) -> impl Strategy<Value = Row> {
    (0u8..3, times, 0u8..3, prop::bool::weighted(0.15), prop_oneof![4 => Just(0i64), 1 => 1i64..3])
        .prop_map(|(series, t, v, histogram, st)| Row { series, t, v, histogram, st })
}

fn series_name(i: u8) -> String {
    format!("m s={i} parity={}", i % 2)
}

fn histogram(v: u8) -> Histogram {
    Histogram {
        count: f64::from(v) + 1.0,
        sum: f64::NAN,
        positive_spans: vec![BucketSpan { offset: 1, length: 1 }],
        positive_buckets: vec![f64::from(v) + 1.0],
        ..Histogram::default()
    }
}

/// Applies a batch to the model as the store must: all floats, then all histograms, the first value of a time stays.
fn batch_of(rows: &[Row], model: &mut Model) -> Batch {
    let mut b = MetricBatch { series: (0..3).map(|i| labels(&series_name(i))).collect(), ..MetricBatch::default() };
    for r in rows {
        let (series, t, st, temporality) = (u32::from(r.series), r.t, r.st, Temporality::AsIs);
        if r.histogram {
            b.histograms.push(HistogramSample { series, t, st, h: Arc::new(histogram(r.v)), temporality });
        } else {
            b.samples.push(Sample { series, t, v: f64::from(r.v), st, temporality });
        }
    }
    for (histograms, r) in rows.iter().map(|r| (false, r)).chain(rows.iter().map(|r| (true, r))).filter(|(h, r)| *h == r.histogram) {
        let cell = (histograms, if histograms { u64::from(r.v) + 1 } else { f64::from(r.v).to_bits() }, r.st);
        model.entry(labels(&series_name(r.series)).to_string()).or_default().entry(r.t).or_insert(cell);
    }
    Batch::Metrics(b)
}

fn contents(s: &Snapshot, matchers: &[Matcher], min_t: i64, max_t: i64) -> Model {
    let mut out = Model::new();
    let found = s.select(&Selector { matchers, min_t, max_t }, &Budget::unlimited()).unwrap();
    assert!(found.windows(2).all(|w| w[0].labels() < w[1].labels()));
    for series in found {
        let mut buf = SeriesBuf::default();
        series.read(min_t, max_t, &mut buf).unwrap();
        assert!(buf.ts.windows(2).all(|w| w[0] < w[1]) && buf.hist_ts.windows(2).all(|w| w[0] < w[1]));
        assert!(buf.hist_ts.is_empty() || series.may_have_histograms());
        let mut cells = BTreeMap::new();
        for (i, (t, v)) in buf.ts.iter().zip(&buf.vals).enumerate() {
            cells.insert(*t, (false, v.to_bits(), buf.sts.get(i).copied().unwrap_or(0)));
        }
        for (i, (t, h)) in buf.hist_ts.iter().zip(&buf.hists).enumerate() {
            assert!(cells.insert(*t, (true, h.count as u64, buf.hist_sts.get(i).copied().unwrap_or(0))).is_none());
        }
        if !cells.is_empty() {
            out.insert(series.labels().to_string(), cells);
        }
    }
    out
}

fn cut(model: &Model, min_t: i64, max_t: i64) -> Model {
    let cut = |cells: &BTreeMap<i64, Cell>| cells.range(min_t..=max_t).map(|(t, c)| (*t, *c)).collect::<BTreeMap<_, _>>();
    model.iter().map(|(l, cells)| (l.clone(), cut(cells))).filter(|(_, c)| !c.is_empty()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Any mix of orders, kinds and repetitions; older snapshots keep what they saw.
    #[test]
    fn metrics_are_what_was_written(
        batches in proptest::collection::vec(proptest::collection::vec(any_row(0..1200), 1..120), 1..12),
        range in (0i64..1200, 0i64..1200),
    ) {
        let store = memory();
        let (mut model, mut seen) = (Model::new(), vec![]);
        for (i, rows) in batches.iter().enumerate() {
            let batch = batch_of(rows, &mut model);
            let before: usize = seen.last().map_or(0, |(_, m): &(Snapshot, Model)| m.values().map(BTreeMap::len).sum());
            let done = store.append_wait(write_to("me", batch)).unwrap();
            let now: usize = model.values().map(BTreeMap::len).sum();
            if i == 0 || i % 3 == 0 {
                let snapshot = store.snapshot(&[tenant("me")]);
                prop_assert_eq!(contents(&snapshot, &[], i64::MIN, i64::MAX), model.clone());
                if i % 6 == 0 {
                    seen.push((snapshot, model.clone()));
                }
            }
            if i == 0 {
                prop_assert_eq!((done.stored.samples + done.stored.histograms) as usize, now - before);
            }
        }
        let (low, high) = (range.0.min(range.1), range.0.max(range.1));
        for (snapshot, model) in &seen {
            prop_assert_eq!(&contents(snapshot, &[], i64::MIN, i64::MAX), model);
            prop_assert_eq!(contents(snapshot, &[], low, high), cut(model, low, high));
        }
        let odd = [Matcher::new(MatchOp::Ne, "parity", "0").unwrap()];
        let expect: Model = model.iter().filter(|(l, _)| l.contains("parity=\"1\"")).map(|(l, c)| (l.clone(), c.clone())).collect();
        prop_assert_eq!(contents(&store.snapshot(&[tenant("me")]), &odd, i64::MIN, i64::MAX), expect);
        prop_assert_eq!(store.stats().tenants[0].samples as usize, model.values().map(BTreeMap::len).sum::<usize>());
    }

    /// Every entry once, by time and arrival, however the batches were merged; older snapshots keep what they saw.
    #[test]
    fn logs_are_what_was_written(
        batches in proptest::collection::vec(proptest::collection::vec((0u8..3, 0i64..40, 0u8..4, 0u8..2), 1..6), 1..80),
        range in (0i64..40, 0i64..40),
    ) {
        let store = memory();
        // (stream, time) to the entries in order of arrival
        let mut model: BTreeMap<(u8, i64), Vec<String>> = BTreeMap::new();
        let mut first = None;
        for rows in &batches {
            let text: Vec<(String, i64, String, String)> =
                rows.iter().map(|(s, t, line, meta)| (format!("s n={s}"), *t, format!("l{line}"), format!("m={meta}"))).collect();
            let rows_text: Vec<(&str, i64, &str, &str)> = text.iter().map(|(s, t, l, m)| (s.as_str(), *t, l.as_str(), m.as_str())).collect();
            store.append_wait(write_to("me", lines(&rows_text))).unwrap();
            for (s, t, line, meta) in rows {
                let (entry, all) = (format!("l{line} {{m={meta}}}"), model.entry((*s, *t)).or_default());
                if !all.contains(&entry) {
                    all.push(entry);
                }
            }
            first.get_or_insert_with(|| { let s = store.snapshot(&[tenant("me")]); (logs_text(&s, &[]), s) });
        }
        let expect: String = model.iter().flat_map(|((s, t), all)| all.iter().map(move |e| format!("{{__name__=\"s\", n=\"{s}\"}} {t} {e}\n"))).collect();
        let snapshot = store.snapshot(&[tenant("me")]);
        prop_assert_eq!(logs_text(&snapshot, &[]), expect);
        let (old_text, old) = first.unwrap();
        prop_assert_eq!(logs_text(&old, &[]), old_text);

        let range = LogRange { start: range.0.min(range.1), end: range.0.max(range.1) };
        for direction in [Direction::Forward, Direction::Backward] {
            let (mut rows, mut edges) = (0, vec![]);
            LogSource::scan(&snapshot, &[], range, direction, &Budget::unlimited(), &mut |p| {
                rows += p.runs(range).map(|(_, a, b)| b - a).sum::<usize>();
                edges.push(if direction == Direction::Forward { p.batch.min_ts } else { -p.batch.max_ts });
                Ok(true)
            }).unwrap();
            let wanted: usize = model.iter().filter(|((_, t), _)| range.start <= *t && *t < range.end).map(|(_, all)| all.len()).sum();
            prop_assert_eq!(rows, wanted);
            prop_assert!(edges.is_sorted());
        }
        let streams: Vec<String> = snapshot.streams(&[], range, &Budget::unlimited()).unwrap().iter().map(|l| l.value("n").to_owned()).collect();
        let mut wanted: Vec<String> = model.keys().filter(|(_, t)| range.start <= *t && *t < range.end).map(|(s, _)| s.to_string()).collect();
        wanted.dedup();
        prop_assert_eq!(streams, wanted);
        let volumes: u64 = snapshot.stats(&[], range, &Budget::unlimited()).unwrap().iter().map(|s| s.entries).sum();
        let wanted: usize = model.iter().filter(|((_, t), _)| range.start <= *t && *t < range.end).map(|(_, all)| all.len()).sum();
        prop_assert_eq!(volumes as usize, wanted);
    }

    /// Traces come together with all their parts, however the batches were merged.
    #[test]
    fn traces_are_what_was_written(batches in proptest::collection::vec(proptest::collection::vec((0u8..4, 0u8..60, 0u64..9), 1..7), 1..60)) {
        let store = memory();
        let mut model: BTreeMap<u8, Vec<(u64, usize, u8)>> = BTreeMap::new();
        let mut arrival = 0;
        for rows in &batches {
            let named: Vec<(u8, u8, u64, String)> = rows.iter().map(|(trace, span, start)| (*trace, *span, *start, format!("op{start}"))).collect();
            let named: Vec<(u8, u8, u64, &str)> = named.iter().map(|(a, b, c, d)| (*a, *b, *c, d.as_str())).collect();
            store.append_wait(write_to("me", spans(&named))).unwrap();
            for (trace, span, start) in rows {
                let all = model.entry(*trace).or_default();
                if !all.iter().any(|(s, _, id)| (s, id) == (start, span)) {
                    all.push((*start, arrival, *span));
                }
                arrival += 1;
            }
        }
        let snapshot = store.snapshot(&[tenant("me")]);
        for (trace, all) in &mut model {
            all.sort();
            let one = |start: u64, span: u8| {
                let (event, link) = (format!("[KeyValue {{ key: \"k\", value: Str(\"e{span}\") }}]"), format!("{span}[KeyValue {{ key: \"k\", value: Bool(true) }}]"));
                let (events, links) = if span.is_multiple_of(2) { (vec![event], vec![link]) } else { (vec![], vec![]) };
                format!(
                    "{span}@{start} op{start} Some(\"svc{}\") [KeyValue {{ key: \"k\", value: Int({span}) }}, KeyValue {{ key: \"event\", value: Str(\"op{start}\") }}] {events:?} {links:?}\n",
                    trace % 3
                )
            };
            let expect: String = all.iter().map(|(start, _, span)| one(*start, *span)).collect();
            prop_assert_eq!(trace_text(&snapshot, *trace), expect);
        }
        let (mut rows, mut starts) = (0, vec![]);
        SpanSource::scan(&snapshot, SpanRange::ALL, &Budget::unlimited(), &mut |b| {
            rows += b.len();
            starts.push(std::cmp::Reverse(b.max_start));
            assert_eq!((b.min_start, b.max_start), (*b.start.iter().min().unwrap(), *b.start.iter().max().unwrap()));
            Ok(true)
        }).unwrap();
        prop_assert_eq!(rows, arrival);
        prop_assert!(starts.is_sorted());
    }
}

#[test]
fn many_late_samples_of_one_series() {
    let store = memory();
    // Every second time first, then the gaps backwards in batches, with a living snapshot in the middle.
    let even: Vec<(&str, i64, f64)> = (0..2000).map(|i| ("m", i * 2, i as f64)).collect();
    store.append_wait(write_to("me", samples(&even))).unwrap();
    let mut held = None;
    for chunk in (0..2000).rev().collect::<Vec<i64>>().chunks(50) {
        let odd: Vec<(&str, i64, f64)> = chunk.iter().map(|i| ("m", i * 2 + 1, -1.0)).collect();
        store.append_wait(write_to("me", samples(&odd))).unwrap();
        if held.is_none() && chunk[0] < 1000 {
            let s = store.snapshot(&[tenant("me")]);
            held = Some((metrics_text(&s, &[]), s));
        }
    }
    let (text, snapshot) = held.unwrap();
    assert_eq!(metrics_text(&snapshot, &[]), text);
    drop(snapshot);
    store.append_wait(write_to("me", samples(&[("m", -1, 0.0)]))).unwrap();
    let all = contents(&store.snapshot(&[tenant("me")]), &[], 0, 4000);
    assert_eq!(all.values().map(BTreeMap::len).collect::<Vec<_>>(), [4000]);
}
