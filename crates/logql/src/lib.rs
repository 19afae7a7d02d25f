//! (crate logql)
