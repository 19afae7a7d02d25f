//! The data owner: a bounded queue, one writer, in-memory heads of the three signals, write-ahead log, replay, snapshots.
//!
//! `Store::open` → `append` (or `append_wait`) → `snapshot`, which implements `query::{MetricSource, LogSource, SpanSource}`.

mod checkpoint;
mod codec;
mod control;
mod evict;
mod heads;
mod index;
mod ingest_log;
pub mod limits;
mod logs;
mod metrics;
mod options;
mod published;
mod queue;
mod record;
mod replay;
mod snapshot;
mod spans;
mod stats;
mod store;
mod tail;
mod tiers;
mod write;
mod writer;

pub use metrics::Cardinality;
pub use options::{Retention, StoreOptions, SyncPolicy, WhenFull};
pub use snapshot::Snapshot;
pub use stats::{ReplayStats, StoreStats, TenantStats};
pub use store::Store;
pub use tail::{LogSubscription, Tail};
pub use wal::LogStats;
pub use write::{AppendError, Appended, Counts, Decode, Encoding, NativeOnly, Raw, Reason, Rejected, Reply, Signal, Write};
