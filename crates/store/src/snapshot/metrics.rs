//! `MetricSource` of a snapshot.

use std::sync::Arc;

use model::{Labels, Matcher, Metadata};
use query::{Budget, ExemplarSeries, LabelQuery, MetricSource, QueryError, Selector, Series, SeriesBuf};

use super::Snapshot;
use super::tagging::{TENANT_LABEL, own_name, tag_labels, tag_name};
use crate::metrics::MemSeries;
use crate::published::Reader;

/// A series as one snapshot sees it.
struct SeriesView {
    /// only where they differ from the series' own
    tagged: Option<Labels>,
    series: Arc<MemSeries>,
    reader: Arc<Reader>,
    histograms: bool,
}

impl Series for SeriesView {
    fn labels(&self) -> &Labels {
        self.tagged.as_ref().unwrap_or(&self.series.labels)
    }

    fn read(&self, min_t: i64, max_t: i64, out: &mut SeriesBuf) -> Result<(), QueryError> {
        self.series.read(self.reader.sequence, min_t, max_t, out);
        Ok(())
    }

    fn may_have_histograms(&self) -> bool {
        self.histograms
    }
}

impl MetricSource for Snapshot {
    fn select(&self, s: &Selector<'_>, budget: &Budget) -> Result<Vec<Arc<dyn Series>>, QueryError> {
        let mut out: Vec<Arc<dyn Series>> = vec![];
        for asked in self.asked(&[s.matchers.to_vec()]) {
            for (series, histograms) in asked.view.metrics.select(&asked.sets, (s.min_t, s.max_t), self.reader.sequence, budget)? {
                let tagged = asked.tag.map(|t| tag_labels(&series.labels, t));
                out.push(Arc::new(SeriesView { tagged, series, reader: self.reader.clone(), histograms }));
            }
        }
        if self.tagged {
            out.sort_by(|a, b| a.labels().cmp(b.labels()));
        }
        Ok(out)
    }

    fn label_names(&self, q: &LabelQuery<'_>, budget: &Budget) -> Result<Vec<String>, QueryError> {
        let mut out = vec![];
        for asked in self.asked(q.matcher_sets) {
            let names = asked.view.metrics.label_names(&asked.sets, (q.min_t, q.max_t), self.reader.sequence, budget)?;
            if self.tagged && !names.is_empty() {
                out.push(TENANT_LABEL.to_owned());
            }
            out.extend(names.into_iter().map(|n| tag_name(n, self.tagged)));
        }
        Ok(tidy(out, q.limit, self.tagged))
    }

    fn label_values(&self, name: &str, q: &LabelQuery<'_>, budget: &Budget) -> Result<Vec<String>, QueryError> {
        let (mut out, range) = (vec![], (q.min_t, q.max_t));
        for asked in self.asked(q.matcher_sets) {
            let head = &asked.view.metrics;
            match (own_name(name, self.tagged), asked.tag) {
                (Some(name), _) => out.extend(head.label_values(name, &asked.sets, range, self.reader.sequence, budget)?),
                (None, Some(tenant)) if !head.label_names(&asked.sets, range, self.reader.sequence, budget)?.is_empty() => {
                    out.push(tenant.to_owned());
                }
                (None, _) => {}
            }
        }
        Ok(tidy(out, q.limit, self.tagged))
    }

    fn series(&self, q: &LabelQuery<'_>, budget: &Budget) -> Result<Vec<Labels>, QueryError> {
        let mut out = vec![];
        for asked in self.asked(q.matcher_sets) {
            let found = asked.view.metrics.select(&asked.sets, (q.min_t, q.max_t), self.reader.sequence, budget)?;
            out.extend(found.iter().map(|(s, _)| match asked.tag {
                Some(t) => tag_labels(&s.labels, t),
                None => s.labels.clone(),
            }));
        }
        Ok(tidy(out, q.limit, self.tagged))
    }

    fn exemplars(&self, sets: &[Vec<Matcher>], min_t: i64, max_t: i64, budget: &Budget) -> Result<Vec<ExemplarSeries>, QueryError> {
        let mut out = vec![];
        for asked in self.asked(sets) {
            budget.check()?;
            for mut e in asked.view.metrics.exemplars(&asked.sets, min_t, max_t, self.reader.sequence) {
                if let Some(t) = asked.tag {
                    e.labels = tag_labels(&e.labels, t);
                }
                out.push(e);
            }
        }
        out.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(out)
    }

    fn metadata(&self, metric: Option<&str>) -> Vec<Metadata> {
        let mut out: Vec<Metadata> = vec![];
        for m in self.tenants.iter().flat_map(|(_, v)| v.metrics.metadata(metric)) {
            // One tenant's list has each once already.
            if self.tenants.len() == 1 || !out.contains(&m) {
                out.push(m);
            }
        }
        out.sort_by(|a, b| a.metric.cmp(&b.metric));
        out
    }

    fn max_time(&self) -> Option<i64> {
        self.tenants.iter().filter_map(|(_, v)| v.metrics.max_time()).max()
    }
}

/// One tenant's list is sorted and unique already.
fn tidy<T: Ord>(mut all: Vec<T>, limit: usize, several: bool) -> Vec<T> {
    if several {
        all.sort();
        all.dedup();
    }
    if limit > 0 {
        all.truncate(limit);
    }
    all
}
