//! Compensated summation (Neumaier's variant of Kahan's): the sum of many floats without most of the rounding.

/// Adds `x` to a sum with its compensation; the total is the sum of both.
#[inline]
pub fn inc(x: f64, sum: f64, comp: f64) -> (f64, f64) {
    let t = sum + x;
    let c = if t.is_infinite() {
        0.0
    } else if sum.abs() >= x.abs() {
        comp + ((sum - t) + x)
    } else {
        comp + ((x - t) + sum)
    };
    (t, c)
}

#[cfg(test)]
mod tests {
    use super::inc;

    #[test]
    fn small_terms_survive() {
        let (s, c) = [1.0, 1e100, 1.0, -1e100].iter().fold((0.0, 0.0), |(s, c), x| inc(*x, s, c));
        assert_eq!(s + c, 2.0);
        assert_eq!(inc(f64::INFINITY, 1.0, 0.5), (f64::INFINITY, 0.0));
    }
}
