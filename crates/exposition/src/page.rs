//! What a page holds and why a page fails.

use std::fmt;
use std::sync::Arc;

use model::{Histogram, Labels, Metadata};

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// in the order of the page; the metric's name is among the labels
    pub rows: Vec<Row>,
    /// one entry per family that said something of itself
    pub metadata: Vec<Metadata>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub labels: Labels,
    pub value: Value,
    /// Unix milliseconds, where the exporter gave one
    pub timestamp: Option<i64>,
    /// start (created) time in Unix milliseconds, 0 = unknown
    pub start: i64,
    pub exemplars: Vec<ScrapedExemplar>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Float(f64),
    Histogram(Arc<Histogram>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct ScrapedExemplar {
    pub labels: Labels,
    pub value: f64,
    pub timestamp: Option<i64>,
}

/// Why a page was refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScrapeError {
    /// the content type is missing or none we know
    ContentType(String),
    /// the page does not follow its format
    Parse(String),
    /// a sample that no series can hold
    Sample(String),
}

impl fmt::Display for ScrapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ScrapeError::ContentType(s) | ScrapeError::Parse(s) | ScrapeError::Sample(s) => f.write_str(s),
        }
    }
}

impl std::error::Error for ScrapeError {}
