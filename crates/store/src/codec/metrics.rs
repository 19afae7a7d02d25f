//! Metric batches in bytes.

use std::sync::Arc;

use model::{BucketSpan, Exemplar, Histogram, HistogramSample, Metadata, MetricBatch, MetricKind, ResetHint, Sample, Temporality};

use super::bytes::{Read, Reader, Writer};

const KINDS: [MetricKind; 8] = [
    MetricKind::Unknown,
    MetricKind::Counter,
    MetricKind::Gauge,
    MetricKind::Histogram,
    MetricKind::GaugeHistogram,
    MetricKind::Summary,
    MetricKind::Info,
    MetricKind::StateSet,
];
const HINTS: [ResetHint; 4] = [ResetHint::Unknown, ResetHint::Reset, ResetHint::NotReset, ResetHint::Gauge];

pub fn encode(b: &MetricBatch, w: &mut Writer) {
    w.num(b.series.len() as u64);
    b.series.iter().for_each(|l| w.labels(l));

    let rows = &b.samples;
    w.num(rows.len() as u64);
    w.deltas(rows.iter().map(|s| i64::from(s.series)));
    w.deltas(rows.iter().map(|s| s.t));
    w.deltas(rows.iter().map(|s| s.st));
    rows.iter().for_each(|s| w.byte(temporality_byte(s.temporality)));
    rows.iter().for_each(|s| w.float(s.v));

    let rows = &b.histograms;
    w.num(rows.len() as u64);
    w.deltas(rows.iter().map(|s| i64::from(s.series)));
    w.deltas(rows.iter().map(|s| s.t));
    w.deltas(rows.iter().map(|s| s.st));
    rows.iter().for_each(|s| w.byte(temporality_byte(s.temporality)));
    rows.iter().for_each(|s| histogram(&s.h, w));

    w.num(b.exemplars.len() as u64);
    for e in &b.exemplars {
        w.num(u64::from(e.series));
        w.signed(e.t);
        w.float(e.v);
        w.labels(&e.labels);
    }
    w.num(b.metadata.len() as u64);
    for m in &b.metadata {
        w.text(&m.metric);
        w.byte(KINDS.iter().position(|k| *k == m.kind).unwrap_or(0) as u8);
        w.text(&m.help);
        w.text(&m.unit);
    }
}

pub fn decode(r: &mut Reader<'_>) -> Read<MetricBatch> {
    let n = r.count()?;
    let series = r.many(n, Reader::labels)?;

    let n = r.count()?;
    let (of, ts, sts) = (owners(r, n, series.len())?, r.deltas(n)?, r.deltas(n)?);
    let kinds = r.many(n, temporality)?;
    let mut samples = Vec::with_capacity(n);
    for i in 0..n {
        samples.push(Sample { series: of[i], t: ts[i], v: r.float()?, st: sts[i], temporality: kinds[i] });
    }

    let n = r.count()?;
    let (of, ts, sts) = (owners(r, n, series.len())?, r.deltas(n)?, r.deltas(n)?);
    let kinds = r.many(n, temporality)?;
    let mut histograms = Vec::with_capacity(n);
    for i in 0..n {
        histograms.push(HistogramSample { series: of[i], t: ts[i], st: sts[i], h: Arc::new(read_histogram(r)?), temporality: kinds[i] });
    }

    let n = r.count()?;
    let exemplars = r.many(n, |r| Ok(Exemplar { series: r.index(series.len())?, t: r.signed()?, v: r.float()?, labels: r.labels()? }))?;
    let n = r.count()?;
    let metadata = r.many(n, |r| {
        let metric = r.text()?.into();
        let kind = *KINDS.get(r.byte()? as usize).ok_or("unknown metric kind")?;
        Ok(Metadata { metric, kind, help: r.text()?.into(), unit: r.text()?.into() })
    })?;
    Ok(MetricBatch { series, samples, histograms, exemplars, metadata })
}

/// Series of rows: in any order, below `end`.
fn owners(r: &mut Reader<'_>, n: usize, end: usize) -> Read<Vec<u32>> {
    let all = r.deltas(n)?;
    all.into_iter().map(|i| u32::try_from(i).ok().filter(|i| (*i as usize) < end).ok_or_else(|| format!("series {i} of {end}"))).collect()
}

fn temporality_byte(t: Temporality) -> u8 {
    u8::from(t == Temporality::Delta)
}

fn temporality(r: &mut Reader<'_>) -> Read<Temporality> {
    match r.byte()? {
        0 => Ok(Temporality::AsIs),
        1 => Ok(Temporality::Delta),
        other => Err(format!("unknown temporality {other}")),
    }
}

fn histogram(h: &Histogram, w: &mut Writer) {
    w.byte(HINTS.iter().position(|x| *x == h.reset_hint).unwrap_or(0) as u8);
    w.signed(i64::from(h.schema));
    [h.zero_threshold, h.zero_count, h.count, h.sum].iter().for_each(|f| w.float(*f));
    for (spans, buckets) in [(&h.positive_spans, &h.positive_buckets), (&h.negative_spans, &h.negative_buckets)] {
        w.num(spans.len() as u64);
        for s in spans {
            w.signed(i64::from(s.offset));
            w.num(u64::from(s.length));
        }
        floats(buckets, w);
    }
    floats(&h.custom_values, w);
}

fn read_histogram(r: &mut Reader<'_>) -> Read<Histogram> {
    let mut h = Histogram { reset_hint: *HINTS.get(r.byte()? as usize).ok_or("unknown reset hint")?, ..Histogram::default() };
    h.schema = i32::try_from(r.signed()?).map_err(|e| e.to_string())?;
    (h.zero_threshold, h.zero_count, h.count, h.sum) = (r.float()?, r.float()?, r.float()?, r.float()?);
    (h.positive_spans, h.positive_buckets) = (read_spans(r)?, read_floats(r)?);
    (h.negative_spans, h.negative_buckets) = (read_spans(r)?, read_floats(r)?);
    h.custom_values = read_floats(r)?;
    Ok(h)
}

fn read_spans(r: &mut Reader<'_>) -> Read<Vec<BucketSpan>> {
    let n = r.count()?;
    r.many(n, |r| Ok(BucketSpan { offset: i32::try_from(r.signed()?).map_err(|e| e.to_string())?, length: r.num32()? }))
}

/// Bucket counts are mostly small whole numbers: those take a varint, all others an escape and eight bytes.
fn floats(values: &[f64], w: &mut Writer) {
    w.num(values.len() as u64);
    for v in values {
        let whole = *v as u64;
        if whole < 1 << 53 && (whole as f64).to_bits() == v.to_bits() {
            w.num(whole + 1);
        } else {
            w.num(0);
            w.float(*v);
        }
    }
}

fn read_floats(r: &mut Reader<'_>) -> Read<Vec<f64>> {
    let n = r.count()?;
    r.many(n, |r| match r.num()? {
        0 => r.float(),
        n => Ok((n - 1) as f64),
    })
}
