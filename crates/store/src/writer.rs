//! The single writer: takes all waiting writes, logs them as one group, applies, syncs, publishes, answers.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use model::{Batch, LogBatch, MetricBatch, Tenant};
use wal::{LogStats, Record, WalError};

use crate::heads::Heads;
use crate::ingest_log::IngestLog;
use crate::limits;
use crate::metrics::{AgeRule, Commit};
use crate::options::{StoreOptions, SyncPolicy, WhenFull};
use crate::published::Published;
use crate::queue::{Control, ControlReply, Job, Pending, Queue};
use crate::record;
use crate::stats::Counters;
use crate::tail::Tails;
use crate::write::{AppendError, Appended, Signal};

/// What the writer shares with the store's handle.
pub struct Shared {
    pub options: StoreOptions,
    pub queue: Queue,
    pub published: Published,
    pub tails: Tails,
    pub counters: Counters,
    /// set once, when the disk failed: from then on nothing is acknowledged
    pub broken: OnceLock<String>,
}

pub struct Writer {
    pub shared: Arc<Shared>,
    pub heads: Heads,
    pub log: Option<Box<dyn IngestLog>>,
    /// the sequence of the newest write
    pub sequence: u64,
    /// clock time of the last retention run
    pub retained: Duration,
}

/// What became of a group of writes.
struct Applied {
    outcomes: Vec<(Signal, Appended)>,
    /// log batches for live readers
    fresh: Vec<(Tenant, Arc<LogBatch>)>,
}

/// Answers whoever still waits if the writer ends, however it ends.
struct Guard(Arc<Shared>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.queue.close();
        while let Some(jobs) = self.0.queue.take(Duration::ZERO) {
            for job in jobs {
                match job {
                    Job::Write(p) => p.answer(Err(AppendError::Closed)),
                    Job::Control(_, reply) => reply(Err(AppendError::Closed)),
                }
            }
        }
        self.0.tails.close();
    }
}

impl Writer {
    /// Runs until the queue is closed and drained.
    pub fn run(mut self) {
        let guard = Guard(self.shared.clone());
        while let Some(jobs) = guard.0.queue.take(self.pause()) {
            let mut group = vec![];
            for job in jobs {
                match job {
                    Job::Write(p) => group.push(*p),
                    Job::Control(control, reply) => {
                        self.write(std::mem::take(&mut group));
                        self.control(control, reply);
                    }
                }
            }
            self.write(group);
            self.tick();
        }
        if let Some(log) = &mut self.log
            && let Err(e) = log.sync()
        {
            self.fail(&e);
        }
    }

    /// How long to wait for work before looking after sync and retention.
    fn pause(&self) -> Duration {
        match self.shared.options.sync {
            SyncPolicy::Interval(d) if self.log.is_some() => d.clamp(Duration::from_millis(1), limits::RETENTION_EVERY),
            _ => limits::RETENTION_EVERY,
        }
    }

    fn tick(&mut self) {
        if let Some(log) = &mut self.log
            && let Err(e) = log.tick()
        {
            self.fail(&e);
        }
        self.make_room();
        let now = self.shared.options.clock.elapsed();
        if now.saturating_sub(self.retained) >= limits::RETENTION_EVERY {
            self.retained = now;
            self.retain();
        }
    }

    fn make_room(&mut self) {
        let (limit, (start, leave)) = (self.shared.options.memory_limit, limits::EVICT_PERCENT);
        if self.shared.options.when_full == WhenFull::Refuse || limit == 0 || self.heads.heap_size() <= limit / 100 * start {
            return;
        }
        let evicted = self.heads.evict(limit / 100 * leave);
        self.shared.counters.evicted(evicted);
        self.publish();
    }

    fn retain(&mut self) {
        let options = &self.shared.options;
        let expired = self.heads.retain(options.retention, options.clock.now_ns());
        self.shared.counters.expired(expired);
        self.publish();
    }

    pub(crate) fn fail(&mut self, e: &WalError) {
        if self.shared.broken.set(e.to_string()).is_ok() {
            tracing::error!(error = %e, "the disk failed; nothing is acknowledged any more, queries go on");
        }
    }

    fn write(&mut self, mut group: Vec<Pending>) {
        if group.is_empty() {
            return;
        }
        let first = self.sequence + 1;
        if let Err(e) = self.log_group(&mut group, first) {
            self.refuse(group, e);
            return;
        }
        self.sequence += group.len() as u64;
        let Applied { outcomes, fresh } = self.apply(&mut group, first);
        if let Some(log) = &mut self.log
            && let Err(e) = log.commit()
        {
            // What was applied stays unpublished: metrics are hidden by their sequence, logs and spans by the lists.
            self.fail(&e);
            self.refuse(group, AppendError::Failed(e.to_string()));
            return;
        }
        self.publish();
        for (tenant, batch) in &fresh {
            self.shared.tails.send(tenant, batch);
        }
        let stats = self.log.as_ref().map(|l| l.stats()).unwrap_or_default();
        self.answer(group, outcomes, stats);
    }

    fn refuse(&self, group: Vec<Pending>, e: AppendError) {
        self.shared.counters.refused.fetch_add(group.len() as u64, Ordering::Relaxed);
        for p in group {
            p.answer(Err(e.clone()));
        }
    }

    fn answer(&self, group: Vec<Pending>, outcomes: Vec<(Signal, Appended)>, wal: LogStats) {
        let counters = &self.shared.counters;
        counters.stored(outcomes.iter().map(|(_, a)| a), wal);
        let now = self.shared.options.clock.elapsed();
        for (p, (signal, appended)) in group.into_iter().zip(outcomes) {
            counters.appended(signal, now.saturating_sub(p.since));
            p.answer(Ok(appended));
        }
    }

    /// Appends the group to the log; a full log is trimmed behind a checkpoint first.
    fn log_group(&mut self, group: &mut [Pending], first: u64) -> Result<(), AppendError> {
        if let Some(why) = self.shared.broken.get() {
            return Err(AppendError::Failed(why.clone()));
        }
        if self.log.is_none() {
            return Ok(());
        }
        let records: Vec<Record> = group.iter_mut().zip(first..).map(|(p, sequence)| record::of_write(p, sequence)).collect();
        match self.append_log(&records) {
            Err(WalError::Full) => {
                let cap = self.shared.options.wal_bytes;
                let busy = |why: String| AppendError::Busy {
                    reason: format!("the write-ahead log has reached its {cap} bytes and {why}"),
                    retry_after: limits::RETRY_AFTER,
                };
                self.checkpoint().map_err(|e| busy(format!("no checkpoint could be written: {e}")))?;
                self.append_log(&records).map_err(|e| match e {
                    WalError::Full => busy("these writes do not fit into it; send smaller requests".into()),
                    e => refusal(e),
                })
            }
            other => other.map_err(refusal),
        }
    }

    pub(crate) fn append_log(&mut self, records: &[Record]) -> Result<(), WalError> {
        let Some(log) = &mut self.log else { return Ok(()) };
        let out = log.append(records);
        if let Err(e @ WalError::Broken(_)) = &out {
            self.fail(e);
        }
        out
    }

    /// Applies the group to the heads.
    fn apply(&mut self, group: &mut [Pending], first: u64) -> Applied {
        let rule = age_rule(&self.shared.options);
        let commit = Commit { sequence: first, oldest_snapshot: self.shared.published.oldest_reader() };
        let (mut outcomes, mut fresh) = (Vec::with_capacity(group.len()), vec![]);
        for (p, sequence) in group.iter_mut().zip(first..) {
            // The batch is moved out; the pending write is only needed for its reply from here on.
            let batch = std::mem::replace(&mut p.write.batch, Batch::Metrics(MetricBatch::default()));
            let signal = Signal::of(&batch);
            let (appended, lines) = self.heads.apply(&p.write.tenant, batch, sequence, rule, commit);
            fresh.extend(lines.map(|b| (p.write.tenant.clone(), b)));
            outcomes.push((signal, appended));
        }
        Applied { outcomes, fresh }
    }

    pub(crate) fn publish(&mut self) {
        let changes = self.heads.changes();
        self.shared.counters.memory_bytes.store(self.heads.heap_size(), Ordering::Relaxed);
        self.shared.published.publish(self.sequence, changes);
    }

    fn control(&mut self, control: Control, reply: ControlReply) {
        let out = match control {
            Control::DropTenant(tenant) => self.drop_tenant(&tenant),
            Control::DeleteMetrics(tenant, d) => self.delete_metrics(&tenant, &d),
            Control::Checkpoint => self.checkpoint().map_err(AppendError::Failed),
        };
        reply(out);
    }
}

pub fn refusal(e: WalError) -> AppendError {
    match e {
        WalError::Broken(_) => AppendError::Failed(e.to_string()),
        e => AppendError::Busy { reason: e.to_string(), retry_after: limits::RETRY_AFTER },
    }
}

pub fn age_rule(options: &StoreOptions) -> AgeRule {
    AgeRule { window: options.out_of_order_window.map(|w| i64::try_from(w.as_millis()).unwrap_or(i64::MAX)) }
}
