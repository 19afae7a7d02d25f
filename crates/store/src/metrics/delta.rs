//! Delta values to cumulative ones: a delta is added to what its series held last.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{BucketSpan, Histogram, ResetHint};

use super::chunk::{Point, Value};

/// The cumulative sample that a delta makes of the newest one. The start time stays the one of the first delta.
pub fn add(newest: Option<&Point>, mut delta: Point) -> Point {
    let Some(old) = newest else { return delta };
    if delta.value.is_stale() {
        return delta;
    }
    match (&old.value, &delta.value) {
        (Value::Float(sum), Value::Float(d)) => delta.value = Value::Float(sum + d),
        (Value::Histogram(sum), Value::Histogram(d)) => match add_histograms(sum, d) {
            Some(h) => delta.value = Value::Histogram(Arc::new(h)),
            // Other custom bounds: nothing to add to, so counting starts again here.
            None => return delta,
        },
        _ => return delta,
    }
    if old.st != 0 {
        delta.st = old.st;
    }
    delta
}

/// The sum at the coarser resolution of both; `None` if their custom bounds differ.
fn add_histograms(a: &Histogram, b: &Histogram) -> Option<Histogram> {
    if a.uses_custom_buckets() != b.uses_custom_buckets() || a.custom_values != b.custom_values {
        return None;
    }
    let schema = a.schema.min(b.schema);
    let zero_threshold = a.zero_threshold.max(b.zero_threshold);
    let mut zero_count = a.zero_count + b.zero_count;
    let mut sides = [BTreeMap::new(), BTreeMap::new()];
    for h in [a, b] {
        let shift = u32::try_from(i64::from(h.schema) - i64::from(schema)).unwrap_or(0).min(31);
        for (side, spans, counts) in [(0, &h.positive_spans, &h.positive_buckets), (1, &h.negative_spans, &h.negative_buckets)] {
            for (index, count) in buckets(spans, counts) {
                let index = if shift > 0 { ((index - 1) >> shift) + 1 } else { index };
                // A bucket that lies in the wider zero bucket of the other side is counted there.
                if !h.uses_custom_buckets() && upper_bound(index, schema) <= zero_threshold {
                    zero_count += count;
                } else {
                    *sides[side].entry(index).or_insert(0.0) += count;
                }
            }
        }
    }
    let [positive, negative] = sides;
    let (positive_spans, positive_buckets) = spans_of(&positive);
    let (negative_spans, negative_buckets) = spans_of(&negative);
    Some(Histogram {
        reset_hint: ResetHint::Unknown,
        schema,
        zero_threshold,
        zero_count,
        count: a.count + b.count,
        sum: a.sum + b.sum,
        positive_spans,
        negative_spans,
        positive_buckets,
        negative_buckets,
        custom_values: a.custom_values.clone(),
    })
}

fn upper_bound(index: i64, schema: i32) -> f64 {
    2f64.powf(index as f64 * 2f64.powi(-schema))
}

fn buckets<'a>(spans: &'a [BucketSpan], counts: &'a [f64]) -> impl Iterator<Item = (i64, f64)> + 'a {
    let mut next = 0i64;
    let indices = spans.iter().flat_map(move |s| {
        let from = next + i64::from(s.offset);
        next = from + i64::from(s.length);
        from..next
    });
    indices.zip(counts.iter().copied())
}

fn spans_of(buckets: &BTreeMap<i64, f64>) -> (Vec<BucketSpan>, Vec<f64>) {
    let mut spans: Vec<BucketSpan> = vec![];
    let mut next = 0i64;
    for (n, index) in buckets.keys().enumerate() {
        let gap = index - next;
        match spans.last_mut() {
            Some(s) if gap == 0 && n > 0 => s.length += 1,
            _ => spans.push(BucketSpan { offset: i32::try_from(gap).unwrap_or(i32::MAX), length: 1 }),
        }
        next = index + 1;
    }
    (spans, buckets.values().copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn h(schema: i32, offset: i32, counts: &[f64]) -> Histogram {
        Histogram {
            schema,
            count: counts.iter().sum(),
            sum: 1.0,
            positive_spans: vec![BucketSpan { offset, length: counts.len() as u32 }],
            positive_buckets: counts.to_vec(),
            ..Histogram::default()
        }
    }

    #[test]
    fn equal_layouts_add_bucket_by_bucket() {
        let sum = add_histograms(&h(0, 1, &[1.0, 2.0]), &h(0, 2, &[5.0, 7.0])).unwrap();
        assert_eq!(sum.positive_spans, [BucketSpan { offset: 1, length: 3 }]);
        assert_eq!(sum.positive_buckets, [1.0, 7.0, 7.0]);
        assert_eq!((sum.count, sum.sum), (15.0, 2.0));
    }

    #[test]
    fn the_coarser_schema_wins() {
        // Schema 1 buckets 1..=4 become schema 0 buckets 1, 1, 2, 2.
        let sum = add_histograms(&h(1, 1, &[1.0, 2.0, 3.0, 4.0]), &h(0, 2, &[10.0])).unwrap();
        assert_eq!(sum.schema, 0);
        assert_eq!(sum.positive_spans, [BucketSpan { offset: 1, length: 2 }]);
        assert_eq!(sum.positive_buckets, [3.0, 17.0]);
    }

    #[test]
    fn floats_add_and_keep_the_first_start() {
        let old = Point { t: 1, st: 7, value: Value::Float(2.0) };
        let sum = add(Some(&old), Point { t: 2, st: 9, value: Value::Float(3.0) });
        assert!(sum.value.same(&Value::Float(5.0)) && sum.st == 7);
        let first = add(None, Point { t: 2, st: 9, value: Value::Float(3.0) });
        assert!(first.value.same(&Value::Float(3.0)) && first.st == 9);
    }
}
