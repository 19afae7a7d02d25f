//! (crate api)
