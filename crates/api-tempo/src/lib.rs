//! (crate api-tempo)
