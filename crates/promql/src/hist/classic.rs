//! Quantiles and fractions of classic histograms: cumulative counts per upper bound.

/// Relative difference below which neighbouring cumulative counts are taken to be equal.
const TOLERANCE: f64 = 1e-12;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassicBucket {
    pub upper: f64,
    /// observations at or below `upper`
    pub count: f64,
}

/// Where counts fell from one bucket to the next and were lifted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Repaired {
    pub min_bucket: f64,
    pub max_bucket: f64,
    pub max_diff: f64,
}

/// The φ-quantile by linear interpolation. The buckets must be sorted; they are repaired in place.
pub fn classic_quantile(q: f64, buckets: &mut Vec<ClassicBucket>) -> (f64, Option<Repaired>) {
    if q.is_nan() {
        return (f64::NAN, None);
    }
    if q < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if q > 1.0 {
        return (f64::INFINITY, None);
    }
    if buckets.last().is_none_or(|b| b.upper != f64::INFINITY) {
        return (f64::NAN, None);
    }
    join_equal_bounds(buckets);
    let repaired = make_monotonic(buckets);
    let n = buckets.len();
    let total = buckets[n - 1].count;
    if n < 2 || total == 0.0 {
        return (f64::NAN, repaired);
    }
    let mut rank = q * total;
    let at = buckets[..n - 1].partition_point(|b| b.count < rank || b.count.is_nan() || rank.is_nan());
    if at == n - 1 {
        return (buckets[n - 2].upper, repaired);
    }
    if at == 0 && buckets[0].upper <= 0.0 {
        return (buckets[0].upper, repaired);
    }
    let (mut start, end, mut count) = (0.0, buckets[at].upper, buckets[at].count);
    if at > 0 {
        start = buckets[at - 1].upper;
        count -= buckets[at - 1].count;
        rank -= buckets[at - 1].count;
    }
    (start + (end - start) * (rank / count), repaired)
}

/// The share of observations between two values. The buckets must be sorted.
pub fn classic_fraction(lower: f64, upper: f64, buckets: &mut Vec<ClassicBucket>) -> f64 {
    if buckets.last().is_none_or(|b| b.upper != f64::INFINITY) {
        return f64::NAN;
    }
    join_equal_bounds(buckets);
    let count = buckets[buckets.len() - 1].count;
    if count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let (mut rank, mut start) = (0.0, if buckets[0].upper <= 0.0 { f64::NEG_INFINITY } else { 0.0 });
    let (mut lower_rank, mut upper_rank) = (None, None);
    for b in buckets.iter() {
        let rank_of = |v: f64| {
            if start >= v {
                Some(rank)
            } else if b.upper > v {
                Some(if start == f64::NEG_INFINITY { b.count } else { rank + (b.count - rank) * (v - start) / (b.upper - start) })
            } else {
                None
            }
        };
        lower_rank = lower_rank.or_else(|| rank_of(lower));
        upper_rank = upper_rank.or_else(|| rank_of(upper));
        if lower_rank.is_some() && upper_rank.is_some() {
            break;
        }
        (rank, start) = (b.count, b.upper);
    }
    let capped = |r: Option<f64>| r.map_or(count, |r| if r > count { count } else { r });
    (capped(upper_rank) - capped(lower_rank)) / count
}

fn join_equal_bounds(buckets: &mut Vec<ClassicBucket>) {
    buckets.dedup_by(|b, kept| {
        let equal = b.upper == kept.upper;
        if equal {
            kept.count += b.count;
        }
        equal
    });
}

fn make_monotonic(buckets: &mut [ClassicBucket]) -> Option<Repaired> {
    let mut repaired: Option<Repaired> = None;
    let mut previous = buckets.first()?.count;
    for b in &mut buckets[1..] {
        if b.count == previous {
            continue;
        }
        if almost_equal(previous, b.count, TOLERANCE) {
            b.count = previous;
        } else if b.count < previous {
            let r = repaired.get_or_insert(Repaired { min_bucket: f64::INFINITY, max_bucket: f64::NEG_INFINITY, max_diff: 0.0 });
            r.min_bucket = r.min_bucket.min(b.upper);
            r.max_bucket = r.max_bucket.max(b.upper);
            r.max_diff = r.max_diff.max(previous - b.count);
            b.count = previous;
        } else {
            previous = b.count;
        }
    }
    repaired
}

/// Equal up to a relative difference; NaN equals NaN, but stale markers only each other.
pub fn almost_equal(a: f64, b: f64, epsilon: f64) -> bool {
    if model::is_stale(a) || model::is_stale(b) {
        return model::is_stale(a) && model::is_stale(b);
    }
    if (a.is_nan() && b.is_nan()) || a == b {
        return true;
    }
    let (sum, diff) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return diff < epsilon * f64::MIN_POSITIVE;
    }
    diff / sum.min(f64::MAX) < epsilon
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(list: &[(f64, f64)]) -> Vec<ClassicBucket> {
        list.iter().map(|(upper, count)| ClassicBucket { upper: *upper, count: *count }).collect()
    }

    #[test]
    fn linear_interpolation() {
        let inf = f64::INFINITY;
        assert_eq!(classic_quantile(0.5, &mut buckets(&[(1.0, 5.0), (2.0, 10.0), (inf, 10.0)])).0, 1.0);
        assert_eq!(classic_quantile(0.75, &mut buckets(&[(1.0, 5.0), (2.0, 10.0), (inf, 10.0)])).0, 1.5);
        assert!(classic_quantile(0.5, &mut buckets(&[(1.0, 5.0)])).0.is_nan());
        let (v, repaired) = classic_quantile(1.0, &mut buckets(&[(1.0, 5.0), (2.0, 3.0), (inf, 5.0)]));
        assert_eq!((v, repaired.unwrap().max_diff), (1.0, 2.0));
        assert_eq!(classic_fraction(0.5, 1.5, &mut buckets(&[(1.0, 4.0), (2.0, 8.0), (inf, 8.0)])), 0.5);
    }
}
