//! The bounds of the Prometheus face, each with what changes when it changes.

use std::time::Duration;

/// Most points per series of a range query; clients choose their step by this number, so do not lower it.
pub const MAX_POINTS_PER_SERIES: i64 = 11_000;

/// Bytes of a form body (query, series, labels over POST). Larger is refused with 413.
pub const MAX_FORM_BYTES: usize = 10 << 20;

/// Bytes of a compressed remote-write, remote-read or OTLP body. Larger is refused with 413.
pub const MAX_BODY_BYTES: usize = 32 << 20;

/// Bytes of such a body after decompression; checked before anything is allocated.
pub const MAX_DECODED_BYTES: usize = 32 << 20;

/// Bytes of rendered answer that are held before they are handed to the connection.
/// Larger blocks: fewer wake-ups per answer; smaller blocks: less memory per slow reader.
pub const CHUNK_BYTES: usize = 64 << 10;

/// Answers shorter than this are not compressed: the header would cost more than it saves.
pub const MIN_GZIP_BYTES: usize = 1024;

/// Most warnings, and most infos, in an answer; the surplus becomes one line that counts it.
pub const MAX_ANNOTATIONS: usize = 10;

/// Most `search[]` texts of one search request.
pub const MAX_SEARCH_TERMS: usize = 32;

/// Most results of one search request, and the number given when none is asked for.
pub const MAX_SEARCH_RESULTS: usize = 10_000;
pub const DEFAULT_SEARCH_RESULTS: usize = 100;

/// Entries of each table of /status/tsdb: the number given when none is asked for, and the most.
pub const DEFAULT_TSDB_ENTRIES: usize = 10;
pub const MAX_TSDB_ENTRIES: usize = 10_000;

/// Bytes of one frame of a streamed remote read; Prometheus' own readers refuse more than 50 MB.
pub const READ_FRAME_BYTES: usize = 1 << 20;

/// Samples in one chunk of a streamed remote read, as Prometheus cuts them.
pub const SAMPLES_PER_CHUNK: usize = 120;

/// Samples of one remote read that is not streamed; more is refused with 400.
pub const MAX_READ_SAMPLES: u64 = 50_000_000;

/// How far ahead of this machine's clock a remote-write sample may lie, in milliseconds.
pub const MAX_FUTURE_MS: i64 = 10 * 60 * 1000;

/// How far back `/federate` and an instant query look for a sample, unless the request says otherwise.
pub const LOOKBACK: Duration = Duration::from_secs(5 * 60);

/// Rows of one remote-write request. Senders batch a few thousand; these stop a small request of empty messages from filling the memory.
pub const MAX_WRITE_SAMPLES: usize = 2 << 20;
pub const MAX_WRITE_HISTOGRAMS: usize = 256 << 10;
pub const MAX_WRITE_EXEMPLARS: usize = 256 << 10;

/// Labels of one series or exemplar, buckets and spans of one histogram, entries of a request's symbol table.
pub const MAX_LABELS: usize = 4096;
pub const MAX_BUCKETS: usize = 256 << 10;
pub const MAX_SYMBOLS: usize = 2 << 20;

/// Lines of a partial write's error text; the rest is counted.
pub const MAX_ERROR_LINES: usize = 100;
