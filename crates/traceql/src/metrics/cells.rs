//! What a metrics function keeps per interval of a series, and the values it makes of it.

use crate::ast::AggregateOp;

/// Buckets are powers of two: index i covers (2^(i-1), 2^i].
const BUCKETS: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Count,
    Over(AggregateOp),
    Buckets,
}

#[derive(Debug)]
pub(super) enum Cells {
    Count(Vec<f64>),
    /// NaN until the first value
    One(AggregateOp, Vec<f64>),
    /// (sum, weight)
    Average(Vec<(f64, f64)>),
    Buckets(Vec<Option<Box<[f64; BUCKETS]>>>),
}

impl Cells {
    pub fn new(kind: Kind, intervals: usize) -> Cells {
        match kind {
            Kind::Count => Cells::Count(vec![0.0; intervals]),
            Kind::Over(AggregateOp::Avg) => Cells::Average(vec![(0.0, 0.0); intervals]),
            Kind::Over(op) => Cells::One(op, vec![f64::NAN; intervals]),
            Kind::Buckets => Cells::Buckets(vec![None; intervals]),
        }
    }

    /// Adds a value (seconds for durations; not read when counting).
    pub fn add(&mut self, interval: usize, value: f64, weight: f64) {
        match self {
            Cells::Count(all) => {
                if let Some(c) = all.get_mut(interval) {
                    *c += weight;
                }
            }
            Cells::One(op, all) => {
                let Some(c) = all.get_mut(interval) else { return };
                *c = match op {
                    AggregateOp::Min => c.min(value),
                    AggregateOp::Max => c.max(value),
                    _ if c.is_nan() => value * weight,
                    _ => *c + value * weight,
                };
            }
            Cells::Average(all) => {
                if let Some((sum, n)) = all.get_mut(interval) {
                    *sum += value * weight;
                    *n += weight;
                }
            }
            Cells::Buckets(_) => {}
        }
    }

    /// Adds to a bucket (see `bucket_of`).
    pub fn add_bucket(&mut self, interval: usize, bucket: usize, weight: f64) {
        if let Cells::Buckets(all) = self
            && let Some(cell) = all.get_mut(interval)
            && let Some(n) = cell.get_or_insert_with(|| Box::new([0.0; BUCKETS])).get_mut(bucket)
        {
            *n += weight;
        }
    }

    /// The value of every interval; none for buckets.
    pub fn values(&self) -> Vec<f64> {
        match self {
            Cells::Count(all) | Cells::One(_, all) => all.clone(),
            Cells::Average(all) => all.iter().map(|(sum, n)| if *n > 0.0 { sum / n } else { f64::NAN }).collect(),
            Cells::Buckets(_) => vec![],
        }
    }

    /// The buckets that hold anything, ascending.
    pub fn buckets(&self) -> Vec<usize> {
        let Cells::Buckets(all) = self else { return vec![] };
        (0..BUCKETS).filter(|b| all.iter().flatten().any(|c| c[*b] > 0.0)).collect()
    }

    /// One bucket's count per interval.
    pub fn bucket(&self, bucket: usize) -> Vec<f64> {
        let Cells::Buckets(all) = self else { return vec![] };
        all.iter().map(|c| c.as_ref().and_then(|c| c.get(bucket)).copied().unwrap_or(0.0)).collect()
    }

    /// A quantile per interval, 0 where there is nothing.
    pub fn quantile(&self, q: f64) -> Vec<f64> {
        let Cells::Buckets(all) = self else { return vec![] };
        all.iter().map(|c| c.as_ref().map_or(0.0, |c| quantile(c, q))).collect()
    }
}

/// The bucket of a number; `None` below 2, which no bucket holds.
pub(super) fn bucket_of(value: i64) -> Option<usize> {
    (value >= 2).then(|| 64 - ((value - 1) as u64).leading_zeros() as usize)
}

pub(super) fn bucket_bound(bucket: usize) -> f64 {
    2f64.powi(bucket as i32)
}

/// Of n samples the ceil(q*n)-th, placed exponentially within its bucket.
fn quantile(counts: &[f64; BUCKETS], q: f64) -> f64 {
    let total: f64 = counts.iter().sum();
    let rank = (q * total).ceil();
    let mut below = 0.0;
    for (bucket, inside) in counts.iter().enumerate().filter(|(_, n)| **n > 0.0) {
        if below + inside >= rank {
            return bucket_bound(bucket) / 2.0 * 2f64.powf((rank - below) / inside);
        }
        below += inside;
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_closed_above() {
        let at = |v| bucket_of(v).map(bucket_bound);
        assert_eq!([at(1), at(2), at(3), at(4), at(5)], [None, Some(2.0), Some(4.0), Some(4.0), Some(8.0)]);
        assert_eq!(bucket_of(i64::MAX).map(bucket_bound), Some(2f64.powi(63)));
        let mut c = Cells::new(Kind::Buckets, 1);
        c.add_bucket(0, 30, 1.0);
        assert_eq!(c.quantile(0.5), [1073741824.0]);
    }
}
