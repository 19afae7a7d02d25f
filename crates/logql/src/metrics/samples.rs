//! What a range aggregation gathers per series while it reads: counts per step, or samples.

use model::Labels;
use query::{Budget, QueryError, TimeGrid};

use super::windows::{Window, apply};
use super::{ABSENT, Line};
use crate::syntax::ast::RangeOp;

/// Windows of a range aggregation over a grid.
#[derive(Debug, Clone, Copy)]
pub struct Windows {
    pub grid: TimeGrid,
    /// nanoseconds
    pub range: i64,
    pub offset: i64,
}

impl Windows {
    /// The steps whose window holds a time: first and last, `None` if none does.
    pub fn steps_of(&self, ts: i64) -> Option<(usize, usize)> {
        let near = ts.checked_add(self.offset).and_then(|t| t.checked_sub(self.grid.start));
        let (Some(from_start), Some(until)) = (near, near.and_then(|n| n.checked_add(self.range - 1))) else {
            return self.steps_of_far(ts);
        };
        let step = self.grid.step.max(1);
        let low = if from_start <= 0 { 0 } else { (from_start as u64).div_ceil(step as u64) as usize };
        let last = self.grid.len().wrapping_sub(1);
        if until < 0 || self.grid.is_empty() {
            return None;
        }
        let high = ((until as u64 / step as u64) as usize).min(last);
        (low <= high).then_some((low, high))
    }

    /// The same where the distance does not fit 64 bits.
    fn steps_of_far(&self, ts: i64) -> Option<(usize, usize)> {
        let from_start = i128::from(ts) + i128::from(self.offset) - i128::from(self.grid.start);
        let step = i128::from(self.grid.step.max(1));
        let low = from_start.div_euclid(step) + i128::from(from_start.rem_euclid(step) > 0);
        let high = (from_start + i128::from(self.range) - 1).div_euclid(step);
        let last = self.grid.len() as i128 - 1;
        let (low, high) = (low.max(0), high.min(last));
        (low <= high).then_some((low as usize, high as usize))
    }

    /// Start (excluded) and end (included) of a step's window.
    pub fn bounds(&self, step: usize) -> (i64, i64) {
        let end = self.grid.at(step).saturating_sub(self.offset);
        (end.saturating_sub(self.range), end)
    }

    /// The times that any window can hold: start included, end excluded.
    pub fn span(&self) -> (i64, i64) {
        let last = self.grid.len().saturating_sub(1);
        (self.bounds(0).0.saturating_add(1), self.bounds(last).1.saturating_add(1))
    }
}

/// Counts and sums per step, kept as differences: a line that counts in steps 3 to 7 changes cells 3 and 8 only.
#[derive(Debug, Default)]
pub struct Counts {
    n: Vec<i64>,
    /// empty unless sizes are summed
    sum: Vec<i64>,
}

impl Counts {
    pub fn add(&mut self, steps: (usize, usize), n: i64, sum: i64, len: usize) {
        if self.n.is_empty() {
            self.n = vec![0; len + 1];
        }
        self.n[steps.0] += n;
        self.n[steps.1 + 1] -= n;
        if sum != 0 {
            if self.sum.is_empty() {
                self.sum = vec![0; len + 1];
            }
            self.sum[steps.0] += sum;
            self.sum[steps.1 + 1] -= sum;
        }
    }

    fn finish(&self, op: RangeOp, w: &Windows) -> Vec<f64> {
        let (mut n, mut sum) = (0i64, 0i64);
        let seconds = w.range as f64 / 1e9;
        (0..w.grid.len())
            .map(|i| {
                n += self.n.get(i).copied().unwrap_or(0);
                sum += self.sum.get(i).copied().unwrap_or(0);
                match op {
                    _ if n == 0 => ABSENT,
                    RangeOp::Count | RangeOp::Absent => n as f64,
                    RangeOp::Rate => n as f64 / seconds,
                    RangeOp::BytesRate => sum as f64 / seconds,
                    _ => sum as f64,
                }
            })
            .collect()
    }
}

/// All that was gathered for one series.
#[derive(Debug)]
pub enum Gathered {
    Counts(Counts),
    /// in order of reading
    Samples(Vec<(i64, f64)>),
}

impl Gathered {
    pub fn new(samples: bool) -> Gathered {
        if samples { Gathered::Samples(vec![]) } else { Gathered::Counts(Counts::default()) }
    }

    /// The series over all steps.
    pub fn finish(self, labels: Labels, op: RangeOp, param: f64, w: &Windows, budget: &Budget) -> Result<Line, QueryError> {
        let mut samples = match self {
            Gathered::Counts(c) => return Ok(Line { labels, values: c.finish(op, w) }),
            Gathered::Samples(s) => s,
        };
        budget.check()?;
        samples.sort_by_key(|s| s.0);
        let (mut from, mut to) = (0, 0);
        let values = (0..w.grid.len())
            .map(|i| {
                let (start, end) = w.bounds(i);
                to += samples[to..].iter().take_while(|s| s.0 <= end).count();
                from += samples[from..to].iter().take_while(|s| s.0 <= start).count();
                match &samples[from..to] {
                    [] => ABSENT,
                    s => apply(op, param, &Window { samples: s, start, end }),
                }
            })
            .collect();
        Ok(Line { labels, values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn steps_of_agrees_with_bounds(start in -50i64..50, step in 1i64..9, len in 0i64..9, range in 1i64..30, offset in -9i64..9, ts in -99i64..99) {
            let w = Windows { grid: TimeGrid { start, end: start + step * len, step }, range, offset };
            let inside: Vec<usize> = (0..w.grid.len()).filter(|i| { let (a, b) = w.bounds(*i); ts > a && ts <= b }).collect();
            prop_assert_eq!(w.steps_of(ts), inside.first().map(|f| (*f, inside[inside.len() - 1])));
            let (from, to) = w.span();
            prop_assert!(inside.is_empty() || (from..to).contains(&ts));
        }
    }
}
