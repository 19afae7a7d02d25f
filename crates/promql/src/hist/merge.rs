//! Adding and subtracting histograms: layouts are brought together first (schema, zero bucket, custom bounds).

use model::{BucketSpan, Histogram, ResetHint};

use super::compact::{side as compact_side, spans_of};
use super::{bounds, indices, negative, positive};
use crate::kahan::inc;

/// Exponential and custom buckets have nothing in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incompatible;

/// What had to give way in an addition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Merged {
    /// one operand says "reset", the other "no reset"
    pub hint_collision: bool,
    /// custom bounds differed and were reduced to those in common
    pub bounds_reconciled: bool,
}

/// `h += other`
pub fn add(h: &mut Histogram, other: &Histogram) -> Result<Merged, Incompatible> {
    combine(h, None, other, 1.0)
}

/// `h -= other`
pub fn sub(h: &mut Histogram, other: &Histogram) -> Result<Merged, Incompatible> {
    combine(h, None, other, -1.0)
}

/// A running sum of histograms with a compensation for every number in it.
#[derive(Debug, Clone)]
pub struct KahanHistogram {
    pub h: Histogram,
    comp: Option<Comp>,
}

#[derive(Debug, Clone, Default)]
struct Comp {
    zero_count: f64,
    count: f64,
    sum: f64,
    positive: Vec<f64>,
    negative: Vec<f64>,
}

impl KahanHistogram {
    pub fn new(h: Histogram) -> KahanHistogram {
        KahanHistogram { h, comp: None }
    }

    pub fn add(&mut self, other: &Histogram) -> Result<Merged, Incompatible> {
        if self.h.uses_custom_buckets() != other.uses_custom_buckets() {
            return Err(Incompatible);
        }
        let comp = self.comp.get_or_insert_with(|| Comp {
            positive: vec![0.0; self.h.positive_buckets.len()],
            negative: vec![0.0; self.h.negative_buckets.len()],
            ..Comp::default()
        });
        combine(&mut self.h, Some(comp), other, 1.0)
    }

    pub fn mul(&mut self, factor: f64) {
        super::mul(&mut self.h, factor);
        self.each_comp(|v| v * factor);
    }

    pub fn div(&mut self, by: f64) {
        super::div(&mut self.h, by);
        self.each_comp(|v| v / by);
    }

    fn each_comp(&mut self, f: impl Fn(f64) -> f64) {
        if let Some(c) = &mut self.comp {
            [&mut c.zero_count, &mut c.count, &mut c.sum].into_iter().for_each(|v| *v = f(*v));
            c.positive.iter_mut().chain(&mut c.negative).for_each(|v| *v = f(*v));
        }
    }

    /// The sum with its compensation added.
    pub fn finish(self) -> Histogram {
        let mut h = self.h;
        if let Some(c) = self.comp {
            h.zero_count += c.zero_count;
            h.count += c.count;
            h.sum += c.sum;
            h.positive_buckets.iter_mut().zip(&c.positive).for_each(|(v, c)| *v += c);
            h.negative_buckets.iter_mut().zip(&c.negative).for_each(|(v, c)| *v += c);
        }
        h
    }
}

fn combine(h: &mut Histogram, mut comp: Option<&mut Comp>, other: &Histogram, sign: f64) -> Result<Merged, Incompatible> {
    if h.uses_custom_buckets() != other.uses_custom_buckets() {
        return Err(Incompatible);
    }
    let mut merged = Merged { hint_collision: join_hints(h, other), bounds_reconciled: false };
    if !h.uses_custom_buckets() {
        let zero = reconcile_zero_buckets(h, comp.as_deref_mut(), other);
        let c = comp.as_deref_mut().map(|c| &mut c.zero_count);
        accumulate(&mut h.zero_count, c, sign * zero);
    }
    accumulate(&mut h.count, comp.as_deref_mut().map(|c| &mut c.count), sign * other.count);
    accumulate(&mut h.sum, comp.as_deref_mut().map(|c| &mut c.sum), sign * other.sum);
    if h.uses_custom_buckets() {
        if h.custom_values == other.custom_values {
            let b = Side::of(&other.positive_spans, &other.positive_buckets);
            join_side(&mut h.positive_spans, &mut h.positive_buckets, comp.map(|c| &mut c.positive), b, sign);
        } else {
            merged.bounds_reconciled = true;
            reconcile_custom(h, comp.map(|c| &mut c.positive), other, sign);
        }
        return Ok(merged);
    }
    if other.schema < h.schema {
        let (from, to) = (h.schema, other.schema);
        let (pc, nc) = comp.as_deref_mut().map(|c| (&mut c.positive, &mut c.negative)).unzip();
        reduce_side(&mut h.positive_spans, &mut h.positive_buckets, pc, from, to);
        reduce_side(&mut h.negative_spans, &mut h.negative_buckets, nc, from, to);
        h.schema = to;
    }
    let (schema, threshold) = (h.schema, h.zero_threshold);
    let visible = |s: Side| Side { items: s.items.into_iter().skip_while(|i| bounds::exponential(i.0, schema) <= threshold).collect() };
    let (pc, nc) = comp.map(|c| (&mut c.positive, &mut c.negative)).unzip();
    let b = visible(Side::reduced(&other.positive_spans, &other.positive_buckets, other.schema, schema));
    join_side(&mut h.positive_spans, &mut h.positive_buckets, pc, b, sign);
    let b = visible(Side::reduced(&other.negative_spans, &other.negative_buckets, other.schema, schema));
    join_side(&mut h.negative_spans, &mut h.negative_buckets, nc, b, sign);
    Ok(merged)
}

fn accumulate(v: &mut f64, comp: Option<&mut f64>, x: f64) {
    match comp {
        None => *v += x,
        Some(c) => (*v, *c) = inc(x, *v, *c),
    }
}

/// The hint of a sum; `true` if the two contradict each other.
fn join_hints(h: &mut Histogram, other: &Histogram) -> bool {
    use ResetHint::{Gauge, Unknown};
    match (h.reset_hint, other.reset_hint) {
        (a, b) if a == b => {}
        (Gauge, _) | (_, Gauge) => h.reset_hint = Gauge,
        (Unknown, _) | (_, Unknown) => h.reset_hint = Unknown,
        _ => {
            h.reset_hint = Unknown;
            return true;
        }
    }
    false
}

/// Buckets by index with their compensations.
struct Side {
    items: Vec<(i32, f64, f64)>,
}

impl Side {
    fn of(spans: &[BucketSpan], buckets: &[f64]) -> Side {
        Side { items: indices(spans, buckets.len()).map(|(i, at)| (i, buckets[at], 0.0)).collect() }
    }

    fn reduced(spans: &[BucketSpan], buckets: &[f64], from: i32, to: i32) -> Side {
        let mut side = Side::of(spans, buckets);
        if from > to {
            side.reduce(from, to);
        }
        side
    }

    fn with_comp(spans: &[BucketSpan], buckets: &[f64], comp: Option<&[f64]>) -> Side {
        let c = |at: usize| comp.and_then(|c| c.get(at)).copied().unwrap_or(0.0);
        Side { items: indices(spans, buckets.len()).map(|(i, at)| (i, buckets[at], c(at))).collect() }
    }

    /// Joins neighbours that are one bucket in a coarser schema.
    fn reduce(&mut self, from: i32, to: i32) {
        let shift = (from - to).clamp(0, 31);
        let mut out: Vec<(i32, f64, f64)> = Vec::with_capacity(self.items.len());
        for (i, v, c) in self.items.drain(..) {
            let target = (i.wrapping_sub(1) >> shift) + 1;
            match out.last_mut() {
                Some(last) if last.0 == target => {
                    (last.1, last.2) = inc(v, last.1, last.2);
                    (last.1, last.2) = inc(c, last.1, last.2);
                }
                _ => out.push((target, v, c)),
            }
        }
        self.items = out;
    }

    fn store(self, spans: &mut Vec<BucketSpan>, buckets: &mut Vec<f64>, comp: Option<&mut Vec<f64>>) {
        *spans = spans_of(self.items.iter().map(|i| i.0));
        *buckets = self.items.iter().map(|i| i.1).collect();
        if let Some(c) = comp {
            *c = self.items.iter().map(|i| i.2).collect();
        }
    }
}

fn reduce_side(spans: &mut Vec<BucketSpan>, buckets: &mut Vec<f64>, comp: Option<&mut Vec<f64>>, from: i32, to: i32) {
    if comp.is_some() {
        let mut side = Side::with_comp(spans, buckets, comp.as_ref().map(|c| c.as_slice()));
        side.reduce(from, to);
        return side.store(spans, buckets, comp);
    }
    let shift = (from - to).clamp(0, 31);
    let mut out: Vec<(i32, f64)> = Vec::with_capacity(buckets.len());
    for (i, at) in indices(spans, buckets.len()) {
        let target = (i.wrapping_sub(1) >> shift) + 1;
        match out.last_mut() {
            Some(last) if last.0 == target => last.1 += buckets[at],
            _ => out.push((target, buckets[at])),
        }
    }
    *spans = spans_of(out.iter().map(|i| i.0));
    *buckets = out.into_iter().map(|i| i.1).collect();
}

/// Brings a histogram to a coarser exponential schema; finer or custom ones stay as they are.
pub fn reduce_to_schema(h: &mut Histogram, schema: i32) {
    if h.uses_custom_buckets() || schema >= h.schema {
        return;
    }
    let from = h.schema;
    reduce_side(&mut h.positive_spans, &mut h.positive_buckets, None, from, schema);
    reduce_side(&mut h.negative_spans, &mut h.negative_buckets, None, from, schema);
    h.schema = schema;
    h.reset_hint = ResetHint::Unknown;
}

/// Adds the buckets of `b` into a side, index by index.
fn join_side(spans: &mut Vec<BucketSpan>, buckets: &mut Vec<f64>, comp: Option<&mut Vec<f64>>, b: Side, sign: f64) {
    if b.items.is_empty() {
        return;
    }
    let a = Side::with_comp(spans, buckets, comp.as_ref().map(|c| c.as_slice()));
    let plain = comp.is_none();
    let mut out = Vec::with_capacity(a.items.len() + b.items.len());
    let (mut left, mut right) = (a.items.into_iter().peekable(), b.items.into_iter().peekable());
    loop {
        match (left.peek().copied(), right.peek().copied()) {
            (Some(l), Some(r)) if l.0 == r.0 => {
                let (mut v, mut c) = if plain { (l.1 + sign * r.1, 0.0) } else { inc(sign * r.1, l.1, l.2) };
                if !plain && r.2 != 0.0 {
                    (v, c) = inc(sign * r.2, v, c);
                }
                out.push((l.0, v, c));
                left.next();
                right.next();
            }
            (Some(l), Some(r)) if l.0 < r.0 => {
                out.push(l);
                left.next();
            }
            (Some(l), None) => {
                out.push(l);
                left.next();
            }
            (_, Some(r)) => {
                out.push((r.0, sign * r.1, sign * r.2));
                right.next();
            }
            (None, None) => break,
        }
    }
    Side { items: out }.store(spans, buckets, comp);
}

/// Widens the narrower of two zero buckets until both are equally wide; answers what the other's then holds.
fn reconcile_zero_buckets(h: &mut Histogram, mut comp: Option<&mut Comp>, other: &Histogram) -> f64 {
    let (mut zero, mut threshold) = (other.zero_count, other.zero_threshold);
    while threshold != h.zero_threshold {
        if h.zero_threshold > threshold {
            (zero, threshold, _) = zero_for_threshold(other, None, h.zero_threshold);
        }
        if threshold > h.zero_threshold {
            let (count, wider, c) = zero_for_threshold(h, comp.as_deref(), threshold);
            (h.zero_count, h.zero_threshold) = (count, wider);
            if let Some(comp) = comp.as_deref_mut() {
                comp.zero_count = c;
            }
            trim_into_zero_bucket(h, comp.as_deref_mut());
        }
        if threshold.is_nan() || h.zero_threshold.is_nan() {
            break;
        }
    }
    zero
}

/// The zero bucket's count if it were `wanted` wide, and how wide it has to be: never ending inside a populated bucket.
pub(super) fn zero_count_for(h: &Histogram, wanted: f64) -> (f64, f64) {
    let (count, threshold, _) = zero_for_threshold(h, None, wanted);
    (count, threshold)
}

fn zero_for_threshold(h: &Histogram, comp: Option<&Comp>, mut wanted: f64) -> (f64, f64, f64) {
    let first_c = comp.map_or(0.0, |c| c.zero_count);
    if wanted <= h.zero_threshold {
        return (h.zero_count, wanted, first_c);
    }
    'again: loop {
        let (mut count, mut c) = (h.zero_count, first_c);
        let mut take = |v: f64, extra: Option<&f64>| {
            (count, c) = inc(v, count, c);
            if let Some(extra) = extra {
                (count, c) = inc(*extra, count, c);
            }
        };
        for (at, b) in positive(h).enumerate() {
            if b.lower >= wanted {
                break;
            }
            take(b.count, comp.and_then(|c| c.positive.get(at)));
            if b.upper > wanted {
                if b.count != 0.0 {
                    wanted = b.upper;
                }
                break;
            }
        }
        for (at, b) in negative(h).enumerate() {
            if b.upper <= -wanted {
                break;
            }
            take(b.count, comp.and_then(|c| c.negative.get(at)));
            if b.lower < -wanted {
                if b.count != 0.0 {
                    wanted = -b.lower;
                    continue 'again;
                }
                break;
            }
        }
        return (count, wanted, c);
    }
}

/// Empties the buckets that the zero bucket covers now.
fn trim_into_zero_bucket(h: &mut Histogram, comp: Option<&mut Comp>) {
    let pos = positive(h).take_while(|b| b.lower < h.zero_threshold).count();
    let neg = negative(h).take_while(|b| b.upper > -h.zero_threshold).count();
    h.positive_buckets.iter_mut().take(pos).for_each(|v| *v = 0.0);
    h.negative_buckets.iter_mut().take(neg).for_each(|v| *v = 0.0);
    let (pc, nc) = match comp {
        Some(c) => {
            c.positive.iter_mut().take(pos).for_each(|v| *v = 0.0);
            c.negative.iter_mut().take(neg).for_each(|v| *v = 0.0);
            (Some(&mut c.positive), Some(&mut c.negative))
        }
        None => (None, None),
    };
    compact_side(&mut h.positive_spans, &mut h.positive_buckets, pc);
    compact_side(&mut h.negative_spans, &mut h.negative_buckets, nc);
}

/// Maps both histograms to the custom bounds that they share.
fn reconcile_custom(h: &mut Histogram, comp: Option<&mut Vec<f64>>, other: &Histogram, sign: f64) {
    let shared: Vec<f64> = h.custom_values.iter().copied().filter(|b| other.custom_values.contains(b)).collect();
    let mut target = vec![(0.0, 0.0); shared.len() + 1];
    let place = |bounds: &[f64], index: i32| match usize::try_from(index).ok().and_then(|i| bounds.get(i)) {
        Some(bound) => shared.partition_point(|s| s < bound),
        None => shared.len(),
    };
    for (i, at) in indices(&h.positive_spans, h.positive_buckets.len()) {
        let t = &mut target[place(&h.custom_values, i)];
        *t = inc(h.positive_buckets[at], t.0, t.1);
        if let Some(c) = comp.as_ref().and_then(|c| c.get(at)) {
            *t = inc(*c, t.0, t.1);
        }
    }
    for (i, at) in indices(&other.positive_spans, other.positive_buckets.len()) {
        let t = &mut target[place(&other.custom_values, i)];
        *t = inc(sign * other.positive_buckets[at], t.0, t.1);
    }
    let items = target.into_iter().enumerate().filter(|(_, t)| *t != (0.0, 0.0)).map(|(i, (v, c))| (i as i32, v, c)).collect();
    Side { items }.store(&mut h.positive_spans, &mut h.positive_buckets, comp);
    h.custom_values = shared;
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::CUSTOM_BUCKETS_SCHEMA;

    fn hist(schema: i32, offset: i32, buckets: &[f64]) -> Histogram {
        Histogram {
            schema,
            count: buckets.iter().sum(),
            positive_spans: vec![BucketSpan { offset, length: buckets.len() as u32 }],
            positive_buckets: buckets.to_vec(),
            ..Histogram::default()
        }
    }

    #[test]
    fn layouts_are_joined() {
        let mut a = hist(0, 0, &[1.0, 2.0]);
        add(&mut a, &hist(0, 4, &[5.0])).unwrap();
        assert_eq!(a.positive_buckets, [1.0, 2.0, 5.0]);
        assert_eq!(a.positive_spans, [BucketSpan { offset: 0, length: 2 }, BucketSpan { offset: 2, length: 1 }]);
        sub(&mut a, &hist(0, 1, &[2.0])).unwrap();
        assert_eq!((a.positive_buckets[1], a.count), (0.0, 6.0));
    }

    #[test]
    fn the_coarser_schema_wins() {
        let mut a = hist(1, 1, &[1.0, 2.0, 3.0]);
        add(&mut a, &hist(0, 1, &[10.0])).unwrap();
        assert_eq!((a.schema, a.positive_buckets.as_slice()), (0, [13.0, 3.0].as_slice()));
    }

    #[test]
    fn zero_buckets_are_widened() {
        let mut a = hist(0, 0, &[1.0, 2.0]);
        (a.zero_threshold, a.zero_count) = (0.001, 4.0);
        let mut b = hist(0, 1, &[7.0]);
        (b.zero_threshold, b.zero_count) = (0.75, 1.0);
        add(&mut a, &b).unwrap();
        assert_eq!((a.zero_threshold, a.zero_count, a.positive_buckets.as_slice()), (1.0, 6.0, [9.0].as_slice()));
    }

    #[test]
    fn custom_bounds_are_reduced_to_the_common_ones() {
        let mut a = Histogram { custom_values: vec![1.0, 2.0, 5.0], ..hist(CUSTOM_BUCKETS_SCHEMA, 0, &[1.0, 2.0, 3.0, 4.0]) };
        let b = Histogram { custom_values: vec![2.0, 4.0, 5.0], ..hist(CUSTOM_BUCKETS_SCHEMA, 0, &[10.0, 20.0, 30.0, 40.0]) };
        assert!(add(&mut a, &b).unwrap().bounds_reconciled);
        assert_eq!((a.custom_values.as_slice(), a.positive_buckets.as_slice()), ([2.0, 5.0].as_slice(), [13.0, 53.0, 44.0].as_slice()));
        assert_eq!(add(&mut a, &hist(0, 0, &[1.0])), Err(Incompatible));
    }

    #[test]
    fn sums_are_compensated() {
        let mut k = KahanHistogram::new(hist(0, 0, &[1e100]));
        k.add(&hist(0, 0, &[1.0])).unwrap();
        k.add(&hist(0, 0, &[-1e100])).unwrap();
        assert_eq!(k.finish().positive_buckets, [1.0]);
    }

    #[test]
    fn hints() {
        let with = |hint| Histogram { reset_hint: hint, ..hist(0, 0, &[1.0]) };
        let mut a = with(ResetHint::Reset);
        assert!(add(&mut a, &with(ResetHint::NotReset)).unwrap().hint_collision);
        assert!(!add(&mut a, &with(ResetHint::Gauge)).unwrap().hint_collision);
        assert_eq!(a.reset_hint, ResetHint::Gauge);
    }
}
