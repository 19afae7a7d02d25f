//! Takes empty buckets out of histograms.

use model::{BucketSpan, Histogram};

use super::indices;

/// Drops every empty bucket and joins spans that touch.
pub fn compact(h: &mut Histogram) {
    side(&mut h.positive_spans, &mut h.positive_buckets, None);
    side(&mut h.negative_spans, &mut h.negative_buckets, None);
}

/// One side; of a bucket with a compensation both must be 0.
pub(super) fn side(spans: &mut Vec<BucketSpan>, buckets: &mut Vec<f64>, comp: Option<&mut Vec<f64>>) {
    let keep =
        |at: usize, comp: &Option<&mut Vec<f64>>| buckets[at] != 0.0 || comp.as_ref().is_some_and(|c| c.get(at).is_some_and(|v| *v != 0.0));
    let tight = spans.iter().skip(1).all(|s| s.offset > 0) && spans.iter().all(|s| s.length > 0);
    if tight && (0..buckets.len()).all(|at| keep(at, &comp)) {
        return;
    }
    let kept: Vec<(i32, usize)> = indices(spans, buckets.len()).filter(|(_, at)| keep(*at, &comp)).collect();
    let pick = |from: &[f64]| kept.iter().map(|(_, at)| from.get(*at).copied().unwrap_or(0.0)).collect();
    let new: Vec<f64> = pick(buckets);
    if let Some(c) = comp {
        *c = pick(c);
    }
    *buckets = new;
    *spans = spans_of(kept.iter().map(|(i, _)| *i));
}

/// The spans of rising indices.
pub(super) fn spans_of(indices: impl Iterator<Item = i32>) -> Vec<BucketSpan> {
    let mut spans: Vec<BucketSpan> = vec![];
    let mut next = 0i32;
    for i in indices {
        match spans.last_mut() {
            Some(last) if i == next => last.length += 1,
            _ => spans.push(BucketSpan { offset: i.wrapping_sub(next), length: 1 }),
        }
        next = i.wrapping_add(1);
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_buckets_go() {
        let mut h = Histogram {
            positive_spans: vec![
                BucketSpan { offset: -1, length: 3 },
                BucketSpan { offset: 0, length: 0 },
                BucketSpan { offset: 2, length: 2 },
            ],
            positive_buckets: vec![0.0, 1.0, 0.0, 0.0, 2.0],
            ..Histogram::default()
        };
        compact(&mut h);
        assert_eq!(h.positive_buckets, [1.0, 2.0]);
        assert_eq!(h.positive_spans, [BucketSpan { offset: 0, length: 1 }, BucketSpan { offset: 4, length: 1 }]);
    }
}
