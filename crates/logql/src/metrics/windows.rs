//! The functions over the samples of one window.

use crate::syntax::ast::RangeOp;

/// A window: samples in order of time, and its bounds in nanoseconds (start excluded, end included).
pub struct Window<'a> {
    pub samples: &'a [(i64, f64)],
    pub start: i64,
    pub end: i64,
}

impl Window<'_> {
    fn values(&self) -> impl ExactSizeIterator<Item = f64> + '_ {
        self.samples.iter().map(|s| s.1)
    }

    fn seconds(&self) -> f64 {
        self.end.saturating_sub(self.start) as f64 / 1e9
    }
}

/// The value of a window that is not empty.
pub fn apply(op: RangeOp, param: f64, w: &Window<'_>) -> f64 {
    match op {
        RangeOp::Sum | RangeOp::Bytes => w.values().sum(),
        RangeOp::Rate | RangeOp::BytesRate => w.values().sum::<f64>() / w.seconds(),
        RangeOp::Count => w.samples.len() as f64,
        RangeOp::Avg => average(w),
        RangeOp::Min => w.values().reduce(|a, b| if b < a || a.is_nan() { b } else { a }).unwrap_or(f64::NAN),
        RangeOp::Max => w.values().reduce(|a, b| if b > a || a.is_nan() { b } else { a }).unwrap_or(f64::NAN),
        RangeOp::Stdvar => variance(w),
        RangeOp::Stddev => variance(w).sqrt(),
        RangeOp::Quantile => quantile(param, w.values().collect()),
        RangeOp::First => w.samples.first().map_or(f64::NAN, |s| s.1),
        RangeOp::Last => w.samples.last().map_or(f64::NAN, |s| s.1),
        RangeOp::RateCounter => rate_counter(w),
        RangeOp::Absent => 1.0,
    }
}

/// The mean, moved sample by sample so that large sums do not lose digits; infinities stay.
fn average(w: &Window<'_>) -> f64 {
    let mut mean = 0.0;
    for (i, v) in w.values().enumerate() {
        if f64::is_infinite(mean) {
            if v.is_infinite() && (mean > 0.0) == (v > 0.0) || !v.is_infinite() && !v.is_nan() {
                continue;
            }
            mean += v;
            continue;
        }
        let n = (i + 1) as f64;
        mean += v / n - mean / n;
    }
    mean
}

fn variance(w: &Window<'_>) -> f64 {
    let (mut mean, mut sum) = (0.0, 0.0);
    for (i, v) in w.values().enumerate() {
        let delta = v - mean;
        mean += delta / (i + 1) as f64;
        sum += delta * (v - mean);
    }
    sum / w.samples.len() as f64
}

/// Linear interpolation between ranks; NaN sorts lowest.
fn quantile(q: f64, mut values: Vec<f64>) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if !(0.0..=1.0).contains(&q) {
        return if q < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    values.sort_by(|a, b| b.is_nan().cmp(&a.is_nan()).then(a.total_cmp(b)));
    let rank = q * (values.len() - 1) as f64;
    let (low, high) = (rank.floor() as usize, (rank.floor() as usize + 1).min(values.len() - 1));
    let weight = rank - rank.floor();
    values[low] * (1.0 - weight) + values[high] * weight
}

/// Increase per second of a counter: resets are added back, and the ends are extrapolated as Prometheus does.
fn rate_counter(w: &Window<'_>) -> f64 {
    let ([first, ..], [.., last]) = (w.samples, w.samples) else { return 0.0 };
    if w.samples.len() < 2 || first.0 == last.0 {
        return 0.0;
    }
    let resets: f64 = w.samples.windows(2).filter(|p| p[1].1 < p[0].1).map(|p| p[0].1).sum();
    let increase = last.1 - first.1 + resets;
    let seconds = |a: i64, b: i64| b.saturating_sub(a) as f64 / 1e9;
    let (mut to_start, mut to_end) = (seconds(w.start, first.0), seconds(last.0, w.end));
    let sampled = seconds(first.0, last.0);
    let between = sampled / (w.samples.len() - 1) as f64;
    let threshold = between * 1.1;
    if to_start >= threshold {
        to_start = between / 2.0;
    }
    if increase > 0.0 && first.1 >= 0.0 {
        to_start = to_start.min(sampled * (first.1 / increase));
    }
    if to_end >= threshold {
        to_end = between / 2.0;
    }
    increase * (sampled + to_start + to_end) / sampled / w.seconds()
}
