//! What the API shows of targets: written by the loops, read at any time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use model::{Labels, Metadata};

use crate::target::Target;

/// All pools of the process.
#[derive(Debug, Default)]
pub struct State {
    pools: RwLock<BTreeMap<String, Pool>>,
}

/// One job's targets.
#[derive(Debug, Clone, Default)]
pub struct Pool {
    /// the job's configuration, secrets replaced
    pub yaml: String,
    pub active: Vec<Arc<Slot>>,
    /// at most `keep_dropped_targets` of the dropped ones
    pub dropped: Vec<Labels>,
    pub dropped_count: u64,
}

/// A target and its newest outcome.
#[derive(Debug)]
pub struct Slot {
    pub target: Target,
    status: Mutex<Status>,
}

#[derive(Debug, Clone, Default)]
pub struct Status {
    /// `None` before the first scrape
    pub up: Option<bool>,
    pub last_error: String,
    /// Unix milliseconds
    pub last_scrape_ms: Option<i64>,
    /// seconds
    pub last_duration: f64,
    /// of the newest good page
    pub metadata: Arc<Vec<Metadata>>,
}

impl Slot {
    pub fn new(target: Target) -> Arc<Slot> {
        Arc::new(Slot { target, status: Mutex::default() })
    }

    pub fn status(&self) -> Status {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.status.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl State {
    /// A copy of every pool by name, sorted.
    pub fn pools(&self) -> BTreeMap<String, Pool> {
        self.pools.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, name: &str, pool: Pool) {
        self.pools.write().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), pool);
    }
}
