//! The buckets of a native histogram with their bounds, lowest first.

use model::{BucketSpan, Histogram};

/// One bucket with observations. `kind` is the API's code: 0 = (lo,hi], 1 = [lo,hi), 2 = (lo,hi), 3 = [lo,hi].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    pub kind: u8,
    pub lower: f64,
    pub upper: f64,
    pub count: f64,
}

/// Calls `each` for every bucket whose count is not zero: negative ones from the lowest, the zero bucket, positive ones.
pub fn each_bucket(h: &Histogram, mut each: impl FnMut(Bucket)) {
    let mut negative = Vec::with_capacity(h.negative_buckets.len());
    walk(&h.negative_spans, &h.negative_buckets, |index, count| {
        let (lower, upper) = (-bound(h, index), -bound(h, index.saturating_sub(1)));
        negative.push(bucket(lower < 0.0, upper > 0.0, lower, upper, count));
    });
    negative.into_iter().rev().filter(|b| b.count != 0.0).for_each(&mut each);
    if h.zero_count != 0.0 {
        each(Bucket { kind: 3, lower: -h.zero_threshold, upper: h.zero_threshold, count: h.zero_count });
    }
    walk(&h.positive_spans, &h.positive_buckets, |index, count| {
        if count == 0.0 {
            return;
        }
        let (lower, upper) = (bound(h, index.saturating_sub(1)), bound(h, index));
        let custom = h.uses_custom_buckets();
        let lower_in = if custom { index == 0 } else { lower < 0.0 };
        each(bucket(lower_in, custom || upper > 0.0, lower, upper, count));
    });
}

fn bucket(lower_in: bool, upper_in: bool, lower: f64, upper: f64, count: f64) -> Bucket {
    let kind = match (lower_in, upper_in) {
        (false, true) => 0,
        (true, false) => 1,
        (false, false) => 2,
        (true, true) => 3,
    };
    Bucket { kind, lower, upper, count }
}

/// Index and count of each bucket of the spans.
pub fn walk(spans: &[BucketSpan], counts: &[f64], mut each: impl FnMut(i32, f64)) {
    let (mut index, mut counts) = (0i32, counts.iter());
    for span in spans {
        index = index.saturating_add(span.offset);
        for _ in 0..span.length {
            let Some(count) = counts.next() else { return };
            each(index, *count);
            index = index.saturating_add(1);
        }
    }
}

fn bound(h: &Histogram, index: i32) -> f64 {
    promql::bounds::upper(index, h.schema, &h.custom_values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_in_order_with_their_codes() {
        let h = Histogram {
            schema: 1,
            zero_threshold: 0.01,
            zero_count: 2.0,
            negative_spans: vec![BucketSpan { offset: 0, length: 2 }],
            negative_buckets: vec![2.0, 3.0],
            positive_spans: vec![BucketSpan { offset: 1, length: 1 }, BucketSpan { offset: 1, length: 2 }],
            positive_buckets: vec![1.0, 0.0, 4.0],
            ..Histogram::default()
        };
        let mut got = Vec::new();
        each_bucket(&h, |b| got.push((b.kind, b.lower, b.upper, b.count)));
        let s = 2.0 * 0.7071067811865475;
        assert_eq!(got, [(1, -s, -1.0, 3.0), (1, -1.0, -s / 2.0, 2.0), (3, -0.01, 0.01, 2.0), (0, 1.0, s, 1.0), (0, 2.0 * s, 4.0, 4.0)]);
    }

    #[test]
    fn custom_buckets() {
        let h = Histogram {
            schema: model::CUSTOM_BUCKETS_SCHEMA,
            custom_values: vec![1.0, 5.0],
            positive_spans: vec![BucketSpan { offset: 0, length: 3 }],
            positive_buckets: vec![3.0, 4.0, 6.0],
            ..Histogram::default()
        };
        let mut got = Vec::new();
        each_bucket(&h, |b| got.push((b.kind, b.lower, b.upper, b.count)));
        assert_eq!(got, [(3, f64::NEG_INFINITY, 1.0, 3.0), (0, 1.0, 5.0, 4.0), (0, 5.0, f64::INFINITY, 6.0)]);
    }
}
