//! The bounded queue between callers and the writer.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::Tenant;

use crate::record::Deletion;
use crate::write::{AppendError, Reply, Write};
use crate::{Appended, limits};

/// What the writer does next.
pub enum Job {
    Write(Box<Pending>),
    /// Runs between groups of writes, in its turn.
    Control(Control, ControlReply),
}

pub enum Control {
    DropTenant(Tenant),
    DeleteMetrics(Tenant, Deletion),
    Checkpoint,
}

pub type ControlReply = Box<dyn FnOnce(Result<(), AppendError>) + Send>;

/// A write that waits for its turn.
pub struct Pending {
    pub write: Write,
    /// what the log will hold; `None` without a log
    pub payload: Option<wal::Payload>,
    /// what it counts for in the queue
    pub bytes: usize,
    /// clock time of arrival
    pub since: Duration,
    pub reply: Reply,
}

impl Pending {
    pub fn answer(self, outcome: Result<Appended, AppendError>) {
        (self.reply)(outcome);
    }
}

pub struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    max_writes: usize,
    max_bytes: usize,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    bytes: usize,
    closed: bool,
}

impl Queue {
    pub fn new(max_writes: usize, max_bytes: usize) -> Queue {
        Queue { state: Mutex::new(State::default()), filled: Condvar::new(), max_writes, max_bytes }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the job back with the reason if it cannot be taken now. Never waits.
    pub fn push(&self, job: Job) -> Result<(), (Job, AppendError)> {
        let mut s = self.lock();
        if s.closed {
            return Err((job, AppendError::Closed));
        }
        if let Job::Write(p) = &job {
            let busy = |reason: String| AppendError::Busy { reason, retry_after: limits::RETRY_AFTER };
            if s.jobs.len() >= self.max_writes {
                let reason = format!("the write queue is full ({} writes)", self.max_writes);
                return Err((job, busy(reason)));
            }
            // A single write larger than the whole queue is still taken when nothing else waits.
            if s.bytes > 0 && s.bytes + p.bytes > self.max_bytes {
                let reason = format!("the write queue is full ({} bytes)", self.max_bytes);
                return Err((job, busy(reason)));
            }
            s.bytes += p.bytes;
        }
        s.jobs.push_back(job);
        drop(s);
        self.filled.notify_one();
        Ok(())
    }

    /// Everything that waits, up to about `limits::GROUP_BYTES`. Empty after the timeout; `None` once closed and drained.
    pub fn take(&self, timeout: Duration) -> Option<Vec<Job>> {
        let mut s = self.lock();
        if s.jobs.is_empty() && !s.closed {
            s = self.filled.wait_timeout_while(s, timeout, |s| s.jobs.is_empty() && !s.closed).unwrap_or_else(PoisonError::into_inner).0;
        }
        if s.jobs.is_empty() {
            return if s.closed { None } else { Some(vec![]) };
        }
        let (mut out, mut bytes) = (vec![], 0);
        while bytes < limits::GROUP_BYTES {
            let Some(job) = s.jobs.pop_front() else { break };
            if let Job::Write(p) = &job {
                bytes += p.bytes;
                s.bytes -= p.bytes;
            }
            out.push(job);
        }
        Some(out)
    }

    /// Takes nothing more; what waits is still handed out.
    pub fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }

    /// Waiting jobs and their bytes.
    pub fn len(&self) -> (usize, usize) {
        let s = self.lock();
        (s.jobs.len(), s.bytes)
    }
}
