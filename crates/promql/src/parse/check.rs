//! Types and rules that the grammar cannot say. Errors come in the order in which the reference finds them.

use model::METRIC_NAME;

use crate::ast::{Aggregate, AggregateOp, Binary, Call, Cardinality, Expr, ValueType, VectorSelector};
use crate::format::quote;
use crate::span::{ParseError, Span};

type Checked<T> = Result<T, ParseError>;

/// Checks a whole tree, settles the cardinality of set operators and drops the matching of operators without two vectors.
pub fn check(query: &str, expr: &mut Expr) -> Checked<()> {
    Checker { query }.expr(expr).map(drop)
}

struct Checker<'a> {
    query: &'a str,
}

impl Checker<'_> {
    fn fail<T>(&self, span: Span, reason: impl Into<String>) -> Checked<T> {
        Err(ParseError::new(self.query, span, reason))
    }

    fn expr(&self, expr: &mut Expr) -> Checked<ValueType> {
        let kind = expr.value_type();
        let span = expr.span();
        match expr {
            Expr::Aggregate(a) => self.aggregate(a)?,
            Expr::Binary(b) => self.binary(b, span)?,
            Expr::Call(c) => self.call(c)?,
            Expr::Paren(p) => drop(self.expr(&mut p.expr)?),
            Expr::Unary(u) => {
                let t = self.expr(&mut u.expr)?;
                if !matches!(t, ValueType::Scalar | ValueType::Vector) {
                    let got = quote(t.documented());
                    return self
                        .fail(span, format!("unary expression only allowed on expressions of type scalar or instant vector, got {got}"));
                }
            }
            Expr::Subquery(s) => {
                let t = self.expr(&mut s.expr)?;
                if t != ValueType::Vector {
                    return self.fail(span, format!("subquery is only allowed on instant vector, got {} instead", t.as_str()));
                }
            }
            Expr::Matrix(m) => self.selector(&m.selector, true)?,
            Expr::Vector(v) => self.selector(v, true)?,
            Expr::Number(_) | Expr::String(_) => {}
        }
        Ok(kind)
    }

    fn expect(&self, expr: &mut Expr, want: ValueType, context: &str) -> Checked<()> {
        let got = self.expr(expr)?;
        if got == want {
            return Ok(());
        }
        self.fail(expr.span(), format!("expected type {} in {context}, got {}", want.documented(), got.documented()))
    }

    fn aggregate(&self, a: &mut Aggregate) -> Checked<()> {
        self.expect(&mut a.expr, ValueType::Vector, "aggregation expression")?;
        let want = if a.op == AggregateOp::CountValues { ValueType::String } else { ValueType::Scalar };
        match &mut a.param {
            Some(param) => self.expect(param, want, "aggregation parameter"),
            None => Ok(()),
        }
    }

    fn binary(&self, b: &mut Binary, span: Span) -> Checked<()> {
        let (lt, rt) = (self.expr(&mut b.lhs)?, self.expr(&mut b.rhs)?);
        let operator = || {
            let from = b.lhs.span().end;
            let blank = self.query.as_bytes().iter().skip(from).take_while(|c| c.is_ascii_whitespace()).count();
            Span::new(from + blank, b.rhs.span().start)
        };
        if b.return_bool && !b.op.is_comparison() {
            return self.fail(operator(), "bool modifier can only be used on comparison operators");
        }
        if b.op.is_comparison() && !b.return_bool && lt == ValueType::Scalar && rt == ValueType::Scalar {
            return self.fail(operator(), "comparisons between scalars must use BOOL modifier");
        }
        let mut matching = b.matching.take().unwrap_or_default();
        if b.op.is_set() && matching.card == Cardinality::OneToOne {
            matching.card = Cardinality::ManyToMany;
        }
        if let Some(label) = matching.labels.iter().find(|l| matching.on && matching.include.contains(l)) {
            return self.fail(operator(), format!("label {} must not occur in ON and GROUP clause at once", quote(label)));
        }
        for (side, t) in [(&b.lhs, lt), (&b.rhs, rt)] {
            if !matches!(t, ValueType::Scalar | ValueType::Vector) {
                return self.fail(side.span(), "binary expression must contain only scalar and instant vector types");
            }
        }
        let filled = matching.fill_left.is_some() || matching.fill_right.is_some();
        if lt != ValueType::Vector || rt != ValueType::Vector {
            if !matching.labels.is_empty() {
                return self.fail(span, "vector matching only allowed between instant vectors");
            }
            if filled {
                return self.fail(span, "filling in missing series only allowed between instant vectors");
            }
            if b.op.is_set() {
                return self.fail(span, format!("set operator {} not allowed in binary scalar expression", quote(b.op.as_str())));
            }
            return Ok(());
        }
        if b.op.is_set() {
            if matching.card != Cardinality::ManyToMany {
                return self.fail(span, format!("no grouping allowed for {} operation", quote(b.op.as_str())));
            }
            if filled {
                return self.fail(span, "filling in missing series not allowed for set operators");
            }
        }
        b.matching = Some(matching);
        Ok(())
    }

    fn call(&self, c: &mut Call) -> Checked<()> {
        let (name, types, got) = (c.func.name, c.func.args, c.args.len());
        let quoted = quote(name);
        if c.func.variadic == 0 {
            if types.len() != got {
                return self.fail(c.span, format!("expected {} argument(s) in call to {quoted}, got {got}", types.len()));
            }
        } else {
            let least = types.len() - 1;
            let most = least + c.func.variadic.max(0) as usize;
            if least > got {
                return self.fail(c.span, format!("expected at least {least} argument(s) in call to {quoted}, got {got}"));
            }
            if c.func.variadic > 0 && most < got {
                return self.fail(c.span, format!("expected at most {most} argument(s) in call to {quoted}, got {got}"));
            }
        }
        if name == "info" && got > 1 {
            self.info_selector(c, &quoted)?;
        }
        for (i, arg) in c.args.iter_mut().enumerate() {
            let want = types[i.min(types.len() - 1)];
            let t = match &mut *arg {
                // The second argument of info may match everything.
                Expr::Vector(v) if name == "info" && i == 1 => self.selector(v, false).map(|()| ValueType::Vector)?,
                other => self.expr(other)?,
            };
            if t != want {
                let (want, t) = (want.documented(), t.documented());
                return self.fail(arg.span(), format!("expected type {want} in call to function {quoted}, got {t}"));
            }
        }
        Ok(())
    }

    fn info_selector(&self, c: &Call, quoted: &str) -> Checked<()> {
        let arg = &c.args[1];
        if arg.value_type() != ValueType::Vector {
            let (want, got) = (ValueType::Vector.documented(), arg.value_type().documented());
            return self.fail(c.span, format!("expected type {want} in call to function {quoted}, got {got}"));
        }
        match arg {
            Expr::Vector(v) if v.name.is_empty() => Ok(()),
            Expr::Vector(_) => self.fail(arg.span(), "expected label selectors only, got vector selector instead"),
            _ => self.fail(arg.span(), "expected label selectors only"),
        }
    }

    fn selector(&self, v: &VectorSelector, must_select: bool) -> Checked<()> {
        if let Some((_, others)) = v.matchers.split_last().filter(|_| !v.name.is_empty()) {
            return match others.iter().find(|m| m.name == METRIC_NAME) {
                Some(m) => self.fail(v.span, format!("metric name must not be set twice: {} or {}", quote(&v.name), quote(&m.value))),
                None => Ok(()),
            };
        }
        if must_select && v.matchers.iter().all(|m| m.matches_empty()) {
            return self.fail(v.span, "vector selector must contain at least one non-empty matcher");
        }
        Ok(())
    }
}
