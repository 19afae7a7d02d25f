//! Scripts of the promqltest format: load series, evaluate queries, compare. Used by this crate's tests and, on the real store, by `sim`.
//!
//! `run` is generic over where the samples go: it asks a `Storage` to forget everything, to take series, and for a source to query.

mod compare;
mod memory;
mod nhcb;
mod parse;
mod run;
mod series;

pub use memory::MemoryStorage;
pub use parse::{Command, Eval, Expectation, ExpectedNote, Load, parse};
pub use run::{Outcome, Report, run, run_with};
pub use series::{Described, parse_series};

use std::sync::Arc;

use model::Labels;
use query::MetricSource;

use crate::value::SampleValue;

/// One series to be stored.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub labels: Labels,
    pub samples: Vec<LoadedSample>,
}

#[derive(Debug, Clone)]
pub struct LoadedSample {
    /// Unix milliseconds
    pub t: i64,
    /// start time, 0 = unknown
    pub st: i64,
    pub value: SampleValue,
}

/// What a script runs on.
pub trait Storage {
    /// Forgets everything.
    fn clear(&mut self);

    /// Takes series; times of one series rise, also from one call to the next.
    fn load(&mut self, series: Vec<Loaded>) -> Result<(), String>;

    /// A view of everything loaded so far.
    fn source(&self) -> Arc<dyn MetricSource>;
}
