//! A snapshot: an immutable view of one or several tenants that answers the `query` contract.

mod logs;
mod metrics;
mod spans;
mod tagging;

use std::sync::Arc;

use model::Tenant;

use crate::metrics::Cardinality;
use crate::published::{Published, Reader, TenantView};

/// Implements `query::{MetricSource, LogSource, SpanSource}`. Of several tenants, every series and stream carries `__tenant_id__`.
#[derive(Clone)]
pub struct Snapshot {
    tenants: Vec<(Tenant, Arc<TenantView>)>,
    /// several tenants were asked for, whether or not they have data
    tagged: bool,
    reader: Arc<Reader>,
}

impl Snapshot {
    pub(crate) fn new(published: &Published, tenants: &[Tenant]) -> Snapshot {
        let (reader, views) = published.read(tenants);
        let tagged = tenants.iter().any(|t| *t != tenants[0]);
        Snapshot { tenants: views, tagged, reader: Arc::new(reader) }
    }

    /// The sequence of the newest write that it shows.
    pub fn sequence(&self) -> u64 {
        self.reader.sequence
    }

    /// Series, label and metric counts of the first tenant, for Prometheus' status page.
    pub fn cardinality(&self) -> Cardinality {
        self.tenants.first().map(|(_, v)| v.metrics.cardinality()).unwrap_or_default()
    }
}
