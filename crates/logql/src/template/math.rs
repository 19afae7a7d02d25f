//! Functions on numbers. Texts that look like numbers count as such.

use gotemplate::{Entry, MANY};

use super::{Args, Lines, Val};
use crate::units::parse_float;

/// Anything is turned into a number, what is none becomes 0.
trait Lenient {
    fn to_int(&self, i: usize) -> i64;
    fn to_float(&self, i: usize) -> f64;
}

impl Lenient for Args<'_, '_> {
    fn to_int(&self, i: usize) -> i64 {
        match self.at(i) {
            Val::Int(v) => *v,
            Val::Float(f) => *f as i64,
            Val::Bool(b) => i64::from(*b),
            Val::Str(s) => {
                let s = s.trim();
                s.parse::<i64>().or_else(|_| parse_float(s).map(|f| f as i64)).unwrap_or(0)
            }
            _ => 0,
        }
    }

    fn to_float(&self, i: usize) -> f64 {
        match self.at(i) {
            Val::Int(v) => *v as f64,
            Val::Float(f) => *f,
            Val::Bool(b) => f64::from(u8::from(*b)),
            Val::Str(s) => parse_float(s.trim()).unwrap_or(0.0),
            _ => 0.0,
        }
    }
}

pub const FUNCTIONS: &[Entry<Lines>] = &[
    Entry("int", 1, 1, |_, a| Ok(Val::Int(a.to_int(0)))),
    Entry("int64", 1, 1, |_, a| Ok(Val::Int(a.to_int(0)))),
    Entry("float64", 1, 1, |_, a| Ok(Val::Float(a.to_float(0)))),
    Entry("add", 0, MANY, |_, a| Ok(Val::Int((0..a.len()).fold(0, |n, i| n.wrapping_add(a.to_int(i)))))),
    Entry("sub", 2, 2, |_, a| Ok(Val::Int(a.to_int(0).wrapping_sub(a.to_int(1))))),
    Entry("mul", 1, MANY, |_, a| Ok(Val::Int((0..a.len()).fold(1, |n, i| n.wrapping_mul(a.to_int(i)))))),
    Entry("div", 2, 2, |_, a| divided(a, i64::wrapping_div)),
    Entry("mod", 2, 2, |_, a| divided(a, i64::wrapping_rem)),
    Entry("addf", 0, MANY, |_, a| Ok(Val::Float(tidy((0..a.len()).map(|i| a.to_float(i)).sum())))),
    Entry("subf", 1, MANY, |_, a| Ok(Val::Float(tidy((1..a.len()).fold(a.to_float(0), |n, i| n - a.to_float(i)))))),
    Entry("mulf", 1, MANY, |_, a| Ok(Val::Float(tidy((0..a.len()).map(|i| a.to_float(i)).product())))),
    Entry("divf", 1, MANY, |_, a| Ok(Val::Float((1..a.len()).fold(a.to_float(0), |n, i| n / a.to_float(i))))),
    Entry("max", 1, MANY, |_, a| Ok(Val::Int((0..a.len()).map(|i| a.to_int(i)).max().unwrap_or(0)))),
    Entry("min", 1, MANY, |_, a| Ok(Val::Int((0..a.len()).map(|i| a.to_int(i)).min().unwrap_or(0)))),
    Entry("maxf", 1, MANY, |_, a| Ok(Val::Float((0..a.len()).map(|i| a.to_float(i)).fold(f64::NEG_INFINITY, f64::max)))),
    Entry("minf", 1, MANY, |_, a| Ok(Val::Float((0..a.len()).map(|i| a.to_float(i)).fold(f64::INFINITY, f64::min)))),
    Entry("ceil", 1, 1, |_, a| Ok(Val::Float(a.to_float(0).ceil()))),
    Entry("round", 2, 3, |_, a| {
        let (v, half) = (a.to_float(0), if a.len() > 2 { a.to_float(2) } else { 0.5 });
        let scale = 10f64.powi(a.to_int(1).clamp(-300, 300) as i32);
        let (whole, rest) = ((v * scale).trunc(), (v * scale).fract());
        Ok(Val::Float(if rest >= half { (v * scale).ceil() } else { whole } / scale))
    }),
    Entry("floor", 1, 1, |_, a| Ok(Val::Float(a.to_float(0).floor()))),
];

fn divided<'d>(a: &Args<'_, 'd>, f: fn(i64, i64) -> i64) -> Result<Val<'d>, String> {
    match a.to_int(1) {
        0 => Err("runtime error: integer divide by zero".into()),
        by => Ok(Val::Int(f(a.to_int(0), by))),
    }
}

/// The library behind these functions counts in decimals: 0.1 + 0.2 is 0.3. Fifteen digits do the same.
fn tidy(v: f64) -> f64 {
    if !v.is_finite() || v == 0.0 {
        return v;
    }
    format!("{v:.14e}").parse().unwrap_or(v)
}
