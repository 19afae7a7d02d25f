//! Series in memory for scripts: sorted vectors, read whole. Reset hints come out as a store with chunks gives them.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Histogram, Labels, Matcher, Metadata, ResetHint};
use query::{Budget, ExemplarSeries, LabelQuery, MetricSource, QueryError, Selector, Series, SeriesBuf};

use super::{Loaded, LoadedSample, Storage};
use crate::hist;
use crate::value::SampleValue;

/// Holds series for scripts.
#[derive(Debug, Clone, Default)]
pub struct MemoryStorage {
    series: BTreeMap<Labels, Arc<Stored>>,
}

#[derive(Debug, Clone)]
struct Stored {
    labels: Labels,
    samples: Vec<LoadedSample>,
}

impl Storage for MemoryStorage {
    fn clear(&mut self) {
        self.series.clear();
    }

    fn load(&mut self, series: Vec<Loaded>) -> Result<(), String> {
        for s in series {
            if s.samples.is_empty() {
                continue;
            }
            let stored =
                self.series.entry(s.labels.clone()).or_insert_with(|| Arc::new(Stored { labels: s.labels.clone(), samples: vec![] }));
            let stored = Arc::make_mut(stored);
            for sample in s.samples {
                if stored.samples.last().is_some_and(|l| l.t >= sample.t) {
                    return Err(format!("{}: out-of-order sample at {}", s.labels, sample.t));
                }
                let value = hinted(sample.value, stored.samples.last());
                stored.samples.push(LoadedSample { value, ..sample });
            }
        }
        Ok(())
    }

    fn source(&self) -> Arc<dyn MetricSource> {
        Arc::new(self.clone())
    }
}

/// Inside a chunk of counter histograms there is no reset; whether a chunk begins with one is not known.
fn hinted(value: SampleValue, before: Option<&LoadedSample>) -> SampleValue {
    let SampleValue::Histogram(h) = value else { return value };
    if h.is_stale() {
        return SampleValue::Histogram(h);
    }
    let hint = match (h.reset_hint, before.map(|b| &b.value)) {
        (ResetHint::Gauge, _) => ResetHint::Gauge,
        (_, Some(SampleValue::Histogram(b))) if !begins_chunk(&h, b) => ResetHint::NotReset,
        _ => ResetHint::Unknown,
    };
    SampleValue::Histogram(Arc::new(Histogram { reset_hint: hint, ..(*h).clone() }))
}

fn begins_chunk(h: &Histogram, before: &Histogram) -> bool {
    let unhinted = Histogram { reset_hint: ResetHint::Unknown, ..h.clone() };
    h.reset_hint == ResetHint::Reset
        || before.is_stale()
        || before.reset_hint == ResetHint::Gauge
        || h.schema != before.schema
        || h.zero_threshold != before.zero_threshold
        || h.custom_values != before.custom_values
        || hist::detect_reset(&unhinted, before)
}

impl Series for Stored {
    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn read(&self, min_t: i64, max_t: i64, out: &mut SeriesBuf) -> Result<(), QueryError> {
        for s in self.samples.iter().filter(|s| s.t >= min_t && s.t <= max_t) {
            match &s.value {
                SampleValue::Float(v) => out.push_float(s.t, *v, s.st),
                SampleValue::Histogram(h) => out.push_histogram(s.t, h.clone(), s.st),
            }
        }
        Ok(())
    }
}

impl MemoryStorage {
    fn matching(&self, q: &LabelQuery<'_>) -> impl Iterator<Item = &Labels> {
        let sets: Vec<Vec<Matcher>> = q.matcher_sets.to_vec();
        let (min_t, max_t) = (q.min_t, q.max_t);
        self.series
            .values()
            .filter(move |s| sets.is_empty() || sets.iter().any(|set| set.iter().all(|m| m.matches_labels(&s.labels))))
            .filter(move |s| s.samples.iter().any(|x| x.t >= min_t && x.t <= max_t))
            .map(|s| &s.labels)
    }
}

fn sorted(mut all: Vec<String>, limit: usize) -> Vec<String> {
    all.sort();
    all.dedup();
    if limit > 0 {
        all.truncate(limit);
    }
    all
}

impl MetricSource for MemoryStorage {
    fn select(&self, s: &Selector<'_>, _: &Budget) -> Result<Vec<Arc<dyn Series>>, QueryError> {
        let found = self.series.values().filter(|x| s.matchers.iter().all(|m| m.matches_labels(&x.labels)));
        Ok(found.map(|x| x.clone() as Arc<dyn Series>).collect())
    }

    fn label_names(&self, q: &LabelQuery<'_>, _: &Budget) -> Result<Vec<String>, QueryError> {
        Ok(sorted(self.matching(q).flat_map(|l| l.iter().map(|(n, _)| n.to_owned())).collect(), q.limit))
    }

    fn label_values(&self, name: &str, q: &LabelQuery<'_>, _: &Budget) -> Result<Vec<String>, QueryError> {
        Ok(sorted(self.matching(q).filter_map(|l| l.get(name).map(str::to_owned)).collect(), q.limit))
    }

    fn series(&self, q: &LabelQuery<'_>, _: &Budget) -> Result<Vec<Labels>, QueryError> {
        let all = self.matching(q).cloned();
        Ok(if q.limit > 0 { all.take(q.limit).collect() } else { all.collect() })
    }

    fn exemplars(&self, _: &[Vec<Matcher>], _: i64, _: i64, _: &Budget) -> Result<Vec<ExemplarSeries>, QueryError> {
        Ok(vec![])
    }

    fn metadata(&self, _: Option<&str>) -> Vec<Metadata> {
        vec![]
    }
}
