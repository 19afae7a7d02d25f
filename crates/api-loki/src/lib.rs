//! (crate api-loki)
