//! What happens to data between receive and store: the metrics generator makes RED metrics and a service graph of spans.
//!
//! `Generator::observe` takes each accepted span batch, `Generator::collect` gives what changed as a batch of metrics under Tempo's
//! names, so that Grafana's service map and RED tables work with nothing to configure. Pure: time is a parameter.

mod attributes;
mod generator;
pub mod limits;
mod registry;
mod service_graph;
mod size;
mod span_metrics;

pub use generator::{Generator, GeneratorOptions};
pub use service_graph::ServiceGraphOptions;
pub use span_metrics::{DimensionMapping, SpanMetricsOptions};
