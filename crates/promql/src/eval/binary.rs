//! Binary operators between a vector and a scalar; pairs of vectors go to `matching`.

use super::column::{ABSENT, Cell, Column, Grid, Row, is_absent};
use super::element::{self, Made};
use super::{Ev, Res, Sink};
use crate::ast::{BinaryOp, ValueType};
use crate::plan::Binary;
use crate::span::Span;

impl Ev<'_> {
    pub fn binary(&self, b: &Binary, span: Span, g: &Grid, sink: &mut Sink<'_>) -> Res<()> {
        match (b.lhs.ty, b.rhs.ty) {
            (ValueType::Vector, ValueType::Vector) if b.op.is_set() => self.set_operation(b, g, sink),
            (ValueType::Vector, ValueType::Vector) => self.match_vectors(b, span, g, sink),
            (ValueType::Vector, _) => self.with_scalar(b, false, span, g, sink),
            _ => self.with_scalar(b, true, span, g, sink),
        }
    }

    /// `swapped`: the scalar stands on the left.
    fn with_scalar(&self, b: &Binary, swapped: bool, span: Span, g: &Grid, sink: &mut Sink<'_>) -> Res<()> {
        let (vector, scalar) = if swapped { (&b.rhs, &b.lhs) } else { (&b.lhs, &b.rhs) };
        let s = self.scalar(scalar, g)?;
        let compute = |mut row: Row| {
            if row.col.hists.is_none() && !matches!(b.op, BinaryOp::TrimLower | BinaryOp::TrimUpper) {
                for (i, v) in row.col.vals.iter_mut().enumerate() {
                    if !is_absent(*v) {
                        *v = float_with_scalar(b, *v, s.at(i), swapped);
                    }
                }
            } else {
                row.col = self.column_with_scalar(b, &row.col, |i| s.at(i), swapped, span);
            }
            if row.col.is_empty() { None } else { Some(row) }
        };
        if b.op.changes_metric() || b.return_bool {
            return self.renamed(vector, g, sink, compute);
        }
        self.stream(vector, g, &mut |row| compute(row).map_or(Ok(()), &mut *sink))
    }

    fn column_with_scalar(&self, b: &Binary, col: &Column, s: impl Fn(usize) -> f64, swapped: bool, span: Span) -> Column {
        let mut out = Column::empty(col.vals.len());
        for i in 0..col.vals.len() {
            let cell = col.get(i);
            if matches!(cell, Cell::None) {
                continue;
            }
            let scalar = Cell::Float(s(i));
            let made = if swapped { element::elements(b.op, scalar, cell) } else { element::elements(b.op, cell, scalar) };
            let made = match made {
                Ok(made) => made,
                Err(note) => {
                    self.note(note, span);
                    continue;
                }
            };
            if b.return_bool {
                out.vals[i] = f64::from(made.keep);
            } else if made.keep {
                match (made.value, cell) {
                    // A filter keeps the vector's value, on whichever side it stands.
                    (_, Cell::Float(v)) if swapped && b.op.is_comparison() => out.vals[i] = v,
                    (Made::Float(v), _) => out.vals[i] = v,
                    (Made::Hist(h), _) => out.set_hist(i, h),
                }
            }
        }
        out
    }
}

#[inline]
fn float_with_scalar(b: &Binary, v: f64, s: f64, swapped: bool) -> f64 {
    let (made, keep) = if swapped { element::floats(b.op, s, v) } else { element::floats(b.op, v, s) };
    if b.return_bool {
        f64::from(keep)
    } else if !keep {
        ABSENT
    } else if swapped && b.op.is_comparison() {
        v
    } else {
        made
    }
}
