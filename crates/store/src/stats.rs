//! Counters of a store and what self-telemetry reads of it.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use model::Tenant;
use wal::LogStats;

use crate::write::{Appended, Counts, Reason, Signal};

/// A moment's figures.
#[derive(Debug, Clone, Default)]
pub struct StoreStats {
    pub tenants: Vec<TenantStats>,
    /// the sequence of the newest visible write
    pub sequence: u64,
    /// writes answered with success, per signal (metrics, logs, traces)
    pub appends: [u64; 3],
    /// sum of the time from `append` to the answer, of the same writes
    pub append_time: [Duration; 3],
    /// writes answered "busy", "failed" or "closed"
    pub refused: u64,
    /// rows stored since the start (replayed ones not among them)
    pub stored: Counts,
    /// rows refused within writes that were kept
    pub rejected: Vec<(Reason, u64)>,
    /// rows dropped by retention
    pub expired: Counts,
    /// rows dropped to stay below the memory limit
    pub evicted: Counts,
    pub queue_writes: u64,
    pub queue_bytes: u64,
    /// estimated bytes of all heads
    pub memory_bytes: u64,
    /// 0 = none
    pub memory_limit: u64,
    pub wal: LogStats,
    pub checkpoints: u64,
    /// why the disk is not written any more
    pub broken: Option<String>,
    /// what opening found
    pub replay: ReplayStats,
}

#[derive(Debug, Clone, Default)]
pub struct TenantStats {
    pub tenant: String,
    pub series: u64,
    pub streams: u64,
    /// held now
    pub samples: u64,
    pub exemplars: u64,
    pub lines: u64,
    pub spans: u64,
    pub metrics_bytes: u64,
    pub logs_bytes: u64,
    pub traces_bytes: u64,
}

/// What opening a store found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplayStats {
    pub records: u64,
    pub bytes: u64,
    pub time: Duration,
    /// records that were damaged, or bytes between them that were none; each is reported in the process log
    pub damaged: u64,
    /// whole records that no decoder understood
    pub undecodable: u64,
    /// bytes cut from the end: a group that was being written when the process stopped, and so was never acknowledged
    pub torn_bytes: u64,
    /// rows read from the checkpoint
    pub checkpoint_records: u64,
}

#[derive(Default)]
pub struct Counters {
    appends: [AtomicU64; 3],
    append_ns: [AtomicU64; 3],
    pub refused: AtomicU64,
    pub memory_bytes: AtomicU64,
    pub checkpoints: AtomicU64,
    rows: Mutex<Rows>,
}

#[derive(Default)]
struct Rows {
    stored: Counts,
    expired: Counts,
    evicted: Counts,
    rejected: Vec<(Reason, u64)>,
    wal: LogStats,
}

impl Counters {
    fn rows(&self) -> std::sync::MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn appended(&self, signal: Signal, took: Duration) {
        self.appends[signal as usize].fetch_add(1, Ordering::Relaxed);
        self.append_ns[signal as usize].fetch_add(took.as_nanos() as u64, Ordering::Relaxed);
    }

    pub fn stored<'a>(&self, outcomes: impl Iterator<Item = &'a Appended>, wal: LogStats) {
        let mut rows = self.rows();
        rows.wal = wal;
        for a in outcomes {
            rows.stored = add(rows.stored, a.stored);
            for r in &a.rejected {
                match rows.rejected.iter_mut().find(|(reason, _)| *reason == r.reason) {
                    Some((_, n)) => *n += r.count,
                    None => rows.rejected.push((r.reason, r.count)),
                }
            }
        }
    }

    pub fn expired(&self, counts: Counts) {
        let mut rows = self.rows();
        rows.expired = add(rows.expired, counts);
    }

    pub fn evicted(&self, counts: Counts) {
        let mut rows = self.rows();
        rows.evicted = add(rows.evicted, counts);
    }

    pub fn fill(&self, out: &mut StoreStats) {
        for i in 0..3 {
            out.appends[i] = self.appends[i].load(Ordering::Relaxed);
            out.append_time[i] = Duration::from_nanos(self.append_ns[i].load(Ordering::Relaxed));
        }
        out.refused = self.refused.load(Ordering::Relaxed);
        out.memory_bytes = self.memory_bytes.load(Ordering::Relaxed);
        out.checkpoints = self.checkpoints.load(Ordering::Relaxed);
        let rows = self.rows();
        (out.stored, out.expired, out.evicted) = (rows.stored, rows.expired, rows.evicted);
        (out.rejected, out.wal) = (rows.rejected.clone(), rows.wal.clone());
    }
}

fn add(a: Counts, b: Counts) -> Counts {
    Counts {
        samples: a.samples + b.samples,
        histograms: a.histograms + b.histograms,
        exemplars: a.exemplars + b.exemplars,
        lines: a.lines + b.lines,
        spans: a.spans + b.spans,
    }
}

impl TenantStats {
    pub(crate) fn of(tenant: &Tenant, v: &crate::published::TenantView) -> TenantStats {
        TenantStats {
            tenant: tenant.as_str().to_owned(),
            series: v.metrics.series_count(),
            streams: v.logs.stream_count(),
            samples: v.metrics.sample_count(),
            exemplars: v.metrics.exemplar_count(),
            lines: v.logs.line_count(),
            spans: v.spans.span_count(),
            metrics_bytes: v.metrics.heap_size(),
            logs_bytes: v.logs.heap_size(),
            traces_bytes: v.spans.heap_size(),
        }
    }
}
