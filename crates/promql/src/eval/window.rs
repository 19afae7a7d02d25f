//! Functions over ranges: two cursors per series move the window from step to step, a function turns each window into a value.

use std::sync::Arc;

use model::{Histogram, Labels};
use query::{QueryError, SeriesBuf};
use rustc_hash::FxHashSet;

use super::column::{Column, Grid, Row, Scalars, drop_reserved, same_labels};
use super::select::{strip_buckets, strip_stale};
use super::{Ev, Res, Sink, over_time, rate, trend};
use crate::annotations::Note;
use crate::ast::{Edges, ValueType};
use crate::functions::Function;
use crate::limits::STEPS_PER_CHECK;
use crate::plan::{Kind, Node};
use crate::span::Span;

/// The samples of one series in one window, floats and histograms apart.
pub struct Window<'w> {
    pub ts: &'w [i64],
    pub vals: &'w [f64],
    /// start times of the floats, empty if unknown
    pub sts: &'w [i64],
    pub hist_ts: &'w [i64],
    pub hists: &'w [Arc<Histogram>],
    pub hist_sts: &'w [i64],
    /// where the window starts in the series' floats
    pub first: usize,
    /// the evaluation time and the bounds of the window (without the extra reach of anchored and smoothed)
    pub t: i64,
    pub start: i64,
    pub end: i64,
}

impl Window<'_> {
    pub fn is_mixed(&self) -> bool {
        !self.ts.is_empty() && !self.hist_ts.is_empty()
    }
}

/// What is the same for all windows of a series.
pub struct Context<'c> {
    pub ev: &'c Ev<'c>,
    pub metric: &'c Labels,
    /// milliseconds
    pub range: i64,
    pub edges: Edges,
    /// of the first argument, and of all
    pub span: Span,
    pub args_span: Span,
    /// positions in the series' floats where a counter starts anew, rising
    pub resets: &'c [usize],
    /// positions whose start time lies before the sample in front
    pub overlaps: &'c [usize],
}

impl Context<'_> {
    pub fn name(&self) -> String {
        self.metric.metric_name().unwrap_or_default().to_owned()
    }

    pub fn note(&self, note: Note) {
        self.ev.note(note, self.span);
    }
}

pub enum Out {
    None,
    Float(f64),
    Hist(Arc<Histogram>),
}

/// A function of a window and of the scalar arguments at its step.
pub type RangeFn = fn(&Context<'_>, &Window<'_>, &[f64]) -> Res<Out>;

fn range_function(name: &str) -> Option<RangeFn> {
    Some(match name {
        "avg_over_time" => over_time::avg,
        "changes" => over_time::changes,
        "count_over_time" => over_time::count,
        "delta" => rate::delta,
        "deriv" => trend::deriv,
        "double_exponential_smoothing" => trend::smoothing,
        "first_over_time" => over_time::first,
        "idelta" => rate::idelta,
        "increase" => rate::increase,
        "irate" => rate::irate,
        "last_over_time" => over_time::last,
        "mad_over_time" => over_time::mad,
        "max_over_time" => over_time::max,
        "min_over_time" => over_time::min,
        "predict_linear" => trend::predict_linear,
        "absent_over_time" | "present_over_time" => over_time::present,
        "quantile_over_time" => over_time::quantile,
        "rate" => rate::rate,
        "resets" => over_time::resets,
        "stddev_over_time" => over_time::stddev,
        "stdvar_over_time" => over_time::stdvar,
        "sum_over_time" => over_time::sum,
        "ts_of_first_over_time" => over_time::ts_of_first,
        "ts_of_last_over_time" => over_time::ts_of_last,
        "ts_of_max_over_time" => over_time::ts_of_max,
        "ts_of_min_over_time" => over_time::ts_of_min,
        _ => return None,
    })
}

const ANCHORED: [&str; 5] = ["changes", "delta", "increase", "rate", "resets"];
const SMOOTHED: [&str; 3] = ["delta", "increase", "rate"];

/// A call with a range argument, ready to run over series.
struct Driver<'d> {
    ev: &'d Ev<'d>,
    func: &'static Function,
    run: RangeFn,
    scalars: Vec<Scalars>,
    g: &'d Grid,
    range: i64,
    offset: i64,
    at: Option<i64>,
    edges: Edges,
    span: Span,
    args_span: Span,
    /// which kinds of start-time resets matter
    start_times: bool,
}

impl Ev<'_> {
    /// A call whose argument is a range vector.
    pub fn range_call(&self, func: &'static Function, args: &[Node], g: &Grid, sink: &mut Sink<'_>) -> Res<()> {
        let Some(run) = range_function(func.name) else {
            return Err(QueryError::Unsupported(format!("function {}", func.name)));
        };
        let Some(arg) = args.iter().find(|a| a.ty == ValueType::Matrix) else {
            return Err(QueryError::Execution("unexpected error: a range vector was expected".into()));
        };
        let args_span = match (args.first(), args.last()) {
            (Some(a), Some(b)) => a.span.to(b.span),
            _ => arg.span,
        };
        let start_times = self.options.features.start_timestamps && matches!(func.name, "rate" | "irate" | "increase" | "resets");
        let mut d = Driver {
            ev: self,
            func,
            run,
            scalars: vec![],
            g,
            range: 0,
            offset: 0,
            at: None,
            edges: Edges::Plain,
            span: args[0].span,
            args_span,
            start_times,
        };
        let scalars = |d: &mut Driver<'_>| -> Res<()> {
            for a in args.iter().filter(|a| a.ty == ValueType::Scalar) {
                d.scalars.push(self.scalar(a, g)?);
            }
            Ok(())
        };
        let mut out = self.unique(func, arg, sink);
        match &arg.kind {
            Kind::Matrix(s, range) => {
                scalars(&mut d)?;
                (d.range, d.offset, d.at, d.edges) = (*range, s.offset, s.at, s.edges);
                d.check_edges()?;
                let (before, after) = d.reach();
                let (min_t, max_t) = Self::span_of(s, g, range.saturating_add(before), after);
                self.read_series(s, min_t, max_t, &mut |labels, buf| {
                    strip_stale(buf);
                    if s.stats_only {
                        strip_buckets(&mut buf.hists);
                    }
                    d.series(labels, false, buf, &mut out)
                })
            }
            Kind::Subquery(s) => {
                (d.range, d.offset, d.at, d.start_times) = (s.range, s.offset, s.at, false);
                scalars(&mut d)?;
                self.subquery_series(s, g, &mut |labels, drop_name, buf| d.series(labels, drop_name, buf, &mut out))
            }
            _ => Err(QueryError::Execution("unexpected error: a range vector was expected".into())),
        }
    }

    /// Without delayed removal the name goes here, and no two series may become one.
    fn unique<'s>(&'s self, func: &Function, arg: &Node, sink: &'s mut Sink<'_>) -> impl FnMut(Row) -> Res<()> + 's {
        let one_name = matches!(&arg.kind, Kind::Matrix(s, _) if s.has_one_name());
        let keeps_name = matches!(func.name, "last_over_time" | "first_over_time" | "absent_over_time");
        let check = !self.delayed() && !one_name && !keeps_name;
        let mut seen = FxHashSet::default();
        move |mut row| {
            if !self.delayed() && row.drop_name {
                row.labels = drop_reserved(&row.labels);
            }
            if check && !seen.insert(row.labels.clone()) {
                return Err(same_labels());
            }
            sink(row)
        }
    }
}

impl Driver<'_> {
    fn check_edges(&self) -> Res<()> {
        let (word, allowed): (_, &[&str]) = match self.edges {
            Edges::Plain => return Ok(()),
            Edges::Anchored => ("anchored", &ANCHORED),
            Edges::Smoothed => ("smoothed", &SMOOTHED),
        };
        if allowed.contains(&self.func.name) {
            return Ok(());
        }
        let list = allowed.join(", ");
        Err(QueryError::Execution(format!("{word} modifier can only be used with: {list} - not with {}", self.func.name)))
    }

    /// How far beyond its window a step reads, before and after.
    fn reach(&self) -> (i64, i64) {
        let lookback = self.ev.options.lookback_ms;
        match self.edges {
            Edges::Plain => (0, 0),
            Edges::Anchored => (lookback, 0),
            Edges::Smoothed => (lookback, lookback),
        }
    }

    fn series(&self, labels: &Labels, drop_name: bool, buf: &mut SeriesBuf, sink: &mut Sink<'_>) -> Res<()> {
        if buf.is_empty() {
            return Ok(());
        }
        if !self.start_times {
            buf.sts.clear();
            buf.hist_sts.clear();
        }
        let counter = matches!(self.func.name, "rate" | "increase");
        let (resets, overlaps) = if counter { rate::find_resets(buf) } else { (vec![], vec![]) };
        let ctx = Context {
            ev: self.ev,
            metric: labels,
            range: self.range,
            edges: self.edges,
            span: self.span,
            args_span: self.args_span,
            resets: &resets,
            overlaps: &overlaps,
        };
        self.ev.budget.take_samples(buf.len() as u64)?;
        let col = self.windows(&ctx, buf)?;
        if let Some(col) = col {
            let floats = col.vals.iter().any(|v| !super::column::is_absent(*v));
            if counter && floats {
                self.possible_non_counter(labels);
            }
            let keeps = matches!(self.func.name, "last_over_time" | "first_over_time");
            sink(Row { labels: labels.clone(), drop_name: drop_name || !keeps, col })?;
        }
        self.ev.budget.drop_samples(buf.len() as u64);
        Ok(())
    }

    /// The function's value at every step; `None` if it has none at all.
    fn windows(&self, ctx: &Context<'_>, buf: &SeriesBuf) -> Res<Option<Column>> {
        let (before, after) = self.reach();
        let mut col: Option<Column> = None;
        let (mut f, mut h) = ((0, 0), (0, 0));
        let mut args = vec![0.0; self.scalars.len()];
        let mut total = 0;
        for i in 0..self.g.n {
            if i % STEPS_PER_CHECK == STEPS_PER_CHECK - 1 {
                self.ev.budget.check()?;
            }
            let t = self.g.at(i);
            let end = self.at.unwrap_or(t).saturating_sub(self.offset);
            let start = end.saturating_sub(self.range);
            advance(&buf.ts, &mut f, start.saturating_sub(before), end.saturating_add(after));
            advance(&buf.hist_ts, &mut h, start.saturating_sub(before), end.saturating_add(after));
            if f.0 == f.1 && h.0 == h.1 {
                continue;
            }
            let part = |sts: &'_ [i64], (lo, hi): (usize, usize)| if sts.is_empty() { 0..0 } else { lo..hi };
            let w = Window {
                ts: &buf.ts[f.0..f.1],
                vals: &buf.vals[f.0..f.1],
                sts: &buf.sts[part(&buf.sts, f)],
                hist_ts: &buf.hist_ts[h.0..h.1],
                hists: &buf.hists[h.0..h.1],
                hist_sts: &buf.hist_sts[part(&buf.hist_sts, h)],
                first: f.0,
                t,
                start,
                end,
            };
            total += (w.ts.len() + w.hist_ts.len()) as u64;
            for (a, s) in args.iter_mut().zip(&self.scalars) {
                *a = s.at(i);
            }
            match (self.run)(ctx, &w, &args)? {
                Out::None => {}
                Out::Float(v) => col.get_or_insert_with(|| Column::empty(self.g.n)).vals[i] = v,
                Out::Hist(v) => col.get_or_insert_with(|| Column::empty(self.g.n)).set_hist(i, v),
            }
        }
        self.ev.count_total(total);
        Ok(col)
    }

    /// rate and increase are meant for counters: looks at the name, or at the type label.
    fn possible_non_counter(&self, labels: &Labels) {
        let Some(name) = labels.metric_name().filter(|n| !n.is_empty()) else { return };
        if self.ev.options.features.type_and_unit_labels {
            let kind = labels.value("__type__");
            if kind != "counter" && kind != "histogram" {
                self.ev.note(Note::PossibleNonCounterType { metric: name.to_owned(), kind: kind.to_owned() }, self.span);
            }
        } else if !["_total", "_sum", "_count", "_bucket"].iter().any(|end| name.ends_with(end)) {
            self.ev.note(Note::PossibleNonCounter { metric: name.to_owned() }, self.span);
        }
    }
}

/// Moves a window's cursors forward to the samples with `after < t <= last`.
fn advance(ts: &[i64], window: &mut (usize, usize), after: i64, last: i64) {
    while window.1 < ts.len() && ts[window.1] <= last {
        window.1 += 1;
    }
    while window.0 < window.1 && ts[window.0] <= after {
        window.0 += 1;
    }
}
