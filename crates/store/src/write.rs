//! What goes into the store and what comes back: `Write`, `Appended`, `AppendError`, and the `Decode` seam used at replay.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use model::{Batch, Tenant};

/// One write: the decoded batch and what the write-ahead log keeps of it.
#[derive(Debug, Clone)]
pub struct Write {
    pub tenant: Tenant,
    pub batch: Batch,
    pub raw: Raw,
    /// Unix nanoseconds; replay decodes with the same time
    pub received_ns: u64,
}

/// What the write-ahead log keeps of a write.
#[derive(Debug, Clone)]
pub enum Raw {
    /// The request as received; `Decode` must turn it into the same batch again.
    Encoded { signal: Signal, encoding: Encoding, bytes: Bytes },
    /// The store serialises the batch itself: remote write, Loki push, scrapes, rules, batches changed by processors.
    Native,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Signal {
    Metrics,
    Logs,
    Traces,
}

impl Signal {
    pub const ALL: [Signal; 3] = [Signal::Metrics, Signal::Logs, Signal::Traces];

    pub fn of(batch: &Batch) -> Signal {
        match batch {
            Batch::Metrics(_) => Signal::Metrics,
            Batch::Logs(_) => Signal::Logs,
            Batch::Spans(_) => Signal::Traces,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Signal::Metrics => "metrics",
            Signal::Logs => "logs",
            Signal::Traces => "traces",
        }
    }
}

/// The form of `Raw::Encoded` bytes (already decompressed).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    OtlpProto,
    OtlpJson,
}

/// Turns the bytes of `Raw::Encoded` into their batch again, at replay.
pub trait Decode: Send + Sync {
    /// An error loses the record, so it must only come from bytes that were never valid.
    fn decode(&self, signal: Signal, encoding: Encoding, bytes: &[u8], received_ns: u64) -> Result<Batch, String>;
}

/// For stores that are only given `Raw::Native`.
pub struct NativeOnly;

impl Decode for NativeOnly {
    fn decode(&self, signal: Signal, encoding: Encoding, _: &[u8], _: u64) -> Result<Batch, String> {
        Err(format!("this store was opened without a decoder for {encoding:?} {}", signal.as_str()))
    }
}

/// What became of a write that was kept. It is on disk (per sync policy) and every snapshot taken from now on shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Appended {
    /// the write's place in the order of all writes
    pub sequence: u64,
    /// rows that are stored now; repeated rows that were silently dropped are not among them
    pub stored: Counts,
    /// rows refused while the rest was kept, one entry per reason
    pub rejected: Vec<Rejected>,
}

impl Appended {
    pub fn rejected_total(&self) -> u64 {
        self.rejected.iter().map(|r| r.count).sum()
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub samples: u64,
    pub histograms: u64,
    pub exemplars: u64,
    pub lines: u64,
    pub spans: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    pub reason: Reason,
    pub count: u64,
    /// the first such row: series and time
    pub example: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// another value at the time of the series' newest sample
    Duplicate,
    /// another value at the time of an older sample (Prometheus answers success for these)
    DuplicateOld,
    /// older than the newest sample while the out-of-order window is 0
    OutOfOrder,
    /// older than the out-of-order window
    TooOld,
    /// a delta that is not newer than its series' newest sample and so cannot be added to it
    DeltaOutOfOrder,
    /// an exemplar older than the series' newest one while the out-of-order window is 0
    ExemplarOutOfOrder,
    /// a row that refers to a series its batch does not have
    BadSeries,
}

impl Reason {
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Duplicate => "duplicate sample for timestamp",
            Reason::DuplicateOld => "duplicate sample for an older timestamp",
            Reason::OutOfOrder => "out of order sample",
            Reason::TooOld => "too old sample",
            Reason::DeltaOutOfOrder => "out of order delta sample",
            Reason::ExemplarOutOfOrder => "out of order exemplar",
            Reason::BadSeries => "row without a series",
        }
    }
}

/// Why a write was not kept at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppendError {
    /// Queue, memory budget or log are full: send again after `retry_after`.
    Busy { reason: String, retry_after: Duration },
    /// The disk failed: nothing is acknowledged until the process was restarted. Senders should retry elsewhere or later.
    Failed(String),
    /// The store was closed.
    Closed,
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AppendError::Busy { reason, retry_after } => write!(f, "{reason}; retry after {} ms", retry_after.as_millis()),
            AppendError::Failed(why) => write!(f, "the store cannot write: {why}"),
            AppendError::Closed => f.write_str("the store is closed"),
        }
    }
}

impl std::error::Error for AppendError {}

/// Takes the outcome of a write, once, on the writer's thread: hand it on, do not compute.
pub type Reply = Box<dyn FnOnce(Result<Appended, AppendError>) + Send>;
