//! Which function does what: scalars, per-element functions, and the rest by family.

use query::QueryError;

use super::column::{Cell, Column, Grid, Row, Scalars, drop_reserved, is_absent};
use super::{Ev, Res, Sink, math};
use crate::ast::ValueType;
use crate::functions::Function;
use crate::plan::{Kind, Node, go_max, go_min};
use crate::span::Span;

impl Ev<'_> {
    /// A call that gives a vector.
    pub fn call(&self, func: &'static Function, args: &[Node], span: Span, g: &Grid, sink: &mut Sink<'_>) -> Res<()> {
        let name = func.name;
        if name == "absent_over_time" {
            return self.absent_over_time(func, args, g, sink);
        }
        if args.iter().any(|a| a.ty == ValueType::Matrix) {
            return self.range_call(func, args, g, sink);
        }
        if let Some(f) = math::function(name) {
            return self.each_float(&args[0], g, sink, |_, v| f(v));
        }
        if let Some(f) = math::date(name) {
            return match args.first() {
                Some(arg) => self.each_float(arg, g, sink, |_, v| f(v)),
                None => sink(unnamed((0..g.n).map(|i| f((g.at(i) / 1000) as f64)).collect())),
            };
        }
        match name {
            "absent" => self.absent(&args[0], g, sink),
            "clamp" => self.clamp(&args[0], Some(&args[1]), Some(&args[2]), g, sink),
            "clamp_max" => self.clamp(&args[0], None, Some(&args[1]), g, sink),
            "clamp_min" => self.clamp(&args[0], Some(&args[1]), None, g, sink),
            "histogram_avg" | "histogram_count" | "histogram_sum" | "histogram_stddev" | "histogram_stdvar" => {
                self.histogram_statistic(name, &args[0], g, sink)
            }
            "histogram_fraction" => self.histogram_fraction(args, g, sink),
            "histogram_quantile" => self.histogram_quantile(args, g, sink),
            "histogram_quantiles" => self.histogram_quantiles(args, g, sink),
            "info" => self.info(args, g, sink),
            "label_join" => self.label_join(args, g, sink),
            "label_replace" => self.label_replace(args, g, sink),
            "round" => {
                let to = args.get(1).map(|a| self.scalar(a, g)).transpose()?.unwrap_or(Scalars::Const(1.0));
                self.each_float(&args[0], g, sink, |i, v| math::round(v, to.at(i)))
            }
            "sort" | "sort_desc" => self.sort_by_value(&args[0], name == "sort_desc", span, g, sink),
            "sort_by_label" | "sort_by_label_desc" => self.sort_by_label(args, name == "sort_by_label_desc", span, g, sink),
            "start_timestamp" => self.start_timestamp(&args[0], g, sink),
            "timestamp" => self.timestamp(&args[0], g, sink),
            "vector" => {
                let s = self.scalar(&args[0], g)?;
                sink(unnamed((0..g.n).map(|i| s.at(i)).collect()))
            }
            _ => Err(QueryError::Unsupported(format!("function {name}"))),
        }
    }

    /// A call that gives a scalar.
    pub fn scalar_call(&self, func: &Function, args: &[Node], g: &Grid) -> Res<Scalars> {
        Ok(match func.name {
            "time" => Scalars::Each((0..g.n).map(|i| g.at(i) as f64 / 1000.0).collect()),
            "pi" => Scalars::Const(std::f64::consts::PI),
            "max_of" => Scalars::map2(&self.scalar(&args[0], g)?, &self.scalar(&args[1], g)?, g.n, go_max),
            "min_of" => Scalars::map2(&self.scalar(&args[0], g)?, &self.scalar(&args[1], g)?, g.n, go_min),
            "scalar" => {
                let (mut vals, mut count) = (vec![f64::NAN; g.n], vec![0u32; g.n]);
                self.stream(&args[0], g, &mut |row| {
                    for i in 0..g.n {
                        if let Cell::Float(v) = row.col.get(i) {
                            count[i] += 1;
                            vals[i] = if count[i] == 1 { v } else { f64::NAN };
                        }
                    }
                    Ok(())
                })?;
                Scalars::Each(vals)
            }
            other => return Err(QueryError::Unsupported(format!("function {other}"))),
        })
    }

    /// Applies a function to every float; histograms fall out, the name goes.
    fn each_float(&self, arg: &Node, g: &Grid, sink: &mut Sink<'_>, f: impl Fn(usize, f64) -> f64) -> Res<()> {
        self.renamed(arg, g, sink, |mut row| {
            row.col.hists = None;
            let mut any = false;
            for (i, v) in row.col.vals.iter_mut().enumerate() {
                if !is_absent(*v) {
                    *v = f(i, *v);
                    any = true;
                }
            }
            any.then_some(row)
        })
    }

    /// Turns every row into one of another metric: the name goes now or is marked to go.
    pub fn renamed(&self, arg: &Node, g: &Grid, sink: &mut Sink<'_>, f: impl Fn(Row) -> Option<Row>) -> Res<()> {
        let marked = |row| f(row).map(|r| Row { drop_name: true, ..r });
        if self.delayed() {
            return self.stream(arg, g, &mut |row| marked(row).map_or(Ok(()), &mut *sink));
        }
        let nameless = |row| marked(row).map(|r| Row { labels: drop_reserved(&r.labels), ..r });
        if has_one_name(arg) {
            return self.stream(arg, g, &mut |row| nameless(row).map_or(Ok(()), &mut *sink));
        }
        let rows = self.collect(arg, g)?;
        self.release(&rows);
        self.settle(rows.into_iter().filter_map(nameless).collect(), g, sink)
    }

    fn clamp(&self, arg: &Node, min: Option<&Node>, max: Option<&Node>, g: &Grid, sink: &mut Sink<'_>) -> Res<()> {
        let bound = |n: Option<&Node>, open: f64| n.map_or(Ok(Scalars::Const(open)), |n| self.scalar(n, g));
        let (min, max) = (bound(min, f64::NEG_INFINITY)?, bound(max, f64::INFINITY)?);
        self.renamed(arg, g, sink, |mut row| {
            row.col.hists = None;
            let mut any = false;
            for (i, v) in row.col.vals.iter_mut().enumerate() {
                if is_absent(*v) {
                    continue;
                }
                let (low, high) = (min.at(i), max.at(i));
                if high < low {
                    *v = super::column::ABSENT;
                } else {
                    *v = go_max(low, go_min(high, *v));
                    any = true;
                }
            }
            any.then_some(row)
        })
    }

    fn timestamp(&self, arg: &Node, g: &Grid, sink: &mut Sink<'_>) -> Res<()> {
        if let Kind::Vector(s) = &arg.kind {
            return self.times_of(s, arg, g, sink, |seen| seen.t);
        }
        self.renamed(arg, g, sink, |row| {
            let vals = (0..g.n).map(|i| if row.col.has(i) { g.at(i) as f64 / 1000.0 } else { super::column::ABSENT }).collect();
            Some(Row { col: Column { vals, hists: None }, ..row })
        })
    }

    /// Only of a selector, and only if start times are in use.
    fn start_timestamp(&self, arg: &Node, g: &Grid, sink: &mut Sink<'_>) -> Res<()> {
        match &arg.kind {
            Kind::Vector(s) if self.options.features.start_timestamps => self.times_of(s, arg, g, sink, |seen| seen.st),
            _ => self.stream(arg, g, &mut |_| Ok(())),
        }
    }

    fn times_of(
        &self,
        s: &crate::plan::Selector,
        arg: &Node,
        g: &Grid,
        sink: &mut Sink<'_>,
        pick: fn(super::select::Seen) -> i64,
    ) -> Res<()> {
        let mut rows = vec![];
        self.select_times(s, g, &mut |labels, times| {
            let vals = times.into_iter().map(|t| t.map_or(super::column::ABSENT, |t| pick(t) as f64 / 1000.0)).collect();
            let labels = if self.delayed() { labels.clone() } else { drop_reserved(labels) };
            let row = Row { labels, drop_name: true, col: Column { vals, hists: None } };
            if self.delayed() || has_one_name(arg) {
                sink(row)
            } else {
                rows.push(row);
                Ok(())
            }
        })?;
        self.settle(rows, g, sink)
    }
}

/// Whether dropping the name keeps all series apart.
pub fn has_one_name(node: &Node) -> bool {
    match &node.kind {
        Kind::Vector(s) => s.has_one_name(),
        Kind::Invariant(inner) => has_one_name(inner),
        _ => false,
    }
}

/// A row without labels.
pub fn unnamed(vals: Vec<f64>) -> Row {
    Row { labels: model::Labels::empty(), drop_name: false, col: Column { vals, hists: None } }
}
