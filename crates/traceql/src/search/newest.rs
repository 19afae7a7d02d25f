//! The newest N of the traces that a judge accepts, without gathering more traces than needed.
//!
//! Batches come by falling `max_start`. A matching row makes its trace a candidate, and the row's start is an upper bound of the trace's.
//! Once no later batch can hold a newer one, the best candidates are gathered whole and judged; the scan ends when N accepted traces
//! start no earlier than anything still unseen.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::rc::Rc;

use query::{Budget, QueryError, SpanRange, SpanSource};
use rustc_hash::FxHashSet;

use super::trigger_rows;
use crate::answer::{SearchOptions, SearchResult, TraceMatch};
use crate::limits::{CANDIDATE_BYTES, GATHER_CHUNK, SEARCH_SLACK_NS};
use crate::plan::{Node, Plan};
use crate::trace::Trace;
use crate::view::{View, Views};

/// The answer for a trace, `None` if it does not match.
pub(super) type Judge<'a> = dyn Fn(&Trace) -> Result<Option<TraceMatch>, QueryError> + 'a;

pub(super) struct Finder<'a> {
    pub plan: &'a Plan,
    /// filters of which a matching trace has a span that passes one; none: every trace is a candidate
    pub triggers: &'a [usize],
    pub judge: &'a Judge<'a>,
}

type Id = [u8; 16];

struct State<'a> {
    finder: &'a Finder<'a>,
    options: &'a SearchOptions,
    source: &'a dyn SpanSource,
    budget: &'a Budget,
    views: Views,
    /// by upper bound of the start
    pending: BinaryHeap<(u64, Id)>,
    known: FxHashSet<Id>,
    /// accepted traces by (start, id), newest first; never more than the limit
    best: BTreeMap<(Reverse<u64>, Id), TraceMatch>,
    result: SearchResult,
}

pub(super) fn newest(
    finder: &Finder,
    options: &SearchOptions,
    source: &dyn SpanSource,
    budget: &Budget,
) -> Result<SearchResult, QueryError> {
    let nothing =
        !finder.triggers.is_empty() && finder.triggers.iter().all(|t| matches!(finder.plan.filters.get(*t), Some(Node::Const(false))));
    if nothing || options.limit == 0 {
        return Ok(SearchResult::default());
    }
    let window = options.range.map_or(SpanRange::ALL, |(start, end)| SpanRange {
        start: start.saturating_sub(SEARCH_SLACK_NS),
        end: end.saturating_add(SEARCH_SLACK_NS),
    });
    let mut state = State {
        finder,
        options,
        source,
        budget,
        views: Views::default(),
        pending: BinaryHeap::new(),
        known: FxHashSet::default(),
        best: BTreeMap::new(),
        result: SearchResult::default(),
    };
    source.scan(window, budget, &mut |batch| {
        budget.check()?;
        state.judge_down_to(batch.max_start)?;
        if state.certain(batch.max_start) {
            return Ok(false);
        }
        let view = Rc::new(View::new(batch, finder.plan));
        state.result.inspected_spans += batch.len() as u64;
        state.result.inspected_bytes += batch.heap_size() as u64;
        let before = state.pending.len();
        for row in trigger_rows(&view, finder.plan, finder.triggers).rows() {
            let (Some(start), Some(end), Some(id)) = (batch.start.get(row), batch.end.get(row), batch.trace_id.get(row)) else { continue };
            if *start <= window.end && (*end).max(*start) >= window.start && state.known.insert(*id) {
                state.pending.push((*start, *id));
            }
        }
        let new = state.pending.len() - before;
        if new > 0 {
            // Its filters have run already; the traces to gather will want the results.
            state.views.keep(&view);
            budget.reserve(new as u64 * CANDIDATE_BYTES)?;
        }
        Ok(true)
    })?;
    state.judge_down_to(0)?;
    budget.count_read(state.result.inspected_spans, state.result.inspected_bytes);
    let mut result = state.result;
    result.traces = state.best.into_values().collect();
    Ok(result)
}

impl State<'_> {
    /// Whether nothing that starts at or before `bound` can enter the answer.
    fn certain(&self, bound: u64) -> bool {
        self.best.len() >= self.options.limit && self.best.keys().next_back().is_some_and(|(Reverse(start), _)| *start > bound)
    }

    /// Judges the candidates that may start at or after `bound`, newest first.
    fn judge_down_to(&mut self, bound: u64) -> Result<(), QueryError> {
        loop {
            let missing = self.options.limit.saturating_sub(self.best.len()).max(1);
            let mut ids: Vec<Id> = vec![];
            while ids.len() < missing.min(GATHER_CHUNK)
                && let Some((start, id)) = self.pending.peek().copied()
                && start >= bound
                && !self.certain(start)
            {
                self.pending.pop();
                ids.push(id);
            }
            if ids.is_empty() {
                return Ok(());
            }
            self.budget.check()?;
            for spans in self.source.traces(&ids, self.budget)? {
                let Some(trace) = Trace::new(&spans, self.finder.plan, &mut self.views) else { continue };
                self.result.inspected_traces += 1;
                if self.options.range.is_some_and(|r| !trace.overlaps(r)) || self.certain(trace.start) {
                    continue;
                }
                if let Some(found) = (self.finder.judge)(&trace)? {
                    self.best.insert((Reverse(trace.start), trace.id), found);
                    if self.best.len() > self.options.limit {
                        self.best.pop_last();
                    }
                }
            }
        }
    }
}
