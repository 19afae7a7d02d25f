//! Live subscriptions: freshly written log batches as they are published.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use model::{LogBatch, Tenant};

use crate::limits;

/// A bounded queue of a tenant's new log batches. A reader that is too slow loses batches and sees how many.
pub struct LogSubscription {
    receiver: Receiver<Arc<LogBatch>>,
    missed: Arc<AtomicU64>,
}

/// What came of waiting.
#[derive(Debug, Clone)]
pub enum Tail {
    Batch(Arc<LogBatch>),
    Timeout,
    /// the store was closed
    Closed,
}

impl LogSubscription {
    /// Waits for the next batch.
    pub fn recv_timeout(&self, timeout: Duration) -> Tail {
        match self.receiver.recv_timeout(timeout) {
            Ok(b) => Tail::Batch(b),
            Err(RecvTimeoutError::Timeout) => Tail::Timeout,
            Err(RecvTimeoutError::Disconnected) => Tail::Closed,
        }
    }

    /// The next batch if one is waiting.
    pub fn try_recv(&self) -> Option<Arc<LogBatch>> {
        self.receiver.try_recv().ok()
    }

    /// Lines lost since the last call because the reader was too slow.
    pub fn take_missed(&self) -> u64 {
        self.missed.swap(0, Ordering::Relaxed)
    }
}

#[derive(Default)]
pub struct Tails(Mutex<Vec<Subscriber>>);

struct Subscriber {
    tenant: Tenant,
    sender: SyncSender<Arc<LogBatch>>,
    missed: Arc<AtomicU64>,
}

impl Tails {
    pub fn subscribe(&self, tenant: Tenant) -> LogSubscription {
        let (sender, receiver) = sync_channel(limits::TAIL_BATCHES);
        let missed = Arc::new(AtomicU64::new(0));
        self.lock().push(Subscriber { tenant, sender, missed: missed.clone() });
        LogSubscription { receiver, missed }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Subscriber>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a batch on without waiting; subscribers that went away are forgotten.
    pub fn send(&self, tenant: &Tenant, batch: &Arc<LogBatch>) {
        self.lock().retain(|s| {
            if s.tenant != *tenant {
                return true;
            }
            match s.sender.try_send(batch.clone()) {
                Ok(()) => true,
                Err(TrySendError::Full(b)) => {
                    s.missed.fetch_add(b.len() as u64, Ordering::Relaxed);
                    true
                }
                Err(TrySendError::Disconnected(_)) => false,
            }
        });
    }

    pub fn close(&self) {
        self.lock().clear();
    }
}
