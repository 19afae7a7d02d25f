//! A snapshot answers the `query` contract.

use std::sync::Arc;

use model::{Labels, LogBatch, Matcher, Metadata, SpanBatch, Tenant};
use query::*;

/// An immutable view of one or several tenants.
#[derive(Clone)]
pub struct Snapshot {
    pub(crate) _tenants: Vec<Tenant>,
}

impl MetricSource for Snapshot {
    fn select(&self, _: &Selector<'_>, _: &Budget) -> Result<Vec<Arc<dyn Series>>, QueryError> {
        Ok(vec![])
    }

    fn label_names(&self, _: &LabelQuery<'_>, _: &Budget) -> Result<Vec<String>, QueryError> {
        Ok(vec![])
    }

    fn label_values(&self, _: &str, _: &LabelQuery<'_>, _: &Budget) -> Result<Vec<String>, QueryError> {
        Ok(vec![])
    }

    fn series(&self, _: &LabelQuery<'_>, _: &Budget) -> Result<Vec<Labels>, QueryError> {
        Ok(vec![])
    }

    fn exemplars(&self, _: &[Vec<Matcher>], _: i64, _: i64, _: &Budget) -> Result<Vec<ExemplarSeries>, QueryError> {
        Ok(vec![])
    }

    fn metadata(&self, _: Option<&str>) -> Vec<Metadata> {
        vec![]
    }
}

impl LogSource for Snapshot {
    fn scan(
        &self,
        _: &[Matcher],
        _: LogRange,
        _: Direction,
        _: &Budget,
        _: &mut dyn FnMut(&LogPart) -> Result<bool, QueryError>,
    ) -> Result<(), QueryError> {
        Ok(())
    }

    fn streams(&self, _: &[Vec<Matcher>], _: LogRange, _: &Budget) -> Result<Vec<Labels>, QueryError> {
        Ok(vec![])
    }

    fn stats(&self, _: &[Matcher], _: LogRange, _: &Budget) -> Result<Vec<StreamStats>, QueryError> {
        Ok(vec![])
    }
}

impl SpanSource for Snapshot {
    fn scan(&self, _: SpanRange, _: &Budget, _: &mut dyn FnMut(&Arc<SpanBatch>) -> Result<bool, QueryError>) -> Result<(), QueryError> {
        Ok(())
    }

    fn trace(&self, _: &[u8; 16], _: &Budget) -> Result<TraceSpans, QueryError> {
        Ok(TraceSpans::default())
    }
}

/// A bounded queue of freshly written log batches.
pub struct LogSubscription {
    pub(crate) receiver: std::sync::mpsc::Receiver<Arc<LogBatch>>,
}

impl LogSubscription {
    /// The next batch, or `None` after the timeout.
    pub fn recv_timeout(&self, timeout: std::time::Duration) -> Option<Arc<LogBatch>> {
        self.receiver.recv_timeout(timeout).ok()
    }
}
