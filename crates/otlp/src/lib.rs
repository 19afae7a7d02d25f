//! (crate otlp)
