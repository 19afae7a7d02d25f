//! Aggregation of one series over its window, and counts of changes and resets.

use std::sync::Arc;

use model::{Histogram, ResetHint};

use super::Res;
use super::rate::start_time_reset;
use super::window::{Context, Out, Window};
use crate::annotations::{HistogramOperation, Note};
use crate::ast::Edges;
use crate::hist::{self, KahanHistogram};
use crate::kahan::inc;

/// Functions of floats: nothing without any; histograms beside them are left out with a note.
fn floats_only(c: &Context<'_>, w: &Window<'_>, f: impl FnOnce(&Window<'_>) -> f64) -> Res<Out> {
    if w.vals.is_empty() {
        return Ok(Out::None);
    }
    ignored_histograms(c, w);
    Ok(Out::Float(f(w)))
}

/// Notes that histograms beside floats do not count.
pub fn ignored_histograms(c: &Context<'_>, w: &Window<'_>) {
    if !w.hists.is_empty() {
        c.note(Note::HistogramIgnoredInRange { metric: c.name() });
    }
}

fn mixed(c: &Context<'_>) -> Res<Out> {
    c.note(Note::MixedFloatsHistograms { metric: c.name() });
    Ok(Out::None)
}

pub fn count(_: &Context<'_>, w: &Window<'_>, _: &[f64]) -> Res<Out> {
    Ok(Out::Float((w.ts.len() + w.hist_ts.len()) as f64))
}

pub fn present(_: &Context<'_>, _: &Window<'_>, _: &[f64]) -> Res<Out> {
    Ok(Out::Float(1.0))
}

pub fn first(_: &Context<'_>, w: &Window<'_>, _: &[f64]) -> Res<Out> {
    Ok(match (w.ts.first(), w.hist_ts.first()) {
        (Some(f), h) if h.is_none_or(|h| f < h) => Out::Float(w.vals[0]),
        (_, Some(_)) => Out::Hist(w.hists[0].clone()),
        _ => Out::None,
    })
}

pub fn last(_: &Context<'_>, w: &Window<'_>, _: &[f64]) -> Res<Out> {
    Ok(match (w.ts.last(), w.hist_ts.last()) {
        (Some(f), h) if h.is_none_or(|h| h < f) => Out::Float(w.vals[w.vals.len() - 1]),
        (_, Some(_)) => Out::Hist(w.hists[w.hists.len() - 1].clone()),
        _ => Out::None,
    })
}

pub fn ts_of_first(_: &Context<'_>, w: &Window<'_>, _: &[f64]) -> Res<Out> {
    let t = w.ts.first().into_iter().chain(w.hist_ts.first()).min();
    Ok(t.map_or(Out::None, |t| Out::Float(*t as f64 / 1000.0)))
}

pub fn ts_of_last(_: &Context<'_>, w: &Window<'_>, _: &[f64]) -> Res<Out> {
    let t = w.ts.last().into_iter().chain(w.hist_ts.last()).max();
    Ok(t.map_or(Out::None, |t| Out::Float(*t as f64 / 1000.0)))
}

/// Position of the value that no other beats; NaN is beaten by anything.
fn best(vals: &[f64], beats: impl Fn(f64, f64) -> bool) -> usize {
    let mut at = 0;
    for (i, v) in vals.iter().enumerate() {
        if beats(*v, vals[at]) || vals[at].is_nan() {
            at = i;
        }
    }
    at
}

/// The value that no other beats, NaN only if there is nothing else. Four lanes: the windows overlap, so this runs hot.
fn extreme(vals: &[f64], beats: impl Fn(f64, f64) -> bool) -> f64 {
    let better = |v: f64, m: f64| if beats(v, m) || m.is_nan() { v } else { m };
    let mut lanes = [f64::NAN; 4];
    let chunks = vals.chunks_exact(4);
    let rest = chunks.remainder();
    for c in chunks {
        for (m, v) in lanes.iter_mut().zip(c) {
            *m = better(*v, *m);
        }
    }
    rest.iter().chain(&lanes).fold(f64::NAN, |m, v| better(*v, m))
}

pub fn max(c: &Context<'_>, w: &Window<'_>, _: &[f64]) -> Res<Out> {
    floats_only(c, w, |w| extreme(w.vals, |a, b| a > b))
}

pub fn min(c: &Context<'_>, w: &Window<'_>, _: &[f64]) -> Res<Out> {
    floats_only(c, w, |w| extreme(w.vals, |a, b| a < b))
}

pub fn ts_of_max(c: &Context<'_>, w: &Window<'_>, _: &[f64]) -> Res<Out> {
    floats_only(c, w, |w| w.ts[best(w.vals, |a, b| a >= b)] as f64 / 1000.0)
}

pub fn ts_of_min(c: &Context<'_>, w: &Window<'_>, _: &[f64]) -> Res<Out> {
    floats_only(c, w, |w| w.ts[best(w.vals, |a, b| a <= b)] as f64 / 1000.0)
}

pub fn quantile(c: &Context<'_>, w: &Window<'_>, args: &[f64]) -> Res<Out> {
    let q = args.first().copied().unwrap_or(f64::NAN);
    if w.vals.is_empty() {
        return Ok(Out::None);
    }
    if !(0.0..=1.0).contains(&q) {
        c.note(Note::InvalidQuantile { got: q.to_bits() });
    }
    floats_only(c, w, |w| quantile_of(q, &mut w.vals.to_vec()))
}

/// The φ-quantile of values, interpolated between neighbours; NaN counts as the smallest. Sorts the values.
pub fn quantile_of(q: f64, vals: &mut [f64]) -> f64 {
    if vals.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    let key = |v: &f64| if v.is_nan() { f64::NEG_INFINITY } else { *v };
    vals.sort_by(|a, b| b.is_nan().cmp(&a.is_nan()).then(key(a).total_cmp(&key(b))));
    let rank = q * (vals.len() - 1) as f64;
    let low = rank.floor();
    let (low_at, high_at) = (low as usize, (low as usize + 1).min(vals.len() - 1));
    let weight = rank - low;
    vals[low_at] * (1.0 - weight) + vals[high_at] * weight
}

/// Median of the distances from the median.
pub fn mad(c: &Context<'_>, w: &Window<'_>, _: &[f64]) -> Res<Out> {
    floats_only(c, w, |w| {
        if w.vals.iter().any(|v| v.is_nan()) {
            return f64::NAN;
        }
        let mut vals = w.vals.to_vec();
        let median = quantile_of(0.5, &mut vals);
        vals.iter_mut().for_each(|v| *v = (*v - median).abs());
        quantile_of(0.5, &mut vals)
    })
}

pub fn stdvar(c: &Context<'_>, w: &Window<'_>, _: &[f64]) -> Res<Out> {
    floats_only(c, w, |w| variance(w.vals))
}

pub fn stddev(c: &Context<'_>, w: &Window<'_>, _: &[f64]) -> Res<Out> {
    floats_only(c, w, |w| variance(w.vals).sqrt())
}

fn variance(vals: &[f64]) -> f64 {
    let (mut n, mut mean, mut mean_c, mut sum, mut sum_c) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for v in vals {
        n += 1.0;
        let delta = v - (mean + mean_c);
        (mean, mean_c) = inc(delta / n, mean, mean_c);
        (sum, sum_c) = inc(delta * (v - (mean + mean_c)), sum, sum_c);
    }
    (sum + sum_c) / n
}

pub fn sum(c: &Context<'_>, w: &Window<'_>, _: &[f64]) -> Res<Out> {
    if w.is_mixed() {
        return mixed(c);
    }
    if w.vals.is_empty() {
        return Ok(histograms(c, w, |hs, reconciled| {
            let mut sum = KahanHistogram::new((*hs[0]).clone());
            for h in &hs[1..] {
                *reconciled |= sum.add(h)?.bounds_reconciled;
            }
            Ok(sum.finish())
        }));
    }
    let (s, comp) = w.vals.iter().fold((0.0, 0.0), |(s, comp), v| inc(*v, s, comp));
    Ok(Out::Float(if s.is_infinite() { s } else { s + comp }))
}

pub fn avg(c: &Context<'_>, w: &Window<'_>, _: &[f64]) -> Res<Out> {
    if w.is_mixed() {
        return mixed(c);
    }
    if w.vals.is_empty() {
        return Ok(histograms(c, w, average_histogram));
    }
    Ok(Out::Float(average(w.vals)))
}

/// The mean by way of the sum, as long as that does not overflow.
fn average(vals: &[f64]) -> f64 {
    let (mut sum, mut comp, mut n) = (vals[0], 0.0, 1.0);
    let mut mean = None;
    for v in &vals[1..] {
        n += 1.0;
        if mean.is_none() {
            let (s, c) = inc(*v, sum, comp);
            if !s.is_infinite() {
                (sum, comp) = (s, c);
                continue;
            }
            mean = Some(sum / (n - 1.0));
            comp /= n - 1.0;
        }
        if let Some(m) = &mut mean {
            let q = (n - 1.0) / n;
            (*m, comp) = inc(v / n, q * *m, q * comp);
        }
    }
    match mean {
        Some(m) => m + comp,
        None => sum / n + comp / n,
    }
}

fn average_histogram(hs: &[Arc<Histogram>], reconciled: &mut bool) -> Result<Histogram, hist::Incompatible> {
    let mut sum = KahanHistogram::new((*hs[0]).clone());
    let mut n = 1.0;
    let mut incremental = false;
    for h in &hs[1..] {
        n += 1.0;
        if !incremental {
            let mut next = sum.clone();
            *reconciled |= next.add(h)?.bounds_reconciled;
            if !hist::has_overflow(&next.h) {
                sum = next;
                continue;
            }
            incremental = true;
            sum.div(n - 1.0);
        }
        sum.mul((n - 1.0) / n);
        let mut part = (**h).clone();
        hist::div(&mut part, n);
        *reconciled |= sum.add(&part)?.bounds_reconciled;
    }
    if !incremental {
        sum.div(n);
    }
    Ok(sum.finish())
}

/// Runs `f` over a window of histograms and makes the notes that sums of histograms need.
fn histograms(c: &Context<'_>, w: &Window<'_>, f: impl Fn(&[Arc<Histogram>], &mut bool) -> Result<Histogram, hist::Incompatible>) -> Out {
    let mut reconciled = false;
    match f(w.hists, &mut reconciled) {
        Err(_) => {
            c.note(Note::MixedExponentialCustom { metric: c.name() });
            Out::None
        }
        Ok(h) => {
            let seen = |hint| w.hists.iter().any(|h| h.reset_hint == hint);
            if seen(ResetHint::Reset) && seen(ResetHint::NotReset) {
                c.note(Note::CounterResetCollision(HistogramOperation::Aggregation));
            }
            if reconciled {
                c.note(Note::MismatchedCustomBuckets(HistogramOperation::Aggregation));
            }
            Out::Hist(Arc::new(h))
        }
    }
}

/// A sample of a window, whatever its kind.
enum Point<'p> {
    Float { t: i64, st: i64, v: f64 },
    Hist { t: i64, st: i64, h: &'p Histogram },
}

/// The window's samples in the order of time. With `anchored` from the last one at or before the start; `None` if none follows it.
fn points<'p>(c: &Context<'_>, w: &'p Window<'_>) -> Option<Vec<Point<'p>>> {
    let (mut f, mut h) = (0, 0);
    if c.edges == Edges::Anchored {
        let before = |ts: &[i64]| ts.partition_point(|t| *t <= w.start);
        let (nf, nh) = (before(w.ts), before(w.hist_ts));
        if nf == w.ts.len() && nh == w.hist_ts.len() {
            return None;
        }
        match (nf.checked_sub(1), nh.checked_sub(1)) {
            (None, None) => {}
            (Some(a), b) if b.is_none_or(|b| w.ts[a] >= w.hist_ts[b]) => (f, h) = (a, nh),
            (_, Some(b)) => (f, h) = (nf, b),
            (Some(a), None) => (f, h) = (a, nh),
        }
    }
    let st = |sts: &[i64], i: usize| sts.get(i).copied().unwrap_or(0);
    let mut out = Vec::with_capacity(w.ts.len() + w.hist_ts.len());
    while f < w.ts.len() || h < w.hist_ts.len() {
        if h == w.hist_ts.len() || (f < w.ts.len() && w.ts[f] < w.hist_ts[h]) {
            out.push(Point::Float { t: w.ts[f], st: st(w.sts, f), v: w.vals[f] });
            f += 1;
        } else {
            out.push(Point::Hist { t: w.hist_ts[h], st: st(w.hist_sts, h), h: &w.hists[h] });
            h += 1;
        }
    }
    Some(out)
}

fn count_pairs(c: &Context<'_>, w: &Window<'_>, differ: impl Fn(&Point<'_>, &Point<'_>) -> bool) -> Res<Out> {
    let Some(points) = points(c, w).filter(|p| !p.is_empty()) else { return Ok(Out::None) };
    Ok(Out::Float(points.windows(2).filter(|p| differ(&p[0], &p[1])).count() as f64))
}

pub fn changes(c: &Context<'_>, w: &Window<'_>, _: &[f64]) -> Res<Out> {
    if w.hists.is_empty() && c.edges == Edges::Plain {
        let differ = |p: &[f64]| p[0] != p[1] && !(p[0].is_nan() && p[1].is_nan());
        return Ok(Out::Float(w.vals.windows(2).filter(|p| differ(p)).count() as f64));
    }
    count_pairs(c, w, |a, b| match (a, b) {
        (Point::Float { v: a, .. }, Point::Float { v: b, .. }) => a != b && !(a.is_nan() && b.is_nan()),
        (Point::Hist { h: a, .. }, Point::Hist { h: b, .. }) => !hist::equals(a, b),
        _ => true,
    })
}

pub fn resets(c: &Context<'_>, w: &Window<'_>, _: &[f64]) -> Res<Out> {
    count_pairs(c, w, |a, b| match (a, b) {
        (Point::Float { t: t0, st: s0, v: a }, Point::Float { t: t1, st: s1, v: b }) => b < a || start_time_reset(*s0, *t0, *s1, *t1),
        (Point::Hist { t: t0, st: s0, h: a }, Point::Hist { t: t1, st: s1, h: b }) => {
            start_time_reset(*s0, *t0, *s1, *t1) || hist::detect_reset(b, a)
        }
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_survive_overflow() {
        assert_eq!(average(&[f64::MAX, f64::MAX]), f64::MAX);
        assert_eq!(average(&[1.0, 2.0, 6.0]), 3.0);
    }

    #[test]
    fn quantiles() {
        assert_eq!(quantile_of(0.5, &mut [3.0, 1.0, 2.0, 4.0]), 2.5);
        assert_eq!(quantile_of(0.0, &mut [3.0, 1.0]), 1.0);
        assert!(quantile_of(0.0, &mut [3.0, f64::NAN]).is_nan());
        assert_eq!(quantile_of(2.0, &mut [1.0]), f64::INFINITY);
    }

    #[test]
    fn best_prefers_numbers() {
        assert_eq!(best(&[f64::NAN, 1.0, 3.0, 2.0], |a, b| a > b), 2);
        assert_eq!(extreme(&[f64::NAN, 1.0, 3.0, 2.0, 0.5], |a, b| a > b), 3.0);
        assert_eq!(extreme(&[f64::NAN, 1.0, 3.0, 2.0, 0.5], |a, b| a < b), 0.5);
        assert!(extreme(&[f64::NAN; 5], |a, b| a < b).is_nan());
    }
}
