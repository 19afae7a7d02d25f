//! The buckets of a native histogram with their bounds, lowest first.

use std::sync::OnceLock;

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

/// The upper bound of a positive bucket.
fn bound(h: &Histogram, index: i32) -> f64 {
    if h.uses_custom_buckets() {
        return match usize::try_from(index) {
            Ok(i) => h.custom_values.get(i).copied().unwrap_or(f64::INFINITY),
            Err(_) => f64::NEG_INFINITY,
        };
    }
    exponential_bound(h.schema, index)
}

/// 2^(index * 2^-schema), with the rounding of Prometheus' table.
pub fn exponential_bound(schema: i32, index: i32) -> f64 {
    if schema <= 0 {
        let exponent = i64::from(index) << (-schema).clamp(0, 30);
        return if exponent == 1024 { f64::MAX } else { power_of_two(exponent) };
    }
    let schema = schema.min(8);
    let fraction = table(schema)[(index & ((1 << schema) - 1)) as usize];
    let exponent = i64::from(index >> schema) + 1;
    if fraction == 0.5 && exponent == 1025 {
        return f64::MAX;
    }
    // In two steps, so that neither factor leaves the range of a float while the product is in it.
    let half = exponent / 2;
    fraction * power_of_two(half) * power_of_two(exponent - half)
}

fn power_of_two(exponent: i64) -> f64 {
    let exponent = exponent.clamp(-1100, 1100) as i32;
    // In two steps, because 2^-1074 by itself is computed over 2^1074, which is no float.
    2f64.powi(exponent / 2) * 2f64.powi(exponent - exponent / 2)
}

/// Bounds in [0.5, 1) of a schema. Every second one is taken from the coarser schema, as the published table was made.
fn table(schema: i32) -> &'static [f64] {
    static TABLES: OnceLock<Vec<Vec<f64>>> = OnceLock::new();
    let tables = TABLES.get_or_init(|| {
        let mut all: Vec<Vec<f64>> = vec![vec![0.5]];
        for schema in 1..=8 {
            let factor = go_exp2(go_exp2(-f64::from(schema)));
            let mut bounds = vec![0.5];
            for i in 1..1usize << schema {
                let coarser = all[schema as usize - 1].get(i / 2).filter(|_| i % 2 == 0).copied();
                bounds.push(coarser.unwrap_or_else(|| bounds[i - 1] * factor));
            }
            all.push(bounds);
        }
        all
    });
    tables.get(schema.clamp(0, 8) as usize).map_or(&[0.5], Vec::as_slice)
}

/// 2^x by the polynomial that made the published table; its last digit differs from a correctly rounded 2^x.
fn go_exp2(x: f64) -> f64 {
    const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    const P: [f64; 5] = [
        1.666_666_666_666_660_2e-1,
        -2.777_777_777_701_559_3e-3,
        6.613_756_321_437_934e-5,
        -1.653_390_220_546_525_2e-6,
        4.138_136_797_057_238_5e-8,
    ];
    let k = (x + if x > 0.0 { 0.5 } else { -0.5 }).trunc();
    let t = x - k;
    let (high, low) = (t * LN2_HIGH, -t * LN2_LOW);
    let r = high - low;
    let t = r * r;
    let c = r - t * (P[0] + t * (P[1] + t * (P[2] + t * (P[3] + t * P[4]))));
    let y = 1.0 - ((low - (r * c) / (2.0 - c)) - high);
    y * power_of_two(k as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_those_of_the_published_table() {
        let t = [
            0.5,
            0.5452538663326288,
            0.5946035575013605,
            0.6484197773255048,
            0.7071067811865475,
            0.7711054127039704,
            0.8408964152537144,
            0.9170040432046711,
        ];
        assert_eq!(table(3), t);
        for (schema, index, want) in [
            (0, 0, 1.0),
            (0, -1, 0.5),
            (1, 1, 2.0 * t[4]),
            (1, -1, 0.7071067811865475),
            (-4, 1, 65536.0),
            (0, 1024, f64::MAX),
            (8, 1, 1.0027112750502025),
            (0, -1074, 5e-324),
        ] {
            assert_eq!(exponential_bound(schema, index), want, "schema {schema} index {index}");
        }
        assert_eq!(exponential_bound(8, i32::MAX), f64::INFINITY);
        assert_eq!(exponential_bound(-4, i32::MIN), 0.0);
    }

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
