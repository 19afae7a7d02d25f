//! Runs test scripts: lines to load, queries, and what they must answer.
//!
//! ```text
//! clear
//! load
//!   {app="a"} "line {{.i}}" @ 10s [repeat every 10s for 6] [metadata k="v"]
//! eval instant at 60s count_over_time({app="a"}[1m])
//!   {app="a"} 6
//! eval range from 60s to 120s step 30s rate({app="a"}[1m])
//!   {app="a"} 0.1 0.05 _
//! eval logs backward from 0s to 60s limit 2 {app="a"}
//!   {app="a"} "line 5" @ 50s
//! ```
//! Besides series an evaluation may expect `empty`, `ordered`, or `fail` with `msg:` (a part of the text) or `regex:`.
//! `eval logs` is ours: the entries in order, with all their labels.

mod parse;

use model::{Labels, LogBatchBuilder};
use query::{Budget, Direction, LogRange, LogSource};
use regex::Regex;

use crate::{Expr, Features, LogOptions, MetricOptions, Value, eval_logs, eval_metric};
use parse::{Expected, Want};

/// A line to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub labels: Labels,
    /// Unix nanoseconds
    pub ts: i64,
    pub text: String,
    pub metadata: Vec<(String, String)>,
}

/// Where a script's lines go and where its queries read.
pub trait Backend {
    /// Forget everything.
    fn clear(&mut self);
    fn load(&mut self, lines: &[Line]);
    /// A view of everything that was loaded.
    fn source(&self) -> Box<dyn LogSource + '_>;
}

/// How a script went; `failures` say where and why.
#[derive(Debug, Default)]
pub struct Report {
    pub passed: usize,
    pub failures: Vec<String>,
}

impl Report {
    /// `logqltest: N passed, N failed`
    pub fn summary(&self) -> String {
        format!("logqltest: {} passed, {} failed", self.passed, self.failures.len())
    }

    pub fn merge(&mut self, other: Report) {
        self.passed += other.passed;
        self.failures.extend(other.failures);
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Instant { at: i64 },
    Range { start: i64, end: i64, step: i64 },
    Logs { direction: Direction, start: i64, end: i64, limit: usize },
}

#[derive(Debug)]
enum Command {
    Clear,
    Load(Vec<Line>),
    Eval { line: usize, kind: Kind, query: String, want: Want },
}

/// Lines of one request as a batch, the way a push is stored.
pub fn batch(lines: &[Line]) -> model::LogBatch {
    let mut b = LogBatchBuilder::default();
    for l in lines {
        let stream = b.stream(&l.labels.filter(|_, v| !v.is_empty()));
        let meta: Vec<(u32, u32)> = l.metadata.iter().map(|(k, v)| (b.dict().code(k), b.dict().code(v))).collect();
        b.push(stream, l.ts, &l.text, &meta);
    }
    b.finish()
}

/// Runs a script; `name` stands in the failures.
pub fn run(name: &str, script: &str, backend: &mut dyn Backend) -> Report {
    let mut report = Report::default();
    let commands = match parse::parse(script) {
        Ok(c) => c,
        Err(e) => {
            report.failures.push(format!("{name}: {e}"));
            return report;
        }
    };
    for command in commands {
        match command {
            Command::Clear => backend.clear(),
            Command::Load(lines) => backend.load(&lines),
            Command::Eval { line, kind, query, want } => match evaluate(kind, &query, &want, &*backend.source()) {
                Ok(()) => report.passed += 1,
                Err(e) => report.failures.push(format!("{name}:{line}: {query}\n    {e}")),
            },
        }
    }
    report
}

fn evaluate(kind: Kind, query: &str, want: &Want, source: &dyn LogSource) -> Result<(), String> {
    match (answer(kind, query, source), &want.expected) {
        (Err(e), Expected::Fail { message, regex }) => {
            let regex = regex.as_ref().map(|r| Regex::new(r)).transpose().map_err(|e| e.to_string())?;
            match message.as_ref().is_none_or(|m| e.contains(m)) && regex.is_none_or(|r| r.is_match(&e)) {
                true => Ok(()),
                false => Err(format!("failed with another text: {e}")),
            }
        }
        (Err(e), _) => Err(format!("failed: {e}")),
        (Ok(got), Expected::Fail { .. }) => Err(format!("should have failed, answered {got:?}")),
        (Ok(got), Expected::Empty) => {
            if got.is_empty() {
                Ok(())
            } else {
                Err(format!("should be empty, answered {got:?}"))
            }
        }
        (Ok(got), Expected::Rows(rows)) => compare(&got, rows, want.ordered || matches!(kind, Kind::Logs { .. })),
    }
}

/// A series or an entry, in the form that scripts write.
#[derive(Debug, Clone, PartialEq)]
struct Got {
    labels: Labels,
    /// of an entry
    text: Option<(String, i64)>,
    values: Vec<Option<f64>>,
}

fn answer(kind: Kind, query: &str, source: &dyn LogSource) -> Result<Vec<Got>, String> {
    let budget = Budget::unlimited();
    let expr = crate::parse(query, &Features { extensions: true }).map_err(|e| e.to_string())?;
    let options = match (kind, &expr) {
        (Kind::Logs { direction, start, end, limit }, Expr::Log(log)) => {
            let options = LogOptions { range: LogRange { start, end }, direction, limit, interval: 0, now: end };
            let found = eval_logs(log, &options, source, &budget).map_err(|e| e.to_string())?;
            let entry = |e: crate::Entry| Got { labels: e.flat(), text: Some((e.line, e.ts)), values: vec![] };
            return Ok(found.entries.into_iter().map(entry).collect());
        }
        (Kind::Instant { at }, _) => MetricOptions::instant(at),
        (Kind::Range { start, end, step }, _) => MetricOptions::range(start, end, step),
        _ => return Err("not a log query".into()),
    };
    let Expr::Metric(metric) = &expr else { return Err("not a metric query".into()) };
    let result = eval_metric(metric, &options, source, &budget).map_err(|e| e.to_string())?;
    let plain = |labels, values| Got { labels, text: None, values };
    Ok(match result.value {
        Value::Scalar(v) => vec![plain(Labels::empty(), vec![Some(v)])],
        Value::Vector(v) => v.into_iter().map(|s| plain(s.labels, vec![Some(s.value)])).collect(),
        Value::Matrix(m) => {
            let at = |points: &[(i64, f64)], t: i64| points.iter().find(|p| p.0 == t).map(|p| p.1);
            m.into_iter().map(|s| plain(s.labels, options.grid.iter().map(|t| at(&s.points, t)).collect())).collect()
        }
    })
}

fn compare(got: &[Got], want: &[Got], ordered: bool) -> Result<(), String> {
    let (mut got, mut want): (Vec<&Got>, Vec<&Got>) = (got.iter().collect(), want.iter().collect());
    if !ordered {
        got.sort_by(|a, b| a.labels.cmp(&b.labels));
        want.sort_by(|a, b| a.labels.cmp(&b.labels));
    }
    if got.len() != want.len() {
        return Err(format!("expected {} rows, got {}: {got:?}", want.len(), got.len()));
    }
    for (g, w) in got.iter().zip(&want) {
        let steps = g.values.len().max(w.values.len());
        let at = |v: &[Option<f64>], i: usize| v.get(i).copied().flatten();
        let same = (0..steps).all(|i| same_value(at(&g.values, i), at(&w.values, i)));
        if g.labels != w.labels || g.text != w.text || !same {
            return Err(format!("expected {w:?}\n    got      {g:?}"));
        }
    }
    Ok(())
}

fn same_value(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= 1e-9 * a.abs().max(b.abs()),
        (a, b) => a.is_none() && b.is_none(),
    }
}

#[cfg(test)]
mod tests;
