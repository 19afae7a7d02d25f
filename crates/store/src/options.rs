//! How a store is opened: place, sync policy, limits, retention.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use host::{Clock, Disk, Random, RealClock, RealDisk, RealRandom};

use crate::limits;

pub use wal::SyncPolicy;

#[derive(Clone)]
pub struct StoreOptions {
    /// the data folder; `None` keeps everything in memory only
    pub dir: Option<PathBuf>,
    pub sync: SyncPolicy,
    /// bytes of all heads above which writes are refused (retryable); 0 = no limit
    pub memory_limit: u64,
    pub when_full: WhenFull,
    pub queue_writes: usize,
    pub queue_bytes: usize,
    /// total bytes of the write-ahead log; when reached, a checkpoint is written and the log trimmed
    pub wal_bytes: u64,
    pub segment_bytes: u64,
    pub retention: Retention,
    /// how much older than the tenant's newest sample a sample may be; `None` = any age, zero = no out-of-order samples
    pub out_of_order_window: Option<Duration>,
    pub disk: Arc<dyn Disk>,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
}

/// What happens as the heads come near their memory limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// Nothing: at the limit writes are refused until retention has dropped something.
    #[default]
    Refuse,
    /// The oldest data of the largest heads goes, so that there is always room for new data.
    EvictOldest,
}

/// How long rows are kept, per signal, by their own time; zero keeps them for ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    pub metrics: Duration,
    pub logs: Duration,
    pub traces: Duration,
}

impl Retention {
    pub fn all(keep: Duration) -> Retention {
        Retention { metrics: keep, logs: keep, traces: keep }
    }
}

impl StoreOptions {
    /// Nothing is written to disk.
    pub fn memory() -> StoreOptions {
        StoreOptions {
            dir: None,
            sync: SyncPolicy::Always,
            memory_limit: limits::MEMORY_BYTES,
            when_full: WhenFull::Refuse,
            queue_writes: limits::QUEUE_WRITES,
            queue_bytes: limits::QUEUE_BYTES,
            wal_bytes: limits::WAL_BYTES,
            segment_bytes: wal::SEGMENT_BYTES,
            retention: Retention::default(),
            out_of_order_window: None,
            disk: Arc::new(RealDisk),
            clock: Arc::new(RealClock),
            random: Arc::new(RealRandom::new()),
        }
    }

    /// Data in this folder, made if missing.
    pub fn at(dir: impl Into<PathBuf>) -> StoreOptions {
        StoreOptions { dir: Some(dir.into()), ..StoreOptions::memory() }
    }
}
