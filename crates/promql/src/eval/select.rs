//! Selectors: series from the source, the newest sample within the lookback at each step, raw points of a range.

use std::sync::Arc;

use model::{Histogram, Labels, ResetHint, is_stale};
use query::{Selector as Query, SeriesBuf};

use super::column::{Column, Grid, Row};
use super::{Ev, Res, Sink, extended};
use crate::ast::Edges;
use crate::hist;
use crate::plan::Selector;
use crate::span::Span;
use crate::value::Series;

impl Ev<'_> {
    /// The time that a selector looks at for an evaluation time.
    pub fn reference(s: &Selector, t: i64) -> i64 {
        s.at.unwrap_or(t).saturating_sub(s.offset)
    }

    /// Decodes every matching series, one after the other. Series without samples in the range are passed over.
    pub fn read_series(&self, s: &Selector, min_t: i64, max_t: i64, each: &mut dyn FnMut(&Labels, &mut SeriesBuf) -> Res<()>) -> Res<()> {
        let query = Query { matchers: &s.matchers, min_t, max_t };
        let mut buf = SeriesBuf::default();
        for series in self.source.select(&query, self.budget)? {
            self.budget.check()?;
            buf.clear();
            series.read(min_t, max_t, &mut buf)?;
            if buf.is_empty() {
                continue;
            }
            self.count_read(buf.len() as u64);
            each(series.labels(), &mut buf)?;
        }
        Ok(())
    }

    /// The range of times that instants of a grid need, `window` before and `ahead` after each.
    pub fn span_of(s: &Selector, g: &Grid, window: i64, ahead: i64) -> (i64, i64) {
        let (first, last) = (Self::reference(s, g.start), Self::reference(s, g.last()));
        (first.saturating_sub(window).saturating_add(1), last.saturating_add(ahead))
    }

    pub fn select_instant(&self, s: &Selector, span: Span, g: &Grid, sink: &mut Sink<'_>) -> Res<()> {
        let lookback = self.options.lookback_ms;
        if s.edges == Edges::Smoothed {
            let (min_t, max_t) = Self::span_of(s, g, lookback, lookback);
            return self.read_series(s, min_t, max_t, &mut |labels, buf| {
                strip_stale(buf);
                let col = extended::smooth(self, s, buf, labels, span, g);
                if col.is_empty() { Ok(()) } else { sink(Row { labels: labels.clone(), drop_name: false, col }) }
            });
        }
        let (min_t, max_t) = Self::span_of(s, g, lookback, 0);
        self.read_series(s, min_t, max_t, &mut |labels, buf| {
            if s.stats_only {
                strip_buckets(&mut buf.hists);
            }
            let mut col = Column::empty(g.n);
            let mut any = 0;
            newest(s, buf, g, lookback, |i, found| {
                any += 1;
                match found {
                    Found::Float(at) => col.vals[i] = buf.vals[at],
                    Found::Hist(at) => col.set_hist(i, buf.hists[at].clone()),
                }
            });
            self.count_total(any);
            if any == 0 { Ok(()) } else { sink(Row { labels: labels.clone(), drop_name: false, col }) }
        })
    }

    /// When the newest sample at each step was taken, for `timestamp`, `start_timestamp` and `info`.
    pub fn select_times(&self, s: &Selector, g: &Grid, each: &mut EachTimes<'_>) -> Res<()> {
        let lookback = self.options.lookback_ms;
        let (min_t, max_t) = Self::span_of(s, g, lookback, 0);
        self.read_series(s, min_t, max_t, &mut |labels, buf| {
            let mut times = vec![None; g.n];
            let st = |sts: &[i64], at: usize| sts.get(at).copied().unwrap_or(0);
            newest(s, buf, g, lookback, |i, found| {
                times[i] = Some(match found {
                    Found::Float(at) => Seen { t: buf.ts[at], st: st(&buf.sts, at), histogram: false },
                    Found::Hist(at) => Seen { t: buf.hist_ts[at], st: st(&buf.hist_sts, at), histogram: true },
                });
            });
            if times.iter().any(Option::is_some) { each(labels, times) } else { Ok(()) }
        })
    }

    /// The raw samples of a range selector at one time.
    pub fn select_points(&self, s: &Selector, range: i64, t: i64) -> Res<Vec<Series>> {
        let end = Self::reference(s, t);
        let start = end.saturating_sub(range);
        let lookback = self.options.lookback_ms;
        let (before, after) = match s.edges {
            Edges::Plain => (0, 0),
            Edges::Anchored => (lookback, 0),
            Edges::Smoothed => (lookback, lookback),
        };
        let mut out = vec![];
        let (min_t, max_t) = (start.saturating_sub(before).saturating_add(1), end.saturating_add(after));
        self.read_series(s, min_t, max_t, &mut |labels, buf| {
            strip_stale(buf);
            self.budget.take_samples(buf.len() as u64)?;
            self.count_total(buf.len() as u64);
            let mut floats: Vec<(i64, f64)> = buf.ts.iter().copied().zip(buf.vals.iter().copied()).collect();
            if s.edges != Edges::Plain {
                floats = extended::edges_of_points(s.edges, &buf.hists, &floats, start, end)?;
            }
            let histograms: Vec<_> = buf.hist_ts.iter().copied().zip(buf.hists.iter().cloned()).collect();
            if !floats.is_empty() || !histograms.is_empty() {
                out.push(Series { labels: labels.clone(), floats, histograms });
            }
            Ok(())
        })?;
        Ok(out)
    }
}

/// A consumer of a series' labels and of what was seen at each step.
pub type EachTimes<'e> = dyn FnMut(&Labels, Vec<Option<Seen>>) -> Res<()> + 'e;

/// The newest sample at a step without its value.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    pub t: i64,
    /// start time, 0 = unknown
    pub st: i64,
    pub histogram: bool,
}

/// Where in a buffer the newest sample is.
#[derive(Debug, Clone, Copy)]
pub enum Found {
    Float(usize),
    Hist(usize),
}

/// Finds the newest sample at every step: not older than the lookback and not a stale marker.
fn newest(s: &Selector, buf: &SeriesBuf, g: &Grid, lookback: i64, mut set: impl FnMut(usize, Found)) {
    let (mut f, mut h) = (0, 0);
    for i in 0..g.n {
        let reference = Ev::reference(s, g.at(i));
        let oldest = reference.saturating_sub(lookback);
        while f < buf.ts.len() && buf.ts[f] <= reference {
            f += 1;
        }
        while h < buf.hist_ts.len() && buf.hist_ts[h] <= reference {
            h += 1;
        }
        let float_t = f.checked_sub(1).map(|at| buf.ts[at]);
        let hist_t = h.checked_sub(1).map(|at| buf.hist_ts[at]);
        if float_t >= hist_t {
            if float_t.is_some_and(|t| t > oldest) && !is_stale(buf.vals[f - 1]) {
                set(i, Found::Float(f - 1));
            }
        } else if hist_t.is_some_and(|t| t > oldest) && !buf.hists[h - 1].is_stale() {
            set(i, Found::Hist(h - 1));
        }
    }
}

/// Takes stale markers out: ranges do not see them.
pub fn strip_stale(buf: &mut SeriesBuf) {
    if buf.vals.iter().any(|v| is_stale(*v)) {
        let keep: Vec<bool> = buf.vals.iter().map(|v| !is_stale(*v)).collect();
        retain(&mut buf.ts, &keep);
        retain(&mut buf.vals, &keep);
        retain(&mut buf.sts, &keep);
    }
    if buf.hists.iter().any(|h| h.is_stale()) {
        let keep: Vec<bool> = buf.hists.iter().map(|h| !h.is_stale()).collect();
        retain(&mut buf.hist_ts, &keep);
        retain(&mut buf.hists, &keep);
        retain(&mut buf.hist_sts, &keep);
    }
}

fn retain<T>(items: &mut Vec<T>, keep: &[bool]) {
    let mut keep = keep.iter();
    items.retain(|_| keep.next().copied().unwrap_or(false));
}

/// Drops the buckets of a run of histograms; resets between them are found first and kept as hints.
pub fn strip_buckets(hists: &mut [Arc<Histogram>]) {
    let mut last: Option<Arc<Histogram>> = None;
    for h in hists {
        if h.is_stale() {
            continue;
        }
        let hint = match (&last, h.reset_hint) {
            (Some(previous), ResetHint::Unknown) if hist::detect_reset(h, previous) => ResetHint::Reset,
            (Some(_), ResetHint::Unknown) => ResetHint::NotReset,
            (_, hint) => hint,
        };
        let stripped = Arc::new(hist::stats_only(h, hint));
        last = Some(std::mem::replace(h, stripped));
    }
}
