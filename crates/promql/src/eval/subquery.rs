//! Subqueries: an instant expression evaluated on its own finer grid, then read like stored samples.

use std::sync::Arc;

use model::{Labels, ResetHint};
use query::SeriesBuf;

use super::column::{Cell, Grid, Row};
use super::{Ev, Res, grid_len};
use crate::plan::Subquery;

impl Ev<'_> {
    /// The rows of a subquery with the grid that they stand on: all steps that some window of `outer` can need.
    pub fn subquery_rows(&self, s: &Subquery, outer: &Grid) -> Res<(Grid, Vec<Row>)> {
        let (first, last) = match s.at {
            Some(t) => (t, t),
            None => (outer.start, outer.last()),
        };
        let step = s.step.unwrap_or(self.options.subquery_step_ms).max(1);
        let before = first.saturating_sub(s.offset).saturating_sub(s.range);
        // Aligned to multiples of the step, so that every evaluation sees the same times.
        let mut start = step.saturating_mul(before / step);
        if start <= before {
            start = start.saturating_add(step);
        }
        let end = last.saturating_sub(s.offset);
        let g = Grid { start, step, n: grid_len(start, end, step)? };
        if g.n == 0 {
            return Ok((g, vec![]));
        }
        // Room for one row, so that a grid that is too long is refused before it is filled.
        let room = g.n as u64 * 8;
        self.budget.reserve(room)?;
        let rows = self.collect(&s.inner, &g)?;
        self.budget.release(room);
        Ok((g, rows))
    }

    /// Calls `each` with the samples of every row. Reset hints are forgotten: samples in between were not seen.
    pub fn subquery_series(&self, s: &Subquery, outer: &Grid, each: &mut dyn FnMut(&Labels, bool, &mut SeriesBuf) -> Res<()>) -> Res<()> {
        let (g, rows) = self.subquery_rows(s, outer)?;
        let mut buf = SeriesBuf::default();
        for row in &rows {
            buf.clear();
            for i in 0..g.n {
                match row.col.get(i) {
                    Cell::None => {}
                    Cell::Float(v) => buf.push_float(g.at(i), v, 0),
                    Cell::Hist(h) => {
                        let mut h = h.clone();
                        if matches!(h.reset_hint, ResetHint::Reset | ResetHint::NotReset) {
                            Arc::make_mut(&mut h).reset_hint = ResetHint::Unknown;
                        }
                        buf.push_histogram(g.at(i), h, 0);
                    }
                }
            }
            each(&row.labels, row.drop_name, &mut buf)?;
        }
        self.release(&rows);
        Ok(())
    }
}
