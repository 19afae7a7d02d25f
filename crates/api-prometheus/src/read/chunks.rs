//! Samples into Prometheus' chunk encodings: XOR for floats, the float-histogram encoding for native histograms.

use std::sync::Arc;

use model::{BucketSpan, Histogram, ResetHint};
use proto::prometheus::Chunk;
use proto::prometheus::chunk::Encoding;

use super::bits::{BitWriter, XorState, fits};
use crate::limits::SAMPLES_PER_CHUNK;

/// Floats in chunks of at most `SAMPLES_PER_CHUNK`.
pub fn floats(ts: &[i64], vals: &[f64], out: &mut Vec<Chunk>) {
    for (ts, vals) in ts.chunks(SAMPLES_PER_CHUNK).zip(vals.chunks(SAMPLES_PER_CHUNK)) {
        if let (Some(first), Some(last)) = (ts.first(), ts.last()) {
            out.push(chunk(*first, *last, Encoding::Xor, xor(ts, vals)));
        }
    }
}

fn chunk(min_time_ms: i64, max_time_ms: i64, encoding: Encoding, data: Vec<u8>) -> Chunk {
    Chunk { min_time_ms, max_time_ms, r#type: encoding.into(), data }
}

fn xor(ts: &[i64], vals: &[f64]) -> Vec<u8> {
    let mut out = BitWriter::new((ts.len() as u16).to_be_bytes().to_vec());
    let mut value = XorState::new(0.0);
    let (mut before, mut delta_before) = (0i64, 0i64);
    for (i, (t, v)) in ts.iter().zip(vals).enumerate() {
        let delta = t.wrapping_sub(before);
        match i {
            0 => {
                out.varint(*t);
                out.bits(v.to_bits(), 64);
                value = XorState::new(*v);
            }
            1 => {
                out.uvarint(delta as u64);
                value.push(&mut out, *v);
            }
            _ => {
                push_second_difference(&mut out, delta.wrapping_sub(delta_before));
                value.push(&mut out, *v);
            }
        }
        (before, delta_before) = (*t, delta);
    }
    out.into_bytes()
}

fn push_second_difference(out: &mut BitWriter, d: i64) {
    if d == 0 {
        return out.bit(false);
    }
    for (prefix, prefix_bits, bits) in [(0b10, 2, 14), (0b110, 3, 17), (0b1110, 4, 20)] {
        if fits(d, bits) {
            out.bits(prefix, prefix_bits);
            return out.bits(d as u64, bits);
        }
    }
    out.bits(0b1111, 4);
    out.bits(d as u64, 64);
}

/// Histograms in chunks; a new one starts where the bucket layout or the kind changes, or where counts fall.
pub fn histograms(ts: &[i64], hists: &[Arc<Histogram>], out: &mut Vec<Chunk>) {
    let mut from = 0;
    for i in 1..=hists.len() {
        let ends = i == hists.len() || i - from == SAMPLES_PER_CHUNK || !continues(&hists[i - 1], &hists[i]);
        if ends {
            if let (Some(first), Some(last)) = (ts.get(from), ts.get(i - 1)) {
                let data = histogram_data(&ts[from..i], &hists[from..i], from > 0 && falls(&hists[from - 1], &hists[from]));
                out.push(chunk(*first, *last, Encoding::FloatHistogram, data));
            }
            from = i;
        }
    }
}

/// Whether the next sample fits into the chunk of the one before.
fn continues(a: &Histogram, b: &Histogram) -> bool {
    let layout = |h: &Histogram| (h.schema, h.zero_threshold.to_bits(), h.reset_hint == ResetHint::Gauge);
    layout(a) == layout(b)
        && (&a.positive_spans, &a.negative_spans) == (&b.positive_spans, &b.negative_spans)
        && a.custom_values == b.custom_values
        && a.is_stale() == b.is_stale()
        && (b.reset_hint == ResetHint::Gauge || (b.reset_hint != ResetHint::Reset && !falls(a, b)))
}

/// A counter histogram that lost observations was reset in between.
fn falls(a: &Histogram, b: &Histogram) -> bool {
    let any = |x: &[f64], y: &[f64]| x.iter().zip(y).any(|(x, y)| y < x);
    b.count < a.count
        || b.zero_count < a.zero_count
        || any(&a.positive_buckets, &b.positive_buckets)
        || any(&a.negative_buckets, &b.negative_buckets)
}

fn histogram_data(ts: &[i64], hists: &[Arc<Histogram>], reset: bool) -> Vec<u8> {
    let Some(first) = hists.first() else { return vec![] };
    let mut head = (hists.len() as u16).to_be_bytes().to_vec();
    head.push(match first.reset_hint {
        ResetHint::Gauge => 0b1100_0000,
        ResetHint::Reset => 0b1000_0000,
        _ if reset => 0b1000_0000,
        ResetHint::NotReset => 0b0100_0000,
        ResetHint::Unknown => 0,
    });
    let mut out = BitWriter::new(head);
    push_layout(&mut out, first);
    let mut values: Vec<XorState> = vec![];
    let (mut before, mut delta_before) = (0i64, 0i64);
    for (i, (t, h)) in ts.iter().zip(hists).enumerate() {
        let delta = t.wrapping_sub(before);
        match i {
            0 => out.varbit(*t),
            1 => out.varbit_unsigned(delta as u64),
            _ => out.varbit(delta.wrapping_sub(delta_before)),
        }
        (before, delta_before) = (*t, delta);
        let numbers = [h.count, h.zero_count, h.sum].into_iter().chain(buckets(h));
        if i == 0 {
            values = numbers.map(XorState::new).collect();
            values.iter().for_each(|v| out.bits(v.last.to_bits(), 64));
        } else {
            values.iter_mut().zip(numbers).for_each(|(state, v)| state.push(&mut out, v));
        }
    }
    out.into_bytes()
}

fn buckets(h: &Histogram) -> impl Iterator<Item = f64> + '_ {
    h.positive_buckets.iter().chain(&h.negative_buckets).copied()
}

fn push_layout(out: &mut BitWriter, h: &Histogram) {
    push_zero_threshold(out, h.zero_threshold);
    out.varbit(i64::from(h.schema));
    push_spans(out, &h.positive_spans);
    push_spans(out, &h.negative_spans);
    if h.uses_custom_buckets() {
        out.varbit_unsigned(h.custom_values.len() as u64);
        h.custom_values.iter().for_each(|bound| push_bound(out, *bound));
    }
}

fn push_spans(out: &mut BitWriter, spans: &[BucketSpan]) {
    out.varbit_unsigned(spans.len() as u64);
    for span in spans {
        out.varbit_unsigned(u64::from(span.length));
        out.varbit(i64::from(span.offset));
    }
}

/// A power of two in one byte, anything else in nine.
fn push_zero_threshold(out: &mut BitWriter, threshold: f64) {
    let bits = threshold.to_bits();
    // A normal power of two 2^e is 0.5 * 2^(e+1).
    let exponent = ((bits >> 52) & 0x7ff) as i64 - 1022;
    let power = bits & 0x800f_ffff_ffff_ffff == 0;
    if threshold == 0.0 {
        out.byte(0);
    } else if power && (-242..=11).contains(&exponent) {
        out.byte((exponent + 243) as u8);
    } else {
        out.byte(255);
        out.bits(bits, 64);
    }
}

/// Whole thousandths in few bits, anything else in 65.
fn push_bound(out: &mut BitWriter, bound: f64) {
    let thousandths = bound * 1000.0;
    let whole = thousandths.round();
    if (0.0..=33_554_430.0).contains(&thousandths) && whole / 1000.0 == bound {
        out.varbit_unsigned(whole as u64 + 1);
    } else {
        out.bit(false);
        out.bits(bound.to_bits(), 64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(all: &[(i64, Histogram)], want: &[(i64, &str)]) {
        let ts: Vec<i64> = all.iter().map(|(t, _)| *t).collect();
        let hists: Vec<Arc<Histogram>> = all.iter().map(|(_, h)| Arc::new(h.clone())).collect();
        let mut out = vec![];
        histograms(&ts, &hists, &mut out);
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let got: Vec<_> = out.iter().map(|c| (c.min_time_ms, hex(&c.data))).collect();
        let want: Vec<_> = want.iter().map(|(t, hex)| (*t, (*hex).to_owned())).collect();
        assert_eq!(got, want);
    }

    fn exponential(count: f64) -> Histogram {
        Histogram {
            schema: 1,
            zero_threshold: 0.001,
            zero_count: 2.0,
            count,
            sum: 1.5 * count,
            positive_spans: vec![BucketSpan { offset: -1, length: 2 }, BucketSpan { offset: 3, length: 1 }],
            positive_buckets: vec![1.0, count - 4.0, 0.5],
            negative_spans: vec![BucketSpan { offset: 0, length: 1 }],
            negative_buckets: vec![0.5],
            ..Histogram::default()
        }
    }

    /// The bytes were read back with Prometheus' own decoder when they were frozen.
    #[test]
    fn histogram_chunks() {
        let custom = Histogram {
            schema: model::CUSTOM_BUCKETS_SCHEMA,
            count: 3.0,
            sum: 4.0,
            positive_spans: vec![BucketSpan { offset: 0, length: 3 }],
            positive_buckets: vec![1.0, 1.0, 1.0],
            custom_values: vec![0.25, 5.0, 1e9],
            ..Histogram::default()
        };
        let all = [
            (1000, exponential(5.0)),
            (16_000, exponential(6.0)),
            (31_001, exponential(8.0)),
            (46_000, exponential(4.0)),
            (61_000, Histogram { reset_hint: ResetHint::Gauge, zero_threshold: 0.25, ..exponential(4.0) }),
            (76_000, custom),
        ];
        let want = [
            (
                1_000,
                "000300ff3f50624dd2f1a9fc8ca578ce3178fa1005000000000000100000000000000010078000000000000ffc0000000000000ffc0000000000000ff80000000000000ff80000000000003e0ea63605b509ec25fff23a83ed81d40040",
            ),
            (
                46_000,
                "000180ff3f50624dd2f1a9fc8ca578ce317c59d820080000000000002000000000000000200c0000000000001ff800000000000000000000000000001ff00000000000001ff000000000000000",
            ),
            (
                61_000,
                "0001c0f28ca578ce317c772420080000000000002000000000000000200c0000000000001ff800000000000000000000000000001ff00000000000001ff000000000000000",
            ),
            (
                76_000,
                "00018000ee5c664f9f7f0271241cdcd6500000000f928e04008000000000000000000000000000040100000000000003ff00000000000003ff00000000000003ff00000000000000",
            ),
        ];
        check(&all, &want);
    }
}
