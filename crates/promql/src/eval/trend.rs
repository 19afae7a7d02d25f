//! Slopes, forecasts and smoothing of floats over a window.

use query::QueryError;

use super::Res;
use super::over_time::ignored_histograms;
use super::window::{Context, Out, Window};
use crate::kahan::inc;

/// Two floats at least; a single one beside histograms is worth a note.
fn enough(c: &Context<'_>, w: &Window<'_>) -> bool {
    if w.vals.len() < 2 {
        if w.vals.len() == 1 {
            ignored_histograms(c, w);
        }
        return false;
    }
    ignored_histograms(c, w);
    true
}

pub fn deriv(c: &Context<'_>, w: &Window<'_>, _: &[f64]) -> Res<Out> {
    if !enough(c, w) {
        return Ok(Out::None);
    }
    // Times count from the first sample: large numbers would cost accuracy.
    Ok(Out::Float(regression(w.ts, w.vals, w.ts[0]).0))
}

pub fn predict_linear(c: &Context<'_>, w: &Window<'_>, args: &[f64]) -> Res<Out> {
    if !enough(c, w) {
        return Ok(Out::None);
    }
    let (slope, at_now) = regression(w.ts, w.vals, w.t);
    Ok(Out::Float(slope * args.first().copied().unwrap_or(0.0) + at_now))
}

/// Slope per second and value at `origin` of the least-squares line.
fn regression(ts: &[i64], vals: &[f64], origin: i64) -> (f64, f64) {
    let first = vals[0];
    if vals.iter().all(|v| *v == first) {
        return if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
    }
    let mut sums = [(0.0, 0.0); 4];
    for (t, y) in ts.iter().zip(vals) {
        let x = t.saturating_sub(origin) as f64 / 1e3;
        for (s, v) in sums.iter_mut().zip([x, *y, x * y, x * x]) {
            *s = inc(v, s.0, s.1);
        }
    }
    let n = vals.len() as f64;
    let [x, y, xy, xx] = sums.map(|(s, c)| s + c);
    let slope = (xy - x * y / n) / (xx - x * x / n);
    (slope, y / n - slope * x / n)
}

/// Holt's double exponential smoothing: a level and a trend.
pub fn smoothing(c: &Context<'_>, w: &Window<'_>, args: &[f64]) -> Res<Out> {
    let [level, trend, ..] = *args else { return Ok(Out::None) };
    for (what, factor) in [("smoothing factor. Expected: 0 < sf < 1", level), ("trend factor. Expected: 0 < tf < 1", trend)] {
        if factor <= 0.0 || factor >= 1.0 {
            let shown = if factor.is_finite() { format!("{factor:.6}") } else { crate::format::float_plain(factor) };
            return Err(QueryError::Execution(format!("invalid {what}, got: {shown}")));
        }
    }
    if !enough(c, w) {
        return Ok(Out::None);
    }
    let (mut before, mut now, mut slope) = (0.0, w.vals[0], w.vals[1] - w.vals[0]);
    for (i, v) in w.vals.iter().enumerate().skip(1) {
        if i > 1 {
            slope = trend * (now - before) + (1.0 - trend) * slope;
        }
        let next = level * v + (1.0 - level) * (now + slope);
        (before, now) = (now, next);
    }
    Ok(Out::Float(now))
}

#[cfg(test)]
mod tests {
    use super::regression;

    #[test]
    fn a_straight_line_is_found() {
        let (slope, value) = regression(&[0, 1000, 2000], &[1.0, 3.0, 5.0], 4000);
        assert!((slope - 2.0).abs() < 1e-12 && (value - 9.0).abs() < 1e-12);
        assert_eq!(regression(&[0, 1000], &[2.0, 2.0], 0), (0.0, 2.0));
    }
}
