//! The spans of a metrics query: straight from the columns where a row decides by itself, through whole traces where it does not.

use query::{QueryError, SpanRange};
use rustc_hash::FxHashSet;

use super::Context;
use crate::bits::Bits;
use crate::eval::SpanAt;
use crate::limits::{CANDIDATE_BYTES, GATHER_CHUNK, SEARCH_SLACK_NS};
use crate::pipeline::Stages;
use crate::plan::{Plan, Source};
use crate::trace::Trace;
use crate::view::{View, Views};

#[derive(Debug, Default)]
pub(crate) struct Inspected {
    pub traces: u64,
    pub spans: u64,
    pub bytes: u64,
}

/// A span that counts, the trace if it was gathered, and its interval.
pub(super) struct Seen<'a> {
    pub view: &'a View,
    pub row: usize,
    pub trace: Option<(&'a Trace, usize)>,
    pub interval: usize,
}

type Each<'a> = dyn FnMut(Seen<'_>) -> Result<(), QueryError> + 'a;

/// Calls `each` with the spans that the pipeline answers and whose start lies in the grid. `read`: the fields that `each` needs.
pub(super) fn feed(
    stages: &Stages,
    plan: &Plan,
    read: &[usize],
    context: &Context,
    seen: &mut Inspected,
    each: &mut Each,
) -> Result<(), QueryError> {
    let local_read = read.iter().all(|f| plan.fields.get(*f).is_some_and(|a| a.source() != Source::Trace));
    match stages.plain_filters() {
        Some(filters) if local_read && plan.filters.iter().all(|f| f.is_local(&plan.fields)) => {
            by_columns(&filters, plan, context, seen, each)
        }
        plain => by_traces(stages, plain.is_some(), plan, context, seen, each),
    }
}

fn by_columns(filters: &[usize], plan: &Plan, context: &Context, seen: &mut Inspected, each: &mut Each) -> Result<(), QueryError> {
    let (first, last) = context.grid.bounds();
    context.source.scan(SpanRange { start: first, end: last }, context.budget, &mut |batch| {
        context.budget.check()?;
        seen.spans += batch.len() as u64;
        seen.bytes += batch.heap_size() as u64;
        let view = View::new(batch, plan);
        let mut rows = Bits::all(batch.len());
        for f in filters {
            rows.and(&view.mask(plan, *f).rows);
        }
        for row in rows.rows() {
            if let Some(interval) = batch.start.get(row).and_then(|s| context.grid.index(*s)) {
                each(Seen { view: &view, row, trace: None, interval })?;
            }
        }
        Ok(true)
    })
}

fn by_traces(
    stages: &Stages,
    plain: bool,
    plan: &Plan,
    context: &Context,
    seen: &mut Inspected,
    each: &mut Each,
) -> Result<(), QueryError> {
    let (first, last) = context.grid.bounds();
    // With filters only, a span that counts is its own trigger; else the trigger may lie around the range.
    let slack = if plain { 0 } else { SEARCH_SLACK_NS };
    let window = SpanRange { start: first.saturating_sub(slack), end: last.saturating_add(slack) };
    let triggers = stages.triggers(plan);
    let (mut views, mut known) = (Views::default(), FxHashSet::default());
    context.source.scan(window, context.budget, &mut |batch| {
        context.budget.check()?;
        seen.spans += batch.len() as u64;
        seen.bytes += batch.heap_size() as u64;
        let view = views.of(batch, plan);
        let mut ids: Vec<[u8; 16]> = vec![];
        for row in crate::search::trigger_rows(&view, plan, &triggers).rows() {
            let (Some(start), Some(id)) = (batch.start.get(row), batch.trace_id.get(row)) else { continue };
            if (window.start..=window.end).contains(start) && known.insert(*id) {
                ids.push(*id);
            }
        }
        context.budget.reserve(ids.len() as u64 * CANDIDATE_BYTES)?;
        for chunk in ids.chunks(GATHER_CHUNK) {
            context.budget.check()?;
            for spans in context.source.traces(chunk, context.budget)? {
                let Some(trace) = Trace::new(&spans, plan, &mut views) else { continue };
                seen.traces += 1;
                for set in stages.run(&trace, plan)? {
                    for at in set.spans.iter().map(|i| *i as usize) {
                        let Some(span) = trace.spans.get(at) else { continue };
                        if let Some(interval) = context.grid.index(SpanAt::start(span)) {
                            each(Seen { view: &span.view, row: span.row, trace: Some((&trace, at)), interval })?;
                        }
                    }
                }
            }
        }
        Ok(true)
    })
}
