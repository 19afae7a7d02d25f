//! All tenants' heads, as the writer owns them: apply a batch, drop a tenant, apply retention, publish.

use std::sync::Arc;

use model::{Batch, LogBatch, Tenant};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::limits;
use crate::logs::LogHead;
use crate::metrics::{AgeRule, Commit, MetricHead};
use crate::options::Retention;
use crate::published::TenantView;
use crate::record::Deletion;
use crate::spans::SpanHead;
use crate::write::{Appended, Counts};

#[derive(Default)]
pub struct Heads {
    tenants: FxHashMap<Tenant, TenantHeads>,
    /// changed since the last `publish`
    changed: FxHashSet<Tenant>,
    bytes: u64,
}

#[derive(Default)]
struct TenantHeads {
    metrics: Arc<MetricHead>,
    logs: LogHead,
    spans: SpanHead,
    bytes: u64,
}

impl TenantHeads {
    /// Bytes of metrics, logs and spans.
    fn sizes(&self) -> [u64; 3] {
        [self.metrics.heap_size(), self.logs.heap_size(), self.spans.heap_size()]
    }

    fn view(&self) -> TenantView {
        TenantView { metrics: self.metrics.clone(), logs: self.logs.view(), spans: self.spans.view() }
    }
}

impl Heads {
    /// Applies one write. Also answers the log batch as it was stored.
    pub fn apply(
        &mut self,
        tenant: &Tenant,
        batch: Batch,
        sequence: u64,
        rule: AgeRule,
        commit: Commit,
    ) -> (Appended, Option<Arc<LogBatch>>) {
        if !self.changed.contains(tenant) {
            self.changed.insert(tenant.clone());
        }
        let heads = match self.tenants.get_mut(tenant) {
            Some(h) => h,
            None => self.tenants.entry(tenant.clone()).or_default(),
        };
        match batch {
            Batch::Metrics(m) => (Appended { sequence, ..heads.metrics.append(m, rule, commit) }, None),
            Batch::Logs(l) => {
                let (appended, stored) = heads.logs.append(l, sequence);
                (appended, Some(stored).filter(|b| !b.is_empty()))
            }
            Batch::Spans(s) => (heads.spans.append(s, sequence), None),
        }
    }

    /// Forgets a tenant in constant time, but for freeing its memory.
    pub fn drop_tenant(&mut self, tenant: &Tenant) {
        if let Some(h) = self.tenants.remove(tenant) {
            self.bytes = self.bytes.saturating_sub(h.bytes);
        }
        self.changed.insert(tenant.clone());
    }

    pub fn delete_metrics(&mut self, tenant: &Tenant, d: &Deletion) -> u64 {
        let Some(h) = self.tenants.get_mut(tenant) else { return 0 };
        self.changed.insert(tenant.clone());
        h.metrics.delete(&d.sets, d.min_t, d.max_t)
    }

    /// Drops what is older than its retention at this time (Unix nanoseconds).
    pub fn retain(&mut self, keep: Retention, now_ns: u64) -> Counts {
        let mut out = Counts::default();
        if keep == Retention::default() {
            return out;
        }
        let cutoff = |keep: std::time::Duration| {
            (!keep.is_zero()).then(|| now_ns.saturating_sub(u64::try_from(keep.as_nanos()).unwrap_or(u64::MAX)))
        };
        for (tenant, h) in &mut self.tenants {
            let before = out;
            if let Some(ns) = cutoff(keep.metrics) {
                out.samples += h.metrics.retain((ns / 1_000_000) as i64);
            }
            if let Some(ns) = cutoff(keep.logs) {
                out.lines += h.logs.retain(i64::try_from(ns).unwrap_or(i64::MAX));
            }
            if let Some(ns) = cutoff(keep.traces) {
                out.spans += h.spans.retain(ns);
            }
            if out != before {
                self.changed.insert(tenant.clone());
            }
        }
        out
    }

    /// Drops the oldest data of the largest heads until no more than `target` bytes are left, as far as that can be.
    pub fn evict(&mut self, target: u64) -> Counts {
        let mut out = Counts::default();
        // Each round halves the largest head at most; a head that gives nothing back ends it.
        for _ in 0..limits::EVICT_ROUNDS {
            let held: u64 = self.tenants.values().map(|h| h.sizes().iter().sum::<u64>()).sum();
            let largest = self.tenants.iter().flat_map(|(t, h)| h.sizes().into_iter().zip(0..).map(move |(bytes, s)| (bytes, s, t)));
            let (true, Some((bytes, signal, tenant))) = (held > target, largest.max()) else { break };
            let (tenant, excess) = (tenant.clone(), (held - target).min(bytes / 2 + 1));
            let Some(h) = self.tenants.get_mut(&tenant) else { break };
            match signal {
                0 => out.samples += h.metrics.cut(excess).map_or(0, |t| h.metrics.retain(t)),
                1 => out.lines += h.logs.cut(excess).map_or(0, |t| h.logs.retain(t)),
                _ => out.spans += h.spans.cut(excess).map_or(0, |t| h.spans.retain(t)),
            }
            let stuck = h.sizes()[signal] >= bytes;
            self.changed.insert(tenant);
            if stuck {
                break;
            }
        }
        out
    }

    /// The views of the tenants that changed since the last call; updates the memory figure.
    pub fn changes(&mut self) -> Vec<(Tenant, Option<TenantView>)> {
        let mut out = vec![];
        for tenant in self.changed.drain() {
            let view = self.tenants.get_mut(&tenant).map(|h| {
                let view = h.view();
                let bytes = view.metrics.heap_size() + view.logs.heap_size() + view.spans.heap_size();
                self.bytes = (self.bytes + bytes).saturating_sub(h.bytes);
                h.bytes = bytes;
                view
            });
            out.push((tenant, view));
        }
        out
    }

    pub fn heap_size(&self) -> u64 {
        self.bytes
    }

    /// Every tenant with its data, for a checkpoint.
    pub fn views(&self) -> impl Iterator<Item = (&Tenant, TenantView)> {
        self.tenants.iter().map(|(t, h)| (t, h.view()))
    }
}
