//! (crate traceql)
