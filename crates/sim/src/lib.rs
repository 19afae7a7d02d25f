//! (crate sim)
