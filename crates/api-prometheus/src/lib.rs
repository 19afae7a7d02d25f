//! The Prometheus face: the HTTP API of port 9090 over the shared backend. `router` is the way in.

mod ast;
mod buckets;
mod call;
mod engine;
mod error;
mod handlers;
mod json;
pub mod limits;
mod names;
mod number;
mod otlp;
mod params;
mod read;
mod render;
mod reply;
mod routes;
mod time;
mod wire;
mod write;

pub use routes::router;
