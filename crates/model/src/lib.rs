//! The nouns every other crate speaks: labels, attribute values, samples, histograms, batches of the three signals, tenants, matchers.
//!
//! Nothing here knows about async, serialization, Arrow, protobuf or HTTP. A *batch* is what one write request becomes and what the
//! stores keep: `MetricBatch` (rows that refer to series), `LogBatch` and `SpanBatch` (columns with one dictionary of strings).

mod dict;
mod histogram;
mod labels;
mod logs;
mod matcher;
mod metrics;
pub mod re2;
mod spans;
mod tenant;
mod value;

pub use dict::{Dict, DictBuilder, StrColumn};
pub use histogram::{BucketSpan, CUSTOM_BUCKETS_SCHEMA, Histogram, ResetHint};
pub use labels::{Labels, LabelsBuilder, METRIC_NAME};
pub use logs::{LogBatch, LogBatchBuilder};
pub use matcher::{BadRegex, MatchOp, Matcher};
pub use metrics::{Exemplar, HistogramSample, Metadata, MetricBatch, MetricKind, STALE_NAN, STALE_NAN_BITS, Sample, Temporality, is_stale};
pub use spans::{AttrColumn, AttrValues, EventTable, LinkTable, Resource, Scope, SpanBatch, SpanBatchBuilder, SpanHead, kind, status};
pub use tenant::{BadTenant, Tenant};
pub use value::{AnyValue, KeyValue};

/// One write's worth of one signal. Logs and spans are shared with the store and with queries as they are.
#[derive(Debug, Clone)]
pub enum Batch {
    Metrics(MetricBatch),
    Logs(std::sync::Arc<LogBatch>),
    Spans(std::sync::Arc<SpanBatch>),
}
