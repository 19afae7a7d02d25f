//! Traces: batches of spans by time, and all spans of one trace.

use std::sync::Arc;

use model::SpanBatch;

use crate::{Budget, QueryError};

/// Unix nanoseconds, both ends included. A batch overlaps if any of its spans' [start, end] may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanRange {
    pub start: u64,
    pub end: u64,
}

impl SpanRange {
    pub const ALL: SpanRange = SpanRange { start: 0, end: u64::MAX };
}

/// One span of a batch.
#[derive(Debug, Clone)]
pub struct SpanRef {
    pub batch: Arc<SpanBatch>,
    pub row: u32,
}

/// All spans of one trace, ordered by start, then arrival. Exact duplicates (re-sent spans) are left out.
#[derive(Debug, Clone, Default)]
pub struct TraceSpans {
    pub spans: Vec<SpanRef>,
}

/// An immutable view of one or several tenants' traces.
pub trait SpanSource: Send + Sync {
    /// Calls `each` with the batches that overlap the range, by falling `max_start`, until it answers `Ok(false)`.
    ///
    /// A trace may lie in several batches; `trace` brings it together.
    fn scan(
        &self,
        range: SpanRange,
        budget: &Budget,
        each: &mut dyn FnMut(&Arc<SpanBatch>) -> Result<bool, QueryError>,
    ) -> Result<(), QueryError>;

    /// Every span of a trace, whatever the time; empty if the trace is unknown.
    fn trace(&self, id: &[u8; 16], budget: &Budget) -> Result<TraceSpans, QueryError>;

    /// Many traces at once, in the order asked (one pass over the index instead of one each).
    fn traces(&self, ids: &[[u8; 16]], budget: &Budget) -> Result<Vec<TraceSpans>, QueryError> {
        ids.iter().map(|id| self.trace(id, budget)).collect()
    }
}
