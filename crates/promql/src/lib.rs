//! (crate promql)
