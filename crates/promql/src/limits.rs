//! Limits of the language front end and of the evaluator.

/// Deepest nesting of parentheses, calls and unary operators that is parsed. Higher costs stack: about 2 KiB a level.
pub const MAX_NESTING: usize = 200;

/// Most operators and modifiers in an expression (a chain `a + b + c` is as high as it has operators).
/// Evaluating, printing and dropping recurse about this deep.
pub const MAX_HEIGHT: usize = 1_000;

/// From this height on a query is evaluated on a thread with a stack of its own.
pub const OWN_STACK_HEIGHT: usize = 40;

/// Stack bytes per level of height on such a thread. Unused stack costs no memory.
pub const STACK_PER_LEVEL: usize = 64 << 10;

/// Longest query text in bytes.
pub const MAX_QUERY_BYTES: usize = 1 << 20;

/// Most steps of one evaluation, subqueries included: each series holds 8 bytes a step.
pub const MAX_STEPS: usize = 10_000_000;

/// Steps between two looks at the clock inside one series.
pub const STEPS_PER_CHECK: usize = 4_096;

/// The default distance an instant selector looks back, in milliseconds.
pub const DEFAULT_LOOKBACK_MS: i64 = 300_000;

/// The default step of a subquery without one, in milliseconds (Prometheus: the global evaluation interval).
pub const DEFAULT_SUBQUERY_STEP_MS: i64 = 60_000;

/// Most repetitions of one value in a series description, so that `1x999999999` does not eat the memory.
#[cfg(feature = "script")]
pub const MAX_DESCRIBED_VALUES: u64 = 1_000_000;
