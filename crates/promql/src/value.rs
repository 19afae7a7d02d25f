//! What an evaluation answers: values, notes and counts.

use std::sync::Arc;

use model::{Histogram, Labels};

use crate::annotations::Annotations;
use crate::ast::ValueType;

/// The answer to a query.
#[derive(Debug, Clone)]
pub struct QueryResult {
    pub value: Value,
    pub annotations: Annotations,
    pub stats: QueryStats,
}

/// How much a query read and held.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueryStats {
    /// samples that went into results and windows, each time they did
    pub total_samples: u64,
    /// samples decoded from the source
    pub samples_read: u64,
    /// most samples held at once
    pub peak_samples: u64,
}

/// Times are Unix milliseconds.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Scalar {
        t: i64,
        v: f64,
    },
    String {
        t: i64,
        v: String,
    },
    /// of an instant query: in the order that the expression gives (sort, topk), else by labels
    Vector(Vec<Sample>),
    /// sorted by labels
    Matrix(Vec<Series>),
}

impl Value {
    pub fn value_type(&self) -> ValueType {
        match self {
            Value::Scalar { .. } => ValueType::Scalar,
            Value::String { .. } => ValueType::String,
            Value::Vector(_) => ValueType::Vector,
            Value::Matrix(_) => ValueType::Matrix,
        }
    }
}

/// One element of an instant vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub labels: Labels,
    pub t: i64,
    pub value: SampleValue,
}

#[derive(Debug, Clone, PartialEq)]
pub enum SampleValue {
    Float(f64),
    Histogram(Arc<Histogram>),
}

/// One series of a matrix: floats and histograms apart, each ascending in time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    pub labels: Labels,
    pub floats: Vec<(i64, f64)>,
    pub histograms: Vec<(i64, Arc<Histogram>)>,
}

impl Series {
    pub fn is_empty(&self) -> bool {
        self.floats.is_empty() && self.histograms.is_empty()
    }
}
