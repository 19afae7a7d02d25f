//! Native histograms: of exponential ones, and of explicit ones with custom buckets.

use std::sync::Arc;

use model::{BucketSpan, CUSTOM_BUCKETS_SCHEMA, Histogram, HistogramSample, STALE_NAN};

use crate::DecodeError;
use crate::limits::MAX_HISTOGRAM_BUCKETS;
use crate::wire::Reader;

use super::points::{Place, PointHead};
use super::{Decoder, Metric, Rejected};

/// The finest and coarsest schema of native histograms.
const MAX_SCHEMA: i32 = 8;
const MIN_SCHEMA: i32 = -4;
/// What Prometheus writes whatever the sender says.
const ZERO_THRESHOLD: f64 = 1e-128;

/// A Buckets message.
#[derive(Default)]
struct Buckets {
    offset: i32,
    counts: Vec<u64>,
}

impl<'a> Decoder<'a, '_> {
    pub(super) fn exponential_point(&mut self, bytes: &'a [u8], metric: &Metric) -> Result<Result<i64, Rejected>, DecodeError> {
        self.scratch.start_point();
        let (mut head, mut count, mut sum, mut scale, mut zero_count, mut zero_threshold) = (PointHead::default(), 0, 0.0, 0, 0, 0.0);
        let (mut positive, mut negative) = (Buckets::default(), Buckets::default());
        let mut r = Reader::new(bytes);
        while let Some((number, field)) = r.next()? {
            match number {
                1 => self.scratch.attrs.push(field.len("ExponentialHistogramDataPoint.attributes")?),
                4 => count = field.fixed64("ExponentialHistogramDataPoint.count")?,
                5 => sum = field.double("ExponentialHistogramDataPoint.sum")?,
                6 => scale = field.zigzag32("ExponentialHistogramDataPoint.scale")?,
                7 => zero_count = field.fixed64("ExponentialHistogramDataPoint.zero_count")?,
                8 => positive = buckets(field.len("ExponentialHistogramDataPoint.positive")?)?,
                9 => negative = buckets(field.len("ExponentialHistogramDataPoint.negative")?)?,
                10 => head.flags = field.varint("ExponentialHistogramDataPoint.flags")?,
                11 => self.scratch.exemplars.push(field.len("ExponentialHistogramDataPoint.exemplars")?),
                14 => zero_threshold = field.double("ExponentialHistogramDataPoint.zero_threshold")?,
                _ => head.take(number, field)?,
            }
        }
        if scale < MIN_SCHEMA {
            return Ok(Err(format!("an exponential histogram has scale {scale}, the coarsest supported is {MIN_SCHEMA}").into()));
        }
        let coarser = (scale - MAX_SCHEMA).max(0);
        let sides = layout(&positive, coarser, 1).and_then(|p| layout(&negative, coarser, 1).map(|n| (p, n)));
        let (positive, negative) = match sides {
            Ok(sides) => sides,
            Err(reason) => return Ok(Err(reason.into())),
        };
        let own_threshold = self.settings.sender_zero_threshold && zero_threshold > 0.0 && zero_threshold.is_finite();
        let h = Histogram {
            schema: scale.min(MAX_SCHEMA),
            zero_threshold: if own_threshold { zero_threshold } else { ZERO_THRESHOLD },
            zero_count: zero_count as f64,
            count: count as f64,
            sum,
            positive_spans: positive.spans,
            positive_buckets: positive.counts,
            negative_spans: negative.spans,
            negative_buckets: negative.counts,
            ..Histogram::default()
        };
        let in_buckets = u128::from(zero_count) + positive.total + negative.total;
        let place = self.place(head, metric);
        self.push_native(h, in_buckets, count, place, metric)
    }

    /// An explicit histogram whose bounds become the custom values; the point's bounds and counts lie in the scratch buffers.
    pub(super) fn custom_buckets_point(
        &mut self,
        count: u64,
        sum: Option<f64>,
        place: Place,
        metric: &Metric,
    ) -> Result<Result<i64, Rejected>, DecodeError> {
        let bounds = &self.scratch.bounds;
        if bounds.iter().any(|b| !b.is_finite()) || bounds.windows(2).any(|w| w[0] >= w[1]) {
            return Ok(Err("a histogram's explicit bounds are not finite and rising".into()));
        }
        if self.scratch.counts.len() > bounds.len() + 1 {
            return Ok(Err("a histogram has more bucket counts than buckets".into()));
        }
        let all = Buckets { offset: 0, counts: std::mem::take(&mut self.scratch.counts) };
        let side = match layout(&all, 0, 0) {
            Ok(side) => side,
            Err(reason) => return Ok(Err(reason.into())),
        };
        self.scratch.counts = all.counts;
        let h = Histogram {
            schema: CUSTOM_BUCKETS_SCHEMA,
            count: count as f64,
            sum: sum.unwrap_or(0.0),
            positive_spans: side.spans,
            positive_buckets: side.counts,
            custom_values: self.scratch.bounds.clone(),
            ..Histogram::default()
        };
        self.push_native(h, side.total, count, place, metric)
    }

    fn push_native(
        &mut self,
        mut h: Histogram,
        in_buckets: u128,
        count: u64,
        place: Place,
        metric: &Metric,
    ) -> Result<Result<i64, Rejected>, DecodeError> {
        if place.stale {
            h = Histogram { schema: h.schema, zero_threshold: h.zero_threshold, count: STALE_NAN, sum: STALE_NAN, ..Histogram::default() };
        } else if in_buckets > u128::from(count) || (in_buckets < u128::from(count) && !h.sum.is_nan()) {
            // Observations that are NaN are in no bucket; they make the sum NaN.
            return Ok(Err(format!("a histogram's buckets hold {in_buckets} observations, its count says {count}").into()));
        }
        let labels = match self.one_series(metric)? {
            Ok(l) => l,
            Err(e) => return Ok(Err(e)),
        };
        let series = match self.series(&labels) {
            Ok(s) => s,
            Err(e) => return Ok(Err(e)),
        };
        self.batch.histograms.push(HistogramSample { series, t: place.t, st: place.st, h: Arc::new(h), temporality: place.temporality });
        if !self.scratch.exemplars.is_empty() {
            self.exemplars(place.t, |_, _| Some(series))?;
        }
        Ok(Ok(place.t))
    }
}

fn buckets(bytes: &[u8]) -> Result<Buckets, DecodeError> {
    let (mut r, mut out) = (Reader::new(bytes), Buckets::default());
    while let Some((number, field)) = r.next()? {
        match number {
            1 => out.offset = field.zigzag32("Buckets.offset")?,
            2 => field.repeated_varint("Buckets.bucket_counts", &mut out.counts)?,
            _ => {}
        }
    }
    Ok(out)
}

/// One side of a native histogram.
#[derive(Debug, Default, PartialEq)]
struct Side {
    spans: Vec<BucketSpan>,
    counts: Vec<f64>,
    total: u128,
}

/// Merges 2^`coarser` buckets into one and moves them by `shift`; up to two empty buckets stay within a span.
fn layout(b: &Buckets, coarser: i32, shift: i64) -> Result<Side, String> {
    let mut out = Side::default();
    // Shifts by 63 bits bring every index to 0 or -1, as larger ones would.
    let coarser = coarser.clamp(0, 63);
    // The index after the last bucket written.
    let mut next: Option<i64> = None;
    for (i, count) in b.counts.iter().enumerate().filter(|(_, c)| **c > 0) {
        out.total += u128::from(*count);
        let index = ((i64::from(b.offset) + i as i64) >> coarser) + shift;
        if let (Some(n), Some(last)) = (next, out.counts.last_mut())
            && index == n - 1
        {
            *last += *count as f64;
            continue;
        }
        match (next, out.spans.last_mut()) {
            (Some(n), Some(span)) if index - n <= 2 => {
                span.length += (index - n + 1) as u32;
                out.counts.resize(out.counts.len() + (index - n) as usize, 0.0);
            }
            _ => {
                let offset = i32::try_from(index - next.unwrap_or(0)).map_err(|_| "a histogram's bucket index is out of range")?;
                out.spans.push(BucketSpan { offset, length: 1 });
            }
        }
        out.counts.push(*count as f64);
        next = Some(index + 1);
        if out.counts.len() > MAX_HISTOGRAM_BUCKETS {
            return Err(format!("a histogram has more than {MAX_HISTOGRAM_BUCKETS} buckets"));
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(offset: i32, counts: &[u64], coarser: i32, shift: i64, spans: &[(i32, u32)], buckets: &[f64]) {
        let side = layout(&Buckets { offset, counts: counts.to_vec() }, coarser, shift).unwrap();
        assert_eq!(side.spans.iter().map(|s| (s.offset, s.length)).collect::<Vec<_>>(), spans);
        assert_eq!(side.counts, buckets);
    }

    #[test]
    fn layouts() {
        check(0, &[], 0, 1, &[], &[]);
        check(0, &[0, 0], 0, 1, &[], &[]);
        check(0, &[1, 0, 2, 0, 0, 3], 0, 1, &[(1, 6)], &[1.0, 0.0, 2.0, 0.0, 0.0, 3.0]);
        check(0, &[1, 0, 0, 0, 3], 0, 1, &[(1, 1), (3, 1)], &[1.0, 3.0]);
        check(-3, &[0, 5], 0, 1, &[(-1, 1)], &[5.0]);
        check(0, &[1, 1, 1, 1, 1, 1], 1, 1, &[(1, 3)], &[2.0, 2.0, 2.0]);
        check(-1, &[1, 1, 1], 1, 1, &[(0, 2)], &[1.0, 2.0]);
        check(-5, &[1, 1], 200, 1, &[(0, 1)], &[2.0]);
        check(0, &[0, 4], 0, 0, &[(1, 1)], &[4.0]);
        assert!(layout(&Buckets { offset: i32::MAX, counts: vec![1] }, 0, 1).is_err());
    }
}
