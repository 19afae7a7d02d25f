//! (crate api-otlp)
