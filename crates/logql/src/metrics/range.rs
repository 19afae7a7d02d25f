//! Range aggregations: reading lines and gathering them by series.

use std::sync::Arc;

use model::{Labels, LogBatch, MatchOp, Matcher};
use query::{Direction, LogRange, QueryError};
use rustc_hash::FxHashMap;

use super::samples::{Gathered, Windows};
use super::{ABSENT, Eval, Line, is_absent};
use crate::dedup::Dedup;
use crate::pipeline::{Conditions, LineError, Pipeline, Row, Unwrapped, Unwrapper, Wanted};
use crate::syntax::ast::{Grouping, RangeAgg, RangeOp};

const ERROR: &str = "__error__";

/// `outer` is the grouping of a sum around the aggregation, where both are done at once.
pub(super) fn eval(eval: &Eval<'_>, agg: &RangeAgg, outer: Option<&Grouping>) -> Result<Vec<Line>, QueryError> {
    let plan = Plan::new(eval, agg, outer)?;
    let mut gather = Gather::new(&plan);
    let (start, end) = plan.windows.span();
    let range = LogRange { start, end };
    eval.source.scan(&agg.log.matchers, range, Direction::Forward, eval.budget, &mut |part| {
        eval.budget.check()?;
        let batch = &part.batch;
        let known = plan.known_of(batch);
        for (stream, from, to) in part.runs(range) {
            let bytes = u64::from(batch.body.ends()[to - 1]) - batch.body.start(from) as u64;
            eval.budget.count_read((to - from) as u64, bytes);
            let repeated = gather.dedup.repeated(batch, stream, from, to, (batch.min_ts, i64::MAX));
            gather.run(&Run { batch, known: &known, stream, from, to }, &repeated)?;
        }
        Ok(true)
    })?;
    let mut lines = vec![];
    for (labels, gathered) in gather.series.all {
        lines.push(gathered.finish(labels, agg.op, agg.param.unwrap_or(0.0), &plan.windows, eval.budget)?);
    }
    eval.budget.release(gather.reserved);
    if agg.op == RangeOp::Absent {
        return Ok(vec![absent(agg, lines.pop(), eval.grid.len())]);
    }
    Ok(lines)
}

/// 1 where nothing was found, with the labels that the selector fixes.
fn absent(agg: &RangeAgg, found: Option<Line>, steps: usize) -> Line {
    let values = match found {
        None => vec![1.0; steps],
        Some(l) => l.values.iter().map(|v| if is_absent(*v) { 1.0 } else { ABSENT }).collect(),
    };
    let matchers = &agg.log.matchers;
    let alone = |m: &&Matcher| m.op == MatchOp::Eq && matchers.iter().filter(|o| o.name == m.name).count() == 1 && !m.value.is_empty();
    Line { labels: Labels::from_pairs(matchers.iter().filter(alone).map(|m| (&m.name, &m.value))), values }
}

/// Everything that is known before the first line is read.
struct Plan<'a> {
    agg: &'a RangeAgg,
    pipeline: Pipeline,
    unwrap: Option<Unwrapper>,
    windows: Windows,
    /// `None`: a series per label set
    grouping: Option<Grouping>,
    /// the labels of a `by`, sorted, each once
    by: Option<Vec<String>>,
    /// the labels that parsers need to give
    wanted: Wanted,
    /// errors of parsers do not end the query
    tolerant: bool,
    budget: &'a query::Budget,
}

impl<'a> Plan<'a> {
    fn new(eval: &Eval<'a>, agg: &'a RangeAgg, outer: Option<&Grouping>) -> Result<Plan<'a>, QueryError> {
        let mut pipeline = Pipeline::compile_at(&agg.log.stages, eval.options.now).map_err(QueryError::Bad)?;
        let unwrap = agg.unwrap.as_ref().map(Unwrapper::new).transpose().map_err(QueryError::Bad)?;
        let grouping = match agg.op {
            RangeOp::Absent => Some(Grouping::default()),
            _ => outer.or(agg.grouping.as_ref()).cloned(),
        };
        let by = grouping.as_ref().filter(|g| !g.without);
        let read = by.and_then(|g| {
            let mut names = pipeline.labels_read()?;
            names.extend(g.labels.iter().cloned());
            names.extend(unwrap.iter().flat_map(Unwrapper::names));
            Some(names)
        });
        let wanted = read.map_or(Wanted::All, Wanted::Only);
        // Nobody looks at any label: parsers have nothing to do, and find no errors either.
        if wanted.is_nothing() && outer.is_some() {
            pipeline = pipeline.without_parsers();
        }
        let by_error = by.is_some_and(|g| g.labels.iter().any(|l| l == ERROR));
        let tolerant = by_error || pipeline.filters_errors();
        let by = by.map(|g| {
            let mut names = g.labels.clone();
            names.sort();
            names.dedup();
            names
        });
        let windows = Windows { grid: eval.grid, range: agg.range, offset: agg.offset };
        Ok(Plan { agg, pipeline, unwrap, windows, by, grouping, wanted, tolerant, budget: eval.budget })
    }

    /// What only has to be found out once per batch.
    fn known_of(&self, batch: &LogBatch) -> Known {
        let conditions = self.pipeline.conditions(batch);
        let Some(g) = self.grouping.as_ref().filter(|g| !g.without) else {
            return Known { conditions, metadata_matters: !batch.meta.is_empty(), names: None };
        };
        let mut names = vec![];
        for l in g.labels.iter().filter(|_| !batch.meta.is_empty()) {
            names.extend(batch.dict.find(l));
            names.extend(l.strip_suffix("_extracted").and_then(|base| batch.dict.find(base)));
        }
        Known { conditions, metadata_matters: !names.is_empty(), names: Some(names) }
    }

    fn sums_bytes(&self) -> bool {
        matches!(self.agg.op, RangeOp::Bytes | RangeOp::BytesRate)
    }

    /// Whether a label belongs to the series.
    fn in_series(&self, name: &str) -> bool {
        match &self.grouping {
            Some(g) if !g.without => g.labels.iter().any(|l| l == name),
            Some(g) => !g.labels.iter().any(|l| l == name) && !self.is_unwrapped(name),
            None => !self.is_unwrapped(name),
        }
    }

    fn is_unwrapped(&self, name: &str) -> bool {
        self.unwrap.as_ref().is_some_and(|u| u.label == name)
    }
}

struct Known {
    conditions: Conditions,
    /// metadata can be part of a series' labels
    metadata_matters: bool,
    /// codes of the metadata names that can; `None` = any
    names: Option<Vec<u32>>,
}

/// Rows of one stream.
struct Run<'r> {
    batch: &'r Arc<LogBatch>,
    known: &'r Known,
    stream: u32,
    from: usize,
    to: usize,
}

/// The series so far, found by their labels without building a label set.
#[derive(Default)]
struct SeriesMap {
    index: FxHashMap<u64, Vec<u32>>,
    all: Vec<(Labels, Gathered)>,
}

impl SeriesMap {
    /// The series of sorted pairs; `true` if it is new.
    fn find(&mut self, pairs: &[(&str, &str)], samples: bool) -> (usize, bool) {
        use std::hash::BuildHasher;
        let hash = rustc_hash::FxBuildHasher.hash_one(pairs);
        let bucket = self.index.entry(hash).or_default();
        let same = |i: &&u32| self.all[**i as usize].0.iter().eq(pairs.iter().copied());
        if let Some(i) = bucket.iter().find(same) {
            return (*i as usize, false);
        }
        bucket.push(self.all.len() as u32);
        self.all.push((Labels::from_sorted(pairs.iter().copied()), Gathered::new(samples)));
        (self.all.len() - 1, true)
    }
}

struct Gather<'a> {
    plan: &'a Plan<'a>,
    series: SeriesMap,
    dedup: Dedup,
    rows: Vec<u32>,
    reserved: u64,
}

impl<'a> Gather<'a> {
    fn new(plan: &'a Plan<'a>) -> Gather<'a> {
        Gather { plan, series: SeriesMap::default(), dedup: Dedup::default(), rows: vec![], reserved: 0 }
    }

    fn run(&mut self, run: &Run<'_>, repeated: &[u32]) -> Result<(), QueryError> {
        let plan = self.plan;
        let plain = plan.unwrap.is_none() && plan.pipeline.only_filters_lines();
        if plain && !plan.pipeline.has_front() && repeated.is_empty() && !run.known.metadata_matters {
            return self.whole_run(run.batch, run.stream, run.from, run.to);
        }
        let mut rows = std::mem::take(&mut self.rows);
        rows.clear();
        plan.pipeline.select(run.batch, &run.known.conditions, run.stream, run.from, run.to, &mut rows);
        if !repeated.is_empty() {
            rows.retain(|r| repeated.binary_search(r).is_err());
        }
        let result = if plain { self.stored_rows(run, &rows) } else { self.processed_rows(run.batch, run.stream, &rows) };
        self.rows = rows;
        result
    }

    /// All rows count and belong to one series: windows are cut from the sorted times, sizes from the text's offsets.
    fn whole_run(&mut self, batch: &LogBatch, stream: u32, from: usize, to: usize) -> Result<(), QueryError> {
        let series = self.series_of_stream(&batch.streams[stream as usize])?;
        let (plan, steps) = (self.plan, self.plan.windows.grid.len());
        let ts = &batch.ts[from..to];
        let Gathered::Counts(counts) = &mut self.series.all[series].1 else { return Ok(()) };
        let reach = |t: Option<&i64>| t.and_then(|t| plan.windows.steps_of(*t));
        let (first, last) = match (reach(ts.first()), reach(ts.last())) {
            (Some(a), Some(b)) => (a.0, b.1),
            _ => (0, steps.saturating_sub(1)),
        };
        if (last - first + 1).saturating_mul(4) < ts.len() {
            for step in first..=last {
                let (start, end) = plan.windows.bounds(step);
                let (a, b) = (from + ts.partition_point(|t| *t <= start), from + ts.partition_point(|t| *t <= end));
                if a < b {
                    let bytes = i64::from(batch.body.ends()[b - 1]) - batch.body.start(a) as i64;
                    counts.add((step, step), (b - a) as i64, if plan.sums_bytes() { bytes } else { 0 }, steps);
                }
            }
            return Ok(());
        }
        for (i, t) in ts.iter().enumerate() {
            if let Some(at) = plan.windows.steps_of(*t) {
                let bytes = if plan.sums_bytes() { batch.body.get(from + i).len() as i64 } else { 0 };
                counts.add(at, 1, bytes, steps);
            }
        }
        Ok(())
    }

    fn series_of_stream(&mut self, stream: &Labels) -> Result<usize, QueryError> {
        let plan = self.plan;
        let pairs: Vec<(&str, &str)> = stream.iter().filter(|(n, _)| plan.in_series(n)).collect();
        self.find(&pairs)
    }

    fn find(&mut self, pairs: &[(&str, &str)]) -> Result<usize, QueryError> {
        let (at, new) = self.series.find(pairs, self.plan.unwrap.is_some());
        if new {
            let bytes = 128 + pairs.iter().map(|(n, v)| n.len() + v.len()).sum::<usize>() as u64;
            self.reserve(bytes + 8 * self.plan.windows.grid.len() as u64)?;
        }
        Ok(at)
    }

    fn reserve(&mut self, bytes: u64) -> Result<(), QueryError> {
        self.plan.budget.reserve(bytes)?;
        self.reserved += bytes;
        Ok(())
    }

    /// Lines count as they were stored; only their metadata tells series apart.
    fn stored_rows(&mut self, run: &Run<'_>, rows: &[u32]) -> Result<(), QueryError> {
        let (plan, steps, batch) = (self.plan, self.plan.windows.grid.len(), run.batch);
        let labels = &batch.streams[run.stream as usize];
        if rows.is_empty() {
            return Ok(());
        }
        let constant = if run.known.metadata_matters { None } else { Some(self.series_of_stream(labels)?) };
        let mut known: FxHashMap<Vec<(u32, u32)>, usize> = FxHashMap::default();
        let mut key: Vec<(u32, u32)> = vec![];
        let mut row = Row::new(labels, &plan.wanted);
        for r in rows.iter().map(|r| *r as usize) {
            let Some(at) = plan.windows.steps_of(batch.ts[r]) else { continue };
            let series = match constant {
                Some(s) => s,
                None => {
                    key.clear();
                    let codes = batch.meta_codes(r).iter();
                    match &run.known.names {
                        Some(names) => key.extend(codes.filter(|c| names.contains(&c.0))),
                        None => key.extend(codes),
                    }
                    match known.get(&key) {
                        Some(s) => *s,
                        None => {
                            let s = match &plan.by {
                                Some(names) => self.series_of_codes(names, batch, labels, &key)?,
                                None => {
                                    row.load(batch, r);
                                    self.series_of_row(&row)?
                                }
                            };
                            known.insert(key.clone(), s);
                            s
                        }
                    }
                }
            };
            let bytes = if plan.sums_bytes() { batch.body.get(r).len() as i64 } else { 0 };
            if let Gathered::Counts(c) = &mut self.series.all[series].1 {
                c.add(at, 1, bytes, steps);
            }
        }
        Ok(())
    }

    /// The series of a stored row by its stream and the metadata pairs that matter.
    fn series_of_codes(&mut self, names: &[String], batch: &LogBatch, stream: &Labels, meta: &[(u32, u32)]) -> Result<usize, QueryError> {
        let of_meta = |name: &str| meta.iter().find(|m| batch.dict.get(m.0) == name).map(|m| batch.dict.get(m.1));
        let renamed = |name: &str| name.strip_suffix("_extracted").filter(|base| stream.get(base).is_some()).and_then(of_meta);
        let value = |name: &str| renamed(name).or_else(|| stream.get(name)).or_else(|| of_meta(name));
        let pairs: Vec<(&str, &str)> = names.iter().filter_map(|n| value(n).map(|v| (n.as_str(), v))).collect();
        self.find(&pairs)
    }

    fn series_of_row(&mut self, row: &Row<'_>) -> Result<usize, QueryError> {
        let plan = self.plan;
        let mut pairs: Vec<(&str, &str)> = match &plan.by {
            Some(names) => {
                let pairs: Vec<(&str, &str)> = names.iter().filter_map(|n| row.get(n).map(|v| (n.as_str(), v))).collect();
                return self.find(&pairs);
            }
            None => row.labels().filter(|(n, _)| plan.in_series(n)).collect(),
        };
        pairs.sort_unstable();
        self.find(&pairs)
    }

    /// Lines run through the stages behind the front filters.
    fn processed_rows(&mut self, batch: &LogBatch, stream: u32, rows: &[u32]) -> Result<(), QueryError> {
        let (plan, steps) = (self.plan, self.plan.windows.grid.len());
        let mut row = Row::new(&batch.streams[stream as usize], &plan.wanted);
        for r in rows.iter().map(|r| *r as usize) {
            let Some(at) = plan.windows.steps_of(batch.ts[r]) else { continue };
            row.load(batch, r);
            if !plan.pipeline.run_steps(&mut row) {
                continue;
            }
            let value = match plan.unwrap.as_ref().map(|u| u.run(&mut row)) {
                Some(Unwrapped::Dropped) => continue,
                Some(Unwrapped::Value(v)) => v,
                None => 0.0,
            };
            if let Some(error) = row.error()
                && !(error.is_parser() && plan.tolerant)
            {
                return Err(pipeline_error(error, &row));
            }
            let series = self.series_of_row(&row)?;
            match &mut self.series.all[series].1 {
                Gathered::Counts(c) => c.add(at, 1, if plan.sums_bytes() { row.line().len() as i64 } else { 0 }, steps),
                Gathered::Samples(s) => {
                    s.push((row.ts, value));
                    if s.len().is_multiple_of(1024) {
                        self.reserve(16 * 1024)?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn pipeline_error(error: LineError, row: &Row<'_>) -> QueryError {
    let labels = row.flat();
    let all: Vec<String> = labels.iter().map(|(n, v)| format!("{n}={}", crate::units::go_quote(v))).collect();
    let (name, series) = (error.as_str(), all.join(", "));
    QueryError::Bad(format!(
        "pipeline error: '{name}' for series: '{{{series}}}'.\nUse a label filter to intentionally skip this error. (e.g | __error__!=\"{name}\").\nTo skip all potential errors you can match empty errors.(e.g __error__=\"\")\nThe label filter can also be specified after unwrap. (e.g | unwrap latency | __error__=\"\" )\n"
    ))
}
