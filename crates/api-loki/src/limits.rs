//! Bounds of the Loki face: Loki's default limits where senders and Grafana are tuned to them, and bounds of our own.

/// Lines of one log query; above it a query is refused with Loki's text (`max_entries_limit_per_query`).
pub const MAX_ENTRIES: usize = 5_000;

/// Lines of a log query that names no limit.
pub const DEFAULT_ENTRIES: usize = 100;

/// Series of one metric query (`max_query_series`): more is an error, or a partial result for Logs Drilldown.
pub const MAX_SERIES: usize = 500;

/// Points of one series of a range query.
pub const MAX_POINTS: i64 = 11_000;

/// Seconds that one range query may cover (`max_query_length`); applied with the stock profile alone.
pub const MAX_QUERY_SECONDS: i64 = 721 * 3_600;

/// Bytes of a query's text.
pub const MAX_QUERY_BYTES: usize = 131_072;

/// Seconds that a range covers when neither `start` nor `since` is given.
pub const DEFAULT_SINCE_SECONDS: i64 = 3_600;

/// Entries of an index/volume answer that names no limit.
pub const DEFAULT_VOLUMES: usize = 100;

/// Series of an index/volume answer (`volume_max_series`); more than these, where `limit` allows them, are an error.
pub const MAX_VOLUMES: usize = 1_000;

/// Lines that detected_fields reads when no `line_limit` is given.
pub const DEFAULT_FIELD_LINES: usize = 100;

/// Fields, or values of a field, that are answered when no `limit` is given.
pub const DEFAULT_FIELDS: usize = 1_000;

/// Nesting of JSON objects that field detection follows; deeper objects are left out.
pub const MAX_FIELD_DEPTH: usize = 32;

/// Lines that one patterns request looks at, newest streams' order; more costs time, not memory.
pub const MAX_PATTERN_LINES: usize = 200_000;

/// Bytes of a line above which it belongs to no pattern.
pub const MAX_PATTERN_LINE_BYTES: usize = 3_000;

/// Patterns kept per level; the least used are forgotten.
pub const MAX_PATTERNS: usize = 300;

/// Tokens of a line that belongs to a pattern.
pub const PATTERN_TOKENS: std::ops::RangeInclusive<usize> = 4..=80;

/// Bytes that all pushes in work may hold, as sent and unpacked; above it senders are asked to try again.
pub const MAX_IN_FLIGHT_BYTES: usize = 256 << 20;

/// Bytes of one line (`max_line_size`).
pub const MAX_LINE_BYTES: usize = 256 << 10;

/// Labels of a stream, `service_name` not counted (`max_label_names_per_series`).
pub const MAX_LABELS: usize = 15;

/// Bytes of a label's name.
pub const MAX_LABEL_NAME_BYTES: usize = 1_024;

/// Bytes of a label's value.
pub const MAX_LABEL_VALUE_BYTES: usize = 2_048;

/// Bytes of one entry's structured metadata, names and values.
pub const MAX_METADATA_BYTES: usize = 64 << 10;

/// Pairs of one entry's structured metadata.
pub const MAX_METADATA_PAIRS: usize = 128;

/// Nanoseconds that an entry may lie in the future (`creation_grace_period`).
pub const MAX_FUTURE_NS: i64 = 600_000_000_000;

/// Distinct refusals that one push answer lists.
pub const MAX_LISTED_ERRORS: usize = 10;

/// Seconds that a tail may hold lines back.
pub const MAX_TAIL_DELAY_SECONDS: i64 = 5;

/// Tails of one tenant at the same time.
pub const MAX_TAILS: usize = 10;

/// Seconds after which a tail ends by itself.
pub const MAX_TAIL_SECONDS: u64 = 3_600;

/// Lines of one tail message.
pub const MAX_TAIL_BATCH: usize = 100;

/// Fresh batches that a tail takes in before it sends again.
pub const MAX_TAIL_BATCHES: usize = 1_000;

/// Lines that a tail holds back for its delay; further ones are told as dropped.
pub const MAX_TAIL_HELD: usize = 100_000;

/// Dropped lines that a tail remembers to tell.
pub const MAX_TAIL_DROPPED: usize = 1_000;

/// How long a tail waits for a slow reader before it drops lines.
pub const TAIL_PATIENCE: std::time::Duration = std::time::Duration::from_millis(500);

/// Seconds that a tail waits for the other side of the closing handshake before the connection is cut.
pub const TAIL_CLOSE_SECONDS: u64 = 2;

/// Milliseconds between two looks of a tail for new lines.
pub const TAIL_POLL_MS: u64 = 200;

/// Bytes a second that one tenant may push (`ingestion_rate_mb`); applied with the stock profile, where senders are tuned to it.
pub const RATE_BYTES_PER_SECOND: u64 = 4 << 20;

/// Bytes that one tenant may push at once (`ingestion_burst_size_mb`).
pub const RATE_BURST_BYTES: u64 = 6 << 20;

/// Messages that wait for a slow tail reader; further lines are told as dropped.
pub const TAIL_QUEUE: usize = 10;

/// Bytes of an answer from which it is compressed for clients that accept gzip.
pub const MIN_GZIP_BYTES: u16 = 1_024;

/// Delete requests in force of one tenant: every query checks them all.
pub const MAX_DELETIONS: usize = 1_000;

/// Nanoseconds in which a delete request may be cancelled (`delete_request_cancel_period`).
pub const CANCEL_WINDOW_NS: i64 = 86_400_000_000_000;

/// Tails of all tenants together: each holds a thread.
pub const MAX_ALL_TAILS: usize = 100;
