//! Plan to values, series by series: each series is decoded once, its values at all steps are computed in one go and handed on.
//!
//! `Ev::stream` is the heart: an operator pulls nothing, it pushes each finished row into its consumer. Aggregations fold rows as they
//! pass; only operators that have to see everything at once (matching, sorting, top-k) collect them.

mod absent;
mod aggregate;
mod binary;
mod call;
mod column;
mod count_values;
mod element;
mod extended;
mod fold;
mod hist_fold;
mod histograms;
mod info;
mod labels;
mod matching;
mod math;
mod natural;
mod over_time;
mod rate;
mod select;
mod sort;
mod subquery;
mod topk;
mod trend;
mod window;

use std::cell::{Cell as StdCell, RefCell};

use query::{Budget, MetricSource, QueryError, TimeGrid};

use crate::Features;
use crate::annotations::{Annotations, Note};
use crate::ast::{Expr, ValueType};
use crate::limits::{DEFAULT_LOOKBACK_MS, DEFAULT_SUBQUERY_STEP_MS, MAX_STEPS};
use crate::plan::{Kind, Node, Times, plan};
use crate::span::Span;
use crate::value::{QueryResult, QueryStats, Sample, SampleValue, Series, Value};
use column::{Cell, Column, Grid, Row, Scalars, drop_reserved, merge_rows, same_labels};

pub(crate) type Res<T> = Result<T, QueryError>;

/// A consumer of rows.
pub(crate) type Sink<'s> = dyn FnMut(Row) -> Res<()> + 's;

/// What a query may rely on besides its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    pub features: Features,
    /// how far an instant selector looks back
    pub lookback_ms: i64,
    /// the step of subqueries that name none
    pub subquery_step_ms: i64,
}

impl Default for Options {
    fn default() -> Self {
        Options { features: Features::default(), lookback_ms: DEFAULT_LOOKBACK_MS, subquery_step_ms: DEFAULT_SUBQUERY_STEP_MS }
    }
}

/// Evaluates a query at one time (Unix milliseconds).
pub fn instant(query: &Expr, t: i64, source: &dyn MetricSource, options: &Options, budget: &Budget) -> Res<QueryResult> {
    let times = Times { start: t, end: t, step: 0 };
    run(query, times, Grid::instant(t), source, options, budget)
}

/// Evaluates a query at every time of a grid (Unix milliseconds); the value is a matrix.
pub fn range(query: &Expr, grid: TimeGrid, source: &dyn MetricSource, options: &Options, budget: &Budget) -> Res<QueryResult> {
    let ty = query.value_type();
    if !matches!(ty, ValueType::Vector | ValueType::Scalar) {
        return Err(QueryError::Bad(format!(
            "invalid expression type {} for range query, must be Scalar or instant Vector",
            crate::format::quote(ty.documented())
        )));
    }
    if grid.step <= 0 {
        return Err(QueryError::Bad("zero or negative query resolution step widths are not accepted. Try a positive integer".into()));
    }
    let steps = grid_len(grid.start, grid.end, grid.step)?;
    let times = Times { start: grid.start, end: grid.end, step: grid.step };
    let g = Grid { start: grid.start, step: grid.step, n: steps };
    let mut result = run(query, times, g, source, options, budget)?;
    result.value = match result.value {
        Value::Matrix(mut m) => {
            m.sort_by(|a, b| a.labels.cmp(&b.labels));
            Value::Matrix(m)
        }
        other => other,
    };
    Ok(result)
}

/// Steps from start to end, both included.
pub(crate) fn grid_len(start: i64, end: i64, step: i64) -> Res<usize> {
    if end < start {
        return Ok(0);
    }
    let n = (i128::from(end) - i128::from(start)) / i128::from(step.max(1)) + 1;
    match usize::try_from(n) {
        Ok(n) if n <= MAX_STEPS => Ok(n),
        _ => Err(QueryError::TooMuch(format!(
            "evaluation would have {n} steps, more than {MAX_STEPS}; use a larger step or a shorter range"
        ))),
    }
}

fn run(query: &Expr, times: Times, g: Grid, source: &dyn MetricSource, options: &Options, budget: &Budget) -> Res<QueryResult> {
    let height = query.height();
    let work = || {
        let node = plan(query, times)?;
        let ev = Ev {
            source,
            options,
            budget,
            is_range: times.step > 0,
            notes: RefCell::default(),
            total_samples: StdCell::new(0),
            samples_read: StdCell::new(0),
        };
        let value = ev.value(&node, &g)?;
        Ok(QueryResult {
            value,
            annotations: ev.notes.into_inner(),
            stats: QueryStats {
                total_samples: ev.total_samples.get(),
                samples_read: ev.samples_read.get(),
                peak_samples: budget.peak_samples(),
            },
        })
    };
    let lost = || Err(QueryError::Execution("unexpected error: the evaluation panicked or had no thread".into()));
    crate::stack::with_stack(height, work).unwrap_or_else(lost)
}

/// One evaluation. Notes and counts are gathered while rows pass, hence the cells.
pub(crate) struct Ev<'a> {
    pub source: &'a dyn MetricSource,
    pub options: &'a Options,
    pub budget: &'a Budget,
    pub is_range: bool,
    pub notes: RefCell<Annotations>,
    total_samples: StdCell<u64>,
    samples_read: StdCell<u64>,
}

impl Ev<'_> {
    pub fn note(&self, note: Note, span: Span) {
        self.notes.borrow_mut().add(note, span);
    }

    pub fn delayed(&self) -> bool {
        self.options.features.delayed_name_removal
    }

    pub fn count_total(&self, n: u64) {
        self.total_samples.set(self.total_samples.get() + n);
    }

    pub fn count_read(&self, n: u64) {
        self.samples_read.set(self.samples_read.get() + n);
        self.budget.count_read(n, n * 16);
    }

    /// Takes the samples of a row that is kept.
    pub fn hold(&self, row: &Row) -> Res<()> {
        self.budget.reserve(row.col.vals.len() as u64 * 8 + 64)?;
        self.budget.take_samples(row.col.weight())
    }

    /// Gives the samples of kept rows back.
    pub fn release(&self, rows: &[Row]) {
        for row in rows {
            self.budget.release(row.col.vals.len() as u64 * 8 + 64);
            self.budget.drop_samples(row.col.weight());
        }
    }

    /// All rows of a vector.
    pub fn collect(&self, node: &Node, g: &Grid) -> Res<Vec<Row>> {
        let mut rows = vec![];
        self.stream(node, g, &mut |row| {
            self.hold(&row)?;
            rows.push(row);
            Ok(())
        })?;
        Ok(rows)
    }

    /// Pushes every row of a vector that has a value at some step.
    pub fn stream(&self, node: &Node, g: &Grid, sink: &mut Sink<'_>) -> Res<()> {
        self.budget.check()?;
        if g.n == 0 {
            return Ok(());
        }
        match &node.kind {
            Kind::Vector(s) => self.select_instant(s, node.span, g, sink),
            Kind::Call(f, args) => self.call(f, args, node.span, g, sink),
            Kind::Aggregate(a) => self.aggregate(a, node.span, g, sink),
            Kind::Binary(b) => self.binary(b, node.span, g, sink),
            Kind::Negate(inner) => self.negate(inner, g, sink),
            Kind::Invariant(inner) => {
                let once = Grid::instant(g.start);
                self.stream(inner, &once, &mut |row| sink(Row { col: row.col.repeat(g.n), ..row }))
            }
            Kind::Number(_) | Kind::Text(_) | Kind::Matrix(..) | Kind::Subquery(_) => {
                Err(QueryError::Execution("unexpected error: a vector was expected".into()))
            }
        }
    }

    /// A scalar at every step.
    pub fn scalar(&self, node: &Node, g: &Grid) -> Res<Scalars> {
        match &node.kind {
            Kind::Number(v) => Ok(Scalars::Const(*v)),
            Kind::Negate(inner) => Ok(match self.scalar(inner, g)? {
                Scalars::Const(v) => Scalars::Const(-v),
                Scalars::Each(v) => Scalars::Each(v.into_iter().map(|v| -v).collect()),
            }),
            Kind::Invariant(inner) => Ok(Scalars::Const(match self.scalar(inner, &Grid::instant(g.start))? {
                Scalars::Const(v) => v,
                Scalars::Each(v) => v.first().copied().unwrap_or(f64::NAN),
            })),
            Kind::Binary(b) => {
                let (l, r) = (self.scalar(&b.lhs, g)?, self.scalar(&b.rhs, g)?);
                Ok(Scalars::map2(&l, &r, g.n, |l, r| element::scalars(b.op, l, r)))
            }
            Kind::Call(f, args) => self.scalar_call(f, args, g),
            _ => Err(QueryError::Execution("unexpected error: a scalar was expected".into())),
        }
    }

    /// Rows after an operator that works step by step: at one step equal labels are an error (unless names go at the end), over
    /// several steps rows of equal labels become one.
    pub fn settle(&self, rows: Vec<Row>, g: &Grid, sink: &mut Sink<'_>) -> Res<()> {
        if g.n == 1 && self.delayed() {
            return rows.into_iter().try_for_each(sink);
        }
        merge_rows(rows)?.into_iter().try_for_each(sink)
    }

    fn negate(&self, inner: &Node, g: &Grid, sink: &mut Sink<'_>) -> Res<()> {
        let minus = |mut row: Row| {
            row.col.vals.iter_mut().filter(|v| !column::is_absent(**v)).for_each(|v| *v = -*v);
            for h in row.col.hists.iter_mut().flatten().flatten() {
                crate::hist::mul(std::sync::Arc::make_mut(h), -1.0);
            }
            row.drop_name = true;
            row
        };
        if self.delayed() {
            return self.stream(inner, g, &mut |row| sink(minus(row)));
        }
        let rows = self.collect(inner, g)?;
        self.release(&rows);
        let rows = rows.into_iter().map(|r| {
            let r = minus(r);
            Row { labels: drop_reserved(&r.labels), ..r }
        });
        merge_rows(rows.collect())?.into_iter().try_for_each(sink)
    }

    /// The answer: names that were to go are gone, series of equal labels are one.
    fn value(&self, node: &Node, g: &Grid) -> Res<Value> {
        match node.ty {
            ValueType::String => match &node.kind {
                Kind::Text(s) => Ok(Value::String { t: g.start, v: s.clone() }),
                _ => Err(QueryError::Execution("unexpected error: a string was expected".into())),
            },
            ValueType::Scalar => {
                if g.n == 0 {
                    return Ok(Value::Matrix(vec![]));
                }
                let v = self.scalar(node, g)?;
                if !self.is_range {
                    return Ok(Value::Scalar { t: g.start, v: v.at(0) });
                }
                let floats = (0..g.n).map(|i| (g.at(i), v.at(i))).collect();
                Ok(Value::Matrix(vec![Series { floats, ..Series::default() }]))
            }
            ValueType::Vector => {
                let mut rows = self.collect(node, g)?;
                if self.delayed() {
                    for row in rows.iter_mut().filter(|r| r.drop_name) {
                        row.labels = drop_reserved(&row.labels);
                    }
                    rows = merge_rows(rows)?;
                }
                if self.is_range {
                    return Ok(Value::Matrix(rows.into_iter().map(|r| series(r, g)).collect()));
                }
                Ok(Value::Vector(rows.into_iter().filter_map(|r| sample(r, g.start)).collect()))
            }
            ValueType::Matrix => self.matrix(node, g),
        }
    }

    fn matrix(&self, node: &Node, g: &Grid) -> Res<Value> {
        let mut all = match &node.kind {
            Kind::Invariant(inner) => return self.matrix(inner, g),
            Kind::Matrix(s, range) => self.select_points(s, *range, g.start)?,
            Kind::Subquery(s) => {
                let (inner_grid, mut rows) = self.subquery_rows(s, g)?;
                if self.delayed() {
                    for row in rows.iter_mut().filter(|r| r.drop_name) {
                        row.labels = drop_reserved(&row.labels);
                    }
                    rows = merge_rows(rows)?;
                }
                rows.into_iter().map(|r| series(r, &inner_grid)).collect()
            }
            _ => return Err(QueryError::Execution("unexpected error: a range vector was expected".into())),
        };
        all.sort_by(|a: &Series, b| a.labels.cmp(&b.labels));
        if all.windows(2).any(|w| w[0].labels == w[1].labels) {
            return Err(same_labels());
        }
        Ok(Value::Matrix(all))
    }
}

fn sample(row: Row, t: i64) -> Option<Sample> {
    let value = match row.col.get(0) {
        Cell::None => return None,
        Cell::Float(v) => SampleValue::Float(v),
        Cell::Hist(h) => SampleValue::Histogram(h.clone()),
    };
    Some(Sample { labels: row.labels, t, value })
}

fn series(row: Row, g: &Grid) -> Series {
    let Column { vals, hists } = row.col;
    let floats = vals.iter().enumerate().filter(|(_, v)| !column::is_absent(**v)).map(|(i, v)| (g.at(i), *v)).collect();
    let histograms = hists.into_iter().flatten().enumerate().filter_map(|(i, h)| h.map(|h| (g.at(i), h))).collect();
    Series { labels: row.labels, floats, histograms }
}
