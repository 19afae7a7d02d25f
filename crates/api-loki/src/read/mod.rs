//! Reading: one file per family of endpoints.

pub mod detected;
mod drain;
pub mod engine;
mod fields;
pub mod index;
mod kind;
pub mod labels;
pub mod query;
pub mod render;
mod volume;
