//! A log source over batches in memory, for tests.

use std::sync::Arc;

use model::{Labels, LogBatch, Matcher};
use query::{Budget, Direction, LogPart, LogRange, LogSource, QueryError, StreamStats};

#[derive(Debug, Clone, Default)]
pub struct Memory {
    batches: Vec<Arc<LogBatch>>,
}

impl Memory {
    pub fn push(&mut self, batch: Arc<LogBatch>) {
        self.batches.push(batch);
    }

    fn parts(&self, matchers: &[Matcher], range: LogRange) -> Vec<LogPart> {
        let selected = |b: &LogBatch| b.streams.iter().map(|s| matchers.iter().all(|m| m.matches_labels(s))).collect::<Vec<bool>>();
        let all = self.batches.iter().enumerate().filter(|(_, b)| !b.is_empty() && b.min_ts < range.end && b.max_ts >= range.start);
        all.map(|(i, b)| LogPart { batch: b.clone(), selected: selected(b).into(), sequence: i as u64 })
            .filter(|p| p.selected.contains(&true))
            .collect()
    }
}

impl LogSource for Memory {
    fn scan(
        &self,
        matchers: &[Matcher],
        range: LogRange,
        direction: Direction,
        _: &Budget,
        each: &mut dyn FnMut(&LogPart) -> Result<bool, QueryError>,
    ) -> Result<(), QueryError> {
        let mut parts = self.parts(matchers, range);
        match direction {
            Direction::Forward => parts.sort_by_key(|p| p.batch.min_ts),
            Direction::Backward => parts.sort_by_key(|p| std::cmp::Reverse(p.batch.max_ts)),
        }
        for part in &parts {
            if !each(part)? {
                break;
            }
        }
        Ok(())
    }

    fn streams(&self, sets: &[Vec<Matcher>], range: LogRange, _: &Budget) -> Result<Vec<Labels>, QueryError> {
        let none = vec![vec![]];
        let sets = if sets.is_empty() { &none } else { sets };
        let mut out: Vec<Labels> = vec![];
        for set in sets {
            for part in self.parts(set, range) {
                out.extend(part.runs(range).map(|(s, _, _)| part.batch.streams[s as usize].clone()));
            }
        }
        out.sort();
        out.dedup();
        Ok(out)
    }

    fn stats(&self, matchers: &[Matcher], range: LogRange, _: &Budget) -> Result<Vec<StreamStats>, QueryError> {
        let mut out: Vec<StreamStats> = vec![];
        for part in self.parts(matchers, range) {
            for (s, from, to) in part.runs(range) {
                let b = &part.batch;
                let line_bytes = (from..to).map(|r| b.body.get(r).len() as u64).sum();
                let meta_bytes = (from..to).flat_map(|r| b.meta(r)).map(|(k, v)| (k.len() + v.len()) as u64).sum();
                out.push(StreamStats { labels: b.streams[s as usize].clone(), entries: (to - from) as u64, line_bytes, meta_bytes });
            }
        }
        Ok(out)
    }
}
