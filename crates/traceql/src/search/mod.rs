//! Search: the newest traces that match, with what the answer shows of them.

mod newest;
mod show;
mod tags;

use query::{Budget, QueryError, SpanSource, TraceSpans};

use crate::answer::{SearchOptions, SearchResult};
use crate::ast::{Body, Query, SpansetExpr, Stage};
use crate::pipeline::Stages;
use crate::plan::{Node, Plan, Planner};
use crate::trace::Trace;
use crate::view::{View, Views};

pub use tags::{TagSearch, search_tags};

use newest::{Finder, newest};
use show::Shown;

/// Runs a search query: the newest `limit` matching traces by start, always the same ones.
///
/// Errors: `Bad` for a metrics query, `Execution` where a structural operator meets several spansets, and whatever the budget says.
pub fn search(q: &Query, options: &SearchOptions, source: &dyn SpanSource, budget: &Budget) -> Result<SearchResult, QueryError> {
    let Body::Spans(pipeline) = &q.body else {
        return Err(QueryError::Bad(format!("`{q}` is a metrics query; ask /api/metrics/query_range or /api/metrics/query")));
    };
    let planner = Planner::default();
    let stages = Stages::new(pipeline, &planner)?;
    let plan = planner.finish();
    let shown = Shown::new(&plan);
    let triggers = stages.triggers(&plan);
    let finder = Finder {
        plan: &plan,
        triggers: &triggers,
        judge: &|trace: &Trace| {
            let sets = stages.run(trace, &plan)?;
            Ok((!sets.is_empty()).then(|| shown.trace(trace, &plan, &sets, options.spans_per_spanset)))
        },
    };
    newest(&finder, options, source, budget)
}

/// Which spans of a trace pass a query that is one spanset filter: `q` of the v2 trace API.
///
/// Pipelines, structural operators and conditions on the trace are `Bad`.
pub fn filter_spans(q: &Query, trace: &TraceSpans) -> Result<Vec<bool>, QueryError> {
    let bad = || QueryError::Bad(format!("only one spanset filter on span, resource and scope fields can filter a trace, not `{q}`"));
    let Body::Spans(p) = &q.body else { return Err(bad()) };
    let [Stage::Spanset(SpansetExpr::Filter(filter))] = p.stages.as_slice() else { return Err(bad()) };
    let planner = Planner::default();
    let number = planner.filter(filter.as_ref())?;
    let plan = planner.finish();
    if !plan.filters.get(number).is_some_and(|n: &Node| n.is_local(&plan.fields)) {
        return Err(bad());
    }
    let mut views = Views::default();
    Ok(trace.spans.iter().map(|s| views.of(&s.batch, &plan).mask(&plan, number).rows.get(s.row as usize)).collect())
}

/// The rows of a batch that make their traces candidates.
pub(crate) fn trigger_rows(view: &View, plan: &Plan, triggers: &[usize]) -> crate::bits::Bits {
    let mut rows: Option<crate::bits::Bits> = None;
    for t in triggers {
        let mask = view.mask(plan, *t);
        match &mut rows {
            None => rows = Some(mask.rows.clone()),
            Some(r) => r.or(&mask.rows),
        }
    }
    rows.unwrap_or_else(|| crate::bits::Bits::all(view.batch.len()))
}
