//! rate, increase, delta (with extrapolation to the window's edges) and irate, idelta.

use std::sync::Arc;

use model::{Histogram, ResetHint};
use query::SeriesBuf;

use super::window::{Context, Out, Window};
use super::{Res, extended};
use crate::annotations::{HistogramOperation, Note};
use crate::ast::Edges;
use crate::hist;

pub fn rate(c: &Context<'_>, w: &Window<'_>, _: &[f64]) -> Res<Out> {
    Ok(extrapolated(c, w, true, true))
}

pub fn increase(c: &Context<'_>, w: &Window<'_>, _: &[f64]) -> Res<Out> {
    Ok(extrapolated(c, w, true, false))
}

pub fn delta(c: &Context<'_>, w: &Window<'_>, _: &[f64]) -> Res<Out> {
    Ok(extrapolated(c, w, false, false))
}

pub fn irate(c: &Context<'_>, w: &Window<'_>, _: &[f64]) -> Res<Out> {
    Ok(last_two(c, w, true))
}

pub fn idelta(c: &Context<'_>, w: &Window<'_>, _: &[f64]) -> Res<Out> {
    Ok(last_two(c, w, false))
}

/// Whether a sample's start time says that the counter began anew after the sample before.
pub fn start_time_reset(before_st: i64, before_t: i64, st: i64, t: i64) -> bool {
    // Unknown, after the sample, or the "unknown start" of OpenTelemetry (equal to the sample's time).
    if st == 0 || st >= t || st < before_t {
        return false;
    }
    if st > before_t {
        return true;
    }
    // It points at the sample before: a delta series, unless that one's own start is unknown or nonsense.
    before_st <= before_t && before_st != 0 && before_st != before_t
}

fn start_time_overlap(before_st: i64, before_t: i64, st: i64) -> bool {
    st != 0 && st < before_t && st != before_st
}

/// Positions of a series' floats where the counter fell or started anew, and where start times overlap.
pub fn find_resets(buf: &SeriesBuf) -> (Vec<usize>, Vec<usize>) {
    let st = |i: usize| buf.sts.get(i).copied().unwrap_or(0);
    let fell = |i: usize| buf.vals[i] < buf.vals[i - 1];
    let known = !buf.sts.is_empty();
    let resets =
        (1..buf.vals.len()).filter(|i| fell(*i) || (known && start_time_reset(st(i - 1), buf.ts[i - 1], st(*i), buf.ts[*i]))).collect();
    let overlaps =
        if known { (1..buf.vals.len()).filter(|i| start_time_overlap(st(i - 1), buf.ts[i - 1], st(*i))).collect() } else { vec![] };
    (resets, overlaps)
}

/// The part of rising positions that lies in `from..to`.
fn within(positions: &[usize], from: usize, to: usize) -> &[usize] {
    let a = positions.partition_point(|p| *p < from);
    let b = positions.partition_point(|p| *p < to);
    &positions[a..b.max(a)]
}

/// How much a window's samples rose; a single histogram has no rise yet.
enum Rise {
    Float(f64),
    Hist(Option<Histogram>),
}

impl Rise {
    /// Last minus first, resets added up; `None` if the samples do not fit together.
    fn of(c: &Context<'_>, w: &Window<'_>, counter: bool) -> Option<Rise> {
        if w.vals.is_empty() {
            return match w.hists.len() {
                1 => Some(Rise::Hist(None)),
                _ => histogram_rate(c, w, counter).map(|h| Rise::Hist(Some(h))),
            };
        }
        let mut rise = w.vals[w.vals.len() - 1] - w.vals[0];
        if counter {
            let (from, to) = (w.first + 1, w.first + w.vals.len());
            if !within(c.overlaps, from, to).is_empty() {
                c.note(Note::StartTimeOverlap { metric: c.name() });
            }
            for at in within(c.resets, from, to) {
                rise += w.vals[at - from];
            }
        }
        Some(Rise::Float(rise))
    }

    /// The first sample counts whole: the counter was 0 before it. `false` if it does not fit.
    fn add_first(&mut self, c: &Context<'_>, w: &Window<'_>) -> bool {
        match self {
            Rise::Float(v) => *v += w.vals[0],
            Rise::Hist(Some(h)) => return add_noted(c, h, &w.hists[0]),
            Rise::Hist(none) => *none = Some((*w.hists[0]).clone()),
        }
        true
    }

    /// Seconds back from the first sample to where the counter's slope meets zero, if it can be said.
    fn to_zero(&self, w: &Window<'_>, sampled: f64) -> Option<f64> {
        let (rise, first) = match self {
            Rise::Float(v) => (*v, w.vals[0]),
            Rise::Hist(h) => (h.as_ref()?.count, w.hists[0].count),
        };
        (rise > 0.0 && first >= 0.0).then(|| sampled * (first / rise))
    }
}

fn extrapolated(c: &Context<'_>, w: &Window<'_>, counter: bool, per_second: bool) -> Out {
    if w.is_mixed() {
        c.note(Note::MixedFloatsHistograms { metric: c.name() });
        return Out::None;
    }
    if c.edges != Edges::Plain {
        return extended::rate(c, w, counter, per_second);
    }
    let Some(mut rise) = Rise::of(c, w, counter) else { return Out::None };
    let (times, sts) = if w.ts.is_empty() { (w.hist_ts, w.hist_sts) } else { (w.ts, w.sts) };
    let (first_t, last_t, gaps) = (times[0], times[times.len() - 1], times.len() - 1);
    let mut to_start = (first_t - w.start) as f64 / 1000.0;
    let mut to_end = (w.end - last_t) as f64 / 1000.0;
    let mut sampled = (last_t - first_t) as f64 / 1000.0;
    let between = if gaps > 0 { sampled / gaps as f64 } else { 0.0 };
    // A gap to the window's edge that is much longer than between samples: the series is taken to begin or end there.
    let threshold = between * 1.1;
    let start_time = sts.first().copied().unwrap_or(0);
    if counter && start_time != 0 && start_time > w.start && start_time < first_t {
        // The counter began inside the window: nothing is guessed at that end.
        to_start = 0.0;
        sampled = (last_t - start_time) as f64 / 1000.0;
        if !rise.add_first(c, w) {
            return Out::None;
        }
    } else if gaps == 0 {
        return Out::None;
    } else {
        if to_start >= threshold {
            to_start = between / 2.0;
        }
        // A counter cannot have been below zero.
        if let Some(to_zero) = rise.to_zero(w, sampled).filter(|z| counter && *z < to_start) {
            to_start = to_zero;
        }
    }
    if to_end >= threshold {
        to_end = between / 2.0;
    }
    let mut factor = if sampled == 0.0 { 1.0 } else { (sampled + to_start + to_end) / sampled };
    if per_second {
        factor /= c.range as f64 / 1000.0;
    }
    match rise {
        Rise::Float(v) => Out::Float(v * factor),
        Rise::Hist(None) => Out::None,
        Rise::Hist(Some(mut h)) => {
            hist::mul(&mut h, factor);
            Out::Hist(Arc::new(h))
        }
    }
}

/// `h += other` with the notes of a range function; `false` if they do not fit.
pub fn add_noted(c: &Context<'_>, h: &mut Histogram, other: &Histogram) -> bool {
    noted(c, hist::add(h, other), HistogramOperation::Addition)
}

/// `h -= other`, likewise.
pub fn sub_noted(c: &Context<'_>, h: &mut Histogram, other: &Histogram) -> bool {
    noted(c, hist::sub(h, other), HistogramOperation::Subtraction)
}

fn noted(c: &Context<'_>, merged: Result<hist::Merged, hist::Incompatible>, op: HistogramOperation) -> bool {
    match merged {
        Err(_) => {
            c.note(Note::MixedExponentialCustom { metric: c.name() });
            false
        }
        Ok(m) => {
            if m.bounds_reconciled {
                c.note(Note::MismatchedCustomBuckets(op));
            }
            true
        }
    }
}

/// Last minus first, resets added up. At least two histograms.
fn histogram_rate(c: &Context<'_>, w: &Window<'_>, counter: bool) -> Option<Histogram> {
    let points = w.hists;
    let n = points.len();
    let (first, second, last) = (&points[0], &points[1], &points[n - 1]);
    let is_gauge = |h: &Histogram| h.reset_hint == ResetHint::Gauge;
    if counter && (is_gauge(first) || is_gauge(last)) {
        c.note(Note::NotCounter { metric: c.name() });
    }
    let st = |i: usize| w.hist_sts.get(i).copied().unwrap_or(0);
    let st_reset = |i: usize| start_time_reset(st(i - 1), w.hist_ts[i - 1], st(i), w.hist_ts[i]);
    // A first sample right before a reset counts as empty, whatever its layout.
    let mut blank = None;
    if counter && (st_reset(1) || hist::detect_reset(second, first)) {
        blank = Some(Arc::new(Histogram { schema: second.schema, custom_values: second.custom_values.clone(), ..Histogram::default() }));
    }
    let mut previous = blank.as_ref().unwrap_or(first);
    let custom = previous.uses_custom_buckets();
    let mixed = || {
        c.note(Note::MixedExponentialCustom { metric: c.name() });
        None
    };
    if last.uses_custom_buckets() != custom {
        return mixed();
    }
    let mut schema = last.schema.min(previous.schema);
    if counter {
        for h in &points[1..n - 1] {
            if is_gauge(h) {
                c.note(Note::NotCounter { metric: c.name() });
            }
            schema = schema.min(h.schema);
            if h.uses_custom_buckets() != custom {
                return mixed();
            }
        }
    }
    let mut h = (**last).clone();
    hist::reduce_to_schema(&mut h, schema);
    if !sub_noted(c, &mut h, previous) {
        return None;
    }
    if counter {
        let mut overlap = false;
        for (i, point) in points.iter().enumerate().skip(1) {
            if !overlap && start_time_overlap(st(i - 1), w.hist_ts[i - 1], st(i)) {
                overlap = true;
                c.note(Note::StartTimeOverlap { metric: c.name() });
            }
            let reset = st_reset(i) || hist::detect_reset(point, previous);
            if reset && !add_noted(c, &mut h, previous) {
                return None;
            }
            previous = point;
        }
    } else if !is_gauge(first) || !is_gauge(last) {
        c.note(Note::NotGauge { metric: c.name() });
    }
    h.reset_hint = ResetHint::Gauge;
    hist::compact(&mut h);
    Some(h)
}

/// One of the newest two samples of a window.
#[derive(Clone, Copy)]
struct Last<'l> {
    t: i64,
    st: i64,
    v: f64,
    h: Option<&'l Arc<Histogram>>,
}

fn last_two(c: &Context<'_>, w: &Window<'_>, counter: bool) -> Out {
    if w.ts.len() + w.hist_ts.len() < 2 {
        return Out::None;
    }
    let st = |sts: &[i64], i: usize| sts.get(i).copied().unwrap_or(0);
    let tail = |n: usize| n.saturating_sub(2)..n;
    let mut all: Vec<Last<'_>> = tail(w.ts.len()).map(|i| Last { t: w.ts[i], st: st(w.sts, i), v: w.vals[i], h: None }).collect();
    all.extend(tail(w.hist_ts.len()).map(|i| Last { t: w.hist_ts[i], st: st(w.hist_sts, i), v: 0.0, h: Some(&w.hists[i]) }));
    all.sort_by_key(|s| s.t);
    let [.., a, b] = all.as_slice() else { return Out::None };
    let seconds = (b.t - a.t) as f64 / 1000.0;
    if seconds == 0.0 {
        return Out::None;
    }
    let note = |n: Note| c.ev.note(n, c.args_span);
    match (a.h, b.h) {
        (None, None) => {
            let reset = counter && (b.v < a.v || start_time_reset(a.st, a.t, b.st, b.t));
            let v = if reset { b.v } else { b.v - a.v };
            Out::Float(if counter { v / seconds } else { v })
        }
        (Some(x), Some(y)) => {
            let gauges = [x, y].iter().filter(|h| h.reset_hint == ResetHint::Gauge).count();
            if counter && gauges > 0 {
                note(Note::NotCounter { metric: c.name() });
            }
            if !counter && gauges < 2 {
                note(Note::NotGauge { metric: c.name() });
            }
            let mut h = (**y).clone();
            if !counter || !(start_time_reset(a.st, a.t, b.st, b.t) || hist::detect_reset(y, x)) {
                match hist::sub(&mut h, x) {
                    Err(_) => {
                        note(Note::MixedExponentialCustom { metric: c.name() });
                        return Out::None;
                    }
                    Ok(m) if m.bounds_reconciled => note(Note::MismatchedCustomBuckets(HistogramOperation::Subtraction)),
                    Ok(_) => {}
                }
            }
            h.reset_hint = ResetHint::Gauge;
            hist::compact(&mut h);
            if counter {
                hist::div(&mut h, seconds);
            }
            Out::Hist(Arc::new(h))
        }
        _ => {
            note(Note::MixedFloatsHistograms { metric: c.name() });
            Out::None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_times_tell_resets() {
        assert!(start_time_reset(0, 100, 150, 200));
        assert!(!start_time_reset(0, 100, 50, 200) && !start_time_reset(0, 100, 200, 200) && !start_time_reset(0, 100, 0, 200));
        assert!(start_time_reset(50, 100, 100, 200), "a delta series");
        assert!(!start_time_reset(100, 100, 100, 200) && !start_time_reset(0, 100, 100, 200));
    }

    #[test]
    fn resets_are_found_once_per_series() {
        let buf = SeriesBuf { ts: vec![1, 2, 3, 4], vals: vec![5.0, 6.0, 2.0, 1.0], ..SeriesBuf::default() };
        assert_eq!(find_resets(&buf).0, [2, 3]);
        assert_eq!(within(&[2, 3], 1, 3), [2]);
    }
}
