//! The API over a small memory store: requests in, status and body out.

mod admin;
mod labels;
mod params;
mod query;
mod read;
mod recorded;
mod server;
mod status;
mod write;

use server::Server;
