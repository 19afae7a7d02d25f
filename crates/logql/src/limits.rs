//! Limits of the engine.

/// Longest query text in bytes; Loki's own limit.
pub const MAX_QUERY_BYTES: usize = 131_072;
/// How deep expressions and label filters may nest (templates have `gotemplate`'s limits); a deeper text is refused, which bounds the stack.
pub const MAX_DEPTH: usize = 100;
/// Binary operators in a row (`a + b + c …`); each is a level of the tree, so this bounds the stack too.
pub const MAX_OPERATORS: usize = 250;
/// Conditions of one label filter (`a="1" or a="2" …`), for the same reason.
pub const MAX_CONDITIONS: usize = 300;
/// How deep JSON and XML values are followed; what lies deeper counts as malformed.
pub const MAX_VALUE_DEPTH: usize = 100;
/// Result series of a metric query, unless the caller says otherwise.
pub const MAX_SERIES: usize = 500;
/// Regular expressions that come from data, not from the query, and are kept compiled per template.
pub const MAX_CACHED_REGEX: usize = 64;
/// Points of one range query over all its steps; more is refused before anything is read.
pub const MAX_STEPS: usize = 100_000;
