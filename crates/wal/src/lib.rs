//! The write-ahead log: append, group sync, rotate, replay and truncate records that it does not understand.

use std::time::Duration;

/// Size at which a segment is closed and the next one begun.
pub const SEGMENT_BYTES: u64 = 64 << 20;

/// When an append is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SyncPolicy {
    /// before it is acknowledged
    #[default]
    Always,
    /// at most this long after it was acknowledged
    Interval(Duration),
    /// when the operating system sees fit: survives the process, not the power
    Os,
}
