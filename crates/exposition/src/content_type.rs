//! Which format a content type names.

use crate::ScrapeError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Text,
    OpenMetrics,
    Protobuf,
}

impl Format {
    /// The names of `fallback_scrape_protocol` and `scrape_protocols`.
    pub fn parse(name: &str) -> Option<Format> {
        match name {
            "PrometheusText0.0.4" | "PrometheusText1.0.0" => Some(Format::Text),
            "OpenMetricsText0.0.1" | "OpenMetricsText1.0.0" => Some(Format::OpenMetrics),
            "PrometheusProto" => Some(Format::Protobuf),
            _ => None,
        }
    }
}

/// A missing or unknown type fails the scrape unless there is a fallback.
pub fn negotiate(content_type: &str, fallback: Option<Format>) -> Result<Format, ScrapeError> {
    let mut parts = content_type.split(';').map(str::trim);
    let media = parts.next().unwrap_or("").to_ascii_lowercase();
    let found = match media.as_str() {
        "text/plain" => Some(Format::Text),
        "application/openmetrics-text" => Some(Format::OpenMetrics),
        "application/vnd.google.protobuf" => {
            let family = parts.any(|p| p.replace(' ', "").eq_ignore_ascii_case("proto=io.prometheus.client.MetricFamily"));
            family.then_some(Format::Protobuf)
        }
        _ => None,
    };
    found.or(fallback).ok_or_else(|| {
        ScrapeError::ContentType(if media.is_empty() {
            "non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol specified for target".to_owned()
        } else {
            format!("received unsupported Content-Type {content_type:?} and no fallback_scrape_protocol specified for target")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types() {
        let ok = |t| negotiate(t, None).unwrap();
        assert_eq!(ok("text/plain"), Format::Text);
        assert_eq!(ok("application/openmetrics-text; version=1.0.0; charset=utf-8"), Format::OpenMetrics);
        assert_eq!(ok("application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"), Format::Protobuf);
        assert!(negotiate("application/json", None).is_err());
        assert_eq!(negotiate("", Some(Format::Text)), Ok(Format::Text));
    }
}
