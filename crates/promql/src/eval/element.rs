//! One operator on two values.

use std::sync::Arc;

use model::{Histogram, ResetHint};

use super::column::Cell;
use crate::annotations::{HistogramOperation, Note};
use crate::ast::BinaryOp;
use crate::hist;

/// Both operands are scalars; comparisons give 0 or 1.
pub fn scalars(op: BinaryOp, l: f64, r: f64) -> f64 {
    let (v, keep) = floats(op, l, r);
    if op.is_comparison() { f64::from(keep) } else { v }
}

/// The value and whether a filter lets it through.
#[inline]
pub fn floats(op: BinaryOp, l: f64, r: f64) -> (f64, bool) {
    match op {
        BinaryOp::Add => (l + r, true),
        BinaryOp::Sub => (l - r, true),
        BinaryOp::Mul => (l * r, true),
        BinaryOp::Div => (l / r, true),
        BinaryOp::Mod => (l % r, true),
        BinaryOp::Pow => (power(l, r), true),
        BinaryOp::Atan2 => (l.atan2(r), true),
        BinaryOp::Eq => (l, l == r),
        BinaryOp::Ne => (l, l != r),
        BinaryOp::Lt => (l, l < r),
        BinaryOp::Gt => (l, l > r),
        BinaryOp::Le => (l, l <= r),
        BinaryOp::Ge => (l, l >= r),
        BinaryOp::TrimLower | BinaryOp::TrimUpper | BinaryOp::And | BinaryOp::Or | BinaryOp::Unless => (l, false),
    }
}

fn power(l: f64, r: f64) -> f64 {
    l.powf(r)
}

/// What an operator makes of two elements.
pub enum Made {
    Float(f64),
    Hist(Arc<Histogram>),
}

/// A value, whether a filter keeps it, and what there is to note.
pub struct Outcome {
    pub value: Made,
    pub keep: bool,
    pub note: Option<Note>,
}

/// Elements of any kind. An error drops the pair.
pub fn elements(op: BinaryOp, l: Cell<'_>, r: Cell<'_>) -> Result<Outcome, Note> {
    use BinaryOp::*;
    let hist = |h: Histogram| Ok(Outcome { value: Made::Hist(Arc::new(h)), keep: true, note: None });
    let mismatch = |left, right| Err(Note::IncompatibleTypes { left, op: op.as_str(), right });
    match (l, r) {
        (Cell::Float(_), Cell::Float(_)) if matches!(op, TrimUpper | TrimLower) => mismatch("float", "float"),
        (Cell::Float(l), Cell::Float(r)) => {
            let (v, keep) = floats(op, l, r);
            Ok(Outcome { value: Made::Float(v), keep, note: None })
        }
        (Cell::Float(f), Cell::Hist(h)) => match op {
            Mul => hist(scaled(h, |h| hist::mul(h, f))),
            _ => mismatch("float", "histogram"),
        },
        (Cell::Hist(h), Cell::Float(f)) => match op {
            Mul => hist(scaled(h, |h| hist::mul(h, f))),
            Div => hist(scaled(h, |h| hist::div(h, f))),
            TrimUpper | TrimLower => {
                let mut h = (**h).clone();
                hist::trim(&mut h, f, op == TrimUpper);
                hist(h)
            }
            _ => mismatch("histogram", "float"),
        },
        (Cell::Hist(l), Cell::Hist(r)) => histograms(op, l, r),
        (Cell::None, _) | (_, Cell::None) => Ok(Outcome { value: Made::Float(f64::NAN), keep: false, note: None }),
    }
}

fn scaled(h: &Histogram, f: impl FnOnce(&mut Histogram)) -> Histogram {
    let mut h = h.clone();
    f(&mut h);
    hist::compact(&mut h);
    h
}

fn histograms(op: BinaryOp, l: &Arc<Histogram>, r: &Histogram) -> Result<Outcome, Note> {
    let (add, operation) = match op {
        BinaryOp::Add => (true, HistogramOperation::Addition),
        BinaryOp::Sub => (false, HistogramOperation::Subtraction),
        BinaryOp::Eq => return Ok(Outcome { value: Made::Hist(l.clone()), keep: hist::equals(l, r), note: None }),
        BinaryOp::Ne => return Ok(Outcome { value: Made::Hist(l.clone()), keep: !hist::equals(l, r), note: None }),
        _ => return Err(Note::IncompatibleTypes { left: "histogram", op: op.as_str(), right: "histogram" }),
    };
    let mut h = (**l).clone();
    let merged = if add { hist::add(&mut h, r) } else { hist::sub(&mut h, r) };
    let merged = merged.map_err(|_| Note::IncompatibleBuckets { op: op.as_str() })?;
    if merged.hint_collision {
        return Err(Note::CounterResetCollision(operation));
    }
    if !add {
        h.reset_hint = ResetHint::Gauge;
    }
    hist::compact(&mut h);
    let note = merged.bounds_reconciled.then_some(Note::MismatchedCustomBuckets(operation));
    Ok(Outcome { value: Made::Hist(Arc::new(h)), keep: true, note })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic() {
        assert_eq!(scalars(BinaryOp::Mod, -5.0, 3.0), -2.0);
        assert_eq!(scalars(BinaryOp::Ge, 2.0, 2.0), 1.0);
        assert_eq!(scalars(BinaryOp::Pow, 2.0, 10.0), 1024.0);
        assert!(elements(BinaryOp::TrimLower, Cell::Float(1.0), Cell::Float(1.0)).is_err());
    }
}
