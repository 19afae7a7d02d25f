//! The receiver over a memory store, asked without a socket: every kind of good and malformed request of both protocols.

mod grpc;
mod http;
mod server;
