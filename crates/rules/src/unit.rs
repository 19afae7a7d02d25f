//! Unit tests of rules in promtool's format: series in, expected alerts and expected answers of queries.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{Histogram, Labels, MetricBatch};
use promql::script::{Described, Loaded, LoadedSample, MemoryStorage, Storage, parse_series};
use promql::{Features, SampleValue, Value};
use query::{Budget, MetricSource};
use serde::Deserialize;

use crate::alert::AlertState;
use crate::group::{Context, GroupState, Health, Host};
use crate::limits::MAX_TEST_STEPS;
use crate::parse::{RuleError, parse};
use crate::rule::{Group, Kind};
use crate::yaml::{Millis, Text};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    rule_files: Option<Vec<String>>,
    evaluation_interval: Option<Millis>,
    group_eval_order: Option<Vec<String>>,
    fuzzy_compare: Option<bool>,
    tests: Option<Vec<Test>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Test {
    name: Text,
    interval: Option<Millis>,
    start_timestamp: Option<Text>,
    input_series: Option<Vec<Input>>,
    alert_rule_test: Option<Vec<AlertTest>>,
    promql_expr_test: Option<Vec<ExprTest>>,
    external_labels: Option<BTreeMap<Text, Text>>,
    external_url: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Input {
    series: Text,
    values: Text,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AlertTest {
    eval_time: Millis,
    alertname: Text,
    #[serde(default)]
    exp_alerts: Option<Vec<ExpectedAlert>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ExpectedAlert {
    exp_labels: Option<BTreeMap<Text, Text>>,
    exp_annotations: Option<BTreeMap<Text, Text>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExprTest {
    expr: Text,
    eval_time: Millis,
    #[serde(default)]
    exp_samples: Option<Vec<ExpectedSample>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ExpectedSample {
    labels: Text,
    value: Option<f64>,
    histogram: Option<Text>,
}

/// What became of a test file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub tests: usize,
    /// one text for each expectation that was not met
    pub failures: Vec<String>,
}

/// Reads the rule files that a pattern of the test file means: (name, text) of each.
pub type ReadRules<'a> = dyn Fn(&str) -> Result<Vec<(String, String)>, String> + 'a;

/// Runs every test of a file. An error is a file that cannot be read; unmet expectations stand in the report.
pub fn run(text: &str, file: &str, read: &ReadRules<'_>, features: &Features) -> Result<Report, RuleError> {
    let fail = |message: String| RuleError(format!("{file}: {message}"));
    let read_file: Option<File> = serde_yaml_ng::from_str(text).map_err(|e| fail(e.to_string()))?;
    let f = read_file.unwrap_or_default();
    let mut groups = vec![];
    for pattern in f.rule_files.iter().flatten() {
        for (name, text) in read(pattern).map_err(&fail)? {
            groups.extend(parse(&text, &name, features)?);
        }
    }
    if let Some(order) = &f.group_eval_order {
        groups.sort_by_key(|g| order.iter().position(|o| *o == g.name).unwrap_or(usize::MAX));
    }
    let interval = f.evaluation_interval.map_or(60_000, |d| d.0);
    let common = Common { groups: &groups, interval, fuzzy: f.fuzzy_compare.unwrap_or(false), features };
    let mut report = Report::default();
    for (i, test) in f.tests.unwrap_or_default().iter().enumerate() {
        report.tests += 1;
        let name = if test.name.0.is_empty() { format!("test {}", i + 1) } else { test.name.0.clone() };
        match test.run(&common) {
            Ok(failures) => report.failures.extend(failures.into_iter().map(|f| format!("{name}: {f}"))),
            Err(e) => report.failures.push(format!("{name}: {e}")),
        }
    }
    Ok(report)
}

/// What all tests of a file share.
struct Common<'a> {
    groups: &'a [Group],
    /// milliseconds between evaluations
    interval: i64,
    fuzzy: bool,
    features: &'a Features,
}

/// The series of one test.
struct Memory(MemoryStorage);

impl Host for Memory {
    fn source(&self) -> Arc<dyn MetricSource> {
        self.0.source()
    }

    fn budget(&self) -> Budget {
        Budget::unlimited()
    }

    fn write(&mut self, batch: MetricBatch) -> Result<(), String> {
        let floats = batch.samples.iter().map(|s| (s.series, s.t, SampleValue::Float(s.v)));
        let histograms = batch.histograms.iter().map(|h| (h.series, h.t, SampleValue::Histogram(h.h.clone())));
        let loaded = floats.chain(histograms).filter_map(|(series, t, value)| {
            let labels = batch.series.get(series as usize)?.clone();
            Some(Loaded { labels, samples: vec![LoadedSample { t, st: 0, value }] })
        });
        self.0.load(loaded.collect())
    }
}

impl Test {
    /// The unmet expectations; an error is a test that cannot run.
    fn run(&self, common: &Common<'_>) -> Result<Vec<String>, String> {
        let start = self.start()?;
        let alert_tests = self.alert_rule_test.as_deref().unwrap_or_default();
        let expr_tests = self.promql_expr_test.as_deref().unwrap_or_default();
        let last = alert_tests.iter().map(|t| t.eval_time.0).chain(expr_tests.iter().map(|t| t.eval_time.0)).max().unwrap_or(0);
        if common.interval <= 0 || last / common.interval > MAX_TEST_STEPS {
            return Err(format!("more than {MAX_TEST_STEPS} evaluations; choose a longer evaluation_interval"));
        }
        let mut memory = Memory(MemoryStorage::default());
        memory.0.load(self.inputs(start, self.interval.map_or(common.interval, |d| d.0))?)?;
        let context = Context {
            external_labels: labels(&self.external_labels),
            external_url: self.external_url.0.clone(),
            promql: promql::Options { features: *common.features, ..promql::Options::default() },
            interval_ms: common.interval,
            ..Context::default()
        };
        let mut groups: Vec<GroupState> = common.groups.iter().map(|g| GroupState::new(g.clone(), false)).collect();
        let mut failures = vec![];
        for after in (0..=last).step_by(usize::try_from(common.interval).unwrap_or(usize::MAX)) {
            for g in &mut groups {
                g.evaluate(start.saturating_add(after), &mut memory, &context);
                for (rule, state) in g.group.rules.iter().zip(&g.rules) {
                    if let Health::Bad(e) = &state.health {
                        failures.push(format!("rule: {}, time: {}, err: {e}", rule.name, shown(after)));
                    }
                }
            }
            // An expectation between two evaluations means the earlier one.
            let due = alert_tests.iter().filter(|t| (after..after.saturating_add(common.interval)).contains(&t.eval_time.0));
            failures.extend(due.filter_map(|t| t.check(&groups).err()));
        }
        let source = memory.source();
        failures.extend(expr_tests.iter().filter_map(|t| t.check(start, &*source, &context, common.fuzzy).err()));
        Ok(failures)
    }

    /// Unix milliseconds, from seconds or an RFC 3339 time.
    fn start(&self) -> Result<i64, String> {
        let text = self.start_timestamp.as_ref().map_or("0", |t| t.0.as_str());
        match text.parse::<f64>() {
            Ok(seconds) if seconds.abs() < 1e12 => Ok((seconds * 1e3) as i64),
            _ => text.parse::<jiff::Timestamp>().map(|t| t.as_millisecond()).map_err(|e| format!("start_timestamp {text:?}: {e}")),
        }
    }

    fn inputs(&self, start: i64, interval: i64) -> Result<Vec<Loaded>, String> {
        let mut out = vec![];
        for input in self.input_series.iter().flatten() {
            let line = format!("{} {}", input.series.0, input.values.0);
            let (labels, values) = parse_series(&line).map_err(|e| format!("input_series {:?}: {e}", input.series.0))?;
            let samples = values.into_iter().enumerate().filter_map(|(i, v)| {
                let t = start.saturating_add(interval.saturating_mul(i64::try_from(i).unwrap_or(i64::MAX)));
                let value = match v {
                    Described::Omitted => return None,
                    Described::Float(v) => SampleValue::Float(v),
                    Described::Histogram(h, _) => SampleValue::Histogram(h.into()),
                };
                Some(LoadedSample { t, st: 0, value })
            });
            out.push(Loaded { labels, samples: samples.collect() });
        }
        Ok(out)
    }
}

impl AlertTest {
    fn check(&self, groups: &[GroupState]) -> Result<(), String> {
        let mut got = vec![];
        for g in groups {
            let rules = g.group.rules.iter().zip(&g.rules).filter(|(r, _)| r.name == self.alertname.0 && r.kind != Kind::Recording);
            for (_, state) in rules {
                let firing = state.alerts.active.values().filter(|a| a.state == AlertState::Firing);
                got.extend(firing.map(|a| (a.labels.clone(), a.annotations.clone())));
            }
        }
        let expected = self.exp_alerts.iter().flatten().map(|e| {
            let mut with_name = e.exp_labels.clone().unwrap_or_default();
            with_name.insert(Text("alertname".into()), self.alertname.clone());
            (labels(&Some(with_name)), labels(&e.exp_annotations))
        });
        let mut expected: Vec<_> = expected.collect();
        got.sort();
        expected.sort();
        if got == expected {
            return Ok(());
        }
        let list = |all: &[(Labels, Labels)]| {
            let each = |(l, a): &(Labels, Labels)| format!("\n      labels {l} annotations {a}");
            if all.is_empty() { " none".to_owned() } else { all.iter().map(each).collect() }
        };
        Err(format!(
            "alertname: {}, time: {},\n    exp:{}\n    got:{}",
            self.alertname.0,
            shown(self.eval_time.0),
            list(&expected),
            list(&got)
        ))
    }
}

impl ExprTest {
    fn check(&self, start: i64, source: &dyn MetricSource, context: &Context, fuzzy: bool) -> Result<(), String> {
        let place = |what: String| format!("expr: {:?}, time: {},{what}", self.expr.0, shown(self.eval_time.0));
        let expr = promql::parse(&self.expr.0, &context.promql.features).map_err(|e| place(format!(" err: {e}")))?;
        let t = start.saturating_add(self.eval_time.0);
        let answer = promql::instant(&expr, t, source, &context.promql, &Budget::unlimited()).map_err(|e| place(format!(" err: {e}")))?;
        let got = match answer.value {
            Value::Vector(v) => v.into_iter().map(|s| (s.labels, s.value)).collect(),
            Value::Scalar { v, .. } => vec![(Labels::empty(), SampleValue::Float(v))],
            other => return Err(place(format!(" err: the answer is a {:?}, not a vector or scalar", other.value_type()))),
        };
        let mut expected = vec![];
        for e in self.exp_samples.iter().flatten() {
            expected.push(e.read().map_err(|e| place(format!(" err: {e}")))?);
        }
        // Each expectation takes one equal sample; order does not count.
        let mut open: BTreeSet<usize> = (0..got.len()).collect();
        let met = expected.iter().all(|(labels, value)| {
            let found = open.iter().copied().find(|i| got.get(*i).is_some_and(|(l, v)| l == labels && same(value, v, fuzzy)));
            found.is_some_and(|i| open.remove(&i))
        });
        if met && open.is_empty() {
            return Ok(());
        }
        let list = |all: &[(Labels, SampleValue)]| {
            let each = |(l, v): &(Labels, SampleValue)| match v {
                SampleValue::Float(f) => format!("\n      {l} {}", promql::format::float_plain(*f)),
                SampleValue::Histogram(h) => format!("\n      {l} {h:?}"),
            };
            if all.is_empty() { " nil".to_owned() } else { all.iter().map(each).collect::<String>() }
        };
        Err(place(format!("\n    exp:{}\n    got:{}", list(&expected), list(&got))))
    }
}

impl ExpectedSample {
    fn read(&self) -> Result<(Labels, SampleValue), String> {
        let text = self.labels.0.trim();
        let labels = if matches!(text, "" | "{}") { Labels::empty() } else { parse_series(text)?.0 };
        let Some(histogram) = &self.histogram else { return Ok((labels, SampleValue::Float(self.value.unwrap_or(0.0)))) };
        match parse_series(&format!("h {}", histogram.0))?.1.pop() {
            Some(Described::Histogram(h, _)) => Ok((labels, SampleValue::Histogram(h.into()))),
            _ => Err(format!("{:?} is no histogram", histogram.0)),
        }
    }
}

fn same(expected: &SampleValue, got: &SampleValue, fuzzy: bool) -> bool {
    let equal = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan()) || (fuzzy && a.next_down() <= b && b <= a.next_up());
    match (expected, got) {
        (SampleValue::Float(a), SampleValue::Float(b)) => equal(*a, *b),
        (SampleValue::Histogram(a), SampleValue::Histogram(b)) => {
            let heads = a.schema == b.schema && a.custom_values == b.custom_values && a.zero_threshold == b.zero_threshold;
            heads && equal(a.count, b.count) && equal(a.sum, b.sum) && equal(a.zero_count, b.zero_count) && buckets(a) == buckets(b)
        }
        _ => false,
    }
}

/// Filled buckets by index, whatever the spans around them: (negative, index, bits of the count).
fn buckets(h: &Histogram) -> Vec<(bool, i32, u64)> {
    let mut out = vec![];
    for (negative, spans, counts) in [(false, &h.positive_spans, &h.positive_buckets), (true, &h.negative_spans, &h.negative_buckets)] {
        let (mut index, mut counts) = (0i32, counts.iter());
        for span in spans.iter() {
            index = index.saturating_add(span.offset);
            for _ in 0..span.length {
                if let Some(c) = counts.next().filter(|c| **c != 0.0) {
                    out.push((negative, index, c.to_bits()));
                }
                index = index.saturating_add(1);
            }
        }
    }
    out
}

fn labels(map: &Option<BTreeMap<Text, Text>>) -> Labels {
    Labels::from_pairs(map.iter().flatten().map(|(k, v)| (k.0.as_str(), v.0.as_str())))
}

fn shown(ms: i64) -> String {
    promql::format::duration(ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = include_str!("../testdata/rules.yaml");
    const TESTS: &str = include_str!("../testdata/tests.yaml");

    #[track_caller]
    fn check(tests: &str, expected: &str) {
        let read = |pattern: &str| {
            if pattern == "rules.yaml" { Ok(vec![(pattern.to_owned(), RULES.to_owned())]) } else { Err(format!("no {pattern}")) }
        };
        let got = match run(tests, "t.yaml", &read, &Features::default()) {
            Ok(r) => format!("{} tests\n{}", r.tests, r.failures.join("\n")),
            Err(e) => format!("error: {e}"),
        };
        assert_eq!(got.trim(), expected);
    }

    #[test]
    fn a_good_file_passes() {
        check(TESTS, "2 tests");
    }

    #[test]
    fn unmet_expectations_are_shown() {
        let wrong =
            TESTS.replace("value: 3", "value: 4").replace("exp_annotations: {summary: 'a:1 is down for 2m'}", "exp_annotations: {}");
        check(
            &wrong,
            "2 tests\n\
             alerts: alertname: InstanceDown, time: 4m,\n    exp:\n      labels {alertname=\"InstanceDown\", instance=\"a:1\", severity=\"page\"} annotations {}\n    \
             got:\n      labels {alertname=\"InstanceDown\", instance=\"a:1\", severity=\"page\"} annotations {summary=\"a:1 is down for 2m\"}\n\
             test 2: expr: \"job:up:sum\", time: 2m,\n    exp:\n      {__name__=\"job:up:sum\", job=\"x\"} 4\n    got:\n      {__name__=\"job:up:sum\", job=\"x\"} 3",
        );
        check("rule_files: [nope]", "error: t.yaml: no nope");
        check(
            "rules: []",
            "error: t.yaml: unknown field `rules`, expected one of `rule_files`, `evaluation_interval`, `group_eval_order`, `fuzzy_compare`, `tests`",
        );
    }
}
