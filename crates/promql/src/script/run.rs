//! Runs a script: each query as it is written and, if it is an instant, again in other clothes.
//!
//! Variants: (a) with `@ <time>` on every selector, evaluated at other times; (b) as a range query around the time, comparing the middle.

use query::{Budget, BudgetLimits, QueryError, TimeGrid};

use super::Storage;
use super::compare;
use super::parse::{Command, Eval, parse};
use crate::Features;
use crate::ast::{At, Expr};
use crate::eval::{Options, instant, range};
use crate::plan::TIME_DEPENDENT;
use crate::value::{QueryResult, SampleValue, Value};

/// Most samples that a query of a script may hold.
const MAX_SAMPLES: u64 = 10_000;

/// What became of one evaluation.
#[derive(Debug)]
pub struct Outcome {
    /// number of the line in the script
    pub line: usize,
    /// the text that was evaluated
    pub query: String,
    /// not the query as it is written
    pub variant: bool,
    pub result: Result<(), String>,
}

/// What became of a script.
#[derive(Debug, Default)]
pub struct Report {
    pub outcomes: Vec<Outcome>,
}

impl Report {
    /// Passed and failed: queries as they are written, or their variants.
    pub fn counts(&self, variants: bool) -> (usize, usize) {
        let all = self.outcomes.iter().filter(|o| o.variant == variants);
        let passed = all.clone().filter(|o| o.result.is_ok()).count();
        (passed, all.count() - passed)
    }

    pub fn failures(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(|o| o.result.is_err())
    }
}

/// Runs a whole script as the upstream suite is run; an error means that it could not be read or loaded.
pub fn run(script: &str, storage: &mut dyn Storage) -> Result<Report, String> {
    run_with(script, storage, &Options { features: Features::all(), ..Options::default() })
}

/// Runs a whole script with other options.
pub fn run_with(script: &str, storage: &mut dyn Storage, options: &Options) -> Result<Report, String> {
    let mut report = Report::default();
    storage.clear();
    for command in parse(script)? {
        match command {
            Command::Clear => storage.clear(),
            Command::Load(l) => storage.load(l.series)?,
            Command::Eval(e) => Runner { e: &e, storage, options: *options, report: &mut report }.run(),
        }
    }
    Ok(report)
}

struct Runner<'r> {
    e: &'r Eval,
    storage: &'r dyn Storage,
    options: Options,
    report: &'r mut Report,
}

impl Runner<'_> {
    fn run(&mut self) {
        let parsed = match crate::parse(&self.e.query, &self.options.features) {
            Ok(expr) => expr,
            Err(e) => {
                let result = self.check_error(&e.to_string());
                return self.push(&self.e.query.clone(), false, result);
            }
        };
        if let Some((start, end, step)) = self.e.range {
            let result = self.range(&parsed, TimeGrid { start, end, step });
            let result = self.check(&self.e.query, result).map(drop);
            return self.push(&self.e.query.clone(), false, result);
        }
        let text = self.e.query.clone();
        self.instant(&text, &parsed, self.e.at.max(self.e.expect.matrix.map_or(i64::MIN, |m| m.1)), false);
        for (text, t) in self.at_variants(&parsed) {
            match crate::parse(&text, &self.options.features) {
                Ok(expr) => self.instant(&text, &expr, t, true),
                Err(e) => self.push(&text, true, Err(format!("the printed query does not parse: {e}"))),
            }
        }
    }

    fn push(&mut self, query: &str, variant: bool, result: Result<(), String>) {
        self.report.outcomes.push(Outcome { line: self.e.line, query: query.to_owned(), variant, result });
    }

    fn budget() -> Budget {
        Budget::new(BudgetLimits { samples: MAX_SAMPLES, ..BudgetLimits::default() })
    }

    fn range(&self, expr: &Expr, grid: TimeGrid) -> Result<QueryResult, QueryError> {
        range(expr, grid, &*self.storage.source(), &self.options, &Self::budget())
    }

    /// The result's value and notes against what is expected; `None` if a failure was expected and came.
    fn check(&self, query: &str, result: Result<QueryResult, QueryError>) -> Result<Option<QueryResult>, String> {
        match result {
            Err(e) => self.check_error(&e.to_string()).map(|()| None),
            Ok(_) if self.e.expect.fail.is_some() => Err("expected a failure, got an answer".into()),
            Ok(r) => {
                compare::notes(self.e, query, &r)?;
                compare::value(self.e, &r.value)?;
                Ok(Some(r))
            }
        }
    }

    fn check_error(&self, text: &str) -> Result<(), String> {
        match &self.e.expect.fail {
            None => Err(format!("failed: {text}")),
            Some(want) if want.matches(text) => Ok(()),
            Some(want) => Err(format!("expected the failure {want:?}, got {text:?}")),
        }
    }

    fn instant(&mut self, query: &str, expr: &Expr, t: i64, variant: bool) {
        let answer = instant(expr, t, &*self.storage.source(), &self.options, &Self::budget());
        let checked = self.check(query, answer);
        let again = matches!(&checked, Ok(Some(r)) if !matches!(r.value, Value::String { .. } | Value::Matrix(_)));
        self.push(query, variant, checked.map(drop));
        if again && self.e.expect.matrix.is_none() && !depends_on_query(query) {
            let result = self.middle_of_range(expr, t);
            self.push(query, true, result.map_err(|e| format!("as a range query: {e}")));
        }
    }

    fn middle_of_range(&self, expr: &Expr, t: i64) -> Result<(), String> {
        let result = self.range(expr, TimeGrid { start: t - 60_000, end: t + 60_000, step: 60_000 }).map_err(|e| e.to_string())?;
        if self.e.expect.ordered {
            return Ok(());
        }
        let Value::Matrix(series) = result.value else { return Err("expected a matrix".into()) };
        if series.windows(2).any(|w| w[0].labels > w[1].labels) {
            return Err("series are not sorted by labels".into());
        }
        let mut found = vec![];
        for s in series {
            found.extend(s.floats.iter().filter(|(x, _)| *x == t).map(|(_, v)| (s.labels.clone(), SampleValue::Float(*v))));
            found.extend(s.histograms.iter().filter(|(x, _)| *x == t).map(|(_, h)| (s.labels.clone(), SampleValue::Histogram(h.clone()))));
        }
        if expr.value_type() == crate::ValueType::Scalar {
            return match found.first() {
                Some((_, SampleValue::Float(v))) => compare::scalar(self.e, *v),
                _ => Err("no scalar in the middle".into()),
            };
        }
        compare::vector(self.e, found.iter().map(|(l, v)| (l, v)))
    }

    /// The query pinned to its time, at other times; nothing if a function in it depends on the time.
    fn at_variants(&self, expr: &Expr) -> Vec<(String, i64)> {
        let t = self.e.at.max(self.e.expect.matrix.map_or(i64::MIN, |m| m.1));
        let mut pinned = expr.clone();
        let mut depends = false;
        pin(&mut pinned, t, &mut depends);
        if depends {
            return vec![];
        }
        let times = if t == 0 { vec![-1_000, 0, 1_000] } else { vec![-10 * t, 0, t / 5, t, 10 * t] };
        let text = pinned.to_string();
        times.into_iter().map(|t| (text.clone(), t)).collect()
    }
}

/// start(), end(), range() and step() mean something else in a range query.
fn depends_on_query(query: &str) -> bool {
    ["start()", "end()", "range()", "step()"].iter().any(|f| query.contains(f))
}

/// Puts `@ t` on every selector that has none, and on subqueries instead of what they contain.
fn pin(e: &mut Expr, t: i64, depends: &mut bool) {
    let fix = |at: &mut Option<At>| {
        if !matches!(at, Some(At::Time(_))) {
            *at = Some(At::Time(t));
        }
    };
    match e {
        Expr::Vector(v) => fix(&mut v.at),
        Expr::Matrix(m) => fix(&mut m.selector.at),
        Expr::Subquery(s) => fix(&mut s.at),
        Expr::Call(c) => {
            *depends |= TIME_DEPENDENT.contains(&c.func.name);
            c.args.iter_mut().for_each(|a| pin(a, t, depends));
        }
        Expr::Aggregate(a) => {
            pin(&mut a.expr, t, depends);
            a.param.iter_mut().for_each(|p| pin(p, t, depends));
        }
        Expr::Binary(b) => {
            pin(&mut b.lhs, t, depends);
            pin(&mut b.rhs, t, depends);
        }
        Expr::Unary(u) => pin(&mut u.expr, t, depends),
        Expr::Paren(p) => pin(&mut p.expr, t, depends),
        Expr::Number(_) | Expr::String(_) => {}
    }
}
