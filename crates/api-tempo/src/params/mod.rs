//! Request parameters of every endpoint: what they may be and the exact text when they are not.

pub mod go;
mod metrics;
mod search;
mod tags;
mod trace;

use api::Params;

use crate::error::ApiError;

pub use metrics::MetricsRequest;
pub use search::{SearchRequest, What};
pub use tags::{TagScope, TagsRequest, ValuesRequest};
pub use trace::{TraceFilter, TraceRequest, parse_trace_id};

/// A parameter that is an unsigned integer of so many bits, if given.
fn uint(p: &Params, name: &str, bits: u32) -> Result<Option<u64>, ApiError> {
    match p.given(name) {
        None => Ok(None),
        Some(text) => go::parse_uint(text, bits).map(Some).map_err(|e| ApiError::bad(format!("invalid {name}: {e}"))),
    }
}

/// `invalid start ... before end` as all endpoints say it.
fn ordered(start: u64, end: u64) -> Result<(), ApiError> {
    if end <= start {
        return Err(ApiError::bad(format!("http parameter start must be before end. received start={start} end={end}")));
    }
    Ok(())
}

fn one_of_two() -> ApiError {
    ApiError::bad("error parsing date range: only one of start and end provided: must provide both or neither")
}

/// A query text within its limit.
pub fn check_query_size(text: &str) -> Result<(), ApiError> {
    let limit = crate::limits::MAX_QUERY_BYTES;
    if text.len() > limit {
        return Err(ApiError::bad(format!("TraceQL query exceeds maximum size of {limit} bytes: {} bytes received", text.len())));
    }
    Ok(())
}
