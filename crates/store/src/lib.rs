//! The data owner: a bounded queue, one writer, in-memory heads of the three signals, write-ahead log, replay, snapshots.
//!
//! `Store::open` → `append` (or `append_wait`) → `snapshot`, which implements `query::{MetricSource, LogSource, SpanSource}`.

pub mod limits;
mod options;
mod snapshot;
mod store;
mod write;

pub use options::{Retention, StoreOptions, SyncPolicy};
pub use snapshot::{LogSubscription, Snapshot};
pub use store::Store;
pub use write::{AppendError, Appended, Counts, Decode, Encoding, NativeOnly, Raw, Reason, Rejected, Reply, Signal, Write};
