//! `SpanSource` of a snapshot.

use std::sync::Arc;

use model::SpanBatch;
use query::{Budget, QueryError, SpanRange, SpanSource, TraceSpans};

use super::Snapshot;
use crate::spans;

impl SpanSource for Snapshot {
    fn scan(
        &self,
        range: SpanRange,
        budget: &Budget,
        each: &mut dyn FnMut(&Arc<SpanBatch>) -> Result<bool, QueryError>,
    ) -> Result<(), QueryError> {
        spans::scan(self.tenants.iter().map(|(_, v)| &v.spans), range, budget, each)
    }

    fn trace(&self, id: &[u8; 16], budget: &Budget) -> Result<TraceSpans, QueryError> {
        budget.check()?;
        let mut found = vec![];
        for (_, v) in &self.tenants {
            v.spans.find(id, &mut found);
        }
        Ok(spans::tidy(found))
    }
}
