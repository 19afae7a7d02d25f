//! What queries may see: the newest published sequence, each tenant's heads, and which older sequences are still being read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use model::Tenant;
use rustc_hash::FxHashMap;

use crate::logs::LogView;
use crate::metrics::MetricHead;
use crate::spans::SpanView;

/// One tenant's data as published. Logs and spans are immutable lists; metrics are filtered by sequence at read.
pub struct TenantView {
    pub metrics: Arc<MetricHead>,
    pub logs: LogView,
    pub spans: SpanView,
}

#[derive(Default)]
pub struct Published {
    state: RwLock<State>,
    /// sequence to the number of snapshots that read it
    readers: Arc<Mutex<Readers>>,
}

type Readers = BTreeMap<u64, usize>;

#[derive(Default)]
struct State {
    sequence: u64,
    tenants: FxHashMap<Tenant, Arc<TenantView>>,
}

/// Keeps what a snapshot sees from being forgotten.
pub struct Reader {
    pub sequence: u64,
    readers: Arc<Mutex<Readers>>,
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(n) = readers.get_mut(&self.sequence) {
            *n -= 1;
            if *n == 0 {
                readers.remove(&self.sequence);
            }
        }
    }
}

impl Published {
    /// The tenants' views, as far as they exist, all of the same moment.
    pub fn read(&self, tenants: &[Tenant]) -> (Reader, Vec<(Tenant, Arc<TenantView>)>) {
        // The reader is registered under the lock: the writer cannot publish (and forget) in between.
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        *self.readers.lock().unwrap_or_else(PoisonError::into_inner).entry(state.sequence).or_default() += 1;
        let reader = Reader { sequence: state.sequence, readers: self.readers.clone() };
        let mut names: Vec<&Tenant> = tenants.iter().collect();
        names.sort();
        names.dedup();
        let views = names.into_iter().filter_map(|t| state.tenants.get(t).map(|v| (t.clone(), v.clone()))).collect();
        (reader, views)
    }

    pub fn tenants(&self) -> Vec<Tenant> {
        let mut all: Vec<Tenant> = self.state.read().unwrap_or_else(PoisonError::into_inner).tenants.keys().cloned().collect();
        all.sort();
        all
    }

    pub fn views(&self) -> Vec<(Tenant, Arc<TenantView>)> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).tenants.iter().map(|(t, v)| (t.clone(), v.clone())).collect()
    }

    pub fn sequence(&self) -> u64 {
        self.state.read().unwrap_or_else(PoisonError::into_inner).sequence
    }

    /// The oldest sequence that a snapshot reads or that the next one will read.
    pub fn oldest_reader(&self) -> u64 {
        let published = self.sequence();
        let readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        readers.keys().next().copied().unwrap_or(published).min(published)
    }

    /// Makes everything up to `sequence` visible at once. `None` removes a tenant.
    pub fn publish(&self, sequence: u64, changed: Vec<(Tenant, Option<TenantView>)>) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.sequence = sequence;
        let mut old = vec![];
        for (tenant, view) in changed {
            old.push(match view {
                Some(v) => state.tenants.insert(tenant, Arc::new(v)),
                None => state.tenants.remove(&tenant),
            });
        }
        // Freeing a dropped tenant's data must not keep readers waiting.
        drop(state);
        drop(old);
    }
}
