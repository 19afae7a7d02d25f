//! Bounds of the Tempo face. Each name carries its unit; the comment says what changing it does.

/// Bytes of a TraceQL text; longer ones answer 400.
pub const MAX_QUERY_BYTES: usize = 128 << 10;

/// Traces of a search that names no limit.
pub const DEFAULT_SEARCH_LIMIT: u32 = 20;

/// Largest limit of a search; every trace found is held in memory until the answer is written.
pub const MAX_SEARCH_LIMIT: u32 = 256 << 10;

/// Spans shown per spanset where the request names no number.
pub const DEFAULT_SPANS_PER_SPANSET: u32 = 3;

/// Largest number of spans shown per spanset.
pub const MAX_SPANS_PER_SPANSET: u32 = 100;

/// Longest time range of a search, in seconds (one week).
pub const MAX_SEARCH_RANGE_SECONDS: u32 = 168 * 3600;

/// Longest time range of a metrics query, in nanoseconds (one day).
pub const MAX_METRICS_RANGE_NS: u64 = 24 * 3_600_000_000_000;

/// Intervals of a range query; each series holds a number per interval.
pub const MAX_METRICS_INTERVALS: u64 = 10_000;

/// Exemplars of a metrics answer: the default, and the most a request can ask for.
pub const MAX_EXEMPLARS: u32 = 100;

/// Series of a metrics answer; more are left out and the answer says PARTIAL.
pub const MAX_SERIES: u32 = 1_000;

/// Range of a metrics query that names none, in nanoseconds.
pub const DEFAULT_METRICS_SINCE_NS: i64 = 3_600_000_000_000;

/// Bytes of tag names or values of one answer; the rest is left out.
pub const MAX_TAG_BYTES: usize = 1_000_000;

/// Bytes of a gRPC message, both ways (Tempo's own default).
pub const MAX_GRPC_MESSAGE_BYTES: usize = 16 << 20;

/// Bytes of one packet of a streamed answer; Grafana receives at most 4 MiB.
pub const MAX_PACKET_BYTES: usize = 1 << 20;

/// Pause between two progress messages of a streamed answer, in milliseconds.
pub const PROGRESS_INTERVAL_MS: u64 = 500;

/// Bytes of the body of a trace diff or MCP request.
pub const MAX_BODY_BYTES: usize = 1 << 20;

/// Traces whose spans are fetched together while a search by tags checks candidates.
pub const TAG_SEARCH_BATCH: usize = 64;

/// Traces of a Jaeger search that names no limit.
pub const DEFAULT_JAEGER_LIMIT: usize = 20;

/// Largest limit of a Jaeger search; every trace found is rendered whole.
pub const MAX_JAEGER_LIMIT: usize = 1_500;

/// Spans that Jaeger's dependency graph is made from; about 60 bytes of memory each.
pub const MAX_DEPENDENCY_SPANS: usize = 2_000_000;

/// Bytes below which an answer is not worth compressing.
pub const MIN_COMPRESSED_BYTES: u16 = 1_024;

/// Bytes up to which a composed trace diff carries the whole patch.
pub const MAX_COMPOSED_PATCH_BYTES: usize = 64 << 10;

/// Spans of a trace that can be compared with another. Paths grow with depth times spans, so memory grows with the square of it.
pub const MAX_DIFF_SPANS: usize = 5_000;
