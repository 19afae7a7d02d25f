//! Tree to text: `Display` on one line, `pretty` over several. Both parse back to the same tree.

use std::fmt::{self, Write as _};

use model::{METRIC_NAME, MatchOp, Matcher};

use crate::ast::{
    Aggregate, At, Binary, Cardinality, Duration, DurationExpr, DurationOp, Edges, Expr, MatrixSelector, Subquery, VectorSelector,
};
use crate::format::{duration, float_g, float_plain, is_plain_label_name, quote};

/// Above this many bytes an expression is split into lines.
const MAX_LINE: usize = 100;

/// The expression over several indented lines, as the format API prints it.
pub fn pretty(expr: &Expr) -> String {
    let mut out = String::new();
    write_pretty(expr, 0, &mut out);
    out
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expr::Number(n) if n.duration => f.write_str(&literal_duration(n.value)),
            Expr::Number(n) => f.write_str(&float_plain(n.value)),
            Expr::String(s) => f.write_str(&quote(&s.value)),
            Expr::Vector(v) => write!(f, "{}{}{}{}", Bare(v), at(v.at), edges(v.edges), offset(&v.offset)),
            Expr::Matrix(m) => write_matrix(m, f),
            Expr::Subquery(s) => write!(f, "{}{}", s.expr, subquery_suffix(s)),
            Expr::Call(c) => {
                write!(f, "{}(", c.func.name)?;
                for (i, arg) in c.args.iter().enumerate() {
                    write!(f, "{}{arg}", if i > 0 { ", " } else { "" })?;
                }
                f.write_char(')')
            }
            Expr::Aggregate(a) => {
                write!(f, "{}(", aggregate_head(a))?;
                if let Some(param) = &a.param {
                    write!(f, "{param}, ")?;
                }
                write!(f, "{})", a.expr)
            }
            Expr::Binary(b) => write!(f, "{} {} {}", b.lhs, operator(b), b.rhs),
            Expr::Unary(u) => write!(f, "{}{}", if u.minus { '-' } else { '+' }, u.expr),
            Expr::Paren(p) => write!(f, "({})", p.expr),
        }
    }
}

/// A selector without its modifiers.
struct Bare<'a>(&'a VectorSelector);

impl fmt::Display for Bare<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let v = self.0;
        f.write_str(&v.name)?;
        let named = |m: &&Matcher| !(m.name == METRIC_NAME && m.op == MatchOp::Eq && m.value == v.name && !m.value.is_empty());
        let mut conditions: Vec<String> = v.matchers.iter().filter(named).map(matcher).collect();
        conditions.sort();
        if conditions.is_empty() { Ok(()) } else { write!(f, "{{{}}}", conditions.join(",")) }
    }
}

/// `name="value"`, the name quoted where needed.
pub(crate) fn matcher(m: &Matcher) -> String {
    format!("{}{}{}", label_name(&m.name), m.op.as_str(), quote(&m.value))
}

fn label_name(name: &str) -> String {
    if is_plain_label_name(name) { name.to_owned() } else { quote(name) }
}

fn label_names(names: &[String]) -> String {
    names.iter().map(|n| label_name(n)).collect::<Vec<_>>().join(", ")
}

fn write_matrix(m: &MatrixSelector, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let s = &m.selector;
    write!(f, "{}[{}]{}{}{}", Bare(s), DurationText(&m.range), edges(s.edges), at(s.at), offset(&s.offset))
}

fn subquery_suffix(s: &Subquery) -> String {
    let step = s.step.as_ref().map(|d| DurationText(d).to_string()).unwrap_or_default();
    format!("[{}:{step}]{}{}", DurationText(&s.range), at(s.at), offset(&s.offset))
}

fn at(at: Option<At>) -> String {
    match at {
        None => String::new(),
        Some(At::Time(ms)) => format!(" @ {:.3}", ms as f64 / 1000.0),
        Some(At::Start) => " @ start()".into(),
        Some(At::End) => " @ end()".into(),
    }
}

fn edges(edges: Edges) -> &'static str {
    match edges {
        Edges::Plain => "",
        Edges::Anchored => " anchored",
        Edges::Smoothed => " smoothed",
    }
}

fn offset(d: &Duration) -> String {
    if d.is_zero() { String::new() } else { format!(" offset {}", DurationText(d)) }
}

fn literal_duration(seconds: f64) -> String {
    let ms = (seconds.abs() * 1e9) as i64 / 1_000_000;
    format!("{}{}", if seconds < 0.0 { "-" } else { "" }, duration(ms))
}

struct DurationText<'a>(&'a Duration);

impl fmt::Display for DurationText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Duration::Ms(ms) => f.write_str(&duration(*ms)),
            Duration::Expr(e) => fmt::Display::fmt(e, f),
        }
    }
}

impl fmt::Display for DurationExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let o = match self {
            DurationExpr::Number(n) if n.duration => return f.write_str(&literal_duration(n.value)),
            DurationExpr::Number(n) => return f.write_str(&float_plain(n.value)),
            DurationExpr::Op(o) => o,
        };
        if o.wrapped {
            f.write_char('(')?;
        }
        match (o.op, &o.lhs, &o.rhs) {
            (DurationOp::Step | DurationOp::Range, ..) => write!(f, "{}()", o.op.as_str())?,
            (DurationOp::MinOf | DurationOp::MaxOf, Some(l), Some(r)) => write!(f, "{}({l}, {r})", o.op.as_str())?,
            (DurationOp::Sub, None, Some(r)) => write!(f, "-{r}")?,
            (_, None, Some(r)) => write!(f, "{r}")?,
            (op, Some(l), Some(r)) => write!(f, "{l} {} {r}", op.as_str())?,
            _ => {}
        }
        if o.wrapped { f.write_char(')') } else { Ok(()) }
    }
}

fn aggregate_head(a: &Aggregate) -> String {
    let op = a.op.as_str();
    if a.without {
        format!("{op} without ({}) ", label_names(&a.grouping))
    } else if a.grouping.is_empty() {
        op.to_owned()
    } else {
        format!("{op} by ({}) ", label_names(&a.grouping))
    }
}

/// The operator with its modifiers.
fn operator(b: &Binary) -> String {
    let mut out = b.op.as_str().to_owned();
    if b.return_bool {
        out.push_str(" bool");
    }
    let Some(m) = &b.matching else { return out };
    let grouped = matches!(m.card, Cardinality::ManyToOne | Cardinality::OneToMany);
    if !m.labels.is_empty() || m.on || grouped {
        let _ = write!(out, " {} ({})", if m.on { "on" } else { "ignoring" }, label_names(&m.labels));
    }
    if grouped {
        let side = if m.card == Cardinality::ManyToOne { "left" } else { "right" };
        let _ = write!(out, " group_{side} ({})", label_names(&m.include));
    }
    match (m.fill_left, m.fill_right) {
        (Some(l), Some(r)) if l == r => drop(write!(out, " fill ({})", float_g(l))),
        (left, right) => {
            if let Some(l) = left {
                let _ = write!(out, " fill_left ({})", float_g(l));
            }
            if let Some(r) = right {
                let _ = write!(out, " fill_right ({})", float_g(r));
            }
        }
    }
    out
}

fn indent(level: usize, out: &mut String) {
    out.extend(std::iter::repeat_n("  ", level));
}

fn write_pretty(expr: &Expr, level: usize, out: &mut String) {
    let line = expr.to_string();
    let fits = line.len() <= MAX_LINE;
    match expr {
        // A subquery that fits stands without indent, as upstream prints it.
        Expr::Subquery(_) if fits => out.push_str(&line),
        Expr::Subquery(s) => {
            write_pretty(&s.expr, level, out);
            out.push_str(&subquery_suffix(s));
        }
        Expr::Unary(u) => {
            indent(level, out);
            out.push(if u.minus { '-' } else { '+' });
            let mut inner = String::new();
            write_pretty(&u.expr, level, &mut inner);
            out.push_str(inner.trim());
        }
        _ if fits => {
            indent(level, out);
            out.push_str(&line);
        }
        Expr::Binary(b) => {
            write_pretty(&b.lhs, level + 1, out);
            out.push('\n');
            indent(level, out);
            out.push_str(&operator(b));
            out.push('\n');
            write_pretty(&b.rhs, level + 1, out);
        }
        Expr::Aggregate(a) => block(level, &aggregate_head(a), a.param.iter().chain([&a.expr]), out),
        Expr::Call(c) => block(level, c.func.name, c.args.iter(), out),
        Expr::Paren(p) => block(level, "", [&p.expr].into_iter(), out),
        _ => {
            indent(level, out);
            out.push_str(&line);
        }
    }
}

/// `head(`, the parts a level deeper on lines of their own, `)`.
fn block<'a>(level: usize, head: &str, parts: impl Iterator<Item = &'a Expr>, out: &mut String) {
    indent(level, out);
    out.push_str(head);
    out.push_str("(\n");
    for (i, part) in parts.enumerate() {
        if i > 0 {
            out.push_str(",\n");
        }
        write_pretty(part, level + 1, out);
    }
    out.push('\n');
    indent(level, out);
    out.push(')');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Features, parse};

    #[track_caller]
    fn check(query: &str, want: &str) {
        let e = parse(query, &Features::all()).unwrap();
        assert_eq!(pretty(&e), want);
        let again = parse(want, &Features::all()).unwrap();
        assert_eq!(again.to_string(), e.to_string());
    }

    #[test]
    fn one_line() {
        check(
            " sum( rate( foo{a='b' , c=~\"d.*\"}[ 5m ] ))  by( job ,instance )  ",
            "sum by (job, instance) (rate(foo{a=\"b\",c=~\"d.*\"}[5m]))",
        );
        check("foo/on(a,b)group_left(c)bar>bool 1", "foo / on (a, b) group_left (c) bar > bool 1");
        check("sum without()(foo)+count_values(\"v\",foo)by(\"a.b\")", "sum without () (foo) + count_values by (\"a.b\") (\"v\", foo)");
        check("a + fill_right(2) fill_left(1e7) b", "a + fill_left (1e+07) fill_right (2) b");
        check("x[max_of(step(), 1m) * 2] offset -(5m)", "x[max_of(step(), 1m) * 2] offset -(5m)");
    }

    #[test]
    fn several_lines() {
        check(
            "sum by (job) (rate(http_requests_total{code=~\"5..\",handler=\"/api/v1/query\",environment=\"production\"}[5m])) \
             / sum by (job) (rate(http_requests_total{environment=\"production\"}[5m])) > 0.05",
            "    sum by (job) (\n      rate(http_requests_total{code=~\"5..\",environment=\"production\",handler=\"/api/v1/query\"}[5m])\n    )\n  \
             /\n    sum by (job) (rate(http_requests_total{environment=\"production\"}[5m]))\n>\n  0.05",
        );
    }
}
