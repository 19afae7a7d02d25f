//! Quantiles and fractions of native histograms.

use model::Histogram;

use super::{Bucket, all_buckets};

/// What NaN observations (a NaN sum, more observations than the buckets hold) did to a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuantileNote {
    ResultNan,
    Skewed,
    Excluded,
}

/// The φ-quantile: exponential interpolation, linear in the zero bucket and in custom buckets.
pub fn quantile(q: f64, h: &Histogram) -> (f64, Option<QuantileNote>) {
    if q < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if q > 1.0 {
        return (f64::INFINITY, None);
    }
    if h.count == 0.0 || q.is_nan() {
        return (f64::NAN, None);
    }
    let has_nan = h.sum.is_nan();
    // From the nearer end; observations of NaN only leave the lower end usable.
    let forward = has_nan || q < 0.5;
    let mut rank = if forward { q * h.count } else { (1.0 - q) * h.count };
    let mut buckets = all_buckets(h);
    if !forward {
        buckets.reverse();
    }
    let custom = h.uses_custom_buckets();
    let (mut b, mut count) = (Bucket { lower: 0.0, upper: 0.0, count: 0.0, lower_inclusive: false, upper_inclusive: false }, 0.0);
    let mut rest = buckets.iter();
    for next in rest.by_ref() {
        b = *next;
        count += b.count;
        if b.count != 0.0 && count >= rank {
            break;
        }
    }
    if !custom && b.lower < 0.0 && b.upper > 0.0 {
        (b.lower, b.upper) = zero_bounds(h, &b);
    } else if custom && b.lower == f64::NEG_INFINITY {
        if b.upper <= 0.0 {
            return (b.upper, None);
        }
        b.lower = 0.0;
    } else if custom && b.upper == f64::INFINITY {
        return (b.lower, None);
    }
    count = if count > h.count { h.count } else { count };
    if count < rank {
        return if has_nan { (f64::NAN, Some(QuantileNote::ResultNan)) } else { (b.upper, None) };
    }
    rank = if forward { rank - (count - b.count) } else { count - rank };
    let note = (has_nan && count + rest.map(|b| b.count).sum::<f64>() < h.count).then_some(QuantileNote::Skewed);
    (inside(&b, rank / b.count, custom), note)
}

/// The zero bucket of a histogram with observations on one side only ends at 0.
fn zero_bounds(h: &Histogram, b: &Bucket) -> (f64, f64) {
    match (h.negative_buckets.is_empty(), h.positive_buckets.is_empty()) {
        (true, false) => (0.0, b.upper),
        (false, true) => (b.lower, 0.0),
        _ => (b.lower, b.upper),
    }
}

/// The value at a fraction of a bucket.
fn inside(b: &Bucket, fraction: f64, linear: bool) -> f64 {
    if linear || (b.lower <= 0.0 && b.upper >= 0.0) {
        return b.lower + (b.upper - b.lower) * fraction;
    }
    let (lower, upper) = (b.lower.abs().log2(), b.upper.abs().log2());
    if b.lower > 0.0 { (lower + (upper - lower) * fraction).exp2() } else { -(upper + (lower - upper) * (1.0 - fraction)).exp2() }
}

/// The share of observations between two values.
pub fn fraction(lower: f64, upper: f64, h: &Histogram) -> (f64, Option<QuantileNote>) {
    if h.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return (f64::NAN, None);
    }
    if lower >= upper {
        return (0.0, None);
    }
    let custom = h.uses_custom_buckets();
    let (mut count, mut rank) = (0.0, 0.0);
    let (mut lower_rank, mut upper_rank) = (None, None);
    let buckets = all_buckets(h);
    let mut rest = buckets.iter();
    for next in rest.by_ref() {
        let mut b = *next;
        count += b.count;
        let zero = b.lower <= 0.0 && b.upper >= 0.0;
        if zero {
            (b.lower, b.upper) = zero_bounds(h, &b);
        }
        let rank_of = |v: f64| {
            if b.lower >= v {
                Some(rank)
            } else if b.upper > v {
                Some(if (custom || zero) && b.lower == f64::NEG_INFINITY {
                    b.count
                } else {
                    rank + b.count * b.fraction_below(v, custom || zero)
                })
            } else {
                None
            }
        };
        lower_rank = lower_rank.or_else(|| rank_of(lower));
        upper_rank = upper_rank.or_else(|| rank_of(upper));
        if lower_rank.is_some() && upper_rank.is_some() {
            break;
        }
        rank += b.count;
    }
    let mut note = None;
    if h.sum.is_nan() {
        count += rest.map(|b| b.count).sum::<f64>();
        note = (count < h.count).then_some(QuantileNote::Excluded);
    } else {
        count = h.count;
    }
    let capped = |r: Option<f64>| r.map_or(count, |r| if r > count { count } else { r });
    ((capped(upper_rank) - capped(lower_rank)) / h.count, note)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::BucketSpan;

    #[test]
    fn exponential_interpolation() {
        let h = Histogram {
            count: 4.0,
            sum: 10.0,
            positive_spans: vec![BucketSpan { offset: 1, length: 2 }],
            positive_buckets: vec![2.0, 2.0],
            ..Histogram::default()
        };
        assert_eq!(quantile(0.5, &h).0, 2.0);
        assert_eq!(quantile(0.25, &h).0, 2f64.sqrt());
        assert_eq!(fraction(1.0, 2.0, &h), (0.5, None));
        assert_eq!(quantile(-1.0, &h).0, f64::NEG_INFINITY);
        let with_nan = Histogram { count: 10.0, sum: f64::NAN, ..h };
        assert_eq!(quantile(0.9, &with_nan).1, Some(QuantileNote::ResultNan));
        assert_eq!(quantile(0.1, &with_nan).1, Some(QuantileNote::Skewed));
    }
}
