//! Parsers of the exposition formats that Prometheus scrapes: text 0.0.4 and 1.0.0, OpenMetrics, protobuf.
//!
//! `parse` takes a page as an exporter sent it and gives samples, exemplars and metadata; what fails a page in Prometheus fails it here,
//! with the words that users of Prometheus know. Forgiveness follows Prometheus too (see the crate's README).

mod content_type;
mod cursor;
pub mod limits;
mod number;
mod page;
mod protobuf;
mod text;

pub use content_type::{Format, negotiate};
pub use page::{Page, Row, ScrapeError, ScrapedExemplar, Value};

/// Parses a page. `fallback` is used when the content type is missing or unknown.
pub fn parse(body: &[u8], content_type: &str, fallback: Option<Format>) -> Result<Page, ScrapeError> {
    match negotiate(content_type, fallback)? {
        Format::Text => text::parse(body, text::Dialect::Prometheus),
        Format::OpenMetrics => text::parse(body, text::Dialect::OpenMetrics),
        Format::Protobuf => protobuf::parse(body),
    }
}
