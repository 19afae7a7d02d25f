//! Bounds of the crate.

/// Blocks, parentheses and calls inside one another; above it a template is refused, which bounds the stack.
pub const MAX_DEPTH: usize = 100;
/// Steps (nodes, loop rounds, function calls) of one execution; above it the execution fails.
pub const MAX_STEPS: usize = 100_000;
/// Bytes that one execution may write; above it the execution fails.
pub const MAX_OUTPUT: usize = 1 << 20;
/// Characters of width or precision that `printf` gives; more is cut to this.
pub const MAX_WIDTH: usize = 1_000;
