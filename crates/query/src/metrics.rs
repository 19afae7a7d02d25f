//! Metrics: series by matchers, samples of a series by time.

use std::sync::Arc;

use model::{Exemplar, Histogram, Labels, Matcher, Metadata};

use crate::{Budget, QueryError};

/// Which series, and the samples' time range in Unix milliseconds (both ends included).
#[derive(Debug, Clone)]
pub struct Selector<'a> {
    pub matchers: &'a [Matcher],
    pub min_t: i64,
    pub max_t: i64,
}

/// Label names or values, or series, that have data in a range.
#[derive(Debug, Clone)]
pub struct LabelQuery<'a> {
    /// a series counts if it satisfies one of these sets; none at all = every series
    pub matcher_sets: &'a [Vec<Matcher>],
    pub min_t: i64,
    pub max_t: i64,
    /// most entries to return, 0 = all
    pub limit: usize,
}

/// An immutable view of one or several tenants' metrics.
pub trait MetricSource: Send + Sync {
    /// The matching series that may have samples in the range, sorted by labels.
    fn select(&self, selector: &Selector<'_>, budget: &Budget) -> Result<Vec<Arc<dyn Series>>, QueryError>;

    /// Sorted and unique.
    fn label_names(&self, q: &LabelQuery<'_>, budget: &Budget) -> Result<Vec<String>, QueryError>;

    /// Sorted and unique.
    fn label_values(&self, name: &str, q: &LabelQuery<'_>, budget: &Budget) -> Result<Vec<String>, QueryError>;

    /// Label sets, sorted and unique.
    fn series(&self, q: &LabelQuery<'_>, budget: &Budget) -> Result<Vec<Labels>, QueryError>;

    /// Exemplars of the matching series, sorted by labels, then time.
    fn exemplars(&self, matcher_sets: &[Vec<Matcher>], min_t: i64, max_t: i64, budget: &Budget) -> Result<Vec<ExemplarSeries>, QueryError>;

    /// What families say of themselves, sorted by metric; all metrics if `metric` is `None`.
    fn metadata(&self, metric: Option<&str>) -> Vec<Metadata>;

    /// The newest sample time held, if any (status pages, "now" in tests).
    fn max_time(&self) -> Option<i64> {
        None
    }
}

/// One series of an answer.
pub trait Series: Send + Sync {
    fn labels(&self) -> &Labels;

    /// Appends the samples with min_t <= t <= max_t to `out`, ascending, times unique. Stale markers are included.
    fn read(&self, min_t: i64, max_t: i64, out: &mut SeriesBuf) -> Result<(), QueryError>;

    /// Whether `read` can yield histograms in this range; `false` is a promise.
    fn may_have_histograms(&self) -> bool {
        true
    }
}

/// Decoded samples of one series: floats and histograms apart, each ascending in time. A time is in one of the two only.
#[derive(Debug, Clone, Default)]
pub struct SeriesBuf {
    pub ts: Vec<i64>,
    pub vals: Vec<f64>,
    /// start timestamps of the floats: empty (none known) or as long as `ts`, 0 = unknown
    pub sts: Vec<i64>,
    pub hist_ts: Vec<i64>,
    pub hists: Vec<Arc<Histogram>>,
    /// start timestamps of the histograms, as `sts`
    pub hist_sts: Vec<i64>,
}

impl SeriesBuf {
    pub fn clear(&mut self) {
        self.ts.clear();
        self.vals.clear();
        self.sts.clear();
        self.hist_ts.clear();
        self.hists.clear();
        self.hist_sts.clear();
    }

    pub fn len(&self) -> usize {
        self.ts.len() + self.hist_ts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ts.is_empty() && self.hist_ts.is_empty()
    }

    /// `st` 0 = unknown; the column is only made when the first known one comes.
    pub fn push_float(&mut self, t: i64, v: f64, st: i64) {
        if st != 0 && self.sts.is_empty() {
            self.sts.resize(self.ts.len(), 0);
        }
        self.ts.push(t);
        self.vals.push(v);
        if st != 0 || !self.sts.is_empty() {
            self.sts.push(st);
        }
    }

    pub fn push_histogram(&mut self, t: i64, h: Arc<Histogram>, st: i64) {
        if st != 0 && self.hist_sts.is_empty() {
            self.hist_sts.resize(self.hist_ts.len(), 0);
        }
        self.hist_ts.push(t);
        self.hists.push(h);
        if st != 0 || !self.hist_sts.is_empty() {
            self.hist_sts.push(st);
        }
    }
}

/// The exemplars of one series; `Exemplar::series` has no meaning here.
#[derive(Debug, Clone)]
pub struct ExemplarSeries {
    pub labels: Labels,
    pub exemplars: Vec<Exemplar>,
}
