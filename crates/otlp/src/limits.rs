//! What bounds one request and the cache.

/// Nesting of attribute values; deeper requests are refused (recursion stays shallow).
pub const MAX_VALUE_DEPTH: u32 = 48;
/// Groups inside unknown fields that are skipped; deeper requests are refused.
pub const MAX_GROUP_DEPTH: u32 = 32;
/// Spans, log records or data points taken from one request; further ones are rejected and counted.
pub const MAX_ITEMS: u64 = 4_000_000;
/// Attributes, events and links of one request's spans together (up to 44 bytes each, from 2 on the wire); further spans are
/// rejected and counted, further attributes of events and links are left out.
pub const MAX_SPAN_PARTS: usize = 10_000_000;
/// Structured metadata pairs of one request's logs (8 bytes each); further records are rejected and counted.
pub const MAX_META_PAIRS: usize = 32_000_000;
/// Bytes of label text that one request's series may hold together; points of further series are rejected and counted.
pub const MAX_LABEL_BYTES: usize = 256 << 20;
/// Kinds of log records (their metadata names in order) whose sorting is remembered within a request.
pub const MAX_SHAPES: usize = 32;
/// Bytes of log lines that one request may render to (map bodies grow as JSON); further records are rejected and counted.
pub const MAX_LINE_BYTES: usize = 512 << 20;
/// Samples of `target_info` that one resource writes at most (a request that spans years would write thousands).
pub const MAX_TARGET_INFO_SAMPLES: usize = 1_000;
/// Buckets of one native histogram after merging; larger ones are rejected.
pub const MAX_HISTOGRAM_BUCKETS: usize = 65_536;
/// Reasons that a partial-success message names, the rest is only counted.
pub const MAX_REASONS: usize = 5;
/// Bytes of one such reason; longer ones are cut, so that answers stay small.
pub const MAX_REASON_BYTES: usize = 400;
/// Entries of the series cache in all (each holds label sets that the store mostly shares).
pub const CACHE_ENTRIES: usize = 1 << 18;
/// Bytes of the series cache in all; what does not fit is translated anew each time it comes.
pub const CACHE_BYTES: usize = 128 << 20;
/// Label sets that one entry of the series cache may hold (a histogram point has one per bucket).
pub const MAX_CACHED_LABELS: usize = 256;
/// Characters of an exemplar's labels, names and values together, as OpenMetrics says.
pub const MAX_EXEMPLAR_CHARS: usize = 128;
