//! (crate host)
