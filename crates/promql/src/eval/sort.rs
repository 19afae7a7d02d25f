//! sort, sort_desc, sort_by_label, sort_by_label_desc.

use std::cmp::Ordering;

use super::column::{Cell, Grid, Row, is_absent};
use super::{Ev, Res, Sink, natural};
use crate::annotations::Note;
use crate::plan::{Kind, Node};
use crate::span::Span;

impl Ev<'_> {
    /// By value; histograms have none and fall out. Only an instant has an order.
    pub fn sort_by_value(&self, inner: &Node, descending: bool, span: Span, g: &Grid, sink: &mut Sink<'_>) -> Res<()> {
        if g.n > 1 {
            self.note(Note::SortInRangeQuery, span);
        }
        let mut rows = self.collect(inner, g)?;
        self.release(&rows);
        for row in &mut rows {
            row.col.hists = None;
        }
        rows.retain(|r| r.col.vals.iter().any(|v| !is_absent(*v)));
        if g.n == 1 {
            rows.sort_by(|a, b| by_value(value(a), value(b), descending));
        }
        self.settle(rows, g, sink)
    }

    pub fn sort_by_label(&self, args: &[Node], descending: bool, span: Span, g: &Grid, sink: &mut Sink<'_>) -> Res<()> {
        if g.n > 1 {
            self.note(Note::SortInRangeQuery, span);
        }
        let names: Vec<&str> = args[1..].iter().map(text).collect();
        let mut rows = self.collect(&args[0], g)?;
        self.release(&rows);
        if g.n == 1 {
            rows.sort_by(|a, b| {
                let by_labels = names.iter().map(|n| natural::compare(a.labels.value(n), b.labels.value(n))).find(|o| o.is_ne());
                let order = by_labels.unwrap_or_else(|| a.labels.cmp(&b.labels));
                if descending { order.reverse() } else { order }
            });
        }
        self.settle(rows, g, sink)
    }
}

/// The text of a string argument.
pub fn text(node: &Node) -> &str {
    match &node.kind {
        Kind::Text(s) => s,
        _ => "",
    }
}

fn value(row: &Row) -> f64 {
    match row.col.get(0) {
        Cell::Float(v) => v,
        _ => f64::NAN,
    }
}

/// NaN comes last in both directions.
pub fn by_value(a: f64, b: f64, descending: bool) -> Ordering {
    a.is_nan().cmp(&b.is_nan()).then_with(|| {
        let order = a.partial_cmp(&b).unwrap_or(Ordering::Equal);
        if descending { order.reverse() } else { order }
    })
}
