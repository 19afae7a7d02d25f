//! Limits of the language and of its evaluation.

/// Longest query in bytes (Tempo's); longer ones are refused before they are read.
pub const MAX_QUERY_BYTES: usize = 128 << 10;

/// Deepest nesting of parentheses and operators; bounds the recursion of parser, printer and planner.
pub const MAX_DEPTH: usize = 64;

/// Most attributes of a metrics `by()`; quantile, histogram and avg take one less because they add a label of their own.
pub const MAX_GROUP_BY: usize = 5;

/// Most values per attribute that `compare()` may be asked to list.
pub const MAX_COMPARE_TOP: i64 = 1000;

/// Values per attribute that `compare()` lists when the query does not say.
pub const DEFAULT_COMPARE_TOP: i64 = 10;

/// Nanoseconds around a search's range in which matching spans of overlapping traces are looked for. Larger finds matches of longer traces
/// whose matching span lies outside the range, and reads more batches.
pub const SEARCH_SLACK_NS: u64 = 60_000_000_000;

/// Traces gathered at a time; larger amortises the index look-up, smaller wastes less when a search can stop.
pub const GATHER_CHUNK: usize = 64;

/// Most intervals of one range query.
pub const MAX_INTERVALS: u64 = 10_000;

/// Most operators in one query. With `MAX_DEPTH` it bounds the height of the tree, so that walking it cannot exhaust the stack.
pub const MAX_OPERATORS: usize = 1_000;

/// Batches whose looked-up columns and filter results a query keeps at a time; more saves work when traces spread widely, and holds more.
pub const MAX_CACHED_VIEWS: usize = 1_024;

/// Most exemplars of one query; a hint cannot ask for more.
pub const MAX_EXEMPLARS: usize = 100;

/// Counts by code that `compare()` collects before it looks at their texts; more saves work and holds more.
pub const MAX_PENDING_COUNTS: usize = 100_000;

/// Bytes of batches that a query's kept views may hold; beyond it they are let go and made again when needed.
pub const MAX_CACHED_BYTES: usize = 128 << 20;

/// Bytes that a candidate trace of a search or metrics query is accounted with.
pub const CANDIDATE_BYTES: u64 = 64;
