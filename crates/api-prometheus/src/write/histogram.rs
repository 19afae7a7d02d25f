//! Native histograms of remote write (both versions share the message): decoding, checking, reducing to schema 8.

use model::{BucketSpan, CUSTOM_BUCKETS_SCHEMA, Histogram, ResetHint};

use crate::buckets;
use crate::limits::MAX_BUCKETS;
use crate::number::value_text;
use crate::wire::{BadWire, Fields, Value, room, zigzag};

/// The finest schema that is stored; finer ones (up to 52 may be sent) are merged down to it.
const FINEST_SCHEMA: i32 = 8;
const FINEST_SENT_SCHEMA: i32 = 52;

/// A histogram sample as sent: times in Unix milliseconds, `start` 0 = unknown.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    pub time: i64,
    pub start: i64,
    pub histogram: Histogram,
    /// counts were sent as integers
    integers: bool,
}

/// Reads the message. The outcome is not checked yet.
pub fn decode(bytes: &[u8]) -> Result<Sent, BadWire> {
    let mut h = Histogram::default();
    let (mut time, mut start, mut integers) = (0, 0, true);
    let (mut positive_deltas, mut negative_deltas) = (vec![], vec![]);
    for field in Fields(bytes) {
        let (number, value) = field?;
        match number {
            1 => (h.count, integers) = (value.varint()? as f64, true),
            2 => (h.count, integers) = (value.double()?, false),
            3 => h.sum = value.double()?,
            4 => h.schema = value.sint32()?,
            5 => h.zero_threshold = value.double()?,
            6 => h.zero_count = value.varint()? as f64,
            7 => h.zero_count = value.double()?,
            8 => push(&mut h.negative_spans, span(value)?)?,
            9 => value.varints(|v| push(&mut negative_deltas, zigzag(v)))?,
            10 => value.doubles(&mut h.negative_buckets, MAX_BUCKETS)?,
            11 => push(&mut h.positive_spans, span(value)?)?,
            12 => value.varints(|v| push(&mut positive_deltas, zigzag(v)))?,
            13 => value.doubles(&mut h.positive_buckets, MAX_BUCKETS)?,
            14 => h.reset_hint = hint(value.varint()?),
            15 => time = value.int64()?,
            16 => value.doubles(&mut h.custom_values, MAX_BUCKETS)?,
            17 => start = value.int64()?,
            _ => {}
        }
    }
    if integers {
        h.positive_buckets = absolute(&positive_deltas);
        h.negative_buckets = absolute(&negative_deltas);
    }
    Ok(Sent { time, start, histogram: h, integers })
}

fn push<T>(to: &mut Vec<T>, item: T) -> Result<(), BadWire> {
    room(to, MAX_BUCKETS)?;
    to.push(item);
    Ok(())
}

fn span(value: Value<'_>) -> Result<BucketSpan, BadWire> {
    let mut span = BucketSpan::default();
    for field in Fields(value.bytes()?) {
        match field? {
            (1, v) => span.offset = v.sint32()?,
            (2, v) => span.length = v.uint32()?,
            _ => {}
        }
    }
    Ok(span)
}

fn hint(code: u64) -> ResetHint {
    match code {
        1 => ResetHint::Reset,
        2 => ResetHint::NotReset,
        3 => ResetHint::Gauge,
        _ => ResetHint::Unknown,
    }
}

fn absolute(deltas: &[i64]) -> Vec<f64> {
    deltas
        .iter()
        .scan(0i64, |sum, d| {
            *sum = sum.wrapping_add(*d);
            Some(*sum as f64)
        })
        .collect()
}

impl Sent {
    /// The histogram as it is stored, or why it cannot be.
    pub fn check(self) -> Result<Histogram, String> {
        let h = self.histogram;
        if h.uses_custom_buckets() {
            custom(&h).map_err(|e| format!("custom buckets: {e}"))?;
        } else if (-4..=FINEST_SENT_SCHEMA).contains(&h.schema) {
            spans(&h.positive_spans, h.positive_buckets.len()).map_err(|e| format!("positive side: {e}"))?;
            spans(&h.negative_spans, h.negative_buckets.len()).map_err(|e| format!("negative side: {e}"))?;
            counts(&h.negative_buckets).map_err(|e| format!("negative side: {e}"))?;
            if !h.custom_values.is_empty() {
                return Err("histogram with exponential schema must not have custom bounds".into());
            }
        } else {
            return Err(format!(
                "histogram has an invalid schema, which must be between -4 and 8 for exponential buckets, or {CUSTOM_BUCKETS_SCHEMA} for custom buckets, got schema {}",
                h.schema
            ));
        }
        counts(&h.positive_buckets).map_err(|e| format!("positive side: {e}"))?;
        if self.integers {
            whole(&h)?
        } else {
            not_negative(&h)?
        }
        Ok(if h.uses_custom_buckets() || h.schema <= FINEST_SCHEMA { h } else { reduce(h) })
    }
}

/// The count of an integer histogram is the sum of its buckets (and may be more only if NaN was observed).
fn whole(h: &Histogram) -> Result<(), String> {
    let in_buckets = h.positive_buckets.iter().chain(&h.negative_buckets).sum::<f64>() + h.zero_count;
    let (found, count) = (value_text(in_buckets), value_text(h.count));
    if h.sum.is_nan() {
        if in_buckets > h.count {
            return Err(format!(
                "{found} observations found in buckets, but the Count field is {count}: histogram's observation count should be at least the number of observations found in the buckets"
            ));
        }
    } else if in_buckets != h.count {
        return Err(format!(
            "{found} observations found in buckets, but the Count field is {count}: histogram's observation count should equal the number of observations found in the buckets (in absence of NaN)"
        ));
    }
    Ok(())
}

const NEGATIVE: &str = "histogram has a bucket whose observation count is negative";

fn not_negative(h: &Histogram) -> Result<(), String> {
    if h.zero_count < 0.0 {
        return Err(format!("zero bucket has observation count of {}: {NEGATIVE}", promql::format::float_g(h.zero_count)));
    }
    if h.count < 0.0 {
        return Err(format!("histogram's observation count is negative: {}", promql::format::float_g(h.count)));
    }
    Ok(())
}

fn counts(buckets: &[f64]) -> Result<(), String> {
    match buckets.iter().position(|c| *c < 0.0) {
        Some(i) => Err(format!("bucket number {} has observation count of {}: {NEGATIVE}", i + 1, promql::format::float_g(buckets[i]))),
        None => Ok(()),
    }
}

fn spans(spans: &[BucketSpan], buckets: usize) -> Result<(), String> {
    let mut needed = 0u64;
    for (i, span) in spans.iter().enumerate() {
        if i > 0 && span.offset < 0 {
            return Err(format!("span number {} with offset {}: histogram has a span whose offset is negative", i + 1, span.offset));
        }
        needed += u64::from(span.length);
    }
    enough(needed, buckets)
}

fn enough(needed: u64, buckets: usize) -> Result<(), String> {
    if needed == buckets as u64 {
        return Ok(());
    }
    Err(format!("spans need {needed} buckets, have {buckets} buckets: histogram spans specify different number of buckets than provided"))
}

fn custom(h: &Histogram) -> Result<(), String> {
    let mut before = f64::NEG_INFINITY;
    for bound in &h.custom_values {
        if bound.partial_cmp(&before) != Some(std::cmp::Ordering::Greater) {
            return Err(format!(
                "previous bound is {before:.6} and current is {bound:.6}: histogram custom bounds must be in strictly increasing order"
            ));
        }
        before = *bound;
    }
    if before == f64::INFINITY {
        return Err("last +Inf bound must not be explicitly defined: histogram custom bounds must be finite".into());
    }
    let (mut needed, mut total) = (0u64, 0i64);
    for (i, span) in h.positive_spans.iter().enumerate() {
        if span.offset < 0 {
            return Err(format!("span number {} with offset {}: histogram has a span whose offset is negative", i + 1, span.offset));
        }
        needed += u64::from(span.length);
        total += i64::from(span.length) + i64::from(span.offset);
    }
    enough(needed, h.positive_buckets.len())?;
    if h.custom_values.len() as i64 + 1 < total {
        return Err(format!(
            "only {} custom bounds defined which is insufficient to cover total span length of {total}: histogram custom bounds are too few",
            h.custom_values.len()
        ));
    }
    if h.zero_count != 0.0 {
        return Err("must have zero count of 0".into());
    }
    if h.zero_threshold != 0.0 {
        return Err("must have zero threshold of 0".into());
    }
    if !h.negative_spans.is_empty() || !h.negative_buckets.is_empty() {
        return Err("must not have negative buckets".into());
    }
    Ok(())
}

/// Merges the buckets of a finer schema into those of schema 8.
fn reduce(mut h: Histogram) -> Histogram {
    let by = h.schema - FINEST_SCHEMA;
    (h.positive_spans, h.positive_buckets) = merge(&h.positive_spans, &h.positive_buckets, by);
    (h.negative_spans, h.negative_buckets) = merge(&h.negative_spans, &h.negative_buckets, by);
    h.schema = FINEST_SCHEMA;
    h
}

fn merge(spans: &[BucketSpan], counts: &[f64], by: i32) -> (Vec<BucketSpan>, Vec<f64>) {
    let (mut new_spans, mut new_counts): (Vec<BucketSpan>, Vec<f64>) = (vec![], vec![]);
    let mut last: Option<i32> = None;
    buckets::walk(spans, counts, |index, count| {
        let target = (index.saturating_sub(1) >> by.clamp(0, 31)) + 1;
        match (last, new_spans.last_mut(), new_counts.last_mut()) {
            (Some(l), _, Some(sum)) if target <= l => {
                *sum += count;
                return;
            }
            (Some(l), Some(span), _) if target == l + 1 => span.length += 1,
            (Some(l), _, _) => new_spans.push(BucketSpan { offset: target - l - 1, length: 1 }),
            (None, _, _) => new_spans.push(BucketSpan { offset: target, length: 1 }),
        }
        new_counts.push(count);
        last = Some(target);
    });
    (new_spans, new_counts)
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use proto::prometheus as pb;

    use super::*;

    fn good() -> pb::Histogram {
        pb::Histogram {
            count: Some(pb::histogram::Count::CountInt(6)),
            zero_count: Some(pb::histogram::ZeroCount::ZeroCountInt(1)),
            sum: 3.5,
            schema: 1,
            positive_spans: vec![pb::BucketSpan { offset: -1, length: 2 }],
            positive_deltas: vec![2, 1],
            timestamp: 7,
            ..pb::Histogram::default()
        }
    }

    fn check(edit: impl FnOnce(&mut pb::Histogram)) -> Result<Histogram, String> {
        let mut message = good();
        edit(&mut message);
        decode(&message.encode_to_vec()).unwrap().check()
    }

    #[test]
    fn integers_become_absolute_counts() {
        let h = check(|_| {}).unwrap();
        assert_eq!((h.count, h.zero_count, h.positive_buckets), (6.0, 1.0, vec![2.0, 3.0]));
        assert_eq!(h.positive_spans, [BucketSpan { offset: -1, length: 2 }]);
    }

    #[test]
    fn floats_stay() {
        let h = check(|m| {
            m.count = Some(pb::histogram::Count::CountFloat(2.5));
            m.zero_count = Some(pb::histogram::ZeroCount::ZeroCountFloat(0.5));
            m.positive_deltas.clear();
            m.positive_counts = vec![1.5, 0.5];
        });
        assert_eq!(h.unwrap().positive_buckets, [1.5, 0.5]);
    }

    #[test]
    fn refusals() {
        for (edit, want) in [
            ((|m| m.count = Some(pb::histogram::Count::CountInt(9))) as fn(&mut pb::Histogram), "should equal the number of observations"),
            (|m| m.positive_deltas = vec![2, -3], "bucket number 2 has observation count of -1"),
            (|m| m.positive_deltas = vec![2], "spans need 2 buckets, have 1 buckets"),
            (|m| m.schema = 60, "got schema 60"),
            (|m| m.custom_values = vec![1.0], "must not have custom bounds"),
            (|m| (m.schema, m.custom_values) = (-53, vec![2.0, 1.0]), "strictly increasing order"),
            (|m| m.positive_spans.push(pb::BucketSpan { offset: -2, length: 0 }), "span number 2 with offset -2"),
        ] {
            let got = check(edit).unwrap_err();
            assert!(got.contains(want), "{got}");
        }
    }

    #[test]
    fn finer_schemas_are_merged() {
        let h = check(|m| {
            m.schema = 9;
            m.positive_spans = vec![pb::BucketSpan { offset: 1, length: 3 }, pb::BucketSpan { offset: 2, length: 1 }];
            m.positive_deltas = vec![1, 0, 0, 1];
        });
        let h = h.unwrap();
        // Indexes 1, 2, 3, 6 of schema 9 are 1, 1, 2, 3 of schema 8.
        assert_eq!((h.schema, h.positive_buckets), (8, vec![2.0, 1.0, 2.0]));
        assert_eq!(h.positive_spans, [BucketSpan { offset: 1, length: 3 }]);
    }
}
