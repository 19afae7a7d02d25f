//! Names and values of attributes, for the tag APIs and autocompletion.

mod list;
mod values;

use std::collections::BTreeSet;
use std::rc::Rc;

use model::AttrColumn;
use query::{Budget, QueryError, SpanRange, SpanSource};
use rustc_hash::FxHashSet;

use crate::answer::{ScopeTags, TagOptions, TagScope};
use crate::ast::{Body, MetricsExpr, Pipeline, SpansetExpr, Stage};
use crate::bits::Bits;
use crate::limits::GATHER_CHUNK;
use crate::plan::{List, Plan, Planner};
use crate::trace::Trace;
use crate::view::{View, Views, index};

pub use values::{tag_values, tag_values_v1};

/// Intrinsics that the tag API lists, sorted.
const INTRINSICS: [&str; 25] = [
    "duration",
    "event:name",
    "event:timeSinceStart",
    "instrumentation:name",
    "instrumentation:version",
    "kind",
    "link:spanID",
    "link:traceID",
    "name",
    "rootName",
    "rootServiceName",
    "span:duration",
    "span:id",
    "span:kind",
    "span:name",
    "span:parentID",
    "span:status",
    "span:statusMessage",
    "status",
    "statusMessage",
    "trace:duration",
    "trace:id",
    "trace:rootName",
    "trace:rootService",
    "traceDuration",
];

/// The attribute names of the scopes asked for, each scope once, scopes without names left out. The intrinsics are a fixed list that no
/// limit cuts.
pub fn tag_names(
    scopes: &[TagScope],
    options: &TagOptions,
    source: &dyn SpanSource,
    budget: &Budget,
) -> Result<Vec<ScopeTags>, QueryError> {
    let wanted: BTreeSet<TagScope> = scopes.iter().copied().collect();
    let mut found: Vec<ScopeTags> = vec![];
    let mut lists: Vec<(TagScope, list::Capped<String>)> =
        wanted.iter().filter(|s| **s != TagScope::Intrinsic).map(|s| (*s, list::Capped::new(options))).collect();
    if !lists.is_empty() {
        let planner = Planner::default();
        let filter = filter_of(options, &planner)?;
        let plan = planner.finish();
        each_span(&plan, filter, false, options, source, budget, &mut |view, rows, _| {
            for (scope, names) in &mut lists {
                names_in(view, &plan, filter, rows, *scope, &mut |n| {
                    names.insert_with(n, String::len, str::to_owned);
                });
            }
            Ok(!lists.iter().all(|(_, l)| l.is_full()))
        })?;
    }
    if wanted.contains(&TagScope::Intrinsic) {
        found.push(ScopeTags { scope: TagScope::Intrinsic, tags: INTRINSICS.iter().map(|t| (*t).to_owned()).collect() });
    }
    found.extend(lists.into_iter().map(|(scope, names)| ScopeTags { scope, tags: names.into_sorted() }).filter(|s| !s.tags.is_empty()));
    found.sort_by_key(|s| s.scope);
    Ok(found)
}

/// The number of the filter that `options` gives, if it is one that can be used.
fn filter_of(options: &TagOptions, planner: &Planner) -> Result<Option<usize>, QueryError> {
    let Some(query) = options.filter.as_deref().and_then(|text| crate::compile(text).ok()) else { return Ok(None) };
    let mut metrics = match &query.body {
        Body::Spans(p) => return first_filter(p, planner),
        Body::Metrics(m) => m,
    };
    loop {
        metrics = match metrics {
            MetricsExpr::Aggregate { pipeline, .. } => return first_filter(pipeline, planner),
            MetricsExpr::Second(inner, _) => inner,
            _ => return Ok(None),
        }
    }
}

fn first_filter(p: &Pipeline, planner: &Planner) -> Result<Option<usize>, QueryError> {
    match p.stages.first() {
        Some(Stage::Spanset(SpansetExpr::Filter(Some(e)))) => planner.filter(Some(e)).map(Some),
        _ => Ok(None),
    }
}

type Each<'a> = dyn FnMut(&View, &Bits, Option<&Trace>) -> Result<bool, QueryError> + 'a;

/// Calls `each` with the rows in the range that pass the filter, until it answers false; with their trace where `whole` asks for it or the
/// filter needs it.
fn each_span(
    plan: &Plan,
    filter: Option<usize>,
    whole: bool,
    options: &TagOptions,
    source: &dyn SpanSource,
    budget: &Budget,
    each: &mut Each,
) -> Result<(), QueryError> {
    let range = options.range.map_or(SpanRange::ALL, |(start, end)| SpanRange { start, end });
    let (mut views, mut known) = (Views::default(), FxHashSet::default());
    let in_range = |view: &View, row: usize| {
        let b = &view.batch;
        matches!((b.start.get(row), b.end.get(row)), (Some(s), Some(e)) if *s <= range.end && *e.max(s) >= range.start)
    };
    source.scan(range, budget, &mut |batch| {
        budget.check()?;
        let view = views.of(batch, plan);
        let mut rows = match filter {
            Some(f) => view.mask(plan, f).rows.clone(),
            None => Bits::all(batch.len()),
        };
        if batch.min_start < range.start || batch.max_start > range.end {
            rows.and(&Bits::from_fn(batch.len(), |row| in_range(&view, row)));
        }
        if !whole && filter.is_none_or(|f| view.mask(plan, f).exact) {
            return if rows.is_empty() { Ok(true) } else { each(&view, &rows, None) };
        }
        let ids: Vec<[u8; 16]> = rows.rows().filter_map(|r| batch.trace_id.get(r)).filter(|id| known.insert(**id)).copied().collect();
        for chunk in ids.chunks(GATHER_CHUNK) {
            for spans in source.traces(chunk, budget)? {
                let Some(trace) = Trace::new(&spans, plan, &mut views) else { continue };
                // One call per batch of the trace, not per span.
                let mut parts: Vec<(&Rc<View>, Bits)> = vec![];
                for (i, s) in trace.spans.iter().enumerate() {
                    if in_range(&s.view, s.row) && filter.is_none_or(|f| s.view.passes(plan, f, s.row, (&trace, i))) {
                        match parts.iter_mut().rfind(|(v, _)| Rc::ptr_eq(v, &s.view)) {
                            Some((_, rows)) => rows.set(s.row),
                            None => {
                                let mut rows = Bits::none(s.view.batch.len());
                                rows.set(s.row);
                                parts.push((&s.view, rows));
                            }
                        }
                    }
                }
                for (view, rows) in &parts {
                    if !each(view, rows, Some(&trace))? {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    })
}

/// Calls `each` with the attribute keys of one scope that the rows have.
fn names_in(view: &View, plan: &Plan, filter: Option<usize>, rows: &Bits, scope: TagScope, each: &mut dyn FnMut(&str)) {
    let b = &view.batch;
    match scope {
        TagScope::Span => columns_with(&b.attrs, |row| rows.get(row)).for_each(|c| each(b.dict.get(c.key))),
        TagScope::Event => {
            let items = items_of(view, plan, filter, rows, List::Events);
            columns_with(&b.events.attrs, |item| items.get(item)).for_each(|c| each(b.dict.get(c.key)));
        }
        TagScope::Link => {
            let items = items_of(view, plan, filter, rows, List::Links);
            columns_with(&b.links.attrs, |item| items.get(item)).for_each(|c| each(b.dict.get(c.key)));
        }
        TagScope::Resource => {
            for r in used(&b.resource, rows, b.resources.len()).rows() {
                b.resources.get(r).iter().flat_map(|r| &r.attrs).for_each(|kv| each(&kv.key));
            }
        }
        TagScope::Instrumentation => {
            for s in used(&b.scope, rows, b.scopes.len()).rows() {
                b.scopes.get(s).iter().flat_map(|s| &s.attrs).for_each(|kv| each(&kv.key));
            }
        }
        TagScope::Intrinsic => {}
    }
}

fn columns_with(all: &[AttrColumn], owned: impl Fn(usize) -> bool) -> impl Iterator<Item = &AttrColumn> {
    all.iter().filter(move |c| c.rows.iter().any(|r| owned(*r as usize)))
}

/// The events (links) of the rows; where the filter speaks of events, those that meet it.
fn items_of(view: &View, plan: &Plan, filter: Option<usize>, rows: &Bits, list: List) -> Bits {
    let conditions = filter.and_then(|f| plan.filters.get(f)).map_or(&[][..], |n| n.items(list));
    let owners = view.owners(list);
    let mut items = Bits::from_fn(owners.len(), |item| rows.get(index(owners, item)));
    if !conditions.is_empty() {
        items.and(&view.item_set(list, conditions));
    }
    items
}

/// Which resources (scopes) the rows refer to.
fn used(of_row: &[u32], rows: &Bits, len: usize) -> Bits {
    let mut out = Bits::none(len);
    rows.rows().filter_map(|r| of_row.get(r)).for_each(|i| out.set(*i as usize));
    out
}
