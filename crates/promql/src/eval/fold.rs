//! Running aggregates of floats: one small accumulator per group and step.

use super::column::{ABSENT, is_absent};
use super::over_time::quantile_of;
use crate::kahan::inc;

/// Takes floats one by one; `get` answers `ABSENT` where none came.
pub trait Acc: Clone {
    /// `q` is the parameter of `quantile`.
    fn get(&mut self, q: f64) -> f64;
    fn add(&mut self, v: f64);
    fn new() -> Self;
}

#[derive(Clone)]
pub struct Sum(f64, f64);

impl Acc for Sum {
    fn new() -> Self {
        Sum(ABSENT, 0.0)
    }

    #[inline]
    fn add(&mut self, v: f64) {
        if is_absent(self.0) {
            self.0 = v;
        } else {
            (self.0, self.1) = inc(v, self.0, self.1);
        }
    }

    fn get(&mut self, _: f64) -> f64 {
        if is_absent(self.0) { ABSENT } else { self.0 + self.1 }
    }
}

/// The mean by way of the sum, as long as that does not overflow; then step by step.
#[derive(Clone)]
pub struct Avg {
    n: f64,
    sum: f64,
    comp: f64,
    stepwise: bool,
}

impl Acc for Avg {
    fn new() -> Self {
        Avg { n: 0.0, sum: 0.0, comp: 0.0, stepwise: false }
    }

    #[inline]
    fn add(&mut self, v: f64) {
        self.n += 1.0;
        if self.n == 1.0 {
            self.sum = v;
            return;
        }
        if !self.stepwise {
            let (s, c) = inc(v, self.sum, self.comp);
            if !s.is_infinite() {
                (self.sum, self.comp) = (s, c);
                return;
            }
            self.stepwise = true;
            self.sum /= self.n - 1.0;
            self.comp /= self.n - 1.0;
        }
        let q = (self.n - 1.0) / self.n;
        (self.sum, self.comp) = inc(v / self.n, q * self.sum, q * self.comp);
    }

    fn get(&mut self, _: f64) -> f64 {
        if self.n == 0.0 {
            ABSENT
        } else if self.stepwise {
            self.sum + self.comp
        } else {
            self.sum / self.n + self.comp / self.n
        }
    }
}

#[derive(Clone)]
pub struct Min(f64);

impl Acc for Min {
    fn new() -> Self {
        Min(ABSENT)
    }

    #[inline]
    fn add(&mut self, v: f64) {
        // An absent value is a NaN, so it gives way too.
        if self.0 > v || self.0.is_nan() {
            self.0 = v;
        }
    }

    fn get(&mut self, _: f64) -> f64 {
        self.0
    }
}

#[derive(Clone)]
pub struct Max(f64);

impl Acc for Max {
    fn new() -> Self {
        Max(ABSENT)
    }

    #[inline]
    fn add(&mut self, v: f64) {
        if self.0 < v || self.0.is_nan() {
            self.0 = v;
        }
    }

    fn get(&mut self, _: f64) -> f64 {
        self.0
    }
}

/// Count of elements; also `group`, which answers 1.
#[derive(Clone)]
pub struct Count<const GROUP: bool>(f64);

impl<const GROUP: bool> Acc for Count<GROUP> {
    fn new() -> Self {
        Count(0.0)
    }

    #[inline]
    fn add(&mut self, _: f64) {
        self.0 += 1.0;
    }

    fn get(&mut self, _: f64) -> f64 {
        match self.0 {
            0.0 => ABSENT,
            _ if GROUP => 1.0,
            n => n,
        }
    }
}

/// Welford's variance; `ROOT` for the standard deviation.
#[derive(Clone)]
pub struct Variance<const ROOT: bool> {
    n: f64,
    mean: f64,
    sum: f64,
}

impl<const ROOT: bool> Acc for Variance<ROOT> {
    fn new() -> Self {
        Variance { n: 0.0, mean: 0.0, sum: 0.0 }
    }

    #[inline]
    fn add(&mut self, v: f64) {
        self.n += 1.0;
        if self.n == 1.0 {
            self.mean = v;
            self.sum = if v.is_finite() { 0.0 } else { f64::NAN };
            return;
        }
        let delta = v - self.mean;
        self.mean += delta / self.n;
        self.sum += delta * (v - self.mean);
    }

    fn get(&mut self, _: f64) -> f64 {
        if self.n == 0.0 {
            return ABSENT;
        }
        let v = self.sum / self.n;
        if ROOT { v.sqrt() } else { v }
    }
}

#[derive(Clone)]
pub struct Quantile(Vec<f64>);

impl Acc for Quantile {
    fn new() -> Self {
        Quantile(vec![])
    }

    fn add(&mut self, v: f64) {
        self.0.push(v);
    }

    fn get(&mut self, q: f64) -> f64 {
        if self.0.is_empty() { ABSENT } else { quantile_of(q, &mut self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<A: Acc>(vals: &[f64]) -> f64 {
        let mut a = A::new();
        vals.iter().for_each(|v| a.add(*v));
        a.get(0.5)
    }

    #[test]
    fn each_aggregate() {
        let v = [1.0, 4.0, 1.0];
        assert_eq!([run::<Sum>(&v), run::<Avg>(&v), run::<Min>(&v), run::<Max>(&v)], [6.0, 2.0, 1.0, 4.0]);
        assert_eq!(
            [run::<Count<false>>(&v), run::<Count<true>>(&v), run::<Variance<false>>(&v), run::<Quantile>(&v)],
            [3.0, 1.0, 2.0, 1.0]
        );
        assert!(is_absent(run::<Sum>(&[])) && is_absent(run::<Avg>(&[])) && is_absent(run::<Min>(&[])));
        assert_eq!(run::<Avg>(&[f64::MAX, f64::MAX]), f64::MAX);
        assert!(run::<Variance<true>>(&[f64::INFINITY]).is_nan());
        assert_eq!(run::<Min>(&[f64::NAN, 2.0]), 2.0);
    }
}
