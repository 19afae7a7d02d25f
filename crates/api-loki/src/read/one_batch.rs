//! One batch as a log source: tails and delete requests run the engine over it as a query runs it over the store.

use std::sync::Arc;

use model::{Labels, LogBatch, Matcher};
use query::{Budget, Direction, LogPart, LogRange, LogSource, QueryError, StreamStats};

/// The rows of one batch, whoever's they are.
pub struct BatchSource(pub Arc<LogBatch>);

impl BatchSource {
    fn selected(&self, matchers: &[Matcher]) -> Arc<[bool]> {
        self.0.streams.iter().map(|s| matchers.iter().all(|m| m.matches_labels(s))).collect()
    }
}

impl LogSource for BatchSource {
    fn scan(
        &self,
        matchers: &[Matcher],
        range: LogRange,
        _: Direction,
        budget: &Budget,
        each: &mut dyn FnMut(&LogPart) -> Result<bool, QueryError>,
    ) -> Result<(), QueryError> {
        budget.check()?;
        let selected = self.selected(matchers);
        if self.0.is_empty() || self.0.max_ts < range.start || self.0.min_ts >= range.end || !selected.contains(&true) {
            return Ok(());
        }
        each(&LogPart { batch: self.0.clone(), selected, sequence: 0 }).map(|_| ())
    }

    fn streams(&self, sets: &[Vec<Matcher>], _: LogRange, _: &Budget) -> Result<Vec<Labels>, QueryError> {
        let wanted = |s: &Labels| sets.is_empty() || sets.iter().any(|set| set.iter().all(|m| m.matches_labels(s)));
        let mut all: Vec<Labels> = self.0.streams.iter().filter(|s| wanted(s)).cloned().collect();
        all.sort();
        Ok(all)
    }

    fn stats(&self, _: &[Matcher], _: LogRange, _: &Budget) -> Result<Vec<StreamStats>, QueryError> {
        Err(QueryError::Unsupported("volume of a single batch".into()))
    }
}
