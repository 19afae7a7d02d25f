//! One module per family of endpoints.

pub mod admin;
pub mod exemplars;
pub mod federate;
pub mod labels;
pub mod metadata;
pub mod query;
pub mod rules;
pub mod search;
pub mod status;
pub mod targets;
pub mod tsdb;
