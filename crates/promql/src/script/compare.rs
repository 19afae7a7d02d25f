//! Whether an answer is what a script expects: values up to 1e-6, labels exactly, notes one by one.

use std::sync::Arc;

use model::{Histogram, Labels};

use super::parse::{Eval, ExpectedNote};
use super::series::Described;
use crate::hist::{self, almost_equal};
use crate::value::{QueryResult, SampleValue, Value};

const EPSILON: f64 = 1e-6;

/// Checks the notes of an answer; `query` is the text that was evaluated.
pub fn notes(e: &Eval, query: &str, result: &QueryResult) -> Result<(), String> {
    let (warnings, infos) = result.annotations.texts(query, 0, 0);
    kind("warning", &e.expect.warn, &warnings)?;
    kind("info", &e.expect.info, &infos)?;
    if e.expect.no_warn && !warnings.is_empty() {
        return Err(format!("unexpected warnings: {warnings:?}"));
    }
    if e.expect.no_info && !infos.is_empty() {
        return Err(format!("unexpected infos: {infos:?}"));
    }
    Ok(())
}

/// Each expectation must be met, and each note must be expected, once anything is.
fn kind(what: &str, expected: &[ExpectedNote], got: &[String]) -> Result<(), String> {
    if expected.is_empty() {
        return Ok(());
    }
    if let Some(e) = expected.iter().find(|e| !got.iter().any(|g| e.matches(g))) {
        return Err(format!("expected {what} {e:?}, got {got:?}"));
    }
    match got.iter().find(|g| !expected.iter().any(|e| e.matches(g))) {
        Some(g) => Err(format!("unexpected {what} {g:?}")),
        None => Ok(()),
    }
}

/// Checks the value of an answer.
pub fn value(e: &Eval, value: &Value) -> Result<(), String> {
    match value {
        Value::Scalar { v, .. } => scalar(e, *v),
        Value::String { v, .. } if e.expect.string.as_ref() == Some(v) => Ok(()),
        Value::String { v, .. } => Err(format!("expected the string {:?}, got {v:?}", e.expect.string)),
        Value::Vector(samples) => {
            if let Some(s) = e.expect.scalar {
                return Err(format!("expected the scalar {s}, got a vector"));
            }
            vector(e, samples.iter().map(|s| (&s.labels, &s.value)))
        }
        Value::Matrix(_) => matrix(e, value),
    }
}

pub fn scalar(e: &Eval, v: f64) -> Result<(), String> {
    match e.expect.scalar {
        Some(want) if almost_equal(want, v, EPSILON) => Ok(()),
        other => Err(format!("expected {other:?}, got the scalar {v}")),
    }
}

/// Checks the elements of an instant vector.
pub fn vector<'v>(e: &Eval, got: impl Iterator<Item = (&'v Labels, &'v SampleValue)>) -> Result<(), String> {
    let mut seen = vec![false; e.expect.series.len()];
    for (at, (labels, value)) in got.enumerate() {
        // Of two expectations for one series the later counts.
        let want = e.expect.series.iter().rposition(|(l, _)| l == labels).ok_or_else(|| format!("unexpected series {labels} {value:?}"))?;
        if e.expect.ordered && want != at {
            return Err(format!("expected {labels} at position {want}, got it at {at}"));
        }
        seen[want] = true;
        let expected = e.expect.series[want].1.first().ok_or_else(|| format!("no value expected for {labels}"))?;
        same(labels, expected, value)?;
    }
    missing(e, &seen)
}

fn missing(e: &Eval, seen: &[bool]) -> Result<(), String> {
    let later = |i: usize| e.expect.series[i + 1..].iter().any(|(l, _)| *l == e.expect.series[i].0);
    match (0..seen.len()).find(|i| !seen[*i] && !later(*i)) {
        Some(i) => Err(format!("expected series {} not found", e.expect.series[i].0)),
        None => Ok(()),
    }
}

fn same(labels: &Labels, expected: &Described, got: &SampleValue) -> Result<(), String> {
    let ok = match (expected, got) {
        (Described::Float(want), SampleValue::Float(v)) => almost_equal(*want, *v, EPSILON),
        (Described::Histogram(want, hint_counts), SampleValue::Histogram(h)) => same_histogram(want, h, *hint_counts),
        _ => false,
    };
    if ok { Ok(()) } else { Err(format!("{labels}: expected {expected:?}, got {got:?}")) }
}

fn matrix(e: &Eval, value: &Value) -> Result<(), String> {
    let Value::Matrix(series) = value else { return Err("expected a matrix".into()) };
    let Some((start, end, step)) = e.range.or(e.expect.matrix) else {
        return Err(format!("expected no range vector, got {series:?}"));
    };
    if let Some(s) = e.expect.scalar {
        return Err(format!("expected the scalar {s}, got a matrix"));
    }
    if series.windows(2).any(|w| w[0].labels > w[1].labels) {
        return Err("series are not sorted by labels".into());
    }
    let mut seen = vec![false; e.expect.series.len()];
    for s in series {
        let want = e.expect.series.iter().rposition(|(l, _)| *l == s.labels).ok_or_else(|| format!("unexpected series {s:?}"))?;
        seen[want] = true;
        let mut got: Vec<(i64, SampleValue)> = s.floats.iter().map(|(t, v)| (*t, SampleValue::Float(*v))).collect();
        got.extend(s.histograms.iter().map(|(t, h)| (*t, SampleValue::Histogram(Arc::clone(h)))));
        got.sort_by_key(|g| g.0);
        let times = e.expect.series[want].1.iter().enumerate().map(|(i, v)| (start + step * i as i64, v));
        let expected: Vec<(i64, &Described)> = times.filter(|(_, v)| **v != Described::Omitted).collect();
        if expected.last().is_some_and(|(t, _)| *t > end) {
            return Err(format!("more values are expected for {} than the range has steps", s.labels));
        }
        if expected.len() != got.len() {
            return Err(format!("{}: expected {} values, got {}: {got:?}", s.labels, expected.len(), got.len()));
        }
        for ((want_t, want), (t, v)) in expected.iter().zip(&got) {
            if want_t != t {
                return Err(format!("{}: expected a value at {want_t}, got one at {t}", s.labels));
            }
            same(&s.labels, want, v).map_err(|e| format!("at {t}: {e}"))?;
        }
    }
    missing(e, &seen)
}

fn same_histogram(want: &Histogram, got: &Histogram, hint_counts: bool) -> bool {
    let (mut a, mut b) = (want.clone(), got.clone());
    hist::compact(&mut a);
    hist::compact(&mut b);
    let close = |x: f64, y: f64| almost_equal(x, y, EPSILON);
    let buckets = |x: &[f64], y: &[f64]| x.len() == y.len() && x.iter().zip(y).all(|(x, y)| close(*x, *y));
    a.schema == b.schema
        && close(a.count, b.count)
        && close(a.sum, b.sum)
        && (!a.uses_custom_buckets() || a.custom_values == b.custom_values)
        && a.zero_threshold == b.zero_threshold
        && close(a.zero_count, b.zero_count)
        && hist::same_layout(&a, &b)
        && buckets(&a.negative_buckets, &b.negative_buckets)
        && buckets(&a.positive_buckets, &b.positive_buckets)
        && (!hint_counts || a.reset_hint == b.reset_hint)
}
