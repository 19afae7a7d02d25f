//! The tree of a query as `/parse_query` shows it. Keys stand in alphabetical order, as clients are used to.

use model::Matcher;
use promql::ast::*;

use crate::json::{push_key, push_list, push_str, push_strs};
use crate::number::{push_int, push_plain};

type Out = Vec<u8>;

/// Writes one node and all below. The parser bounds the depth.
pub fn push_expr(out: &mut Out, expr: &Expr) {
    match expr {
        Expr::Number(n) => push_number(out, n, false),
        Expr::String(s) => object(out, "stringLiteral", |out| text(out, "val", &s.value)),
        Expr::Vector(v) => object(out, "", |out| push_selector(out, v, None)),
        Expr::Matrix(m) => object(out, "", |out| push_selector(out, &m.selector, Some(&m.range))),
        Expr::Subquery(s) => push_subquery(out, s),
        Expr::Call(c) => push_call(out, c),
        Expr::Aggregate(a) => push_aggregate(out, a),
        Expr::Binary(b) => push_binary(out, b),
        Expr::Unary(u) => object(out, "unaryExpr", |out| {
            node(out, "expr", &u.expr);
            text(out, "op", if u.minus { "-" } else { "+" });
        }),
        Expr::Paren(p) => object(out, "parenExpr", |out| node(out, "expr", &p.expr)),
    }
}

/// `{ … }`; `type` is put at the end unless it is "" (then the content brings it).
fn object(out: &mut Out, kind: &str, content: impl FnOnce(&mut Out)) {
    out.push(b'{');
    content(out);
    if !kind.is_empty() {
        text(out, "type", kind);
    }
    out.push(b'}');
}

fn text(out: &mut Out, key: &str, value: &str) {
    push_key(out, key);
    push_str(out, value);
}

fn flag(out: &mut Out, key: &str, value: bool) {
    push_key(out, key);
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

fn node(out: &mut Out, key: &str, value: &Expr) {
    push_key(out, key);
    push_expr(out, value);
}

fn null(out: &mut Out, key: &str) {
    push_key(out, key);
    out.extend_from_slice(b"null");
}

fn quoted(out: &mut Out, v: f64) {
    out.push(b'"');
    push_plain(out, v);
    out.push(b'"');
}

/// `duration` is only told inside duration arithmetic.
fn push_number(out: &mut Out, n: &NumberLiteral, in_duration: bool) {
    object(out, "", |out| {
        if in_duration {
            flag(out, "duration", n.duration);
        }
        text(out, "type", "numberLiteral");
        push_key(out, "val");
        quoted(out, n.value);
    });
}

/// A length under `key` in milliseconds (0 while it has to be computed) and its arithmetic under `key` + `Expr`.
fn duration(out: &mut Out, key: &str, d: Option<&Duration>) {
    push_key(out, key);
    let (ms, expr) = match d {
        Some(Duration::Ms(ms)) => (*ms, None),
        Some(Duration::Expr(e)) => (0, Some(e)),
        None => (0, None),
    };
    push_int(out, ms);
    push_key(out, &format!("{key}Expr"));
    match expr {
        Some(e) => push_duration(out, e),
        None => out.extend_from_slice(b"null"),
    }
}

fn push_duration(out: &mut Out, d: &DurationExpr) {
    let o = match d {
        DurationExpr::Number(n) => return push_number(out, n, true),
        DurationExpr::Op(o) => o,
    };
    object(out, "", |out| {
        let side = |out: &mut Out, key, side: Option<&DurationExpr>| match side {
            Some(e) => {
                push_key(out, key);
                push_duration(out, e);
            }
            None => null(out, key),
        };
        side(out, "lhs", o.lhs.as_deref());
        text(out, "op", o.op.as_str());
        side(out, "rhs", o.rhs.as_deref());
        text(out, "type", "durationExpr");
        flag(out, "wrapped", o.wrapped);
    });
}

fn at(out: &mut Out, at: Option<At>) {
    push_key(out, "startOrEnd");
    match at {
        Some(At::Start) => push_str(out, "start"),
        Some(At::End) => push_str(out, "end"),
        _ => out.extend_from_slice(b"null"),
    }
}

fn at_time(out: &mut Out, at: Option<At>) {
    match at {
        Some(At::Time(ms)) => {
            push_key(out, "timestamp");
            push_int(out, ms);
        }
        _ => null(out, "timestamp"),
    }
}

fn push_selector(out: &mut Out, v: &VectorSelector, range: Option<&Duration>) {
    flag(out, "anchored", v.edges == Edges::Anchored);
    push_key(out, "matchers");
    push_list(out, &v.matchers, push_matcher);
    text(out, "name", &v.name);
    duration(out, "offset", Some(&v.offset));
    if let Some(range) = range {
        duration(out, "range", Some(range));
    }
    flag(out, "smoothed", v.edges == Edges::Smoothed);
    at(out, v.at);
    at_time(out, v.at);
    text(out, "type", if range.is_some() { "matrixSelector" } else { "vectorSelector" });
}

fn push_matcher(out: &mut Out, m: &Matcher) {
    object(out, "", |out| {
        text(out, "name", &m.name);
        text(out, "type", m.op.as_str());
        text(out, "value", &m.value);
    });
}

fn push_subquery(out: &mut Out, s: &Subquery) {
    object(out, "", |out| {
        node(out, "expr", &s.expr);
        duration(out, "offset", Some(&s.offset));
        duration(out, "range", Some(&s.range));
        at(out, s.at);
        duration(out, "step", s.step.as_ref());
        at_time(out, s.at);
        text(out, "type", "subquery");
    });
}

fn push_call(out: &mut Out, c: &Call) {
    object(out, "call", |out| {
        push_key(out, "args");
        push_list(out, &c.args, push_expr);
        push_key(out, "func");
        object(out, "", |out| {
            push_key(out, "argTypes");
            push_strs(out, c.func.args.iter().map(|t| t.as_str()));
            text(out, "name", c.func.name);
            text(out, "returnType", c.func.returns.as_str());
            push_key(out, "variadic");
            push_int(out, i64::from(c.func.variadic));
        });
    });
}

fn push_aggregate(out: &mut Out, a: &Aggregate) {
    object(out, "", |out| {
        node(out, "expr", &a.expr);
        push_key(out, "grouping");
        push_strs(out, a.grouping.iter().map(String::as_str));
        text(out, "op", a.op.as_str());
        match &a.param {
            Some(param) => node(out, "param", param),
            None => null(out, "param"),
        }
        text(out, "type", "aggregation");
        flag(out, "without", a.without);
    });
}

fn push_binary(out: &mut Out, b: &Binary) {
    object(out, "binaryExpr", |out| {
        flag(out, "bool", b.return_bool);
        node(out, "lhs", &b.lhs);
        match &b.matching {
            Some(m) => {
                push_key(out, "matching");
                push_matching(out, m);
            }
            None => null(out, "matching"),
        }
        text(out, "op", b.op.as_str());
        node(out, "rhs", &b.rhs);
    });
}

fn push_matching(out: &mut Out, m: &Matching) {
    object(out, "", |out| {
        text(out, "card", m.card.as_str());
        push_key(out, "fillValues");
        object(out, "", |out| {
            for (key, value) in [("lhs", m.fill_left), ("rhs", m.fill_right)] {
                push_key(out, key);
                match value {
                    Some(v) if v.is_finite() => push_plain(out, v),
                    Some(v) => quoted(out, v),
                    None => out.extend_from_slice(b"null"),
                }
            }
        });
        push_key(out, "include");
        push_strs(out, m.include.iter().map(String::as_str));
        push_key(out, "labels");
        push_strs(out, m.labels.iter().map(String::as_str));
        flag(out, "on", m.on);
    });
}
