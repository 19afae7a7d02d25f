//! Constant folding: expressions of literals only become literals, where their types allow it.

use std::cmp::Ordering;

use crate::ast::{BinOp, FieldExpr, Static};

/// Folds the top node; its operands are folded already.
pub(crate) fn fold(e: FieldExpr) -> FieldExpr {
    let folded = match &e {
        FieldExpr::Binary(op, l, r) => match (l.as_ref(), r.as_ref()) {
            (FieldExpr::Literal(a), FieldExpr::Literal(b)) => binary(*op, a, b),
            _ => None,
        },
        FieldExpr::Not(inner) => match inner.as_ref() {
            FieldExpr::Literal(Static::Bool(b)) => Some(Static::Bool(!b)),
            _ => None,
        },
        FieldExpr::Neg(inner) => match inner.as_ref() {
            FieldExpr::Literal(Static::Int(i)) => i.checked_neg().map(Static::Int),
            FieldExpr::Literal(Static::Float(f)) => Some(Static::Float(-f)),
            FieldExpr::Literal(Static::Duration(d)) => d.checked_neg().map(Static::Duration),
            _ => None,
        },
        _ => None,
    };
    folded.map_or(e, FieldExpr::Literal)
}

fn binary(op: BinOp, a: &Static, b: &Static) -> Option<Static> {
    if op.is_arithmetic() {
        return arithmetic(op, a, b);
    }
    if let (Static::Bool(x), Static::Bool(y)) = (a, b) {
        match op {
            BinOp::And => return Some(Static::Bool(*x && *y)),
            BinOp::Or => return Some(Static::Bool(*x || *y)),
            _ => {}
        }
    }
    let order = match (a, b) {
        (Static::Nil, Static::Nil) => return matches!(op, BinOp::Eq | BinOp::Ne).then_some(Static::Bool(false)),
        (Static::Str(x), Static::Str(y)) if !matches!(op, BinOp::Regex | BinOp::NotRegex) => x.cmp(y),
        (Static::Bool(x), Static::Bool(y)) if matches!(op, BinOp::Eq | BinOp::Ne) => x.cmp(y),
        (Static::Status(x), Static::Status(y)) if matches!(op, BinOp::Eq | BinOp::Ne) => x.cmp(y),
        (Static::Kind(x), Static::Kind(y)) if matches!(op, BinOp::Eq | BinOp::Ne) => x.cmp(y),
        _ => compare_numbers(number(a)?, number(b)?)?,
    };
    holds(op, order).map(Static::Bool)
}

/// Whether `a op b` holds when `a` compares to `b` as given; `None` for operators that do not compare order.
pub(crate) fn holds(op: BinOp, order: Ordering) -> Option<bool> {
    Some(match op {
        BinOp::Eq => order == Ordering::Equal,
        BinOp::Ne => order != Ordering::Equal,
        BinOp::Lt => order == Ordering::Less,
        BinOp::Le => order != Ordering::Greater,
        BinOp::Gt => order == Ordering::Greater,
        BinOp::Ge => order != Ordering::Less,
        _ => return None,
    })
}

/// A number of the language; durations are nanoseconds that remember to be rendered as such.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    Int(i64),
    Float(f64),
    Duration(i64),
}

fn number(s: &Static) -> Option<Number> {
    Some(match s {
        Static::Int(i) => Number::Int(*i),
        Static::Float(f) => Number::Float(*f),
        Static::Duration(d) => Number::Duration(*d),
        _ => return None,
    })
}

/// `None` where one is NaN.
pub(crate) fn compare_numbers(a: Number, b: Number) -> Option<Ordering> {
    use Number::*;
    match (a, b) {
        (Int(x) | Duration(x), Int(y) | Duration(y)) => Some(x.cmp(&y)),
        (x, y) => x.as_f64().partial_cmp(&y.as_f64()),
    }
}

/// Folds numbers; `None` where types do not allow it, on division by zero and where the result is no literal.
pub(crate) fn arithmetic(op: BinOp, a: &Static, b: &Static) -> Option<Static> {
    Some(match calculate(op, number(a)?, number(b)?)? {
        Number::Int(i) => Static::Int(i),
        Number::Float(f) if f.is_finite() => Static::Float(f),
        Number::Duration(d) if d != i64::MIN => Static::Duration(d),
        _ => return None,
    })
}

/// Integers stay integers, a float makes a float, a duration makes a duration. `None`: integer division by zero.
pub(crate) fn calculate(op: BinOp, a: Number, b: Number) -> Option<Number> {
    use Number::*;
    if let (Int(x), Int(y)) = (a, b) {
        return int_math(op, x, y).map(Int);
    }
    if let (Int(x) | Duration(x), Int(y) | Duration(y)) = (a, b) {
        return int_math(op, x, y).map(Duration);
    }
    let (x, y) = (a.as_f64(), b.as_f64());
    let value = match op {
        BinOp::Add => x + y,
        BinOp::Sub => x - y,
        BinOp::Mul => x * y,
        BinOp::Div => x / y,
        BinOp::Mod => x % y,
        BinOp::Pow => x.powf(y),
        _ => return None,
    };
    let duration = matches!(a, Duration(_)) || matches!(b, Duration(_));
    Some(if duration { Duration(value as i64) } else { Float(value) })
}

fn int_math(op: BinOp, x: i64, y: i64) -> Option<i64> {
    Some(match op {
        BinOp::Add => x.wrapping_add(y),
        BinOp::Sub => x.wrapping_sub(y),
        BinOp::Mul => x.wrapping_mul(y),
        BinOp::Div if y == 0 => return None,
        BinOp::Div => x.wrapping_div(y),
        BinOp::Mod if y == 0 => return None,
        BinOp::Mod => x.wrapping_rem(y),
        BinOp::Pow => match u32::try_from(y) {
            Ok(e) => x.wrapping_pow(e),
            Err(_) => (x as f64).powf(y as f64) as i64,
        },
        _ => return None,
    })
}

impl Number {
    pub fn as_f64(self) -> f64 {
        match self {
            Number::Int(i) | Number::Duration(i) => i as f64,
            Number::Float(f) => f,
        }
    }
}
