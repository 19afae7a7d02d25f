//! A native histogram in its float form: what queries see, whatever flavour was written.

/// The schema of histograms with custom bucket bounds.
pub const CUSTOM_BUCKETS_SCHEMA: i32 = -53;

/// What is known about counter resets between this sample and the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum ResetHint {
    #[default]
    Unknown,
    Reset,
    NotReset,
    Gauge,
}

/// A run of consecutive buckets; `offset` counts from the end of the span before (the first: from index 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct BucketSpan {
    pub offset: i32,
    pub length: u32,
}

/// Schemas -4..=8: bucket i covers (b^(i-1), b^i] with b = 2^(2^-schema). Schema -53: bounds in `custom_values`.
///
/// Bucket counts are absolute (not deltas, not cumulative), one per bucket of the spans.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Histogram {
    pub reset_hint: ResetHint,
    pub schema: i32,
    pub zero_threshold: f64,
    pub zero_count: f64,
    pub count: f64,
    pub sum: f64,
    pub positive_spans: Vec<BucketSpan>,
    pub negative_spans: Vec<BucketSpan>,
    pub positive_buckets: Vec<f64>,
    pub negative_buckets: Vec<f64>,
    /// Upper bounds of custom buckets, ascending, without +Inf.
    pub custom_values: Vec<f64>,
}

impl Histogram {
    pub fn uses_custom_buckets(&self) -> bool {
        self.schema == CUSTOM_BUCKETS_SCHEMA
    }

    /// A stale marker is written as a histogram whose sum is the stale NaN.
    pub fn is_stale(&self) -> bool {
        crate::is_stale(self.sum)
    }

    pub fn heap_size(&self) -> usize {
        let spans = self.positive_spans.len() + self.negative_spans.len();
        let floats = self.positive_buckets.len() + self.negative_buckets.len() + self.custom_values.len();
        8 * (spans + floats) + 128
    }
}
