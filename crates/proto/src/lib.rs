//! The foreign wire formats as Rust messages: OTLP, Tempo, Loki push, Prometheus remote write and exposition.
//!
//! Generated at build time from the repository's `proto/` folder. Used where a message is written or where speed does not matter;
//! the ingest path has decoders of its own in `otlp`.
#![allow(clippy::all, missing_docs)]

include!(concat!(env!("OUT_DIR"), "/all.rs"));
