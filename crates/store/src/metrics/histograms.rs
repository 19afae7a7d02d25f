//! Sealed runs of native histograms in bytes: buckets as differences to the sample before.
//!
//! Per sample: whether the layout (schema, spans, bounds) is the one before, if not the layout; time and start time; then count, zero count,
//! sum and buckets. A number takes a varint of the doubled zigzag difference where both are whole, 3 if it is unchanged, else 1 and its bits.

use std::sync::Arc;

use model::{BucketSpan, Histogram, ResetHint};

use super::chunk::HistogramPoint;
use crate::codec::{Read, Reader, Writer};

const HINTS: [ResetHint; 4] = [ResetHint::Unknown, ResetHint::Reset, ResetHint::NotReset, ResetHint::Gauge];
const RAW: u64 = 1;
const UNCHANGED: u64 = 3;

/// What the next sample is compared with.
#[derive(Default)]
struct Before {
    t: i64,
    step: i64,
    st: i64,
    h: Histogram,
}

pub fn encode(points: &[HistogramPoint]) -> Vec<u8> {
    let (mut w, mut before) = (Writer::default(), Before::default());
    for (i, (t, st, h)) in points.iter().enumerate() {
        let same = i > 0 && same_layout(&before.h, h);
        w.byte(u8::from(same));
        if !same {
            layout(h, &mut w);
            before.h = Histogram { count: 0.0, zero_count: 0.0, sum: 0.0, ..h.as_ref().clone() };
            before.h.positive_buckets.fill(0.0);
            before.h.negative_buckets.fill(0.0);
        }
        let step = t.wrapping_sub(before.t);
        w.signed(step.wrapping_sub(before.step));
        w.signed(st.wrapping_sub(before.st));
        numbers(&before.h).zip(numbers(h)).for_each(|(old, new)| number(old, new, &mut w));
        before = Before { t: *t, step, st: *st, h: h.as_ref().clone() };
    }
    w.finish()
}

/// The first `count` samples, until `each` answers false.
pub fn decode(bytes: &[u8], count: u32, each: &mut dyn FnMut(i64, i64, &Histogram) -> bool) {
    let (mut r, mut before) = (Reader::new(bytes), Before::default());
    for _ in 0..count {
        // The bytes are our own; were they not whole, fewer samples would be the best answer.
        if next(&mut r, &mut before).is_err() || !each(before.t, before.st, &before.h) {
            return;
        }
    }
}

fn next(r: &mut Reader<'_>, before: &mut Before) -> Read<()> {
    if r.byte()? == 0 {
        before.h = read_layout(r)?;
    }
    before.step = before.step.wrapping_add(r.signed()?);
    before.t = before.t.wrapping_add(before.step);
    before.st = before.st.wrapping_add(r.signed()?);
    let h = &mut before.h;
    let singles = [&mut h.count, &mut h.zero_count, &mut h.sum];
    for v in singles.into_iter().chain(&mut h.positive_buckets).chain(&mut h.negative_buckets) {
        *v = match r.num()? {
            RAW => r.float()?,
            UNCHANGED => *v,
            n => {
                let zigzag = n >> 1;
                let difference = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
                (*v as i64).wrapping_add(difference) as f64
            }
        };
    }
    Ok(())
}

fn numbers(h: &Histogram) -> impl Iterator<Item = f64> + '_ {
    [h.count, h.zero_count, h.sum].into_iter().chain(h.positive_buckets.iter().copied()).chain(h.negative_buckets.iter().copied())
}

fn number(old: f64, new: f64, w: &mut Writer) {
    match (whole(old), whole(new)) {
        (Some(a), Some(b)) => {
            let d = b - a;
            w.num(((d << 1 ^ d >> 63) as u64) << 1);
        }
        _ if old.to_bits() == new.to_bits() => w.num(UNCHANGED),
        _ => {
            w.num(RAW);
            w.float(new);
        }
    }
}

/// As an integer, if it is one to the bit and differences cannot overflow.
fn whole(v: f64) -> Option<i64> {
    let i = v as i64;
    (i.unsigned_abs() < 1 << 53 && (i as f64).to_bits() == v.to_bits()).then_some(i)
}

fn same_layout(a: &Histogram, b: &Histogram) -> bool {
    let bits = |x: &[f64], y: &[f64]| x.len() == y.len() && x.iter().zip(y).all(|(x, y)| x.to_bits() == y.to_bits());
    (a.reset_hint, a.schema) == (b.reset_hint, b.schema)
        && a.zero_threshold.to_bits() == b.zero_threshold.to_bits()
        && a.positive_spans == b.positive_spans
        && a.negative_spans == b.negative_spans
        && a.positive_buckets.len() == b.positive_buckets.len()
        && a.negative_buckets.len() == b.negative_buckets.len()
        && bits(&a.custom_values, &b.custom_values)
}

fn layout(h: &Histogram, w: &mut Writer) {
    w.byte(HINTS.iter().position(|x| *x == h.reset_hint).unwrap_or(0) as u8);
    w.signed(i64::from(h.schema));
    w.float(h.zero_threshold);
    for (spans, buckets) in [(&h.positive_spans, &h.positive_buckets), (&h.negative_spans, &h.negative_buckets)] {
        w.num(buckets.len() as u64);
        w.num(spans.len() as u64);
        for s in spans {
            w.signed(i64::from(s.offset));
            w.num(u64::from(s.length));
        }
    }
    w.num(h.custom_values.len() as u64);
    h.custom_values.iter().for_each(|v| w.float(*v));
}

fn read_layout(r: &mut Reader<'_>) -> Read<Histogram> {
    let reset_hint = *HINTS.get(r.byte()? as usize).ok_or("unknown reset hint")?;
    let schema = i32::try_from(r.signed()?).map_err(|e| e.to_string())?;
    let zero_threshold = r.float()?;
    let mut sides = [(vec![], vec![]), (vec![], vec![])];
    for side in &mut sides {
        side.1 = vec![0.0; r.count()?];
        let n = r.count()?;
        side.0 = r.many(n, |r| Ok(BucketSpan { offset: i32::try_from(r.signed()?).map_err(|e| e.to_string())?, length: r.num32()? }))?;
    }
    let n = r.count()?;
    let custom_values = r.many(n, Reader::float)?;
    let [(positive_spans, positive_buckets), (negative_spans, negative_buckets)] = sides;
    Ok(Histogram {
        reset_hint,
        schema,
        zero_threshold,
        positive_spans,
        negative_spans,
        positive_buckets,
        negative_buckets,
        custom_values,
        ..Histogram::default()
    })
}

/// All points, for tests and merges.
pub fn points(bytes: &[u8], count: u32) -> Vec<HistogramPoint> {
    let mut out = Vec::with_capacity(count as usize);
    decode(bytes, count, &mut |t, st, h| {
        out.push((t, st, Arc::new(h.clone())));
        true
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_number() -> impl Strategy<Value = f64> {
        prop_oneof![
            4 => (0i64..1000).prop_map(|i| i as f64),
            1 => any::<i64>().prop_map(|i| i as f64),
            1 => any::<u64>().prop_map(f64::from_bits),
            1 => Just(-0.0),
            1 => Just(model::STALE_NAN),
        ]
    }

    /// Few layouts, so that runs of the same one occur.
    fn any_histogram() -> impl Strategy<Value = Histogram> {
        let layout = prop_oneof![Just((0, 0, 1)), Just((3, 1, 0)), Just((-53, 2, 2)), Just((3, 4, 3))];
        (layout, proptest::collection::vec(any_number(), 16)).prop_map(|((schema, positive, negative), n)| Histogram {
            reset_hint: HINTS[positive % 4],
            schema,
            zero_threshold: n[15],
            count: n[0],
            zero_count: n[1],
            sum: n[2],
            positive_spans: vec![BucketSpan { offset: -3, length: positive as u32 }],
            negative_spans: vec![BucketSpan { offset: i32::MAX, length: u32::MAX }; negative],
            positive_buckets: n[3..3 + positive].to_vec(),
            negative_buckets: n[8..8 + negative].to_vec(),
            custom_values: if schema == -53 { vec![n[12]] } else { vec![] },
        })
    }

    proptest! {
        #[test]
        fn histograms_come_back_to_the_bit(
            samples in proptest::collection::vec((any::<i64>(), prop_oneof![Just(0), any::<i64>()], any_histogram(), 1usize..4), 0..20),
            visible in 0u32..30,
        ) {
            let all: Vec<HistogramPoint> =
                samples.into_iter().flat_map(|(t, st, h, n)| vec![(t, st, Arc::new(h)); n]).collect();
            let bytes = encode(&all);
            prop_assert_eq!(format!("{:?}", points(&bytes, all.len() as u32)), format!("{:?}", all));
            let some = points(&bytes, visible);
            prop_assert_eq!(some.len(), all.len().min(visible as usize));
        }
    }

    #[test]
    fn growing_buckets_are_small() {
        let h = |i: u32| Histogram {
            count: f64::from(i * 40),
            sum: f64::from(i) * 0.37,
            positive_spans: vec![BucketSpan { offset: 2, length: 40 }],
            positive_buckets: vec![f64::from(i); 40],
            ..Histogram::default()
        };
        let all: Vec<HistogramPoint> = (0..100).map(|i| (i64::from(i) * 15_000, 1, Arc::new(h(i)))).collect();
        let bytes = encode(&all).len();
        assert!(bytes < 100 * 60, "{bytes} bytes");
    }
}
