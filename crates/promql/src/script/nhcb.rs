//! Classic histograms to native ones with custom buckets, as `load_with_nhcb` wants them.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{BucketSpan, CUSTOM_BUCKETS_SCHEMA, Histogram, Labels, LabelsBuilder, METRIC_NAME};

use super::{Loaded, LoadedSample};
use crate::hist;
use crate::value::SampleValue;

#[derive(Default)]
struct Parts {
    /// upper bound and cumulative count, rising
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
}

/// Adds a series of custom-bucket histograms for every classic histogram among the series.
pub fn add_custom_histograms(series: &mut Vec<Loaded>) -> Result<(), String> {
    let mut all: BTreeMap<Labels, BTreeMap<i64, Parts>> = BTreeMap::new();
    for s in series.iter() {
        let name = s.labels.value(METRIC_NAME);
        let Some((base, kind)) = ["_bucket", "_sum", "_count"].iter().find_map(|k| name.strip_suffix(k).map(|b| (b, *k))) else { continue };
        let upper = s.labels.value("le").parse::<f64>().ok().filter(|v| !v.is_nan());
        if kind == "_bucket" && upper.is_none() {
            continue;
        }
        let labels = LabelsBuilder::new(&s.labels).set(METRIC_NAME, base).remove("le").build();
        let times = all.entry(labels).or_default();
        for sample in &s.samples {
            let SampleValue::Float(v) = sample.value else { continue };
            let parts = times.entry(sample.t).or_default();
            match (kind, upper) {
                ("_bucket", Some(upper)) => parts.buckets.push((upper, v)),
                ("_sum", _) => parts.sum = v,
                _ => parts.count = Some(v),
            }
        }
    }
    for (labels, times) in all {
        let mut samples = vec![];
        for (t, parts) in times {
            samples.push(LoadedSample { t, st: 0, value: SampleValue::Histogram(Arc::new(convert(parts)?)) });
        }
        series.push(Loaded { labels, samples });
    }
    Ok(())
}

fn convert(mut p: Parts) -> Result<Histogram, String> {
    p.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    p.buckets.dedup_by(|b, a| a.0 == b.0);
    let count = p.count.or(p.buckets.last().map(|b| b.1)).unwrap_or(0.0);
    if p.buckets.last().is_none_or(|b| b.0 != f64::INFINITY) {
        p.buckets.push((f64::INFINITY, count));
    }
    if p.buckets.windows(2).any(|w| w[0].1 > w[1].1) {
        return Err("count is not cumulative".into());
    }
    let mut below = 0.0;
    let mut counts = vec![];
    for (_, cumulative) in &p.buckets {
        counts.push(cumulative - below);
        below = *cumulative;
    }
    if count != below {
        return Err(format!("count mismatch: {count} in all, {below} in the last bucket"));
    }
    let mut h = Histogram {
        schema: CUSTOM_BUCKETS_SCHEMA,
        count,
        sum: p.sum,
        custom_values: p.buckets.iter().map(|b| b.0).filter(|b| *b != f64::INFINITY).collect(),
        positive_spans: vec![BucketSpan { offset: 0, length: counts.len() as u32 }],
        positive_buckets: counts,
        ..Histogram::default()
    };
    hist::compact(&mut h);
    Ok(h)
}
