//! What a parsed query may say: types, limits, and the constructs that nobody evaluates yet.

use std::fmt;

use model::re2::Anchored;

use crate::ast::*;
use crate::limits::{MAX_COMPARE_TOP, MAX_GROUP_BY};

/// Why a query that parses is refused. Displays as Tempo does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckError {
    Invalid(String),
    /// a construct of the grammar that Tempo does not evaluate either
    Unsupported(String),
}

type Checked<T = ()> = Result<T, CheckError>;

/// Checks a whole query.
pub fn check(q: &Query) -> Checked {
    match &q.body {
        Body::Spans(p) => pipeline(p),
        Body::Metrics(m) => metrics(m),
    }
}

/// The type of an expression, as far as the text tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    /// an attribute: known only at run time
    Any,
    Nil,
    Int,
    Float,
    Duration,
    Str,
    Bool,
    Status,
    Kind,
}

fn pipeline(p: &Pipeline) -> Checked {
    for stage in &p.stages {
        match stage {
            Stage::Spanset(e) => spanset(e)?,
            Stage::Scalar(f) => scalar_filter(f)?,
            Stage::By(e) => {
                field(e)?;
                if !references_span(e) {
                    return invalid(format!("grouping field expressions must reference the span: by({e})"));
                }
            }
            Stage::Coalesce => {}
            Stage::Select(fields) => attributes(fields)?,
        }
    }
    Ok(())
}

fn spanset(e: &SpansetExpr) -> Checked {
    match e {
        SpansetExpr::Filter(f) => filter(f.as_ref()),
        SpansetExpr::Pipeline(p) => pipeline(p),
        SpansetExpr::Op(_, l, r) => {
            spanset(l)?;
            spanset(r)
        }
    }
}

pub(crate) fn filter(e: Option<&FieldExpr>) -> Checked {
    let Some(e) = e else { return Ok(()) };
    match field(e)? {
        Type::Bool | Type::Any => Ok(()),
        _ => invalid(format!("span filter field expressions must resolve to a boolean: {{ {e} }}")),
    }
}

fn scalar_filter(f: &ScalarFilter) -> Checked {
    scalar(&f.left)?;
    scalar(&f.right)?;
    if !matches!(f.left, ScalarExpr::Aggregate(_)) {
        return unsupported("scalar filter with anything but one aggregate on its left");
    }
    if !matches!(f.right, ScalarExpr::Literal(_)) {
        return unsupported("scalar filter with anything but a constant on its right");
    }
    Ok(())
}

fn scalar(e: &ScalarExpr) -> Checked {
    match e {
        ScalarExpr::Literal(_) => Ok(()),
        ScalarExpr::Binary(_, l, r) => {
            scalar(l)?;
            scalar(r)
        }
        ScalarExpr::Pipeline(p, s) => {
            pipeline(p)?;
            scalar(s)
        }
        ScalarExpr::Aggregate(a) => {
            let Some(over) = &a.over else { return Ok(()) };
            if !matches!(field(over)?, Type::Any | Type::Int | Type::Float | Type::Duration) {
                return invalid(format!("aggregate field expressions must resolve to a number type: {a}"));
            }
            if !references_span(over) {
                return invalid(format!("aggregate field expressions must reference the span: {a}"));
            }
            Ok(())
        }
    }
}

fn references_span(e: &FieldExpr) -> bool {
    let mut any = false;
    e.fields(&mut |_| any = true);
    any
}

fn attributes(all: &[Attribute]) -> Checked {
    all.iter().try_for_each(attribute)
}

fn attribute(a: &Attribute) -> Checked {
    if a.is_parent() { unsupported("parent") } else { Ok(()) }
}

fn field(e: &FieldExpr) -> Checked<Type> {
    match e {
        FieldExpr::Literal(v) => Ok(literal_type(v)),
        FieldExpr::Field(a) => {
            attribute(a)?;
            Ok(match a {
                Attribute::Named { .. } => Type::Any,
                Attribute::Intrinsic(i) => intrinsic_type(*i),
            })
        }
        FieldExpr::Not(inner) => match field(inner)? {
            Type::Bool | Type::Any => Ok(Type::Bool),
            _ => invalid(format!("illegal operation for the given type: {e}")),
        },
        FieldExpr::Neg(inner) => match field(inner)? {
            t @ (Type::Any | Type::Int | Type::Float | Type::Duration) => Ok(t),
            _ => invalid(format!("illegal operation for the given type: {e}")),
        },
        FieldExpr::Binary(op, l, r) => {
            let (lt, rt) = (field(l)?, field(r)?);
            binary(*op, l, r, lt, rt, e)
        }
    }
}

fn binary(op: BinOp, l: &FieldExpr, r: &FieldExpr, lt: Type, rt: Type, whole: &FieldExpr) -> Checked<Type> {
    if lt == Type::Nil || rt == Type::Nil {
        nil_comparison(op, if lt == Type::Nil { r } else { l })?;
        return Ok(Type::Bool);
    }
    let numeric = |t| matches!(t, Type::Int | Type::Float | Type::Duration);
    let same = lt == rt || lt == Type::Any || rt == Type::Any || (numeric(lt) && numeric(rt));
    if !same {
        return invalid(format!("binary operations must operate on the same type: {whole}"));
    }
    let known = if lt == Type::Any { rt } else { lt };
    if matches!(op, BinOp::Regex | BinOp::NotRegex) {
        if !matches!(known, Type::Str | Type::Any) {
            return invalid(format!("illegal operation for the given types: {whole}"));
        }
        let FieldExpr::Literal(Static::Str(pattern)) = r else {
            return invalid(format!("invalid type for =~ or !~: {r}"));
        };
        return match Anchored::new(pattern) {
            Ok(_) => Ok(Type::Bool),
            Err(_) => invalid(format!("invalid regex: {r}")),
        };
    }
    let legal = match known {
        Type::Any => true,
        Type::Int | Type::Float | Type::Duration => !matches!(op, BinOp::And | BinOp::Or),
        Type::Str => op.is_comparison(),
        Type::Bool => matches!(op, BinOp::And | BinOp::Or | BinOp::Eq | BinOp::Ne),
        Type::Status | Type::Kind => matches!(op, BinOp::Eq | BinOp::Ne),
        Type::Nil => false,
    };
    if !legal {
        return invalid(format!("illegal operation for the given types: {whole}"));
    }
    let zero = matches!(r, FieldExpr::Literal(Static::Int(0))) && matches!(l, FieldExpr::Literal(Static::Int(_)));
    if zero && matches!(op, BinOp::Div | BinOp::Mod) {
        return invalid(format!("division by zero: {whole}"));
    }
    Ok(match (op.is_arithmetic(), lt, rt) {
        (false, _, _) => Type::Bool,
        (true, Type::Duration, _) | (true, _, Type::Duration) => Type::Duration,
        (true, Type::Int, Type::Int) => Type::Int,
        (true, _, _) => Type::Float,
    })
}

fn nil_comparison(op: BinOp, other: &FieldExpr) -> Checked {
    if op != BinOp::Eq {
        return if op == BinOp::Ne { Ok(()) } else { invalid(format!("nil can only be compared with = or !=, not with {}", op.text())) };
    }
    match other {
        FieldExpr::Field(a @ Attribute::Intrinsic(_)) => invalid(format!("{a}=nil is not valid because intrinsics cannot be nil")),
        FieldExpr::Field(Attribute::Named { scope: Scope::Resource, name, .. }) if name == "service.name" => {
            invalid("resource.service.name=nil is not valid because resource.service.name cannot be nil".into())
        }
        _ => Ok(()),
    }
}

fn literal_type(v: &Static) -> Type {
    match v {
        Static::Nil => Type::Nil,
        Static::Int(_) => Type::Int,
        Static::Float(_) => Type::Float,
        Static::Str(_) => Type::Str,
        Static::Bool(_) => Type::Bool,
        Static::Duration(_) => Type::Duration,
        Static::Status(_) => Type::Status,
        Static::Kind(_) => Type::Kind,
    }
}

fn intrinsic_type(i: Intrinsic) -> Type {
    use Intrinsic::*;
    match i {
        Duration | TraceDuration | EventTimeSinceStart => Type::Duration,
        ChildCount | NestedSetLeft | NestedSetRight | NestedSetParent => Type::Int,
        Status => Type::Status,
        Kind => Type::Kind,
        Parent => Type::Any,
        Name
        | StatusMessage
        | SpanId
        | ParentId
        | TraceId
        | RootName
        | RootService
        | EventName
        | LinkTraceId
        | LinkSpanId
        | InstrumentationName
        | InstrumentationVersion => Type::Str,
    }
}

fn metrics(m: &MetricsExpr) -> Checked {
    match m {
        MetricsExpr::Aggregate { pipeline: p, function, by } => {
            pipeline(p)?;
            metrics_function(function)?;
            attributes(by)?;
            let own = matches!(function, MetricsFn::Quantile(..) | MetricsFn::Histogram(_) | MetricsFn::OverTime(AggregateOp::Avg, _));
            if by.len() > MAX_GROUP_BY - usize::from(own) {
                return unsupported(&format!("metrics group by {} values", by.len()));
            }
            Ok(())
        }
        MetricsExpr::Second(inner, stage) => {
            metrics(inner)?;
            refuse_compare(inner)?;
            match stage {
                SecondStage::TopK(n) | SecondStage::BottomK(n) if *n <= 0 => invalid("limit must be greater than 0".into()),
                SecondStage::Compare(_, v) if !matches!(v, Static::Int(_) | Static::Float(_) | Static::Duration(_)) => {
                    invalid(format!("metrics can only be compared with a number or a duration, not with {v}"))
                }
                _ => Ok(()),
            }
        }
        MetricsExpr::Math(_, l, r) => {
            for side in [l, r] {
                metrics(side)?;
                refuse_compare(side)?;
            }
            Ok(())
        }
        MetricsExpr::Number(_) => Ok(()),
    }
}

fn refuse_compare(m: &MetricsExpr) -> Checked {
    match m {
        MetricsExpr::Aggregate { function: MetricsFn::Compare { .. }, .. } => {
            invalid("`compare()` cannot be used with second stage functions".into())
        }
        _ => Ok(()),
    }
}

fn metrics_function(function: &MetricsFn) -> Checked {
    match function {
        MetricsFn::Rate | MetricsFn::CountOverTime => Ok(()),
        MetricsFn::OverTime(_, a) | MetricsFn::Histogram(a) => attribute(a),
        MetricsFn::Quantile(a, quantiles) => {
            attribute(a)?;
            match quantiles.iter().find(|q| !(0.0..=1.0).contains(*q)) {
                Some(q) => invalid(format!("quantile must be between 0 and 1: {q}")),
                None => Ok(()),
            }
        }
        MetricsFn::Compare { selection, top, range } => {
            filter(selection.as_ref())?;
            if !(1..=MAX_COMPARE_TOP).contains(top) {
                return invalid(format!("compare() top number of values must be an integer between 1 and {MAX_COMPARE_TOP}"));
            }
            match range {
                Some((start, end)) if *start <= 0 || *end <= 0 => {
                    invalid("compare() timestamps must be positive integers of unix nanoseconds".into())
                }
                Some((start, end)) if end <= start => invalid("compare() end timestamp must be greater than start timestamp".into()),
                _ => Ok(()),
            }
        }
    }
}

fn invalid<T>(text: String) -> Checked<T> {
    Err(CheckError::Invalid(text))
}

fn unsupported<T>(what: &str) -> Checked<T> {
    Err(CheckError::Unsupported(what.to_owned()))
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CheckError::Invalid(s) => f.write_str(s),
            CheckError::Unsupported(s) => write!(f, "{s} not yet supported"),
        }
    }
}

impl std::error::Error for CheckError {}
