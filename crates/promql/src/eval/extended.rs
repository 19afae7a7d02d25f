//! anchored and smoothed: windows that begin and end with a value at their very edges.

use std::sync::Arc;

use model::{Histogram, Labels, ResetHint};
use query::{QueryError, SeriesBuf};

use super::column::{Column, Grid};
use super::rate::{add_noted, sub_noted};
use super::window::{Context, Out, Window};
use super::{Ev, Res};
use crate::annotations::{HistogramOperation, Note};
use crate::ast::Edges;
use crate::hist;
use crate::plan::Selector;
use crate::span::Span;

/// The value at `t` on the line between two samples; a counter that fell is taken to have started at 0.
fn interpolate(a: (i64, f64), b: (i64, f64), t: i64, counter: bool) -> f64 {
    let low = if counter && b.1 < a.1 { 0.0 } else { a.1 };
    low + (b.1 - low) * (t - a.0) as f64 / (b.0 - a.0) as f64
}

/// What can go wrong between two histograms.
type Notes<'n> = &'n dyn Fn(Note);

fn interpolate_histograms(
    a: (i64, &Histogram),
    b: (i64, &Histogram),
    t: i64,
    counter: bool,
    note: Notes<'_>,
) -> Result<Histogram, hist::Incompatible> {
    if t == a.0 {
        return Ok(a.1.clone());
    }
    if t == b.0 {
        return Ok(b.1.clone());
    }
    let fraction = (t - a.0) as f64 / (b.0 - a.0) as f64;
    let mut h = b.1.clone();
    if counter && hist::detect_reset(b.1, a.1) {
        hist::mul(&mut h, fraction);
        return Ok(h);
    }
    if hist::sub(&mut h, a.1)?.bounds_reconciled {
        note(Note::MismatchedCustomBuckets(HistogramOperation::Subtraction));
    }
    hist::mul(&mut h, fraction);
    if hist::add(&mut h, a.1)?.bounds_reconciled {
        note(Note::MismatchedCustomBuckets(HistogramOperation::Addition));
    }
    Ok(h)
}

/// First and last sample that matter: the one at or before the start, and (smoothed) the one at or after the end.
fn bounds(ts: &[i64], start: i64, end: i64, smoothed: bool) -> Option<(usize, usize)> {
    let tail = ts.len() - 1;
    let first = ts[..tail].partition_point(|t| *t <= start).saturating_sub(1);
    let last = if smoothed { ts[..tail].partition_point(|t| *t < end) } else { tail };
    let usable = ts[last] > start && !(smoothed && ts[first] > end);
    usable.then_some((first, last))
}

fn left(ts: &[i64], vals: &[f64], first: usize, start: i64, smoothed: bool, counter: bool) -> f64 {
    if smoothed && ts[first] < start && first + 1 < ts.len() {
        return interpolate((ts[first], vals[first]), (ts[first + 1], vals[first + 1]), start, counter);
    }
    vals[first]
}

fn right(ts: &[i64], vals: &[f64], last: usize, end: i64, smoothed: bool, counter: bool) -> f64 {
    if smoothed && last > 0 && ts[last] > end {
        return interpolate((ts[last - 1], vals[last - 1]), (ts[last], vals[last]), end, counter);
    }
    vals[last]
}

/// rate, increase and delta over such a window.
pub fn rate(c: &Context<'_>, w: &Window<'_>, counter: bool, per_second: bool) -> Out {
    if !w.hists.is_empty() {
        return histogram_rate(c, w, counter, per_second).map_or(Out::None, |h| Out::Hist(Arc::new(h)));
    }
    let smoothed = c.edges == Edges::Smoothed;
    let Some((first, last)) = bounds(w.ts, w.start, w.end, smoothed) else { return Out::None };
    let low = left(w.ts, w.vals, first, w.start, smoothed, counter);
    let high = right(w.ts, w.vals, last, w.end, smoothed, counter);
    let mut v = high - low;
    if counter {
        // The edges have taken care of resets between them and their neighbours.
        let from = if w.ts[first] <= w.start { first + 1 } else { first };
        let to = if w.ts[last] >= w.end { last } else { last + 1 };
        let mut previous = low;
        for p in w.vals.get(from..to).unwrap_or_default().iter().chain([&high]) {
            if *p < previous {
                v += previous;
            }
            previous = *p;
        }
    }
    Out::Float(if per_second { v / (c.range as f64 / 1000.0) } else { v })
}

fn histogram_rate(c: &Context<'_>, w: &Window<'_>, counter: bool, per_second: bool) -> Option<Histogram> {
    let smoothed = c.edges == Edges::Smoothed;
    let (ts, hs) = (w.hist_ts, w.hists);
    let (first, last) = bounds(ts, w.start, w.end, smoothed)?;
    let custom = hs[first].uses_custom_buckets();
    for h in &hs[first..=last.max(first)] {
        if h.uses_custom_buckets() != custom {
            c.note(Note::MixedExponentialCustom { metric: c.name() });
            return None;
        }
        if counter && h.reset_hint == ResetHint::Gauge {
            c.note(Note::NotCounter { metric: c.name() });
        }
    }
    let note = |n| c.note(n);
    let between = |a: usize, b: usize, t| {
        let h = interpolate_histograms((ts[a], &hs[a]), (ts[b], &hs[b]), t, counter, &note);
        h.map_err(|_| c.note(Note::MixedExponentialCustom { metric: c.name() })).ok()
    };
    let low =
        if smoothed && ts[first] < w.start && first + 1 < ts.len() { between(first, first + 1, w.start)? } else { (*hs[first]).clone() };
    let high = if smoothed && last > 0 && ts[last] > w.end { between(last - 1, last, w.end)? } else { (*hs[last]).clone() };
    if !counter && (low.reset_hint != ResetHint::Gauge || high.reset_hint != ResetHint::Gauge) {
        c.note(Note::NotGauge { metric: c.name() });
    }
    let mut result = high.clone();
    if !sub_noted(c, &mut result, &low) {
        return None;
    }
    if counter {
        let correction = resets_between(c, w, (first, last), &low, &high, smoothed)?;
        if correction.is_some_and(|correction| !add_noted(c, &mut result, &correction)) {
            return None;
        }
    }
    if per_second {
        hist::div(&mut result, c.range as f64 / 1000.0);
    }
    result.reset_hint = ResetHint::Gauge;
    hist::compact(&mut result);
    Some(result)
}

/// What was lost in resets between the edges: `None` if it cannot be added up, `Some(None)` if nothing was.
fn resets_between(
    c: &Context<'_>,
    w: &Window<'_>,
    (first, last): (usize, usize),
    low: &Histogram,
    high: &Histogram,
    smoothed: bool,
) -> Option<Option<Histogram>> {
    let hs = w.hists;
    let (mut from, mut previous) = (first + 1, low);
    if smoothed && w.hist_ts[first] < w.start && first + 1 < hs.len() && hist::detect_reset(&hs[first + 1], &hs[first]) {
        // The left edge lies behind that reset already.
        previous = &hs[first + 1];
        from += 1;
    }
    if from > last {
        return Some(None);
    }
    let mut lost: Option<Histogram> = None;
    let mut lose = |h: &Histogram| match &mut lost {
        None => {
            lost = Some(h.clone());
            true
        }
        Some(sum) => add_noted(c, sum, h),
    };
    for h in &hs[from..last] {
        if hist::detect_reset(h, previous) && !lose(previous) {
            return None;
        }
        previous = h;
    }
    if hist::detect_reset(high, previous) && !lose(previous) {
        return None;
    }
    Some(lost)
}

/// The samples of a bare range with the values at its edges put in.
pub fn edges_of_points(edges: Edges, hists: &[Arc<Histogram>], points: &[(i64, f64)], start: i64, end: i64) -> Res<Vec<(i64, f64)>> {
    let smoothed = edges == Edges::Smoothed;
    if !hists.is_empty() {
        let word = if smoothed { "smoothed" } else { "anchored" };
        return Err(QueryError::Execution(format!("{word} modifier is not supported with histograms")));
    }
    let (ts, vals): (Vec<i64>, Vec<f64>) = points.iter().copied().unzip();
    if ts.is_empty() {
        return Ok(vec![]);
    }
    let tail = ts.len() - 1;
    let first = ts[..tail].partition_point(|t| *t <= start).saturating_sub(1);
    let last = if smoothed { ts[..tail].partition_point(|t| *t < end) } else { tail };
    if ts[last] <= start {
        return Ok(vec![]);
    }
    let mut out = vec![(start, left(&ts, &vals, first, start, smoothed, false))];
    let from = if ts[first] <= start { first + 1 } else { first };
    let to = if ts[last] >= end { last } else { last + 1 };
    out.extend_from_slice(points.get(from..to).unwrap_or_default());
    out.push((end, right(&ts, &vals, last, end, smoothed, false)));
    Ok(out)
}

/// A smoothed instant selector: the value on the line between the neighbours, the last one where none follows.
pub fn smooth(ev: &Ev<'_>, s: &Selector, buf: &SeriesBuf, labels: &Labels, span: Span, g: &Grid) -> Column {
    let lookback = ev.options.lookback_ms;
    let name = || labels.metric_name().unwrap_or_default().to_owned();
    let mut col = Column::empty(g.n);
    for i in 0..g.n {
        let t = Ev::reference(s, g.at(i));
        let (after, until) = (t.saturating_sub(lookback), t.saturating_add(lookback));
        let part = |ts: &[i64]| ts.partition_point(|x| *x <= after)..ts.partition_point(|x| *x <= until);
        let (f, h) = (part(&buf.ts), part(&buf.hist_ts));
        if !f.is_empty() && !h.is_empty() {
            ev.note(Note::MixedFloatsHistograms { metric: name() }, span);
        } else if !h.is_empty() {
            if let Some(v) = smooth_histogram(ev, &buf.hist_ts[h.clone()], &buf.hists[h], t, &name, span) {
                col.set_hist(i, v);
            }
        } else if !f.is_empty() {
            let (ts, vals) = (&buf.ts[f.clone()], &buf.vals[f]);
            let at = ts.partition_point(|x| *x < t);
            col.vals[i] = match ts.get(at) {
                Some(x) if *x == t => vals[at],
                Some(_) if at > 0 => interpolate((ts[at - 1], vals[at - 1]), (ts[at], vals[at]), t, false),
                None if at > 0 => vals[at - 1],
                _ => continue,
            };
        }
    }
    col
}

fn smooth_histogram(
    ev: &Ev<'_>,
    ts: &[i64],
    hs: &[Arc<Histogram>],
    t: i64,
    name: &dyn Fn() -> String,
    span: Span,
) -> Option<Arc<Histogram>> {
    let at = ts.partition_point(|x| *x < t);
    match ts.get(at) {
        Some(x) if *x == t => Some(hs[at].clone()),
        Some(_) if at > 0 => {
            let (a, b) = (&hs[at - 1], &hs[at]);
            if a.uses_custom_buckets() != b.uses_custom_buckets() {
                ev.note(Note::MixedExponentialCustom { metric: name() }, span);
                return None;
            }
            let counter = a.reset_hint != ResetHint::Gauge || b.reset_hint != ResetHint::Gauge;
            let h = interpolate_histograms((ts[at - 1], a), (ts[at], b), t, counter, &|n| ev.note(n, span));
            h.map_err(|_| ev.note(Note::MixedExponentialCustom { metric: name() }, span)).ok().map(Arc::new)
        }
        None if at > 0 => {
            let mut h = hs[at - 1].clone();
            Arc::make_mut(&mut h).reset_hint = ResetHint::Unknown;
            Some(h)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_between_samples() {
        assert_eq!(interpolate((0, 0.0), (10, 10.0), 5, true), 5.0);
        assert_eq!(interpolate((0, 8.0), (10, 4.0), 5, true), 2.0);
        assert_eq!(interpolate((0, 8.0), (10, 4.0), 5, false), 6.0);
    }

    #[test]
    fn a_range_gets_values_at_its_edges() {
        let points = [(0, 1.0), (10, 2.0), (20, 3.0)];
        assert_eq!(edges_of_points(Edges::Anchored, &[], &points, 5, 20).unwrap(), [(5, 1.0), (10, 2.0), (20, 3.0)]);
        assert_eq!(edges_of_points(Edges::Smoothed, &[], &points, 5, 15).unwrap(), [(5, 1.5), (10, 2.0), (15, 2.5)]);
    }
}
