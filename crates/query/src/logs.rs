//! Logs: batches of lines by stream matchers and time, newest or oldest first.

use std::sync::Arc;

use model::{Labels, LogBatch, Matcher};

use crate::{Budget, QueryError};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    Forward,
    #[default]
    Backward,
}

/// Unix nanoseconds, start included, end excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRange {
    pub start: i64,
    pub end: i64,
}

/// A batch of an answer with the streams of it that match.
#[derive(Debug, Clone)]
pub struct LogPart {
    pub batch: Arc<LogBatch>,
    /// per stream of the batch: whether it satisfies the matchers
    pub selected: Arc<[bool]>,
    /// a number that grows with arrival: of equal times the lower one came first
    pub sequence: u64,
}

impl LogPart {
    /// Matching rows in the range, run by run: (index of the stream, first row, end row).
    pub fn runs(&self, range: LogRange) -> impl Iterator<Item = (u32, usize, usize)> + '_ {
        self.batch.runs().filter(|(s, _, _)| self.selected[*s as usize]).filter_map(move |(s, from, to)| {
            let ts = &self.batch.ts[from..to];
            let (a, b) = (from + ts.partition_point(|t| *t < range.start), from + ts.partition_point(|t| *t < range.end));
            (a < b).then_some((s, a, b))
        })
    }
}

/// Volume of one stream over a range.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamStats {
    pub labels: Labels,
    pub entries: u64,
    /// bytes of the lines and of their structured metadata
    pub line_bytes: u64,
    pub meta_bytes: u64,
}

/// An immutable view of one or several tenants' logs.
pub trait LogSource: Send + Sync {
    /// Calls `each` with the parts that overlap the range and hold a matching stream: backward by falling `max_ts`, forward by rising
    /// `min_ts`, so that a reader with enough lines may stop (`Ok(false)`) once no later part can hold better ones.
    fn scan(
        &self,
        matchers: &[Matcher],
        range: LogRange,
        direction: Direction,
        budget: &Budget,
        each: &mut dyn FnMut(&LogPart) -> Result<bool, QueryError>,
    ) -> Result<(), QueryError>;

    /// The streams with lines in the range that satisfy one of the sets (none = all), sorted by labels, unique.
    fn streams(&self, matcher_sets: &[Vec<Matcher>], range: LogRange, budget: &Budget) -> Result<Vec<Labels>, QueryError>;

    /// Entries and bytes per matching stream, sorted by labels.
    fn stats(&self, matchers: &[Matcher], range: LogRange, budget: &Budget) -> Result<Vec<StreamStats>, QueryError>;
}
