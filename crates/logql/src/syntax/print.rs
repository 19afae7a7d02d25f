//! One-line printing, as Loki prints expressions.

use std::fmt::{self, Display, Formatter, Write};

use model::Matcher;

use super::ast::*;
use crate::units::{format_bytes, format_f, format_g, format_go_duration, format_range_duration, go_quote};

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Expr::Log(l) => l.fmt(f),
            Expr::Metric(m) => m.fmt(f),
        }
    }
}

impl Display for LogExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&selector(&self.matchers))?;
        self.stages.iter().try_for_each(|s| write!(f, " {s}"))
    }
}

pub(super) fn selector(matchers: &[Matcher]) -> String {
    let all: Vec<String> = matchers.iter().map(matcher).collect();
    format!("{{{}}}", all.join(", "))
}

fn matcher(m: &Matcher) -> String {
    format!("{}{}{}", m.name, m.op.as_str(), go_quote(&m.value))
}

impl Display for Stage {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Stage::LineFilter(l) => l.fmt(f),
            Stage::LabelFilter(l) => write!(f, "| {l}"),
            Stage::Json(paths) => write!(f, "| json{}", paths_text(paths)),
            Stage::Xml(paths) => write!(f, "| xml{}", paths_text(paths)),
            Stage::Csv(columns) => write!(f, "| csv {}", go_quote(columns)),
            Stage::Logfmt { strict, keep_empty, fields } => {
                f.write_str("| logfmt")?;
                f.write_str(if *strict { " --strict" } else { "" })?;
                f.write_str(if *keep_empty { " --keep-empty" } else { "" })?;
                f.write_str(&paths_text(fields))
            }
            Stage::Regexp(s) => write!(f, "| regexp {}", go_quote(s)),
            Stage::Pattern(s) => write!(f, "| pattern {}", go_quote(s)),
            Stage::Unpack => f.write_str("| unpack"),
            Stage::Decolorize => f.write_str("| decolorize"),
            Stage::LineFormat(s) => write!(f, "| line_format {}", go_quote(s)),
            Stage::LabelFormat(all) => {
                f.write_str("| label_format ")?;
                for (i, l) in all.iter().enumerate() {
                    let comma = if i > 0 { "," } else { "" };
                    match &l.value {
                        FormatValue::Rename(from) => write!(f, "{comma}{}={from}", l.target)?,
                        FormatValue::Template(t) => write!(f, "{comma}{}={}", l.target, go_quote(t))?,
                    }
                }
                Ok(())
            }
            Stage::Drop(all) => write!(f, "| drop {}", choices(all)),
            Stage::Keep(all) => write!(f, "| keep {}", choices(all)),
        }
    }
}

fn paths_text(paths: &[LabelPath]) -> String {
    let all: Vec<String> = paths.iter().map(|p| format!("{}={}", p.label, go_quote(&p.path))).collect();
    if all.is_empty() { String::new() } else { format!(" {}", all.join(",")) }
}

fn choices(all: &[LabelChoice]) -> String {
    let all: Vec<String> = all
        .iter()
        .map(|c| match c {
            LabelChoice::Name(n) => n.clone(),
            LabelChoice::Match(m) => matcher(m),
        })
        .collect();
    all.join(",")
}

impl Display for LineFilter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.op.as_str())?;
        for (i, o) in self.operands.iter().enumerate() {
            f.write_str(if i > 0 { " or " } else { " " })?;
            match o {
                LineOperand::Text(t) => f.write_str(&go_quote(t))?,
                LineOperand::Ip(p) => write!(f, "ip({})", go_quote(p))?,
            }
        }
        Ok(())
    }
}

impl Display for LabelFilter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            LabelFilter::Match(m) => f.write_str(&matcher(m)),
            LabelFilter::Number { name, op, value } => write!(f, "{name}{}{}", op.as_str(), format_f(*value)),
            LabelFilter::Duration { name, op, value } => write!(f, "{name}{}{}", op.as_str(), format_go_duration(*value)),
            LabelFilter::Bytes { name, op, value } => write!(f, "{name}{}{}", op.as_str(), format_bytes(*value)),
            LabelFilter::Ip { name, negated, pattern } => write!(f, "{name}{}ip({})", if *negated { "!=" } else { "=" }, go_quote(pattern)),
            LabelFilter::And(a, b) => write!(f, "( {a} , {b} )"),
            LabelFilter::Or(a, b) => write!(f, "( {a} or {b} )"),
        }
    }
}

impl Display for Unwrap {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.conversion {
            Conversion::Number => write!(f, "| unwrap {}", self.label)?,
            c => write!(f, "| unwrap {}({})", c.as_str(), self.label)?,
        }
        self.filters.iter().try_for_each(|l| write!(f, " | {l}"))
    }
}

impl Display for Grouping {
    /// `by (a,b)`
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", if self.without { "without" } else { "by" }, self.labels.join(","))
    }
}

impl Display for MetricExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            MetricExpr::Literal(v) => f.write_str(&format_g(*v)),
            MetricExpr::Vector(v) => write!(f, "vector({})", format_f(*v)),
            MetricExpr::Range(r) => r.fmt(f),
            MetricExpr::Aggregate(a) => {
                f.write_str(a.op.as_str())?;
                if let Some(g) = &a.grouping {
                    write!(f, " {g}")?;
                }
                f.write_char('(')?;
                if a.op.takes_k() {
                    write!(f, "{},", a.k)?;
                }
                write!(f, "{})", a.inner)
            }
            MetricExpr::Binary(b) => write!(f, "({} {} {})", b.left, binary_op(b), b.right),
            MetricExpr::LabelReplace(l) => {
                let strings = [&l.dst, &l.replacement, &l.src, &l.pattern].map(|s| go_quote(s));
                write!(f, "label_replace({},{})", l.inner, strings.join(","))
            }
        }
    }
}

impl Display for RangeAgg {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.op.as_str())?;
        if let Some(p) = self.param {
            write!(f, "{},", format_f(p))?;
        }
        write!(f, "{}", self.log)?;
        if let Some(u) = &self.unwrap {
            write!(f, " {u}")?;
        }
        write!(f, "{})", range_text(self))?;
        match &self.grouping {
            Some(g) => write!(f, " {g}"),
            None => Ok(()),
        }
    }
}

/// `[5m] offset 1m0s`
pub(super) fn range_text(agg: &RangeAgg) -> String {
    let mut out = format!("[{}]", format_range_duration(agg.range));
    if agg.offset != 0 {
        out.push_str(&format!(" offset {}", format_go_duration(agg.offset)));
    }
    out
}

/// `/ on (a) group_left (c)`
pub(super) fn binary_op(b: &Binary) -> String {
    let mut out = b.op.as_str().to_owned();
    if b.returns_bool {
        out.push_str(" bool");
    }
    if let Some(m) = &b.matching {
        out.push_str(&format!(" {} ({})", if m.on { "on" } else { "ignoring" }, m.labels.join(",")));
        match m.cardinality {
            Cardinality::OneToOne => {}
            Cardinality::ManyToOne => out.push_str(&format!(" group_left ({})", m.include.join(","))),
            Cardinality::OneToMany => out.push_str(&format!(" group_right ({})", m.include.join(","))),
        }
    }
    out
}
