//! Evaluation of a group: one rule after the other, each result written before the next rule reads.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{HistogramSample, Labels, LabelsBuilder, METRIC_NAME, MatchOp, Matcher, MetricBatch, STALE_NAN, Sample, Temporality};
use promql::{SampleValue, Value};
use query::{Budget, MetricSource, Selector, SeriesBuf};

use crate::alert::{Alerts, FOR_STATE, Outgoing, Surroundings};
use crate::rule::{Group, Kind, Rule};

/// Where a group's data comes from and goes to.
pub trait Host {
    /// A view that holds everything written so far.
    fn source(&self) -> Arc<dyn MetricSource>;

    /// Limits of one rule's query.
    fn budget(&self) -> Budget;

    /// Stores a rule's results; the error stands in the rule's health.
    fn write(&mut self, batch: MetricBatch) -> Result<(), String>;
}

/// What the server's configuration says to every group. Durations are milliseconds.
#[derive(Debug, Clone)]
pub struct Context {
    pub external_labels: Labels,
    pub external_url: String,
    pub promql: promql::Options,
    pub interval_ms: i64,
    pub query_offset_ms: i64,
    pub resend_ms: i64,
    /// how far back a restart looks for the state of alerts
    pub outage_tolerance_ms: i64,
    /// rules that wait less than this are not restored, and a restored alert waits at least this long
    pub grace_ms: i64,
}

impl Default for Context {
    fn default() -> Self {
        Context {
            external_labels: Labels::empty(),
            external_url: String::new(),
            promql: promql::Options::default(),
            interval_ms: 60_000,
            query_offset_ms: 0,
            resend_ms: 60_000,
            outage_tolerance_ms: 3_600_000,
            grace_ms: 600_000,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Health {
    /// not evaluated yet
    #[default]
    Unknown,
    Good,
    Bad(String),
}

impl Health {
    pub fn as_str(&self) -> &'static str {
        match self {
            Health::Unknown => "unknown",
            Health::Good => "ok",
            Health::Bad(_) => "err",
        }
    }
}

/// What is known of a rule between evaluations.
#[derive(Debug, Default)]
pub struct RuleState {
    pub alerts: Alerts,
    pub health: Health,
    pub took: Duration,
    /// Unix milliseconds
    pub evaluated_at: Option<i64>,
    /// the series of the last evaluation: those that vanish get a stale marker
    written: BTreeSet<Labels>,
}

/// A group with the state of its rules.
#[derive(Debug)]
pub struct GroupState {
    pub group: Group,
    /// beside `group.rules`
    pub rules: Vec<RuleState>,
    pub took: Duration,
    /// Unix milliseconds
    pub evaluated_at: Option<i64>,
    evaluations: u64,
    restore: bool,
}

impl GroupState {
    /// `restore`: the state of alerts is read back from the series that an earlier process wrote.
    pub fn new(group: Group, restore: bool) -> GroupState {
        let rules =
            group.rules.iter().map(|_| RuleState { alerts: Alerts { restored: !restore, ..Alerts::default() }, ..RuleState::default() });
        GroupState { rules: rules.collect(), group, took: Duration::ZERO, evaluated_at: None, evaluations: 0, restore }
    }

    pub fn interval_ms(&self, context: &Context) -> i64 {
        self.group.interval_ms.unwrap_or(context.interval_ms).max(1)
    }

    /// Evaluates every rule at `ts` (Unix milliseconds); answers the alerts to send.
    pub fn evaluate(&mut self, ts: i64, host: &mut dyn Host, context: &Context) -> Vec<Outgoing> {
        let begun = Instant::now();
        let offset = self.group.query_offset_ms.unwrap_or(context.query_offset_ms);
        let interval = self.interval_ms(context);
        let mut out = vec![];
        for (rule, state) in self.group.rules.iter().zip(&mut self.rules) {
            let rule_begun = Instant::now();
            let at = At { ts, query: ts.saturating_sub(offset), limit: self.group.limit };
            state.health = match state.run(rule, at, host, context) {
                Ok(()) => Health::Good,
                Err(e) => Health::Bad(e),
            };
            if state.health == Health::Good && rule.kind != Kind::Recording {
                out.extend(state.alerts.take_due(ts, context.resend_ms, interval, &rule.table_link(&context.external_url)));
            }
            (state.took, state.evaluated_at) = (rule_begun.elapsed(), Some(ts));
        }
        self.evaluations += 1;
        // The first evaluation may run before targets were scraped: the second one says what is really active.
        if self.restore && self.evaluations == 2 {
            self.restore(ts, host, context);
            self.restore = false;
        }
        (self.took, self.evaluated_at) = (begun.elapsed(), Some(ts));
        out
    }

    fn restore(&mut self, ts: i64, host: &mut dyn Host, context: &Context) {
        let source = host.source();
        for (rule, state) in self.group.rules.iter().zip(&mut self.rules) {
            let Kind::Alerting { for_ms, .. } = rule.kind else { continue };
            // A failed read is no reason to withhold the alerts: they start afresh.
            let past = if for_ms < context.grace_ms { vec![] } else { past(rule, ts, &*source, host, context).unwrap_or_default() };
            state.alerts.restore(&rule.name, ts, for_ms, context.grace_ms, |labels| {
                past.iter().find(|(l, _, _)| l == labels).map(|(_, t, v)| (*t, *v))
            });
        }
    }

    /// Stale markers for everything the group last wrote: it was removed.
    pub fn retire(&self, ts: i64) -> MetricBatch {
        let mut batch = MetricBatch::default();
        for labels in self.rules.iter().flat_map(|r| &r.written) {
            push(&mut batch, labels.clone(), ts, &SampleValue::Float(STALE_NAN));
        }
        batch
    }
}

/// The newest sample of each ALERTS_FOR_STATE series of a rule.
fn past(rule: &Rule, ts: i64, source: &dyn MetricSource, host: &dyn Host, context: &Context) -> Result<Vec<(Labels, i64, f64)>, String> {
    let matcher = |name: &str, value: &str| Matcher::new(MatchOp::Eq, name, value).map_err(|e| e.to_string());
    let matchers = [matcher(METRIC_NAME, FOR_STATE)?, matcher("alertname", &rule.name)?];
    let min_t = ts.saturating_sub(context.outage_tolerance_ms);
    let found = source.select(&Selector { matchers: &matchers, min_t, max_t: ts }, &host.budget()).map_err(|e| e.to_string())?;
    let (mut out, mut buf) = (vec![], SeriesBuf::default());
    for series in found {
        buf.clear();
        series.read(min_t, ts, &mut buf).map_err(|e| e.to_string())?;
        if let (Some(t), Some(v)) = (buf.ts.last(), buf.vals.last()) {
            out.push((series.labels().clone(), *t, *v));
        }
    }
    Ok(out)
}

/// The times and bounds of one evaluation.
#[derive(Clone, Copy)]
struct At {
    ts: i64,
    /// when the query looks, and the time that results carry
    query: i64,
    limit: usize,
}

impl RuleState {
    fn run(&mut self, rule: &Rule, at: At, host: &mut dyn Host, context: &Context) -> Result<(), String> {
        let source = host.source();
        let result = ask(&rule.expr, at.query, &*source, &host.budget(), &context.promql)?;
        let results = match &rule.kind {
            Kind::Recording => recorded(rule, result, at.limit)?,
            Kind::Alerting { for_ms, keep_firing_for_ms, annotations } => {
                let query = |text: &str| {
                    let expr = promql::parse(text, &context.promql.features).map_err(|e| e.to_string())?;
                    ask(&expr, at.query, &*source, &host.budget(), &context.promql)
                };
                let around = Surroundings { external_labels: &context.external_labels, external_url: &context.external_url, ask: &query };
                let hold = (*for_ms, *keep_firing_for_ms);
                let series = self.alerts.update(rule, hold, annotations, &result, (at.ts, at.limit), &around)?;
                series.into_iter().map(|(l, v)| (l, SampleValue::Float(v))).collect()
            }
        };
        let mut batch = MetricBatch::default();
        let now: BTreeSet<Labels> = results.iter().map(|(l, _)| l.clone()).collect();
        for (labels, value) in results {
            push(&mut batch, labels, at.query, &value);
        }
        for gone in self.written.difference(&now) {
            push(&mut batch, gone.clone(), at.query, &SampleValue::Float(STALE_NAN));
        }
        self.written = now;
        if batch.is_empty() { Ok(()) } else { host.write(batch) }
    }
}

/// A rule's expression as a vector; a scalar becomes one sample without labels.
fn ask(
    expr: &promql::Expr,
    t: i64,
    source: &dyn MetricSource,
    budget: &Budget,
    options: &promql::Options,
) -> Result<Vec<promql::Sample>, String> {
    match promql::instant(expr, t, source, options, budget).map_err(|e| e.to_string())?.value {
        Value::Vector(v) => Ok(v),
        Value::Scalar { t, v } => Ok(vec![promql::Sample { labels: Labels::empty(), t, value: SampleValue::Float(v) }]),
        Value::String { .. } | Value::Matrix(_) => Err("rule result is not a vector or scalar".into()),
    }
}

fn recorded(rule: &Rule, result: Vec<promql::Sample>, limit: usize) -> Result<Vec<(Labels, SampleValue)>, String> {
    let mut seen = BTreeSet::new();
    let mut out = vec![];
    for s in result {
        let mut labels = LabelsBuilder::new(&s.labels);
        labels.set(METRIC_NAME, &rule.name);
        for (name, value) in &rule.labels {
            if value.is_empty() {
                labels.remove(name)
            } else {
                labels.set(name, value)
            };
        }
        let labels = labels.build();
        if !seen.insert(labels.clone()) {
            return Err("vector contains metrics with the same labelset after applying rule labels".into());
        }
        out.push((labels, s.value));
    }
    if limit > 0 && out.len() > limit {
        return Err(format!("exceeded limit of {limit} with {} series", out.len()));
    }
    Ok(out)
}

fn push(batch: &mut MetricBatch, labels: Labels, t: i64, value: &SampleValue) {
    let series = batch.series.len() as u32;
    batch.series.push(labels);
    match value {
        SampleValue::Float(v) => batch.samples.push(Sample { series, t, v: *v, st: 0, temporality: Temporality::AsIs }),
        SampleValue::Histogram(h) => {
            batch.histograms.push(HistogramSample { series, t, st: 0, h: h.clone(), temporality: Temporality::AsIs });
        }
    }
}

/// Where in its interval a group runs, so that groups do not all run at once: the same after every start.
pub fn slot_offset(group: &Group, interval_ms: i64) -> i64 {
    let key = Labels::from_pairs([("file", group.file.as_str()), ("name", group.name.as_str())]);
    (key.hash64() % interval_ms.max(1).unsigned_abs()) as i64
}

#[cfg(test)]
mod tests;
