//! What a query may use, and how it is stopped: memory, samples, time, cancellation.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Why a query ended without an answer. Faces turn each kind into their own status and text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueryError {
    /// The query text or a parameter is wrong (400).
    Bad(String),
    /// The query is well formed but cannot be evaluated on this data (422).
    Execution(String),
    /// The time limit was reached.
    Timeout,
    /// The caller went away.
    Canceled,
    /// More samples, memory or rows than allowed; the text says which and how to raise it.
    TooMuch(String),
    /// A construct that is known but not evaluated; the text names it.
    Unsupported(String),
    /// The store could not read its own data.
    Storage(String),
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            QueryError::Bad(s) | QueryError::Execution(s) | QueryError::TooMuch(s) | QueryError::Storage(s) => f.write_str(s),
            QueryError::Unsupported(s) => write!(f, "not supported: {s}"),
            QueryError::Timeout => f.write_str("query timed out"),
            QueryError::Canceled => f.write_str("query was canceled"),
        }
    }
}

impl std::error::Error for QueryError {}

/// Limits of one query; 0 means no limit.
#[derive(Debug, Clone, Copy, Default)]
pub struct BudgetLimits {
    /// bytes of intermediate state
    pub memory: u64,
    /// samples held at the same time (PromQL's `--query.max-samples`)
    pub samples: u64,
    pub timeout: Option<Duration>,
}

/// Shared by all threads of one query. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limits: BudgetLimits,
    deadline: Option<Instant>,
    canceled: AtomicBool,
    memory: AtomicU64,
    samples: AtomicU64,
    peak_samples: AtomicU64,
    /// bytes and rows read, for statistics
    bytes_read: AtomicU64,
    rows_read: AtomicU64,
}

impl Budget {
    pub fn new(limits: BudgetLimits) -> Budget {
        Budget(Arc::new(Inner {
            limits,
            deadline: limits.timeout.map(|t| Instant::now() + t),
            canceled: AtomicBool::new(false),
            memory: AtomicU64::new(0),
            samples: AtomicU64::new(0),
            peak_samples: AtomicU64::new(0),
            bytes_read: AtomicU64::new(0),
            rows_read: AtomicU64::new(0),
        }))
    }

    /// No limits: tests and internal queries.
    pub fn unlimited() -> Budget {
        Budget::new(BudgetLimits::default())
    }

    /// Call it once per batch or series, not per row: it reads the clock.
    pub fn check(&self) -> Result<(), QueryError> {
        if self.0.canceled.load(Ordering::Relaxed) {
            return Err(QueryError::Canceled);
        }
        match self.0.deadline {
            Some(d) if Instant::now() >= d => Err(QueryError::Timeout),
            _ => Ok(()),
        }
    }

    pub fn cancel(&self) {
        self.0.canceled.store(true, Ordering::Relaxed);
    }

    /// Accounts for intermediate bytes; give them back with `release`.
    pub fn reserve(&self, bytes: u64) -> Result<(), QueryError> {
        let now = self.0.memory.fetch_add(bytes, Ordering::Relaxed) + bytes;
        match self.0.limits.memory {
            limit if limit > 0 && now > limit => Err(QueryError::TooMuch(format!(
                "query needs more than {limit} bytes of memory; narrow the selectors or the time range, or raise the limit"
            ))),
            _ => Ok(()),
        }
    }

    pub fn release(&self, bytes: u64) {
        let _ = self.0.memory.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |m| Some(m.saturating_sub(bytes)));
    }

    /// Counts samples held in memory, as Prometheus does; give them back with `drop_samples`.
    pub fn take_samples(&self, n: u64) -> Result<(), QueryError> {
        let now = self.0.samples.fetch_add(n, Ordering::Relaxed) + n;
        self.0.peak_samples.fetch_max(now, Ordering::Relaxed);
        match self.0.limits.samples {
            limit if limit > 0 && now > limit => {
                Err(QueryError::TooMuch("query processing would load too many samples into memory in query execution".into()))
            }
            _ => Ok(()),
        }
    }

    pub fn drop_samples(&self, n: u64) {
        let _ = self.0.samples.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |m| Some(m.saturating_sub(n)));
    }

    pub fn count_read(&self, rows: u64, bytes: u64) {
        self.0.rows_read.fetch_add(rows, Ordering::Relaxed);
        self.0.bytes_read.fetch_add(bytes, Ordering::Relaxed);
    }

    pub fn peak_samples(&self) -> u64 {
        self.0.peak_samples.load(Ordering::Relaxed)
    }

    pub fn rows_read(&self) -> u64 {
        self.0.rows_read.load(Ordering::Relaxed)
    }

    pub fn bytes_read(&self) -> u64 {
        self.0.bytes_read.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_and_cancel_stops() {
        let b = Budget::new(BudgetLimits { memory: 100, samples: 10, timeout: Some(Duration::from_secs(60)) });
        assert!(b.check().is_ok() && b.reserve(100).is_ok());
        assert!(matches!(b.reserve(1), Err(QueryError::TooMuch(_))));
        b.release(101);
        assert!(b.reserve(50).is_ok());
        assert!(b.take_samples(10).is_ok() && b.take_samples(1).is_err());
        b.cancel();
        assert_eq!(b.check(), Err(QueryError::Canceled));
        let late = Budget::new(BudgetLimits { timeout: Some(Duration::ZERO), ..BudgetLimits::default() });
        assert_eq!(late.check(), Err(QueryError::Timeout));
    }
}
