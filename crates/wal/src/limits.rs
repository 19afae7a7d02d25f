//! Sizes of the log, each with the effect of changing it.

/// Size at which a segment is closed and the next one begun: truncation frees whole segments.
pub const SEGMENT_BYTES: u64 = 64 << 20;
/// Total size of the log; it bounds the time that replay takes.
pub const LOG_BYTES: u64 = 512 << 20;
/// Payloads above this size are compressed: below it the gain is not worth the time.
pub const COMPRESS_BYTES: usize = 4 << 10;
/// Longest record body that is read back; a longer length is taken for damage.
pub const RECORD_BYTES: usize = 512 << 20;
