//! Shared by the store's tests: small batches as text and answers as text.
#![allow(dead_code)]

pub mod disk;
pub mod fake_disk;

use std::sync::Arc;

use model::{
    AnyValue, Batch, Labels, LogBatchBuilder, Matcher, MetricBatch, Resource, Sample, Scope, SpanBatchBuilder, SpanHead, Temporality,
    Tenant,
};
use query::{Budget, Direction, LogRange, LogSource, MetricSource, Selector, SeriesBuf, SpanSource};
use store::{NativeOnly, Raw, Snapshot, Store, StoreOptions, Write};

pub const LOG_ALL: LogRange = LogRange { start: i64::MIN, end: i64::MAX };

/// A number in 0..end.
pub fn below(random: &host::RealRandom, end: u64) -> u64 {
    host::Random::next_u64(random) % end
}

pub fn tenant(name: &str) -> Tenant {
    Tenant::new(name).unwrap()
}

pub fn memory() -> Store {
    Store::open(StoreOptions::memory(), Arc::new(NativeOnly)).unwrap()
}

pub fn write_to(t: &str, batch: Batch) -> Write {
    Write { tenant: tenant(t), batch, raw: Raw::Native, received_ns: 1 }
}

/// `a b=c d=e` is the series `a{b="c",d="e"}`.
pub fn labels(text: &str) -> Labels {
    let mut words = text.split(' ');
    let name = words.next().map(|n| ("__name__", n));
    Labels::from_pairs(name.into_iter().filter(|n| !n.1.is_empty()).chain(words.filter_map(|w| w.split_once('='))))
}

pub fn samples(rows: &[(&str, i64, f64)]) -> Batch {
    samples_as(rows, Temporality::AsIs)
}

pub fn samples_as(rows: &[(&str, i64, f64)], temporality: Temporality) -> Batch {
    let mut b = MetricBatch::default();
    for (name, t, v) in rows {
        let l = labels(name);
        let series = b.series.iter().position(|s| *s == l).unwrap_or_else(|| {
            b.series.push(l);
            b.series.len() - 1
        }) as u32;
        b.samples.push(Sample { series, t: *t, v: *v, st: 0, temporality });
    }
    Batch::Metrics(b)
}

/// (stream, time, line, metadata as `k=v`)
pub fn lines(rows: &[(&str, i64, &str, &str)]) -> Batch {
    let mut b = LogBatchBuilder::default();
    for (stream, t, line, meta) in rows {
        let s = b.stream(&labels(stream));
        let meta: Vec<(u32, u32)> =
            meta.split(' ').filter_map(|kv| kv.split_once('=')).map(|(k, v)| (b.dict().code(k), b.dict().code(v))).collect();
        b.push(s, *t, line, &meta);
    }
    Batch::Logs(Arc::new(b.finish()))
}

/// (trace, span, start, name): each with a resource, an attribute, an event and a link.
pub fn spans(rows: &[(u8, u8, u64, &str)]) -> Batch {
    let mut b = SpanBatchBuilder::default();
    for (trace, span, start, name) in rows {
        let service = model::KeyValue::new("service.name", AnyValue::Str(format!("svc{}", trace % 3)));
        let resource = b.resource(Resource { attrs: vec![service], ..Resource::default() });
        let scope = b.scope(Scope::default());
        let (code, key, event) = (b.dict().code(name), b.dict().code("k"), b.dict().code("event"));
        b.span(SpanHead {
            trace_id: [*trace; 16],
            span_id: [*span; 8],
            start: *start,
            end: start + 10,
            name: code,
            resource,
            scope,
            ..SpanHead::default()
        });
        b.attr(key, AnyValue::Int(i64::from(*span)));
        b.attr_code(event, code);
        if span % 2 == 0 {
            b.event(start + 1, event, 0);
            b.event_attr(key, AnyValue::Str(format!("e{span}")));
            b.link([9; 16], [*span; 8], 0, 0, 0);
            b.link_attr(key, AnyValue::Bool(true));
        }
    }
    Batch::Spans(Arc::new(b.finish()))
}

/// Every series with its samples: `{labels} t=v t=v`, one a line.
pub fn metrics_text(s: &Snapshot, matchers: &[Matcher]) -> String {
    let selector = Selector { matchers, min_t: i64::MIN, max_t: i64::MAX };
    let mut out = String::new();
    for series in s.select(&selector, &Budget::unlimited()).unwrap() {
        let mut buf = SeriesBuf::default();
        series.read(i64::MIN, i64::MAX, &mut buf).unwrap();
        out += &series.labels().to_string();
        for (t, v) in buf.ts.iter().zip(&buf.vals) {
            out += &format!(" {t}={v}");
        }
        for (t, h) in buf.hist_ts.iter().zip(&buf.hists) {
            out += &format!(" {t}=h{}", h.count);
        }
        out.push('\n');
    }
    out
}

/// Every line: `{labels} t line {k=v}`, by stream, time and arrival.
pub fn logs_text(s: &Snapshot, matchers: &[Matcher]) -> String {
    let mut rows = vec![];
    LogSource::scan(s, matchers, LOG_ALL, Direction::Forward, &Budget::unlimited(), &mut |part| {
        for (stream, from, to) in part.runs(LOG_ALL) {
            for r in from..to {
                let meta: Vec<String> = part.batch.meta(r).map(|(k, v)| format!("{k}={v}")).collect();
                let text = format!(
                    "{} {} {} {{{}}}\n",
                    part.batch.streams[stream as usize],
                    part.batch.ts[r],
                    part.batch.body.get(r),
                    meta.join(",")
                );
                rows.push((part.batch.streams[stream as usize].clone(), part.batch.ts[r], part.sequence, text));
            }
        }
        Ok(true)
    })
    .unwrap();
    rows.sort_by(|a, b| (&a.0, a.1, a.2).cmp(&(&b.0, b.1, b.2)));
    rows.into_iter().map(|r| r.3).collect()
}

/// The spans of a trace: `span@start name service attrs events`, one a line.
pub fn trace_text(s: &Snapshot, trace: u8) -> String {
    let found = s.trace(&[trace; 16], &Budget::unlimited()).unwrap();
    let mut out = String::new();
    for span in found.spans {
        let (b, r) = (&span.batch, span.row as usize);
        let events: Vec<String> = b.events_of(r).map(|e| format!("{:?}", b.gather(&b.events.attrs, e))).collect();
        let links: Vec<String> = b.links_of(r).map(|l| format!("{:?}{:?}", b.links.span_id[l][0], b.gather(&b.links.attrs, l))).collect();
        let attrs = b.gather(&b.attrs, r);
        out += &format!(
            "{}@{} {} {:?} {attrs:?} {events:?} {links:?}\n",
            b.span_id[r][0],
            b.start[r],
            b.name(r),
            b.resource(r).service_name()
        );
    }
    out
}
