//! (crate api-prometheus)
