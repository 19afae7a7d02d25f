//! Printing over several lines: what does not fit a line of 100 characters is split and indented.

use super::ast::{Expr, LogExpr, MetricExpr, RangeAgg};
use super::print::{binary_op, range_text, selector};
use crate::units::{format_f, go_quote};

/// Longest text that stays on one line.
const WIDTH: usize = 100;

pub(super) fn pretty(expr: &Expr) -> String {
    let mut out = String::new();
    match expr {
        Expr::Log(l) => log(l, 0, &mut out),
        Expr::Metric(m) => metric(m, 0, &mut out),
    }
    out
}

fn indent(level: usize, out: &mut String) {
    out.extend(std::iter::repeat_n("  ", level));
}

fn line(level: usize, text: &str, out: &mut String) {
    indent(level, out);
    out.push_str(text);
}

fn log(l: &LogExpr, level: usize, out: &mut String) {
    let flat = l.to_string();
    if flat.chars().count() <= WIDTH || l.stages.is_empty() {
        return line(level, &flat, out);
    }
    split_log(l, level, out);
}

/// The selector, then a stage a line.
fn split_log(l: &LogExpr, level: usize, out: &mut String) {
    line(level, &selector(&l.matchers), out);
    for stage in &l.stages {
        out.push('\n');
        line(level + 1, &stage.to_string(), out);
    }
}

fn metric(m: &MetricExpr, level: usize, out: &mut String) {
    let flat = m.to_string();
    if flat.chars().count() <= WIDTH {
        return line(level, &flat, out);
    }
    match m {
        MetricExpr::Literal(_) | MetricExpr::Vector(_) => line(level, &flat, out),
        MetricExpr::Range(r) => range(r, level, out),
        MetricExpr::Aggregate(a) => {
            line(level, a.op.as_str(), out);
            if let Some(g) = &a.grouping {
                out.push_str(&format!(" {g}"));
            }
            out.push_str("(\n");
            if a.op.takes_k() {
                line(level + 1, &format!("{},\n", a.k), out);
            }
            metric(&a.inner, level + 1, out);
            out.push('\n');
            line(level, ")", out);
        }
        MetricExpr::Binary(b) => {
            metric(&b.left, level + 1, out);
            out.push('\n');
            line(level, &binary_op(b), out);
            out.push('\n');
            metric(&b.right, level + 1, out);
        }
        MetricExpr::LabelReplace(l) => {
            line(level, "label_replace(\n", out);
            metric(&l.inner, level + 1, out);
            for text in [&l.dst, &l.replacement, &l.src, &l.pattern] {
                out.push_str(",\n");
                line(level + 1, &go_quote(text), out);
            }
            out.push('\n');
            line(level, ")", out);
        }
    }
}

fn range(r: &RangeAgg, level: usize, out: &mut String) {
    line(level, r.op.as_str(), out);
    out.push_str("(\n");
    if let Some(p) = r.param {
        line(level + 1, &format!("{},\n", format_f(p)), out);
    }
    if r.log.stages.is_empty() {
        line(level + 1, &selector(&r.log.matchers), out);
    } else {
        split_log(&r.log, level + 1, out);
    }
    if let Some(u) = &r.unwrap {
        out.push('\n');
        line(level + 2, &u.to_string(), out);
    }
    out.push_str(&format!(" {}\n", range_text(r)));
    line(level, ")", out);
    if let Some(g) = &r.grouping {
        out.push_str(&format!(" {g}"));
    }
}
