//! absent and absent_over_time: one series where there is none.

use model::{Labels, LabelsBuilder, METRIC_NAME, MatchOp, Matcher};

use super::column::{ABSENT, Column, Grid, Row};
use super::{Ev, Res, Sink};
use crate::functions::Function;
use crate::plan::{Kind, Node};

impl Ev<'_> {
    pub fn absent(&self, arg: &Node, g: &Grid, sink: &mut Sink<'_>) -> Res<()> {
        let mut present = vec![false; g.n];
        self.stream(arg, g, &mut |row| {
            mark(&mut present, &row);
            Ok(())
        })?;
        fill(present, arg, sink)
    }

    pub fn absent_over_time(&self, func: &'static Function, args: &[Node], g: &Grid, sink: &mut Sink<'_>) -> Res<()> {
        let mut present = vec![false; g.n];
        self.range_call(func, args, g, &mut |row| {
            mark(&mut present, &row);
            Ok(())
        })?;
        fill(present, &args[0], sink)
    }
}

fn mark(present: &mut [bool], row: &Row) {
    for (i, p) in present.iter_mut().enumerate() {
        *p |= row.col.has(i);
    }
}

fn fill(present: Vec<bool>, arg: &Node, sink: &mut Sink<'_>) -> Res<()> {
    if present.iter().all(|p| *p) {
        return Ok(());
    }
    let vals = present.into_iter().map(|p| if p { ABSENT } else { 1.0 }).collect();
    let labels = match &arg.kind {
        Kind::Vector(s) | Kind::Matrix(s, _) => described(&s.matchers),
        _ => Labels::empty(),
    };
    sink(Row { labels, drop_name: true, col: Column { vals, hists: None } })
}

/// What the matchers say for sure: labels with exactly one equality.
fn described(matchers: &[Matcher]) -> Labels {
    let mut out = LabelsBuilder::default();
    let mut seen: Vec<&str> = vec![];
    for m in matchers.iter().filter(|m| m.name != METRIC_NAME) {
        if m.op == MatchOp::Eq && !seen.contains(&m.name.as_str()) {
            out.set(&m.name, &m.value);
            seen.push(&m.name);
        } else {
            out.remove(&m.name);
        }
    }
    out.build()
}
