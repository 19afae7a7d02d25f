//! Several tenants in one answer: the label `__tenant_id__` on what is read, and matchers on it.

use std::sync::Arc;

use model::{Labels, LabelsBuilder, LogBatch, Matcher};

use super::Snapshot;
use crate::published::TenantView;

pub const TENANT_LABEL: &str = "__tenant_id__";
/// Where a label of that name in the data goes.
const ORIGINAL: &str = "original___tenant_id__";

/// A tenant that a query concerns, with the matcher sets that its own data must satisfy.
pub struct Asked<'a> {
    pub view: &'a TenantView,
    /// `None` when labels stay as they are
    pub tag: Option<&'a str>,
    pub sets: Vec<Vec<Matcher>>,
}

impl Snapshot {
    /// The tenants for which one of the sets can be satisfied (no set at all: every tenant).
    pub(super) fn asked(&self, sets: &[Vec<Matcher>]) -> Vec<Asked<'_>> {
        let mut out = vec![];
        for (tenant, view) in &self.tenants {
            if !self.tagged {
                out.push(Asked { view, tag: None, sets: sets.to_vec() });
                continue;
            }
            let name = tenant.as_str();
            let accepts = |set: &&Vec<Matcher>| set.iter().filter(|m| m.name == TENANT_LABEL).all(|m| m.matches(name));
            let kept: Vec<Vec<Matcher>> = sets.iter().filter(accepts).map(|set| own_matchers(set)).collect();
            if sets.is_empty() || !kept.is_empty() {
                out.push(Asked { view, tag: Some(name), sets: kept });
            }
        }
        out
    }
}

/// Matchers as the tenant's own labels know them.
fn own_matchers(set: &[Matcher]) -> Vec<Matcher> {
    let own = |m: &Matcher| match m.name.as_str() {
        TENANT_LABEL => None,
        ORIGINAL => {
            let mut m = m.clone();
            m.name = TENANT_LABEL.to_owned();
            Some(m)
        }
        _ => Some(m.clone()),
    };
    set.iter().filter_map(own).collect()
}

pub fn tag_labels(labels: &Labels, tenant: &str) -> Labels {
    let mut b = LabelsBuilder::new(labels);
    if let Some(own) = labels.get(TENANT_LABEL) {
        b.set(ORIGINAL, own);
    }
    b.set(TENANT_LABEL, tenant).build()
}

/// The batch with tagged streams: it copies the columns, which only queries over several tenants pay for.
pub fn tag_batch(batch: &LogBatch, tenant: &str) -> Arc<LogBatch> {
    let streams = batch.streams.iter().map(|l| tag_labels(l, tenant)).collect();
    Arc::new(LogBatch { streams, ..batch.clone() })
}

/// A label name as answers call it.
pub fn tag_name(name: String, tagged: bool) -> String {
    if tagged && name == TENANT_LABEL { ORIGINAL.to_owned() } else { name }
}

/// A label name of a query as the data calls it; `None` if it is the tenant itself.
pub fn own_name(name: &str, tagged: bool) -> Option<&str> {
    match name {
        TENANT_LABEL if tagged => None,
        ORIGINAL if tagged => Some(TENANT_LABEL),
        _ => Some(name),
    }
}
