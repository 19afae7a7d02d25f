//! The functions of the language with their signatures.

use crate::ast::ValueType;

/// A function's name and signature.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    pub name: &'static str,
    /// types of the arguments; the last one repeats where `variadic` is not 0
    pub args: &'static [ValueType],
    /// how many of the arguments (from the last of `args` on) may be left out or repeated; -1 = without limit
    pub variadic: i32,
    pub returns: ValueType,
    /// needs `promql-experimental-functions`
    pub experimental: bool,
}

/// The function of that name (names are case-sensitive).
pub fn function(name: &str) -> Option<&'static Function> {
    FUNCTIONS.binary_search_by(|f| f.name.cmp(name)).ok().map(|at| &FUNCTIONS[at])
}

/// All functions, sorted by name.
pub fn functions() -> &'static [Function] {
    FUNCTIONS
}

use ValueType::{Matrix, Scalar, String as Str, Vector};

const fn stable(name: &'static str, args: &'static [ValueType], returns: ValueType) -> Function {
    Function { name, args, variadic: 0, returns, experimental: false }
}

const fn vector(name: &'static str) -> Function {
    stable(name, &[Vector], Vector)
}

const fn range(name: &'static str) -> Function {
    stable(name, &[Matrix], Vector)
}

/// A date function: without argument it takes the evaluation time.
const fn date(name: &'static str) -> Function {
    Function { name, args: &[Vector], variadic: 1, returns: Vector, experimental: false }
}

const fn new(name: &'static str, args: &'static [ValueType], returns: ValueType) -> Function {
    Function { name, args, variadic: 0, returns, experimental: true }
}

static FUNCTIONS: &[Function] = &[
    vector("abs"),
    vector("absent"),
    range("absent_over_time"),
    vector("acos"),
    vector("acosh"),
    vector("asin"),
    vector("asinh"),
    vector("atan"),
    vector("atanh"),
    range("avg_over_time"),
    vector("ceil"),
    range("changes"),
    stable("clamp", &[Vector, Scalar, Scalar], Vector),
    stable("clamp_max", &[Vector, Scalar], Vector),
    stable("clamp_min", &[Vector, Scalar], Vector),
    vector("cos"),
    vector("cosh"),
    range("count_over_time"),
    date("day_of_month"),
    date("day_of_week"),
    date("day_of_year"),
    date("days_in_month"),
    vector("deg"),
    range("delta"),
    range("deriv"),
    new("double_exponential_smoothing", &[Matrix, Scalar, Scalar], Vector),
    new("end", &[], Scalar),
    vector("exp"),
    range("first_over_time"),
    vector("floor"),
    vector("histogram_avg"),
    vector("histogram_count"),
    stable("histogram_fraction", &[Scalar, Scalar, Vector], Vector),
    stable("histogram_quantile", &[Scalar, Vector], Vector),
    Function { name: "histogram_quantiles", args: &[Vector, Str, Scalar, Scalar], variadic: 9, returns: Vector, experimental: true },
    vector("histogram_stddev"),
    vector("histogram_stdvar"),
    vector("histogram_sum"),
    date("hour"),
    range("idelta"),
    range("increase"),
    Function { name: "info", args: &[Vector, Vector], variadic: 1, returns: Vector, experimental: true },
    range("irate"),
    Function { name: "label_join", args: &[Vector, Str, Str, Str], variadic: -1, returns: Vector, experimental: false },
    stable("label_replace", &[Vector, Str, Str, Str, Str], Vector),
    range("last_over_time"),
    vector("ln"),
    vector("log10"),
    vector("log2"),
    new("mad_over_time", &[Matrix], Vector),
    new("max_of", &[Scalar, Scalar], Scalar),
    range("max_over_time"),
    new("min_of", &[Scalar, Scalar], Scalar),
    range("min_over_time"),
    date("minute"),
    date("month"),
    stable("pi", &[], Scalar),
    stable("predict_linear", &[Matrix, Scalar], Vector),
    range("present_over_time"),
    stable("quantile_over_time", &[Scalar, Matrix], Vector),
    vector("rad"),
    new("range", &[], Scalar),
    range("rate"),
    range("resets"),
    Function { name: "round", args: &[Vector, Scalar], variadic: 1, returns: Vector, experimental: false },
    stable("scalar", &[Vector], Scalar),
    vector("sgn"),
    vector("sin"),
    vector("sinh"),
    vector("sort"),
    Function { name: "sort_by_label", args: &[Vector, Str], variadic: -1, returns: Vector, experimental: true },
    Function { name: "sort_by_label_desc", args: &[Vector, Str], variadic: -1, returns: Vector, experimental: true },
    vector("sort_desc"),
    vector("sqrt"),
    new("start", &[], Scalar),
    new("start_timestamp", &[Vector], Vector),
    range("stddev_over_time"),
    range("stdvar_over_time"),
    new("step", &[], Scalar),
    range("sum_over_time"),
    vector("tan"),
    vector("tanh"),
    stable("time", &[], Scalar),
    vector("timestamp"),
    new("ts_of_first_over_time", &[Matrix], Vector),
    new("ts_of_last_over_time", &[Matrix], Vector),
    new("ts_of_max_over_time", &[Matrix], Vector),
    new("ts_of_min_over_time", &[Matrix], Vector),
    stable("vector", &[Scalar], Vector),
    date("year"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_whole() {
        assert!(FUNCTIONS.windows(2).all(|w| w[0].name < w[1].name));
        assert_eq!(FUNCTIONS.len(), 90);
        assert_eq!(function("rate").unwrap().args, [Matrix]);
        assert!(function("Rate").is_none());
    }
}
