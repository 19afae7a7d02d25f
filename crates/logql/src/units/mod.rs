//! Numbers, durations and byte sizes as Go and Prometheus read and write them.

mod bytes;
mod duration;
mod float;
mod quote;

pub use bytes::{format_bytes, parse_bytes, parse_bytes_literal};
pub use duration::{
    format_go_duration, format_range_duration, literal_duration_len, parse_go_duration, parse_literal_duration, parse_range_duration,
};
pub use float::{format_f, format_g, parse_float};
pub use quote::{go_quote, unquote_go};
