//! Delete requests as records: each one, and each cancellation, is a log line of a tenant of our own, so that the store's log keeps it.

use std::collections::BTreeMap;

use model::{Labels, LogBatch, LogBatchBuilder, Tenant};
use query::{Budget, Direction, LogRange, LogSource, QueryError};
use serde::{Deserialize, Serialize};

use crate::read::engine::{LiveQuery, LogQuery};

/// The tenant that holds the records; clients cannot read or write it through this face.
pub const RECORDS_TENANT: &str = "!loki-deletes";

const TENANT_LABEL: &str = "tenant";

/// Times in Unix nanoseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub id: String,
    pub query: String,
    /// both ends are deleted
    pub start: i64,
    pub end: i64,
    pub created: i64,
    #[serde(default)]
    pub cancelled: bool,
}

/// The batch that keeps a record.
pub fn batch(tenant: &Tenant, record: &Record, at: i64) -> LogBatch {
    let mut b = LogBatchBuilder::default();
    let stream = b.stream(&Labels::from_pairs([(TENANT_LABEL, tenant.as_str())]));
    let line = serde_json::to_string(record).unwrap_or_default();
    b.push(stream, at, &line, &[]);
    b.finish()
}

/// A tenant's requests that were not cancelled, oldest first. `records` is the records tenant's data.
pub fn load(records: &dyn LogSource, tenant: &Tenant) -> Result<Vec<Record>, QueryError> {
    let matchers = [model::Matcher::eq(TENANT_LABEL, tenant.as_str())];
    let range = LogRange { start: i64::MIN, end: i64::MAX };
    let mut all: BTreeMap<(i64, String), Record> = BTreeMap::new();
    records.scan(&matchers, range, Direction::Forward, &Budget::unlimited(), &mut |part| {
        for (_, from, to) in part.runs(range) {
            for row in from..to {
                // What is no record was not written by us.
                let Ok(r) = serde_json::from_str::<Record>(part.batch.body.get(row)) else { continue };
                let kept = all.entry((r.created, r.id.clone())).or_insert_with(|| r.clone());
                kept.cancelled |= r.cancelled;
            }
        }
        Ok(true)
    })?;
    Ok(all.into_values().filter(|r| !r.cancelled).collect())
}

/// A request ready to be applied.
pub struct Deletion {
    pub query: LogQuery,
    pub live: LiveQuery,
    pub range: LogRange,
}

impl Deletion {
    /// `tenant`: the lines carry the tenant as a label, and only this one's are meant. `None` for a query that no longer parses.
    pub fn of(r: &Record, tenant: Option<&str>) -> Option<Deletion> {
        let mut query = LogQuery::parse(&r.query, false, r.created).ok()?;
        if let Some(t) = tenant {
            query.narrow(model::Matcher::eq("__tenant_id__", t));
        }
        let live = query.live().ok()?;
        Some(Deletion { query, live, range: LogRange { start: r.start, end: r.end.saturating_add(1) } })
    }
}
