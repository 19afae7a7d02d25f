//! Arithmetic on native histograms: buckets and their bounds, scaling, comparison, text.

pub mod bounds;
mod classic;
mod compact;
mod merge;
mod quantile;
mod reset;
mod trim;

use std::fmt::Write as _;

use model::{BucketSpan, Histogram, ResetHint};

use crate::format::float_g;
#[cfg(feature = "script")]
pub use classic::almost_equal;
pub use classic::{ClassicBucket, classic_fraction, classic_quantile};
pub use compact::compact;
pub use merge::{Incompatible, KahanHistogram, Merged, add, reduce_to_schema, sub};
pub use quantile::{QuantileNote, fraction, quantile};
pub use reset::detect_reset;
pub use trim::trim;

/// One bucket with its bounds. Which bounds belong to it follows from their signs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    pub lower: f64,
    pub upper: f64,
    pub count: f64,
    pub lower_inclusive: bool,
    pub upper_inclusive: bool,
}

impl Bucket {
    /// The share of the bucket's width that lies below `v`: linear, or linear in the logarithm.
    pub fn fraction_below(&self, v: f64, linear: bool) -> f64 {
        if linear {
            return (v - self.lower) / (self.upper - self.lower);
        }
        let (lower, upper, v_log) = (self.lower.abs().log2(), self.upper.abs().log2(), v.abs().log2());
        if v > 0.0 { (v_log - lower) / (upper - lower) } else { 1.0 - (v_log - upper) / (lower - upper) }
    }
}

/// Bucket indices of spans, in order, with the position of each bucket. Spans that promise too many buckets are cut.
pub fn indices(spans: &[BucketSpan], len: usize) -> impl Iterator<Item = (i32, usize)> + '_ {
    let mut at = 0i32;
    spans
        .iter()
        .flat_map(move |s| {
            at = at.wrapping_add(s.offset);
            let start = at;
            at = at.wrapping_add(s.length as i32);
            (0..s.length).map(move |k| start.wrapping_add(k as i32))
        })
        .zip(0..len)
}

fn bucket(h: &Histogram, index: i32, count: f64, positive: bool) -> Bucket {
    let bound = |i| bounds::upper(i, h.schema, &h.custom_values);
    let (lower, upper) =
        if positive { (bound(index.wrapping_sub(1)), bound(index)) } else { (-bound(index), -bound(index.wrapping_sub(1))) };
    let (lower_inclusive, upper_inclusive) = if h.uses_custom_buckets() { (index == 0, true) } else { (lower < 0.0, upper > 0.0) };
    Bucket { lower, upper, count, lower_inclusive, upper_inclusive }
}

/// Positive buckets from the smallest on.
pub fn positive(h: &Histogram) -> impl Iterator<Item = Bucket> + '_ {
    indices(&h.positive_spans, h.positive_buckets.len()).map(|(i, at)| bucket(h, i, h.positive_buckets[at], true))
}

/// Negative buckets from the one nearest to zero on.
pub fn negative(h: &Histogram) -> impl Iterator<Item = Bucket> + '_ {
    indices(&h.negative_spans, h.negative_buckets.len()).map(|(i, at)| bucket(h, i, h.negative_buckets[at], false))
}

pub fn zero_bucket(h: &Histogram) -> Bucket {
    Bucket { lower: -h.zero_threshold, upper: h.zero_threshold, count: h.zero_count, lower_inclusive: true, upper_inclusive: true }
}

/// All buckets by rising bounds; the zero bucket only if it is populated, its neighbours cut at the threshold.
pub fn all_buckets(h: &Histogram) -> Vec<Bucket> {
    let mut out: Vec<Bucket> = negative(h).collect();
    out.reverse();
    for b in &mut out {
        if b.upper < 0.0 && b.upper > -h.zero_threshold {
            b.upper = -h.zero_threshold;
        }
    }
    if h.zero_count > 0.0 {
        out.push(zero_bucket(h));
    }
    out.extend(positive(h).map(|mut b| {
        if b.lower > 0.0 && b.lower < h.zero_threshold {
            b.lower = h.zero_threshold;
        }
        b
    }));
    out
}

fn each_value(h: &mut Histogram, f: impl Fn(f64) -> f64) {
    h.zero_count = f(h.zero_count);
    h.count = f(h.count);
    h.sum = f(h.sum);
    h.positive_buckets.iter_mut().chain(&mut h.negative_buckets).for_each(|v| *v = f(*v));
}

/// Multiplies every count and the sum; a negative factor makes a gauge.
pub fn mul(h: &mut Histogram, factor: f64) {
    each_value(h, |v| v * factor);
    if factor < 0.0 {
        h.reset_hint = ResetHint::Gauge;
    }
}

/// Divides every count and the sum; a division by 0 takes the buckets away.
pub fn div(h: &mut Histogram, by: f64) {
    each_value(h, |v| v / by);
    if by == 0.0 {
        h.positive_buckets.clear();
        h.negative_buckets.clear();
        h.positive_spans.clear();
        h.negative_spans.clear();
    } else if by < 0.0 {
        h.reset_hint = ResetHint::Gauge;
    }
}

/// Equal content bit by bit, whatever the reset hint. Both must be compact.
pub fn equals(a: &Histogram, b: &Histogram) -> bool {
    let bits = |x: &[f64], y: &[f64]| x.len() == y.len() && x.iter().zip(y).all(|(x, y)| x.to_bits() == y.to_bits());
    a.schema == b.schema
        && a.count.to_bits() == b.count.to_bits()
        && a.sum.to_bits() == b.sum.to_bits()
        && (!a.uses_custom_buckets() || a.custom_values == b.custom_values)
        && a.zero_threshold == b.zero_threshold
        && a.zero_count.to_bits() == b.zero_count.to_bits()
        && bits(&a.negative_buckets, &b.negative_buckets)
        && bits(&a.positive_buckets, &b.positive_buckets)
        && same_layout(a, b)
}

/// Whether the buckets of both stand at the same indices, however the spans are cut.
pub fn same_layout(a: &Histogram, b: &Histogram) -> bool {
    let same = |x: &[BucketSpan], n: usize, y: &[BucketSpan], m: usize| x == y || indices(x, n).eq(indices(y, m));
    same(&a.positive_spans, a.positive_buckets.len(), &b.positive_spans, b.positive_buckets.len())
        && same(&a.negative_spans, a.negative_buckets.len(), &b.negative_spans, b.negative_buckets.len())
}

pub fn has_overflow(h: &Histogram) -> bool {
    [h.zero_count, h.count, h.sum].iter().chain(&h.positive_buckets).chain(&h.negative_buckets).any(|v| v.is_infinite())
}

/// Without buckets: what counts, sums and averages need.
pub fn stats_only(h: &Histogram, reset_hint: ResetHint) -> Histogram {
    Histogram { reset_hint, schema: h.schema, count: h.count, sum: h.sum, ..Histogram::default() }
}

/// `{count:4, sum:5, [-1,1]:2, (1,2]:2}`: the value of `count_values`' label.
pub fn text(h: &Histogram) -> String {
    let mut out = format!("{{count:{}, sum:{}", float_g(h.count), float_g(h.sum));
    let mut show = |b: Bucket| {
        if b.count != 0.0 {
            let (open, close) = (if b.lower_inclusive { '[' } else { '(' }, if b.upper_inclusive { ']' } else { ')' });
            let _ = write!(out, ", {open}{},{}{close}:{}", float_g(b.lower), float_g(b.upper), float_g(b.count));
        }
    };
    let mut below: Vec<Bucket> = negative(h).collect();
    below.reverse();
    below.into_iter().for_each(&mut show);
    if !h.uses_custom_buckets() {
        show(zero_bucket(h));
    }
    positive(h).for_each(&mut show);
    out.push('}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Histogram {
        Histogram {
            count: 6.0,
            sum: 3.0,
            zero_count: 1.0,
            zero_threshold: 0.5,
            positive_spans: vec![BucketSpan { offset: 0, length: 2 }],
            positive_buckets: vec![2.0, 0.0],
            negative_spans: vec![BucketSpan { offset: 1, length: 1 }],
            negative_buckets: vec![3.0],
            ..Histogram::default()
        }
    }

    #[test]
    fn shown_from_left_to_right() {
        assert_eq!(text(&sample()), "{count:6, sum:3, [-2,-1):3, [-0.5,0.5]:1, (0.5,1]:2}");
    }

    #[test]
    fn scaling() {
        let mut h = sample();
        mul(&mut h, -2.0);
        assert_eq!((h.count, h.negative_buckets[0], h.reset_hint), (-12.0, -6.0, ResetHint::Gauge));
        div(&mut h, 0.0);
        assert!(h.positive_buckets.is_empty() && h.count.is_infinite());
    }

    #[test]
    fn equality_ignores_how_spans_are_cut() {
        let (a, mut b) = (sample(), sample());
        b.positive_spans = vec![BucketSpan { offset: 0, length: 1 }, BucketSpan { offset: 0, length: 1 }];
        b.reset_hint = ResetHint::Gauge;
        assert!(equals(&a, &b));
        b.sum = 4.0;
        assert!(!equals(&a, &b));
    }
}
