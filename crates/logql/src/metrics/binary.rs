//! Binary operations between numbers and vectors, with matching.

use model::Labels;
use query::QueryError;
use rustc_hash::FxHashMap;

use super::{ABSENT, Eval, Line, Operand, is_absent};
use crate::syntax::ast::{Binary, BinaryOp, Cardinality, CompareOp, Matching};

pub(super) fn eval(eval: &Eval<'_>, b: &Binary) -> Result<Operand, QueryError> {
    let (left, right) = (eval.expr(&b.left)?, eval.expr(&b.right)?);
    let steps = eval.grid.len();
    Ok(match (left, right) {
        (Operand::Scalar(l), Operand::Scalar(r)) => Operand::Scalar(fold_literals(b.op, l, r)),
        (Operand::Vector(l), Operand::Scalar(r)) => Operand::Vector(with_scalar(b, l, r, false)),
        (Operand::Scalar(l), Operand::Vector(r)) => Operand::Vector(with_scalar(b, r, l, true)),
        (Operand::Vector(l), Operand::Vector(r)) if b.op.is_set() => Operand::Vector(set_operation(b, l, r, steps)),
        (Operand::Vector(l), Operand::Vector(r)) => Operand::Vector(matched(b, l, r, steps)?),
    })
}

/// A number of two numbers; comparisons give 0 or 1.
pub(crate) fn fold_literals(op: BinaryOp, l: f64, r: f64) -> f64 {
    match op {
        BinaryOp::Compare(c) => f64::from(u8::from(compares(c, l, r))),
        op => arithmetic(op, l, r),
    }
}

/// Division by zero is NaN here, unlike in Prometheus.
fn arithmetic(op: BinaryOp, l: f64, r: f64) -> f64 {
    match op {
        BinaryOp::Add => l + r,
        BinaryOp::Sub => l - r,
        BinaryOp::Mul => l * r,
        BinaryOp::Div if r == 0.0 => f64::NAN,
        BinaryOp::Div => l / r,
        BinaryOp::Mod if r == 0.0 => f64::NAN,
        BinaryOp::Mod => l % r,
        BinaryOp::Pow => l.powf(r),
        _ => f64::NAN,
    }
}

fn compares(op: CompareOp, l: f64, r: f64) -> bool {
    match op {
        CompareOp::Eq => l == r,
        CompareOp::Ne => l != r,
        CompareOp::Gt => l > r,
        CompareOp::Ge => l >= r,
        CompareOp::Lt => l < r,
        CompareOp::Le => l <= r,
    }
}

/// The result of one pair; a filtering comparison keeps `kept` or nothing.
fn one(b: &Binary, l: f64, r: f64, kept: f64) -> f64 {
    match b.op {
        BinaryOp::Compare(c) if b.returns_bool => f64::from(u8::from(compares(c, l, r))),
        BinaryOp::Compare(c) if compares(c, l, r) => kept,
        BinaryOp::Compare(_) => ABSENT,
        op => arithmetic(op, l, r),
    }
}

fn with_scalar(b: &Binary, mut lines: Vec<Line>, scalar: f64, scalar_is_left: bool) -> Vec<Line> {
    for v in lines.iter_mut().flat_map(|l| &mut l.values) {
        if !is_absent(*v) {
            *v = if scalar_is_left { one(b, scalar, *v, *v) } else { one(b, *v, scalar, *v) };
        }
    }
    lines
}

/// The labels by which two series meet.
fn signature(labels: &Labels, matching: Option<&Matching>) -> Labels {
    match matching {
        None => labels.clone(),
        Some(m) => labels.filter(|n, _| m.labels.iter().any(|l| l == n) == m.on),
    }
}

/// The series of each signature, as indices.
fn by_signature(lines: &[Line], matching: Option<&Matching>) -> FxHashMap<Labels, Vec<usize>> {
    let mut out: FxHashMap<Labels, Vec<usize>> = FxHashMap::default();
    for (i, l) in lines.iter().enumerate() {
        out.entry(signature(&l.labels, matching)).or_default().push(i);
    }
    out
}

fn set_operation(b: &Binary, mut left: Vec<Line>, mut right: Vec<Line>, steps: usize) -> Vec<Line> {
    let matching = b.matching.as_ref();
    // Whether any series of a side has a value, per signature and step.
    let presence = |lines: &[Line]| {
        let mut out: FxHashMap<Labels, Vec<bool>> = FxHashMap::default();
        for l in lines {
            let seen = out.entry(signature(&l.labels, matching)).or_insert_with(|| vec![false; steps]);
            seen.iter_mut().zip(&l.values).for_each(|(s, v)| *s |= !is_absent(*v));
        }
        out
    };
    let mask = |lines: &mut [Line], other: &FxHashMap<Labels, Vec<bool>>, keep_where: bool| {
        for l in lines {
            let seen = other.get(&signature(&l.labels, matching));
            for (i, v) in l.values.iter_mut().enumerate() {
                if seen.is_some_and(|s| s[i]) != keep_where {
                    *v = ABSENT;
                }
            }
        }
    };
    match b.op {
        BinaryOp::And => mask(&mut left, &presence(&right), true),
        BinaryOp::Unless => mask(&mut left, &presence(&right), false),
        _ => {
            mask(&mut right, &presence(&left), false);
            // The same labels may come from both sides, at different steps: they are one series.
            let index: FxHashMap<Labels, usize> = left.iter().enumerate().map(|(i, l)| (l.labels.clone(), i)).collect();
            for r in right {
                match index.get(&r.labels) {
                    Some(i) => left[*i].values.iter_mut().zip(&r.values).filter(|(_, r)| !is_absent(**r)).for_each(|(l, r)| *l = *r),
                    None => left.push(r),
                }
            }
        }
    }
    left
}

/// Arithmetic and comparisons between vectors.
fn matched(b: &Binary, left: Vec<Line>, right: Vec<Line>, steps: usize) -> Result<Vec<Line>, QueryError> {
    let matching = b.matching.as_ref();
    let cardinality = matching.map_or(Cardinality::OneToOne, |m| m.cardinality);
    let swapped = cardinality == Cardinality::OneToMany;
    let (many, ones) = if swapped { (right, left) } else { (left, right) };
    let groups = by_signature(&ones, matching);
    let mut out: Vec<Line> = vec![];
    let mut index: FxHashMap<Labels, usize> = FxHashMap::default();
    // One-to-one: which steps of a signature are taken.
    let mut taken: FxHashMap<&Labels, Vec<bool>> = FxHashMap::default();
    unique(&groups, &ones, steps, swapped)?;
    for line in &many {
        let Some((sig, members)) = groups.get_key_value(&signature(&line.labels, matching)) else { continue };
        for one_line in members.iter().map(|i| &ones[*i]) {
            let pair = |(m, o): (&f64, &f64)| match (*m, *o) {
                (m, o) if is_absent(m) || is_absent(o) => ABSENT,
                (m, o) if swapped => one(b, o, m, o),
                (m, o) => one(b, m, o, m),
            };
            let values: Vec<f64> = line.values.iter().zip(&one_line.values).map(pair).collect();
            if values.iter().all(|v| is_absent(*v)) {
                continue;
            }
            if cardinality == Cardinality::OneToOne {
                let seen = taken.entry(sig).or_insert_with(|| vec![false; steps]);
                for (s, _) in seen.iter_mut().zip(&values).filter(|(_, v)| !is_absent(**v)) {
                    if std::mem::replace(s, true) {
                        return fail("multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)");
                    }
                }
            }
            let labels = result_labels(&line.labels, &one_line.labels, matching);
            if !merge(&mut out, &mut index, Line { labels, values }) {
                return fail("multiple matches for labels: grouping labels must ensure unique matches");
            }
        }
    }
    Ok(out)
}

fn fail<T>(text: &str) -> Result<T, QueryError> {
    Err(QueryError::Execution(text.into()))
}

/// The one side may have one series per signature and step.
fn unique(groups: &FxHashMap<Labels, Vec<usize>>, ones: &[Line], steps: usize, swapped: bool) -> Result<(), QueryError> {
    for members in groups.values().filter(|m| m.len() > 1) {
        for step in 0..steps {
            if members.iter().filter(|i| !is_absent(ones[**i].values[step])).count() > 1 {
                let side = if swapped { "left" } else { "right" };
                return fail(&format!(
                    "found duplicate series on the {side} hand-side;many-to-many matching not allowed: matching labels must be unique on one side"
                ));
            }
        }
    }
    Ok(())
}

fn result_labels(many: &Labels, one: &Labels, matching: Option<&Matching>) -> Labels {
    let Some(m) = matching else { return many.clone() };
    if m.cardinality == Cardinality::OneToOne {
        return many.filter(|n, _| m.labels.iter().any(|l| l == n) == m.on);
    }
    let mut b = model::LabelsBuilder::new(many);
    for name in &m.include {
        b.set(name, one.value(name));
    }
    b.build()
}

/// Adds a series to those so far, into the one with the same labels if there is one; `false` if both have a value at some step.
pub(super) fn merge(out: &mut Vec<Line>, index: &mut FxHashMap<Labels, usize>, line: Line) -> bool {
    let Some(i) = index.get(&line.labels) else {
        index.insert(line.labels.clone(), out.len());
        out.push(line);
        return true;
    };
    for (have, v) in out[*i].values.iter_mut().zip(line.values).filter(|(_, v)| !is_absent(*v)) {
        if !is_absent(*have) {
            return false;
        }
        *have = v;
    }
    true
}
