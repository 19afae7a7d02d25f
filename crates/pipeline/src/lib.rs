//! (crate pipeline)
