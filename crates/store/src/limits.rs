//! Sizes and bounds of the store, each with the effect of changing it.

use std::time::Duration;

/// Writes waiting for the writer; more are answered "busy".
pub const QUEUE_WRITES: usize = 10_000;
/// Bytes of batches and log payloads waiting for the writer; more are answered "busy".
pub const QUEUE_BYTES: usize = 128 << 20;
/// Bytes of writes that are logged, applied and synced together: larger groups sync less often and answer later.
pub const GROUP_BYTES: usize = 16 << 20;
/// Bytes of all heads together above which writes are answered "busy".
pub const MEMORY_BYTES: u64 = 2 << 30;
/// With `WhenFull::EvictOldest`: percent of the limit at which eviction begins, and that it leaves.
pub const EVICT_PERCENT: (u64, u64) = (90, 80);
/// Heads that one eviction makes smaller at most.
pub const EVICT_ROUNDS: usize = 16;
/// Total size of the write-ahead log; it bounds the start time.
pub const WAL_BYTES: u64 = 512 << 20;
/// What a busy answer tells the sender to wait.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Samples after which an open chunk of a series is sealed: longer chunks compress better and are dearer to read in part.
pub const CHUNK_SAMPLES: u32 = 120;
/// Out-of-order samples of a series kept aside before they are merged into its chunks.
pub const OOO_SAMPLES: usize = 128;
/// Commits that a series remembers for living snapshots; a snapshot that lives longer sees newer samples.
pub const MARKS: usize = 1_000;
/// Exemplars per tenant; the oldest goes first.
pub const EXEMPLARS: usize = 100_000;
/// Metrics per tenant whose metadata is kept.
pub const METADATA_METRICS: usize = 100_000;
/// Differing metadata kept per metric, newest first.
pub const METADATA_PER_METRIC: usize = 4;

/// Neighbouring log or span batches of one size class that are merged into one: higher copies less and leaves more batches to scan.
pub const MERGE_FAN_IN: usize = 8;
/// A batch of this many rows is not merged any more.
pub const MERGE_ROWS: usize = 32 << 10;
/// A batch of this many bytes is not merged any more.
pub const MERGE_BYTES: usize = 16 << 20;

/// Batches waiting in one live subscription; a slower reader loses the newer ones and sees the count.
pub const TAIL_BATCHES: usize = 256;
/// How often retention is applied.
pub const RETENTION_EVERY: Duration = Duration::from_secs(30);

/// Samples per record of a checkpoint: they are in memory twice while it is written.
pub const CHECKPOINT_ROWS: usize = 50_000;
/// Bytes of a checkpoint that are written at once.
pub const CHECKPOINT_BUFFER: usize = 1 << 20;
