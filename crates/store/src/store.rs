//! The store's handle: open, append, snapshot, live subscriptions, stats.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use model::{Batch, Matcher, Tenant};

use crate::heads::Heads;
use crate::limits;
use crate::options::StoreOptions;
use crate::published::Published;
use crate::queue::{Control, Job, Pending, Queue};
use crate::record::{self, Deletion};
use crate::replay::{self, Recovered};
use crate::snapshot::Snapshot;
use crate::stats::{Counters, ReplayStats, StoreStats, TenantStats};
use crate::tail::{LogSubscription, Tails};
use crate::write::{AppendError, Appended, Decode, Reply, Write};
use crate::writer::{Shared, Writer};

/// Owns all data. Share it as `Arc<Store>`; dropping it stops the writer after everything that waits was written.
pub struct Store {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// whether there is a log to prepare payloads for
    durable: bool,
    replay: ReplayStats,
    _lock: Option<Box<dyn Send + Sync>>,
}

impl Store {
    /// Opens the folder of the options, replays what it holds and starts the writer.
    pub fn open(options: StoreOptions, decode: Arc<dyn Decode>) -> io::Result<Store> {
        let recovered = match &options.dir {
            Some(dir) => replay::open(&options, dir, decode.as_ref())?,
            None => Recovered::default(),
        };
        let Recovered { mut heads, log, sequence, stats, lock } = recovered;
        let shared = Arc::new(Shared {
            queue: Queue::new(options.queue_writes, options.queue_bytes),
            published: Published::default(),
            tails: Tails::default(),
            counters: Counters::default(),
            broken: OnceLock::new(),
            options,
        });
        publish_first(&shared, &mut heads, sequence);
        let durable = log.is_some();
        let retained = shared.options.clock.elapsed();
        let writer = Writer { shared: shared.clone(), heads, log, sequence, retained };
        let thread = std::thread::Builder::new().name("store-writer".into()).spawn(move || writer.run())?;
        Ok(Store { shared, writer: Mutex::new(Some(thread)), durable, replay: stats, _lock: lock })
    }

    /// Never waits: a full queue or memory budget is answered at once, on this thread; all else on the writer's thread.
    pub fn append(&self, write: Write, reply: Reply) {
        if let Err(e) = self.admit() {
            self.shared.counters.refused.fetch_add(1, Ordering::Relaxed);
            return reply(Err(e));
        }
        let payload = if self.durable {
            match record::payload(&write) {
                Some(p) => Some(p),
                None => return reply(Err(AppendError::Failed("a single write of more than 4 GiB".into()))),
            }
        } else {
            None
        };
        let bytes = batch_bytes(&write.batch) + payload.as_ref().map_or(0, |p| p.stored_len());
        let since = self.shared.options.clock.elapsed();
        if let Err((Job::Write(p), e)) = self.shared.queue.push(Job::Write(Box::new(Pending { write, payload, bytes, since, reply }))) {
            self.shared.counters.refused.fetch_add(1, Ordering::Relaxed);
            p.answer(Err(e));
        }
    }

    /// `append` for callers that may block.
    pub fn append_wait(&self, write: Write) -> Result<Appended, AppendError> {
        let (send, receive) = sync_channel(1);
        self.append(write, Box::new(move |r| drop(send.send(r))));
        receive.recv().unwrap_or(Err(AppendError::Closed))
    }

    fn admit(&self) -> Result<(), AppendError> {
        let s = &self.shared;
        if let Some(why) = s.broken.get() {
            return Err(AppendError::Failed(why.clone()));
        }
        let (limit, held) = (s.options.memory_limit, s.counters.memory_bytes.load(Ordering::Relaxed));
        if limit > 0 && held + s.queue.len().1 as u64 > limit {
            let reason = format!("the memory budget of {limit} bytes is used up; raise it or shorten the retention");
            return Err(AppendError::Busy { reason, retry_after: limits::RETRY_AFTER });
        }
        Ok(())
    }

    /// A view of everything acknowledged so far; it does not change. Several tenants are merged.
    pub fn snapshot(&self, tenants: &[Tenant]) -> Snapshot {
        Snapshot::new(&self.shared.published, tenants)
    }

    /// The tenants that have data, sorted.
    pub fn tenants(&self) -> Vec<Tenant> {
        self.shared.published.tenants()
    }

    /// Log batches of a tenant as they are written from now on.
    pub fn subscribe_logs(&self, tenant: &Tenant) -> LogSubscription {
        self.shared.tails.subscribe(tenant.clone())
    }

    /// Forgets all data of a tenant, also in the log. Waits for the writer.
    pub fn drop_tenant(&self, tenant: &Tenant) -> Result<(), AppendError> {
        self.control(Control::DropTenant(tenant.clone()))
    }

    /// Deletes samples in [min_t, max_t] (Unix milliseconds) of a tenant's series that satisfy one of the sets (none = all series), also in
    /// the log. Older snapshots lose them too. Waits for the writer.
    pub fn delete_metrics(&self, tenant: &Tenant, sets: Vec<Vec<Matcher>>, min_t: i64, max_t: i64) -> Result<(), AppendError> {
        self.control(Control::DeleteMetrics(tenant.clone(), Deletion { sets, min_t, max_t }))
    }

    /// Writes everything held to a checkpoint file and trims the log behind it. Waits; writes wait meanwhile.
    pub fn checkpoint(&self) -> Result<(), AppendError> {
        self.control(Control::Checkpoint)
    }

    fn control(&self, control: Control) -> Result<(), AppendError> {
        let (send, receive) = sync_channel(1);
        let job = Job::Control(control, Box::new(move |r| drop(send.send(r))));
        self.shared.queue.push(job).map_err(|(_, e)| e)?;
        receive.recv().unwrap_or(Err(AppendError::Closed))
    }

    pub fn stats(&self) -> StoreStats {
        let s = &self.shared;
        let (waiting, waiting_bytes) = s.queue.len();
        let mut tenants: Vec<TenantStats> = s.published.views().iter().map(|(t, v)| TenantStats::of(t, v)).collect();
        tenants.sort_by(|a, b| a.tenant.cmp(&b.tenant));
        let mut out = StoreStats {
            tenants,
            sequence: s.published.sequence(),
            queue_writes: waiting as u64,
            queue_bytes: waiting_bytes as u64,
            memory_limit: s.options.memory_limit,
            broken: s.broken.get().cloned(),
            replay: self.replay.clone(),
            ..StoreStats::default()
        };
        s.counters.fill(&mut out);
        out
    }

    /// Takes no more writes, writes what waits, syncs, and stops the writer. Queries go on. Also done on drop.
    pub fn close(&self) {
        self.shared.queue.close();
        let thread = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|t| t.join().is_err()) {
            tracing::error!("the store's writer had panicked");
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

/// Shows what was replayed.
fn publish_first(shared: &Shared, heads: &mut Heads, sequence: u64) {
    let changes = heads.changes();
    shared.counters.memory_bytes.store(heads.heap_size(), Ordering::Relaxed);
    shared.published.publish(sequence, changes);
}

/// Roughly what a batch takes in the queue.
fn batch_bytes(batch: &Batch) -> usize {
    match batch {
        Batch::Metrics(m) => {
            let labels: usize = m.series.iter().map(|l| l.heap_size()).sum();
            labels + m.samples.len() * 40 + m.histograms.iter().map(|h| 40 + h.h.heap_size()).sum::<usize>() + m.exemplars.len() * 200
        }
        Batch::Logs(l) => l.heap_size(),
        Batch::Spans(s) => s.heap_size(),
    }
}
