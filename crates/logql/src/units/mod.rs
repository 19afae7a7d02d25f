//! Numbers, durations and byte sizes as Go and Prometheus read and write them. Plain numbers and quotes are `gotemplate`'s.

mod bytes;
mod duration;

pub use bytes::{format_bytes, parse_bytes, parse_bytes_literal};
pub use duration::{
    format_go_duration, format_range_duration, literal_duration_len, parse_go_duration, parse_literal_duration, parse_range_duration,
};
pub use gotemplate::{format_f, format_g, go_quote, parse_float, unquote_go};
