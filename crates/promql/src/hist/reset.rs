//! Whether a counter histogram started anew between two samples.

use model::{BucketSpan, Histogram, ResetHint};

use super::{bounds, indices, merge::zero_count_for};

/// Trusts an explicit hint; else any falling count, a finer schema or a narrower zero bucket is a reset.
pub fn detect_reset(h: &Histogram, previous: &Histogram) -> bool {
    match h.reset_hint {
        ResetHint::Reset => return true,
        ResetHint::NotReset => return false,
        ResetHint::Unknown | ResetHint::Gauge => {}
    }
    if h.count < previous.count {
        return true;
    }
    if h.uses_custom_buckets() {
        if !previous.uses_custom_buckets() {
            return true;
        }
        if h.custom_values != previous.custom_values {
            return custom_reset(h, previous);
        }
    } else if previous.uses_custom_buckets() || h.schema > previous.schema || h.zero_threshold < previous.zero_threshold {
        return true;
    }
    let (zero, threshold) = zero_count_for(previous, h.zero_threshold);
    if threshold != h.zero_threshold || h.zero_count < zero {
        return true;
    }
    let side = |spans: &[BucketSpan], buckets: &[f64], schema: i32| at_schema(spans, buckets, schema, h);
    falls(
        &side(&h.positive_spans, &h.positive_buckets, h.schema),
        &side(&previous.positive_spans, &previous.positive_buckets, previous.schema),
    ) || falls(
        &side(&h.negative_spans, &h.negative_buckets, h.schema),
        &side(&previous.negative_spans, &previous.negative_buckets, previous.schema),
    )
}

/// Buckets by index in the schema of `like`, those inside its zero bucket left out.
fn at_schema(spans: &[BucketSpan], buckets: &[f64], schema: i32, like: &Histogram) -> Vec<(i32, f64)> {
    let shift = if like.uses_custom_buckets() { 0 } else { (schema - like.schema).clamp(0, 31) };
    let mut out: Vec<(i32, f64)> = Vec::with_capacity(buckets.len());
    for (i, at) in indices(spans, buckets.len()) {
        let index = if shift == 0 { i } else { (i.wrapping_sub(1) >> shift) + 1 };
        match out.last_mut() {
            Some(last) if last.0 == index => last.1 += buckets[at],
            _ => out.push((index, buckets[at])),
        }
    }
    if !like.uses_custom_buckets() && like.zero_threshold != 0.0 {
        let inside = out.iter().take_while(|(i, _)| bounds::exponential(*i, like.schema) <= like.zero_threshold).count();
        out.drain(..inside);
    }
    out
}

/// Whether some populated bucket of `previous` is smaller now.
fn falls(now: &[(i32, f64)], previous: &[(i32, f64)]) -> bool {
    let mut now = now.iter().peekable();
    previous.iter().any(|(i, before)| {
        while now.next_if(|(n, _)| n < i).is_some() {}
        match now.peek() {
            Some((n, count)) if n == i => count < before,
            _ => *before != 0.0,
        }
    })
}

/// With different custom bounds: compares what lies between the bounds in common.
fn custom_reset(h: &Histogram, previous: &Histogram) -> bool {
    let shared: Vec<f64> = h.custom_values.iter().copied().filter(|b| previous.custom_values.contains(b)).collect();
    let rolled = |h: &Histogram| {
        let mut sums = vec![0.0; shared.len() + 1];
        for (i, at) in indices(&h.positive_spans, h.positive_buckets.len()) {
            let bound = usize::try_from(i).ok().and_then(|i| h.custom_values.get(i));
            let to = bound.map_or(shared.len(), |b| shared.partition_point(|s| s < b));
            sums[to] += h.positive_buckets[at];
        }
        sums
    };
    rolled(h).iter().zip(rolled(previous)).any(|(now, before)| *now < before)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hist(buckets: &[f64]) -> Histogram {
        Histogram {
            count: buckets.iter().sum(),
            positive_spans: vec![BucketSpan { offset: 0, length: buckets.len() as u32 }],
            positive_buckets: buckets.to_vec(),
            ..Histogram::default()
        }
    }

    #[test]
    fn falling_buckets() {
        assert!(!detect_reset(&hist(&[1.0, 2.0]), &hist(&[1.0, 1.0])));
        assert!(detect_reset(&hist(&[1.0, 1.0]), &hist(&[1.0, 2.0])));
        assert!(detect_reset(&hist(&[0.0, 9.0]), &hist(&[1.0, 2.0])));
        assert!(!detect_reset(&hist(&[5.0]), &hist(&[1.0, 0.0])));
        let finer = Histogram { schema: 1, ..hist(&[5.0]) };
        assert!(detect_reset(&finer, &hist(&[1.0])));
        let sure = Histogram { reset_hint: ResetHint::NotReset, ..hist(&[0.0]) };
        assert!(!detect_reset(&sure, &hist(&[1.0])));
    }
}
