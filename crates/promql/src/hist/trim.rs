//! `h </ x` and `h >/ x`: what lies below or above a value, with the sum estimated anew.

use model::Histogram;

use super::{Bucket, compact, negative, positive, zero_bucket};

/// Keeps the observations below (`upper`) or above `at`. Buckets that contain it are split by interpolation.
pub fn trim(h: &mut Histogram, at: f64, upper: bool) {
    let custom = h.uses_custom_buckets();
    let mut total = Total::default();
    let positives: Vec<Bucket> = positive(h).collect();
    let negatives: Vec<Bucket> = negative(h).collect();
    for (kept, b) in h.positive_buckets.iter_mut().zip(&positives) {
        total.bucket(kept, b, at, upper, true, custom);
    }
    for (kept, b) in h.negative_buckets.iter_mut().zip(&negatives) {
        total.bucket(kept, b, at, upper, false, custom);
    }
    if h.zero_count > 0.0 {
        let populated = |all: &[Bucket]| all.iter().any(|b| b.count != 0.0);
        let (count, middle) = zero_trim(zero_bucket(h), at, populated(&negatives), populated(&positives), upper);
        total.changed |= h.zero_count != count;
        h.zero_count = count;
        total.add(count, middle);
    }
    if total.changed {
        (h.count, h.sum) = (total.count, total.sum);
        compact(h);
    }
}

#[derive(Default)]
struct Total {
    count: f64,
    sum: f64,
    changed: bool,
}

impl Total {
    fn add(&mut self, count: f64, middle: f64) {
        self.count += count;
        self.sum += middle * count;
    }

    fn bucket(&mut self, kept: &mut f64, b: &Bucket, at: f64, upper: bool, is_positive: bool, custom: bool) {
        if b.count == 0.0 {
            return;
        }
        let (whole, split) = if upper { (b.upper <= at, b.lower < at) } else { (b.lower >= at, b.upper > at) };
        if whole {
            self.add(b.count, middle(b.lower, b.upper, is_positive, custom));
        } else if split {
            let (count, middle) = split_bucket(b, at, upper, is_positive, custom);
            self.add(count, middle);
            self.changed |= *kept != count;
            *kept = count;
        } else {
            *kept = 0.0;
            self.changed = true;
        }
    }
}

/// Count that stays and the middle of where it lies.
fn split_bucket(b: &Bucket, at: f64, upper: bool, is_positive: bool, custom: bool) -> (f64, f64) {
    if b.lower == f64::NEG_INFINITY || b.upper == f64::INFINITY {
        return split_endless(b, at, upper);
    }
    let below = if at <= b.lower {
        0.0
    } else if at >= b.upper {
        b.count
    } else {
        b.count * b.fraction_below(at, custom)
    };
    if upper { (below, middle(b.lower, at, is_positive, custom)) } else { (b.count - below, middle(at, b.upper, is_positive, custom)) }
}

/// Buckets without an end cannot be split; a first one that reaches above 0 is taken to start at 0.
fn split_endless(b: &Bucket, at: f64, upper: bool) -> (f64, f64) {
    let finite = |v: f64| if v.is_infinite() { 0.0 } else { v };
    if b.lower == f64::NEG_INFINITY {
        let ends = b.upper != f64::INFINITY;
        return if upper {
            if at >= b.upper {
                (b.count, 0.0)
            } else if at > 0.0 && b.upper > 0.0 && ends {
                (b.count * at / b.upper, at / 2.0)
            } else if b.upper <= 0.0 {
                (b.count, at)
            } else {
                (0.0, finite(b.upper))
            }
        } else if at <= b.lower {
            (b.count, 0.0)
        } else if at >= 0.0 && b.upper > at && ends {
            (b.count * (1.0 - at / b.upper), f64::midpoint(at, b.upper))
        } else {
            (0.0, finite(b.upper))
        };
    }
    if !upper && at >= b.lower { (b.count, at) } else { (0.0, finite(b.lower)) }
}

fn zero_trim(zero: Bucket, at: f64, has_negative: bool, has_positive: bool, upper: bool) -> (f64, f64) {
    let (mut low, mut high) = (zero.lower, zero.upper);
    if has_negative && !has_positive {
        high = 0.0;
    }
    if has_positive && !has_negative {
        low = 0.0;
    }
    let all = (zero.count, (low + high) / 2.0);
    if upper {
        match at {
            _ if at <= low => (0.0, 0.0),
            _ if at >= high => all,
            _ => (zero.count * ((at - low) / (high - low)), (low + at) / 2.0),
        }
    } else {
        match at {
            _ if at <= low => all,
            _ if at >= high => (0.0, 0.0),
            _ => (zero.count * ((high - at) / (high - low)), (at + high) / 2.0),
        }
    }
}

fn middle(low: f64, high: f64, is_positive: bool, linear: bool) -> f64 {
    match (low.is_infinite(), high.is_infinite()) {
        (true, true) => 0.0,
        (true, false) => {
            if high > 0.0 {
                high / 2.0
            } else {
                high
            }
        }
        (false, true) => low,
        _ if linear => (low + high) / 2.0,
        _ => {
            let geometric = (low * high).abs().sqrt();
            if is_positive { geometric } else { -geometric }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{BucketSpan, CUSTOM_BUCKETS_SCHEMA};

    #[test]
    fn a_custom_bucket_is_split_linearly() {
        let mut h = Histogram {
            schema: CUSTOM_BUCKETS_SCHEMA,
            count: 20.0,
            sum: 100.0,
            custom_values: vec![5.0, 10.0],
            positive_spans: vec![BucketSpan { offset: 0, length: 2 }],
            positive_buckets: vec![10.0, 10.0],
            ..Histogram::default()
        };
        trim(&mut h, 7.5, true);
        assert_eq!((h.count, h.sum, h.positive_buckets.as_slice()), (15.0, 25.0 + 6.25 * 5.0, [10.0, 5.0].as_slice()));
        let before = h.clone();
        trim(&mut h, -1.0, false);
        assert_eq!(h.count, 5.0, "the first bucket has no start: {before:?}");
    }
}
