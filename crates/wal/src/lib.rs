//! (crate wal)
