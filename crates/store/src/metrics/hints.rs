//! Counter-reset hints of native histograms, as Prometheus' chunks give them to queries.

use std::sync::Arc;

use model::{BucketSpan, Histogram, ResetHint};

/// A histogram that goes on where the one before stood reads "not reset"; a first one, or one after a break, reads "unknown".
pub fn hinted(h: Arc<Histogram>, before: Option<&Histogram>) -> Arc<Histogram> {
    if h.is_stale() {
        return h;
    }
    let hint = match (h.reset_hint, before) {
        (ResetHint::Gauge, _) => ResetHint::Gauge,
        (ResetHint::Unknown | ResetHint::NotReset, Some(b)) if goes_on(&h, b) => ResetHint::NotReset,
        _ => ResetHint::Unknown,
    };
    if hint == h.reset_hint { h } else { Arc::new(Histogram { reset_hint: hint, ..Arc::unwrap_or_clone(h) }) }
}

/// The same layout, and no count is smaller than before.
fn goes_on(h: &Histogram, before: &Histogram) -> bool {
    !before.is_stale()
        && before.reset_hint != ResetHint::Gauge
        && h.schema == before.schema
        && h.zero_threshold == before.zero_threshold
        && h.custom_values == before.custom_values
        && h.count >= before.count
        && h.zero_count >= before.zero_count
        && grows((&h.positive_spans, &h.positive_buckets), (&before.positive_spans, &before.positive_buckets))
        && grows((&h.negative_spans, &h.negative_buckets), (&before.negative_spans, &before.negative_buckets))
}

type Side<'a> = (&'a [BucketSpan], &'a [f64]);

fn grows(now: Side<'_>, before: Side<'_>) -> bool {
    let mut now = indexed(now).peekable();
    indexed(before).all(|(index, old)| {
        while now.next_if(|(i, _)| *i < index).is_some() {}
        now.peek().map_or(old == 0.0, |(i, new)| if *i == index { *new >= old } else { old == 0.0 })
    })
}

/// Bucket indices with their counts.
fn indexed<'a>((spans, counts): Side<'a>) -> impl Iterator<Item = (i64, f64)> + 'a {
    let mut next = 0i64;
    let indices = spans.iter().flat_map(move |s| {
        let start = next + i64::from(s.offset);
        next = start + i64::from(s.length);
        start..next
    });
    indices.zip(counts.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(offset: i32, buckets: &[f64]) -> Histogram {
        let spans = vec![BucketSpan { offset, length: buckets.len() as u32 }];
        Histogram { count: buckets.iter().sum(), positive_spans: spans, positive_buckets: buckets.to_vec(), ..Histogram::default() }
    }

    #[track_caller]
    fn check(before: Option<Histogram>, h: Histogram, hint: ResetHint) {
        assert_eq!(hinted(Arc::new(h), before.as_ref()).reset_hint, hint);
    }

    #[test]
    fn hints() {
        check(None, histogram(0, &[1.0]), ResetHint::Unknown);
        check(Some(histogram(0, &[1.0, 2.0])), histogram(0, &[1.0, 3.0]), ResetHint::NotReset);
        check(Some(histogram(0, &[1.0, 2.0])), histogram(0, &[3.0, 1.0]), ResetHint::Unknown);
        check(Some(histogram(1, &[1.0])), histogram(0, &[5.0, 2.0]), ResetHint::NotReset);
        check(Some(histogram(5, &[1.0])), histogram(0, &[5.0, 2.0]), ResetHint::Unknown);
        check(Some(histogram(0, &[1.0])), Histogram { schema: 1, ..histogram(0, &[2.0]) }, ResetHint::Unknown);
        check(Some(histogram(0, &[1.0])), Histogram { reset_hint: ResetHint::Gauge, ..histogram(0, &[2.0]) }, ResetHint::Gauge);
        check(Some(histogram(0, &[1.0])), Histogram { reset_hint: ResetHint::Reset, ..histogram(0, &[2.0]) }, ResetHint::Unknown);
    }
}
