//! The tree as text that parses to the same tree.

use std::fmt::{self, Display, Formatter};

use crate::ast::*;
use crate::lexer::is_attribute_char;
use crate::names::{kind_text, status_text};

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.body {
            Body::Spans(p) => write!(f, "{p}")?,
            Body::Metrics(m) => write!(f, "{m}")?,
        }
        if !self.hints.is_empty() {
            let all: Vec<String> = self.hints.iter().map(|(n, v)| format!("{n}={v}")).collect();
            write!(f, " with({})", all.join(", "))?;
        }
        Ok(())
    }
}

impl Display for Pipeline {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (i, stage) in self.stages.iter().enumerate() {
            let bar = if i == 0 { "" } else { " | " };
            match stage {
                Stage::Spanset(e) => write!(f, "{bar}{e}")?,
                Stage::Scalar(s) => write!(f, "{bar}{s}")?,
                Stage::By(e) => write!(f, "{bar}by({e})")?,
                Stage::Coalesce => write!(f, "{bar}coalesce()")?,
                Stage::Select(fields) => write!(f, "{bar}select({})", list(fields))?,
            }
        }
        Ok(())
    }
}

impl Display for SpansetExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            SpansetExpr::Filter(None) => f.write_str("{ }"),
            SpansetExpr::Filter(Some(e)) => write!(f, "{{ {e} }}"),
            SpansetExpr::Pipeline(p) => write!(f, "({p})"),
            SpansetExpr::Op(op, l, r) => {
                // A parenthesised pipeline wants the other side in parentheses too, so all operands get them.
                let side = |e: &SpansetExpr| if matches!(e, SpansetExpr::Pipeline(_)) { e.to_string() } else { format!("({e})") };
                write!(f, "{} {} {}", side(l), op.text(), side(r))
            }
        }
    }
}

impl Display for ScalarFilter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.left, self.op.text(), self.right)
    }
}

impl Display for ScalarExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            ScalarExpr::Aggregate(a) => write!(f, "{a}"),
            ScalarExpr::Literal(v) => write!(f, "{v}"),
            ScalarExpr::Binary(op, l, r) => write!(f, "({l} {} {r})", op.text()),
            ScalarExpr::Pipeline(p, s) => write!(f, "({p} | {s})"),
        }
    }
}

impl Display for Aggregate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.over {
            None => write!(f, "{}()", self.op.text()),
            Some(e) => write!(f, "{}({e})", self.op.text()),
        }
    }
}

impl Display for FieldExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            FieldExpr::Literal(v) => write!(f, "{v}"),
            FieldExpr::Field(a) => write!(f, "{a}"),
            FieldExpr::Not(e) => write!(f, "!{}", Operand(e)),
            FieldExpr::Neg(e) => write!(f, "-{}", Operand(e)),
            FieldExpr::Binary(op, l, r) => {
                // A chain of one operator needs no parentheses, however long it is.
                match l.as_ref() {
                    FieldExpr::Binary(inner, ..) if inner == op && *op != BinOp::Pow && !op.is_comparison() => write!(f, "{l}")?,
                    _ => write!(f, "{}", Operand(l))?,
                }
                write!(f, " {} {}", op.text(), Operand(r))
            }
        }
    }
}

/// In parentheses unless it is a literal, a field or an operator on one.
struct Operand<'a>(&'a FieldExpr);

impl Display for Operand<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            FieldExpr::Literal(_) | FieldExpr::Field(_) => write!(f, "{}", self.0),
            FieldExpr::Not(_) | FieldExpr::Neg(_) | FieldExpr::Binary(..) => write!(f, "({})", self.0),
        }
    }
}

impl Display for Attribute {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Attribute::Intrinsic(i) => f.write_str(i.name()),
            Attribute::Named { scope, parent, name } => {
                match (parent, scope) {
                    (false, _) => f.write_str(scope.prefix())?,
                    (true, Scope::Any) => f.write_str("parent.")?,
                    (true, _) => write!(f, "parent.{}", scope.prefix())?,
                }
                // After `parent.`, a name that starts like a scope would be read as one.
                let ambiguous = *parent && *scope == Scope::Any && (name.starts_with("span.") || name.starts_with("resource."));
                let number = *scope == Scope::Any && !parent && name.starts_with(|c: char| c.is_ascii_digit());
                if !name.is_empty() && !ambiguous && !number && name.chars().all(|c| is_attribute_char(c) && c != '"') {
                    f.write_str(name)
                } else {
                    write!(f, "\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
                }
            }
        }
    }
}

impl Display for Static {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Static::Nil => f.write_str("nil"),
            Static::Int(i64::MIN) => f.write_str("minInt"),
            Static::Int(i) => write!(f, "{i}"),
            Static::Float(v) => write!(f, "{v:?}"),
            Static::Str(s) if s.contains(['`', '\r']) => write!(f, "\"{}\"", escape(s)),
            Static::Str(s) => write!(f, "`{s}`"),
            Static::Bool(b) => write!(f, "{b}"),
            Static::Duration(d) => f.write_str(&go_duration(*d)),
            Static::Status(s) => f.write_str(status_text(*s)),
            Static::Kind(k) => f.write_str(kind_text(*k)),
        }
    }
}

impl Display for MetricsExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            MetricsExpr::Aggregate { pipeline, function, by } => {
                write!(f, "{pipeline} | {function}")?;
                if !by.is_empty() {
                    write!(f, " by({})", list(by))?;
                }
                Ok(())
            }
            MetricsExpr::Second(m, stage) => {
                match m.as_ref() {
                    MetricsExpr::Math(..) => write!(f, "({m})")?,
                    _ => write!(f, "{m}")?,
                }
                match stage {
                    SecondStage::TopK(n) => write!(f, " | topk({n})"),
                    SecondStage::BottomK(n) => write!(f, " | bottomk({n})"),
                    SecondStage::Compare(op, v) => write!(f, " {} {v}", op.text()),
                }
            }
            MetricsExpr::Math(op, l, r) => {
                let side = |e: &MetricsExpr| match e {
                    MetricsExpr::Number(n) => format!("{n:?}"),
                    other => format!("({other})"),
                };
                write!(f, "{} {} {}", side(l), op.text(), side(r))
            }
            MetricsExpr::Number(n) => write!(f, "{n:?}"),
        }
    }
}

impl Display for MetricsFn {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            MetricsFn::Rate => f.write_str("rate()"),
            MetricsFn::CountOverTime => f.write_str("count_over_time()"),
            MetricsFn::OverTime(op, a) => write!(f, "{}_over_time({a})", op.text()),
            MetricsFn::Quantile(a, qs) => {
                let qs: Vec<String> = qs.iter().map(|q| format!("{q:?}")).collect();
                write!(f, "quantile_over_time({a}, {})", qs.join(", "))
            }
            MetricsFn::Histogram(a) => write!(f, "histogram_over_time({a})"),
            MetricsFn::Compare { selection, top, range } => {
                write!(f, "compare({}, {top}", SpansetExpr::Filter(selection.clone()))?;
                if let Some((start, end)) = range {
                    write!(f, ", {start}, {end}")?;
                }
                f.write_str(")")
            }
        }
    }
}

fn list(fields: &[Attribute]) -> String {
    fields.iter().map(Attribute::to_string).collect::<Vec<_>>().join(", ")
}

fn escape(s: &str) -> String {
    let mut out = String::with_capacity(s.len());
    for c in s.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c => out.push(c),
        }
    }
    out
}

/// Nanoseconds as Go prints a duration: `1h0m0.5s`, `2.754183ms`, `0s`.
pub(crate) fn go_duration(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let n = ns.unsigned_abs();
    if n == 0 {
        return "0s".into();
    }
    let fraction = |value: u64, unit: u64| {
        let digits = unit.ilog10() as usize;
        let rest = format!("{:0digits$}", value % unit);
        let rest = rest.trim_end_matches('0');
        if rest.is_empty() || unit == 1 { format!("{}", value / unit) } else { format!("{}.{rest}", value / unit) }
    };
    if n < 1_000 {
        return format!("{sign}{n}ns");
    }
    if n < 1_000_000 {
        return format!("{sign}{}µs", fraction(n, 1_000));
    }
    if n < 1_000_000_000 {
        return format!("{sign}{}ms", fraction(n, 1_000_000));
    }
    let (minutes, rest) = (n / 60_000_000_000, n % 60_000_000_000);
    let seconds = fraction(rest, 1_000_000_000);
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, m) => format!("{sign}{m}m{seconds}s"),
        (h, m) => format!("{sign}{h}h{m}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::go_duration;

    #[test]
    fn durations_as_go_prints_them() {
        for (ns, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1µs"),
            (2_754_183, "2.754183ms"),
            (1_500_000_000, "1.5s"),
            (90_000_000_000, "1m30s"),
            (3_600_000_000_000, "1h0m0s"),
            (-5_000_000, "-5ms"),
        ] {
            assert_eq!(go_duration(ns), text);
        }
    }
}
