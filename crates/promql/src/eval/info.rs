//! info(): adds the labels of info metrics (target_info, ...) to series of the same instance and job.

use model::{Labels, LabelsBuilder, METRIC_NAME, MatchOp, Matcher};
use query::QueryError;
use rustc_hash::FxHashMap;

use super::column::{Cell, Column, Grid, Row};
use super::{Ev, Res, Sink};
use crate::ast::Edges;
use crate::format;
use crate::plan::{Kind, Node, Selector};

const IDENTIFYING: [&str; 2] = ["instance", "job"];
const DEFAULT_METRIC: &str = "target_info";

/// An info series with the time of its newest sample at each step.
struct Info {
    labels: Labels,
    times: Vec<Option<i64>>,
}

/// Name, instance and job: what a base series and its info series have in common.
type Signature = (String, [String; 2]);

impl Ev<'_> {
    pub fn info(&self, args: &[Node], g: &Grid, sink: &mut Sink<'_>) -> Res<()> {
        let rows = self.collect(&args[0], g)?;
        self.release(&rows);
        let wanted: &[Matcher] = match args.get(1).map(|a| &a.kind) {
            Some(Kind::Vector(s)) => &s.matchers,
            Some(Kind::Invariant(inner)) => match &inner.kind {
                Kind::Vector(s) => &s.matchers,
                _ => &[],
            },
            _ => &[],
        };
        let names = name_matchers(wanted)?;
        let data: Vec<&Matcher> = wanted.iter().filter(|m| m.name != METRIC_NAME).collect();
        let is_info = |l: &Labels| names.iter().all(|m| m.matches(l.value(METRIC_NAME)));
        let infos = self.info_series(&args[0], &rows, &names, &data, &is_info, g)?;
        let newest = newest_by_signature(&infos, g)?;
        let mut info_names: Vec<&str> = infos.iter().map(|i| i.labels.value(METRIC_NAME)).collect();
        info_names.sort_unstable();
        info_names.dedup();
        let mut out = vec![];
        for row in rows {
            if is_info(&row.labels) {
                out.push(row);
            } else {
                enrich(&row, &info_names, &infos, &newest, &data, g, &mut out)?;
            }
        }
        self.settle(out, g, sink)
    }

    fn info_series(
        &self,
        base: &Node,
        rows: &[Row],
        names: &[Matcher],
        data: &[&Matcher],
        is_info: &dyn Fn(&Labels) -> bool,
        g: &Grid,
    ) -> Res<Vec<Info>> {
        let mut matchers: Vec<Matcher> = names.to_vec();
        matchers.extend(data.iter().map(|m| (*m).clone()));
        let mut identified = false;
        for label in IDENTIFYING {
            let mut values: Vec<&str> =
                rows.iter().filter(|r| !is_info(&r.labels)).map(|r| r.labels.value(label)).filter(|v| !v.is_empty()).collect();
            values.sort_unstable();
            values.dedup();
            if values.is_empty() {
                continue;
            }
            identified = true;
            // Long lists are left to the signatures.
            if values.len() <= 500 {
                let pattern = values.iter().map(|v| escape(v)).collect::<Vec<_>>().join("|");
                matchers.push(Matcher::new(MatchOp::Re, label, pattern).map_err(|e| QueryError::Execution(e.0))?);
            }
        }
        if !identified {
            return Ok(vec![]);
        }
        let (at, offset) = first_selector(base, (None, 0)).unwrap_or((None, 0));
        let s = Selector { matchers, offset, at, edges: Edges::Plain, stats_only: false };
        let mut infos = vec![];
        self.select_times(&s, g, &mut |labels, times| {
            if times.iter().flatten().any(|s| s.histogram) {
                let labels = format::labels(labels);
                return Err(QueryError::Execution(format!("this should be an info metric, with float samples: {labels}")));
            }
            infos.push(Info { labels: labels.clone(), times: times.into_iter().map(|s| s.map(|s| s.t)).collect() });
            Ok(())
        })?;
        Ok(infos)
    }
}

/// Conditions on the name of info metrics; negative ones alone mean "among all that end in _info".
fn name_matchers(wanted: &[Matcher]) -> Res<Vec<Matcher>> {
    let mut names: Vec<Matcher> = wanted.iter().filter(|m| m.name == METRIC_NAME).cloned().collect();
    if names.is_empty() {
        return Ok(vec![Matcher::eq(METRIC_NAME, DEFAULT_METRIC)]);
    }
    if names.iter().all(|m| m.op.is_negative()) {
        names.insert(0, Matcher::new(MatchOp::Re, METRIC_NAME, ".+_info").map_err(|e| QueryError::Execution(e.0))?);
    }
    Ok(names)
}

/// `@` and offset of the first selector, those of subqueries around it included: info series are read at the same time.
fn first_selector(node: &Node, outer: (Option<i64>, i64)) -> Option<(Option<i64>, i64)> {
    match &node.kind {
        Kind::Vector(s) | Kind::Matrix(s, _) => Some(match s.at {
            Some(_) => (s.at, s.offset),
            None => (outer.0, s.offset.saturating_add(outer.1)),
        }),
        Kind::Subquery(s) => {
            let here = match s.at {
                Some(_) => (s.at, s.offset),
                None => (outer.0, s.offset.saturating_add(outer.1)),
            };
            first_selector(&s.inner, here)
        }
        Kind::Call(_, args) => args.iter().find_map(|a| first_selector(a, outer)),
        Kind::Aggregate(a) => first_selector(&a.inner, outer).or_else(|| a.param.as_ref().and_then(|p| first_selector(p, outer))),
        Kind::Binary(b) => first_selector(&b.lhs, outer).or_else(|| first_selector(&b.rhs, outer)),
        Kind::Negate(inner) | Kind::Invariant(inner) => first_selector(inner, outer),
        Kind::Number(_) | Kind::Text(_) => None,
    }
}

fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        if "\\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn signature(name: &str, l: &Labels) -> Signature {
    (name.to_owned(), IDENTIFYING.map(|n| l.value(n).to_owned()))
}

/// Which info series counts at each step for a signature: the one with the newest sample.
fn newest_by_signature(infos: &[Info], g: &Grid) -> Res<FxHashMap<Signature, Vec<Option<usize>>>> {
    let mut index: FxHashMap<Signature, Vec<Option<usize>>> = FxHashMap::default();
    for (k, info) in infos.iter().enumerate() {
        let slots = index.entry(signature(info.labels.value(METRIC_NAME), &info.labels)).or_insert_with(|| vec![None; g.n]);
        for (slot, t) in slots.iter_mut().enumerate().map(|(i, s)| (s, (i, info.times[i]))) {
            let (i, Some(t)) = t else { continue };
            let other = slot.and_then(|o| infos[o].times[i]);
            match other {
                Some(o) if o > t => {}
                Some(o) if o == t => {
                    let existing = slot.map(|o| format::labels(&infos[o].labels)).unwrap_or_default();
                    return Err(QueryError::Execution(format!(
                        "found duplicate series for info metric: existing {existing} @ {o}, new {} @ {t}",
                        format::labels(&info.labels)
                    )));
                }
                _ => *slot = Some(k),
            }
        }
    }
    Ok(index)
}

/// One row per set of info series that the base series has over time.
fn enrich(
    row: &Row,
    info_names: &[&str],
    infos: &[Info],
    newest: &FxHashMap<Signature, Vec<Option<usize>>>,
    data: &[&Matcher],
    g: &Grid,
    out: &mut Vec<Row>,
) -> Res<()> {
    let sources: Vec<&Vec<Option<usize>>> = info_names.iter().filter_map(|n| newest.get(&signature(n, &row.labels))).collect();
    let mut made: Vec<(Vec<usize>, Option<usize>)> = vec![];
    for i in 0..g.n {
        let cell = row.col.get(i);
        if matches!(cell, Cell::None) {
            continue;
        }
        let found: Vec<usize> = sources.iter().filter_map(|s| s[i]).collect();
        let at = match made.iter().rev().find(|(f, _)| *f == found) {
            Some((_, at)) => *at,
            None => {
                let at = with_info(row, &found, infos, data)?.map(|labels| {
                    out.push(Row { labels, drop_name: row.drop_name, col: Column::empty(g.n) });
                    out.len() - 1
                });
                made.push((found, at));
                at
            }
        };
        match (at, cell) {
            (Some(at), Cell::Float(v)) => out[at].col.vals[i] = v,
            (Some(at), Cell::Hist(h)) => out[at].col.set_hist(i, h.clone()),
            _ => {}
        }
    }
    Ok(())
}

/// The labels with those of the info series added; `None` if a wanted label is missing altogether.
fn with_info(row: &Row, found: &[usize], infos: &[Info], data: &[&Matcher]) -> Res<Option<Labels>> {
    if found.is_empty() && data.iter().any(|m| !m.matches_empty()) {
        return Ok(None);
    }
    let mut added = LabelsBuilder::default();
    for info in found {
        for (name, value) in infos[*info].labels.iter().filter(|(n, _)| *n != METRIC_NAME) {
            if !data.is_empty() && !data.iter().any(|m| m.name == name) {
                continue;
            }
            if added.get(name).is_some_and(|v| v != value) {
                return Err(QueryError::Execution(format!("conflicting label: {name}")));
            }
            if row.labels.get(name).is_none() {
                added.set(name, value);
            }
        }
    }
    let mut labels = LabelsBuilder::new(&row.labels);
    for (name, value) in added.build().iter() {
        labels.set(name, value);
    }
    Ok(Some(labels.build()))
}
