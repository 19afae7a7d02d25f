//! Notes on an answer: warnings and infos, each text once, with the place in the query.

use rustc_hash::FxHashMap;

use crate::format::{float_g, float_significant, quote};
use crate::span::Span;

/// The kind of work during which histograms did not fit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HistogramOperation {
    Addition,
    Subtraction,
    Aggregation,
}

impl HistogramOperation {
    fn as_str(self) -> &'static str {
        match self {
            HistogramOperation::Addition => "addition",
            HistogramOperation::Subtraction => "subtraction",
            HistogramOperation::Aggregation => "aggregation",
        }
    }
}

/// A note without its place. Floats are kept as bits so that notes can be compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Note {
    InvalidRatio { got: u64, capped: i8 },
    InvalidQuantile { got: u64 },
    BadBucketLabel { metric: String, label: String },
    MixedFloatsHistograms { metric: String },
    MixedFloatsHistogramsAggregation,
    MixedClassicNative { metric: String },
    NotCounter { metric: String },
    NotGauge { metric: String },
    MixedExponentialCustom { metric: String },
    IncompatibleBuckets { op: &'static str },
    SortInRangeQuery,
    CounterResetCollision(HistogramOperation),
    StartTimeOverlap { metric: String },
    PossibleNonCounter { metric: String },
    PossibleNonCounterType { metric: String, kind: String },
    ForcedMonotonicity { metric: String },
    IncompatibleTypes { left: &'static str, op: &'static str, right: &'static str },
    HistogramIgnored { aggregation: &'static str },
    HistogramIgnoredInRange { metric: String },
    QuantileNan { metric: String },
    QuantileSkewed { metric: String },
    FractionNan { metric: String },
    MismatchedCustomBuckets(HistogramOperation),
}

const INFO: &str = "PromQL info: ";
const WARNING: &str = "PromQL warning: ";

impl Note {
    pub fn is_info(&self) -> bool {
        use Note::*;
        matches!(
            self,
            PossibleNonCounter { .. }
                | PossibleNonCounterType { .. }
                | ForcedMonotonicity { .. }
                | IncompatibleTypes { .. }
                | HistogramIgnored { .. }
                | HistogramIgnoredInRange { .. }
                | QuantileNan { .. }
                | QuantileSkewed { .. }
                | FractionNan { .. }
                | MismatchedCustomBuckets(_)
        )
    }

    /// The text, kind in front, without the place.
    pub fn text(&self) -> String {
        let body = self.body();
        format!("{}{body}", if self.is_info() { INFO } else { WARNING })
    }

    fn body(&self) -> String {
        use Note::*;
        let of = |metric: &str| if metric.is_empty() { String::new() } else { format!(" for metric name {}", quote(metric)) };
        match self {
            InvalidRatio { got, capped } => {
                format!("ratio value should be between -1 and 1, got {}, capping to {capped}", float_g(f64::from_bits(*got)))
            }
            InvalidQuantile { got } => format!("quantile value should be between 0 and 1, got {}", float_g(f64::from_bits(*got))),
            BadBucketLabel { metric, label } => {
                format!("bucket label \"le\" is missing or has a malformed value of {}{}", quote(label), of(metric))
            }
            MixedFloatsHistograms { metric } => format!("encountered a mix of histograms and floats for metric name {}", quote(metric)),
            MixedFloatsHistogramsAggregation => "encountered a mix of histograms and floats for aggregation".into(),
            MixedClassicNative { metric } => format!("vector contains a mix of classic and native histograms{}", of(metric)),
            NotCounter { metric } => format!("this native histogram metric is not a counter: {}", quote(metric)),
            NotGauge { metric } => format!("this native histogram metric is not a gauge: {}", quote(metric)),
            MixedExponentialCustom { metric } => {
                format!("vector contains a mix of histograms with exponential and custom buckets schemas for metric name {}", quote(metric))
            }
            IncompatibleBuckets { op } => format!("incompatible bucket layout encountered for binary operator {op}"),
            SortInRangeQuery => "sort is ineffective for range queries since results are always ordered by labels".into(),
            CounterResetCollision(op) => format!("conflicting counter resets during histogram {}", op.as_str()),
            StartTimeOverlap { metric } => {
                format!("sample has start time that overlaps with previous sample timestamp for metric {}", quote(metric))
            }
            PossibleNonCounter { metric } => {
                format!("metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {}", quote(metric))
            }
            PossibleNonCounterType { metric, kind } => format!(
                "metric might not be a counter, __type__ label is not set to \"counter\" or \"histogram\", got {}: {}",
                quote(kind),
                quote(metric)
            ),
            ForcedMonotonicity { metric } => format!(
                "input to histogram_quantile needed to be fixed for monotonicity (see \
                 https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile){}",
                of(metric)
            ),
            IncompatibleTypes { left, op, right } => {
                format!("incompatible sample types encountered for binary operator {}: {left} {op} {right}", quote(op))
            }
            HistogramIgnored { aggregation } => format!("ignored histogram in {aggregation} aggregation"),
            HistogramIgnoredInRange { metric } => {
                format!("ignored histograms in a range containing both floats and histograms for metric name {}", quote(metric))
            }
            QuantileNan { metric } => format!("input to histogram_quantile has NaN observations, result is NaN{}", of(metric)),
            QuantileSkewed { metric } => format!("input to histogram_quantile has NaN observations, result is skewed higher{}", of(metric)),
            FractionNan { metric } => {
                format!("input to histogram_fraction has NaN observations, which are excluded from all fractions{}", of(metric))
            }
            MismatchedCustomBuckets(op) => format!("mismatched custom buckets were reconciled during {}", op.as_str()),
        }
    }
}

/// What a note counts when it is made several times.
#[derive(Debug, Clone, PartialEq)]
enum Detail {
    None,
    Occurrences(u64),
    Repairs(Repairs),
}

/// Where classic buckets were not cumulative and how far off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Repairs {
    /// Unix milliseconds
    pub min_t: i64,
    pub max_t: i64,
    pub min_bucket: f64,
    pub max_bucket: f64,
    pub max_diff: f64,
    pub count: u64,
}

impl Repairs {
    fn join(&mut self, o: &Repairs) {
        self.min_t = self.min_t.min(o.min_t);
        self.max_t = self.max_t.max(o.max_t);
        self.min_bucket = self.min_bucket.min(o.min_bucket);
        self.max_bucket = self.max_bucket.max(o.max_bucket);
        self.max_diff = self.max_diff.max(o.max_diff);
        self.count += o.count;
    }
}

/// The notes of one answer. A note made again moves to its newest place in the query.
#[derive(Debug, Clone, Default)]
pub struct Annotations {
    notes: Vec<(Note, Span, Detail)>,
    index: FxHashMap<Note, usize>,
}

impl Annotations {
    pub fn is_empty(&self) -> bool {
        self.notes.is_empty()
    }

    /// The notes with their places, in the order in which they were first made.
    pub fn iter(&self) -> impl Iterator<Item = (&Note, Span)> {
        self.notes.iter().map(|(n, s, _)| (n, *s))
    }

    pub(crate) fn add(&mut self, note: Note, span: Span) {
        let detail = if matches!(note, Note::StartTimeOverlap { .. }) { Detail::Occurrences(1) } else { Detail::None };
        self.put(note, span, detail);
    }

    pub(crate) fn add_repairs(&mut self, metric: String, span: Span, repairs: Repairs) {
        self.put(Note::ForcedMonotonicity { metric }, span, Detail::Repairs(repairs));
    }

    fn put(&mut self, note: Note, span: Span, detail: Detail) {
        // The same note tends to be made many times in a row.
        let at = match self.notes.last() {
            Some((last, ..)) if *last == note => Some(self.notes.len() - 1),
            _ => self.index.get(&note).copied(),
        };
        let Some(at) = at else {
            self.index.insert(note.clone(), self.notes.len());
            self.notes.push((note, span, detail));
            return;
        };
        let (_, place, old) = &mut self.notes[at];
        match (old, detail) {
            (Detail::Occurrences(n), Detail::Occurrences(m)) => *n += m,
            (Detail::Repairs(a), Detail::Repairs(b)) => a.join(&b),
            _ => *place = span,
        }
    }

    /// Warnings and infos as they are shown, with ` (line:column)`; at most `max` of each (0 = all) and then one saying how many were cut.
    pub fn texts(&self, query: &str, max_warnings: usize, max_infos: usize) -> (Vec<String>, Vec<String>) {
        let (mut warnings, mut infos) = (vec![], vec![]);
        let (mut more_warnings, mut more_infos) = (0, 0);
        for (note, span, detail) in &self.notes {
            let (out, max, more) =
                if note.is_info() { (&mut infos, max_infos, &mut more_infos) } else { (&mut warnings, max_warnings, &mut more_warnings) };
            if max == 0 || out.len() < max {
                out.push(shown(note, *span, detail, query));
            } else {
                *more += 1;
            }
        }
        if more_warnings > 0 {
            warnings.push(format!("{more_warnings} more warning annotations omitted"));
        }
        if more_infos > 0 {
            infos.push(format!("{more_infos} more info annotations omitted"));
        }
        (warnings, infos)
    }
}

fn shown(note: &Note, span: Span, detail: &Detail, query: &str) -> String {
    let (text, place) = (note.text(), span.position(query));
    match detail {
        Detail::Occurrences(n) if *n > 1 => format!("{text} ({n} occurrences) ({place})"),
        Detail::Repairs(r) => format!(
            "{text}, from buckets {} to {}, with a max diff of {}, over {} samples from {} to {} ({place})",
            float_g(r.min_bucket),
            float_g(r.max_bucket),
            float_significant(r.max_diff, 2),
            r.count,
            rfc3339(r.min_t),
            rfc3339(r.max_t),
        ),
        _ => format!("{text} ({place})"),
    }
}

/// Whole seconds, UTC.
fn rfc3339(ms: i64) -> String {
    match jiff::Timestamp::from_second(ms / 1000) {
        Ok(t) => t.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        Err(_) => (ms / 1000).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_kept_once_at_its_newest_place() {
        let mut a = Annotations::default();
        a.add(Note::NotGauge { metric: "m".into() }, Span::new(0, 1));
        a.add(Note::HistogramIgnored { aggregation: "min" }, Span::new(2, 3));
        a.add(Note::NotGauge { metric: "m".into() }, Span::new(4, 5));
        let (w, i) = a.texts("x+\ny+z", 10, 10);
        assert_eq!(w, [r#"PromQL warning: this native histogram metric is not a gauge: "m" (2:2)"#]);
        assert_eq!(i, ["PromQL info: ignored histogram in min aggregation (1:3)"]);
    }

    #[test]
    fn occurrences_are_counted_and_surplus_is_cut() {
        let mut a = Annotations::default();
        for m in ["a", "b", "b"] {
            a.add(Note::StartTimeOverlap { metric: m.into() }, Span::new(0, 1));
        }
        let (w, _) = a.texts("q", 0, 0);
        assert!(w[1].ends_with(r#"for metric "b" (2 occurrences) (1:1)"#), "{w:?}");
        assert_eq!(a.texts("q", 1, 1).0[1], "1 more warning annotations omitted");
    }
}
