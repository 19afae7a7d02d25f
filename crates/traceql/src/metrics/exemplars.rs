//! Exemplars: a few spans per stretch of time that show what a series is made of.

use model::{AnyValue, KeyValue};
use rustc_hash::FxHashSet;

use super::feed::Seen;
use super::grid::Grid;
use crate::answer::Exemplar;
use crate::ast::{Attribute, Intrinsic};
use crate::plan::Plan;
use crate::value::trace_id_text;

/// Most exemplars per stretch; the range has half as many stretches as exemplars are wanted.
const PER_STRETCH: u8 = 2;

pub(super) struct Picker {
    limit: usize,
    low: u64,
    width: u64,
    taken: Vec<u8>,
    traces: FxHashSet<[u8; 16]>,
    pub picked: Vec<Picked>,
}

/// A span that was picked and where it belongs.
pub(super) struct Picked {
    pub group: usize,
    pub bucket: Option<usize>,
    interval: usize,
    labels: Vec<KeyValue>,
    /// the aggregated field's value
    value: Option<f64>,
}

impl Picker {
    pub fn new(limit: usize, (low, high): (u64, u64)) -> Picker {
        let stretches = (limit / usize::from(PER_STRETCH)).max(usize::from(limit > 0));
        let width = (high.saturating_sub(low) / stretches.max(1) as u64).max(1) + 1;
        Picker { limit, low, width, taken: vec![0; stretches], traces: FxHashSet::default(), picked: vec![] }
    }

    /// Takes the span if its stretch of time has room and its trace has none yet.
    pub fn offer(&mut self, span: &Seen, plan: &Plan, group: usize, value: Option<f64>, bucket: Option<usize>) {
        if self.picked.len() >= self.limit {
            return;
        }
        let b = &span.view.batch;
        let (Some(start), Some(id)) = (b.start.get(span.row), b.trace_id.get(span.row)) else { return };
        let stretch = (start.saturating_sub(self.low) / self.width) as usize;
        let Some(taken) = self.taken.get_mut(stretch).filter(|t| **t < PER_STRETCH) else { return };
        if !self.traces.insert(*id) {
            return;
        }
        *taken += 1;
        let mut labels = vec![KeyValue::new("trace:id", AnyValue::Str(trace_id_text(id)))];
        for (i, a) in plan.fields.iter().enumerate() {
            if matches!(a, Attribute::Intrinsic(Intrinsic::TraceId | Intrinsic::NestedSetParent)) {
                continue;
            }
            if let Some(v) = super::group::rendered(&span.view.value(i, span.row, span.trace)) {
                labels.push(KeyValue::new(a.to_string(), v));
            }
        }
        self.picked.push(Picked { group, bucket, interval: span.interval, labels, value });
    }
}

impl Picked {
    /// With the interval's sample as value, or the field's value where no samples are given.
    pub fn exemplar(&self, grid: &Grid, samples: Option<&[f64]>) -> Exemplar {
        let sample = || samples.and_then(|s| s.get(self.interval)).copied().unwrap_or(0.0);
        let value = match (self.bucket, samples) {
            (Some(_), Some(_)) => sample(),
            _ => self.value.unwrap_or_else(sample),
        };
        Exemplar { labels: self.labels.clone(), value, timestamp_ms: grid.at_ms(self.interval) }
    }
}
