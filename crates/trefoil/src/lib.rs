//! Trefoil as a library: `serve::start` runs the whole process in your own; `cli::main` is the binary.
//!
//! Settings (`config`), wiring and listeners (`serve`), the command line (`cli`), mock telemetry (`mock`).

pub mod cli;
pub mod config;
pub mod mock;
pub mod serve;
