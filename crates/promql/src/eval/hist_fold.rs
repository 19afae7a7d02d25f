//! Running sums and means of histograms, per group and step.

use std::sync::Arc;

use model::{Histogram, ResetHint};

use crate::annotations::{HistogramOperation, Note};
use crate::hist::{self, KahanHistogram};

/// The histograms of one group at one step.
#[derive(Clone)]
pub struct HistAcc {
    sum: KahanHistogram,
    n: f64,
    /// the sum would overflow: `sum` is the mean so far
    stepwise: bool,
    incompatible: bool,
    saw_reset: bool,
    saw_no_reset: bool,
}

impl HistAcc {
    pub fn new(h: &Histogram) -> HistAcc {
        let mut acc = HistAcc {
            sum: KahanHistogram::new(h.clone()),
            n: 1.0,
            stepwise: false,
            incompatible: false,
            saw_reset: false,
            saw_no_reset: false,
        };
        acc.see(h);
        acc
    }

    fn see(&mut self, h: &Histogram) {
        self.saw_reset |= h.reset_hint == ResetHint::Reset;
        self.saw_no_reset |= h.reset_hint == ResetHint::NotReset;
    }

    /// `name`: of the metric that the histogram comes from, for notes.
    pub fn add(&mut self, h: &Histogram, mean: bool, name: &str, note: &dyn Fn(Note)) {
        if self.incompatible {
            return;
        }
        self.see(h);
        self.n += 1.0;
        let added = if mean { self.add_to_mean(h) } else { self.sum.add(h).map(|m| m.bounds_reconciled) };
        match added {
            Ok(true) => note(Note::MismatchedCustomBuckets(HistogramOperation::Aggregation)),
            Ok(false) => {}
            Err(_) => {
                self.incompatible = true;
                note(Note::MixedExponentialCustom { metric: name.to_owned() });
            }
        }
    }

    fn add_to_mean(&mut self, h: &Histogram) -> Result<bool, hist::Incompatible> {
        if !self.stepwise {
            let mut next = self.sum.clone();
            let merged = next.add(h)?;
            if !hist::has_overflow(&next.h) {
                self.sum = next;
                return Ok(merged.bounds_reconciled);
            }
            self.stepwise = true;
            self.sum.div(self.n - 1.0);
        }
        self.sum.mul((self.n - 1.0) / self.n);
        let mut part = h.clone();
        hist::div(&mut part, self.n);
        Ok(self.sum.add(&part)?.bounds_reconciled)
    }

    pub fn finish(self, mean: bool, note: &dyn Fn(Note)) -> Option<Arc<Histogram>> {
        if self.incompatible {
            return None;
        }
        if self.saw_reset && self.saw_no_reset {
            note(Note::CounterResetCollision(HistogramOperation::Aggregation));
        }
        let mut sum = self.sum;
        if mean && !self.stepwise {
            sum.div(self.n);
        }
        let mut h = sum.finish();
        hist::compact(&mut h);
        Some(Arc::new(h))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_of_huge_counts_does_not_overflow() {
        let h = Histogram { count: f64::MAX, sum: 1.0, ..Histogram::default() };
        let mut acc = HistAcc::new(&h);
        acc.add(&h, true, "", &|_| {});
        assert_eq!(acc.finish(true, &|_| {}).unwrap().count, f64::MAX);
    }
}
