//! `unwrap`: a label's value as the sample.

use super::label_filter::LabelMatcher;
use super::row::{LineError, Row};
use crate::syntax::ast::{Conversion, Unwrap};
use crate::units::{parse_bytes, parse_float, parse_go_duration};

#[derive(Debug)]
pub struct Unwrapper {
    pub label: String,
    conversion: Conversion,
    filters: Vec<LabelMatcher>,
}

/// What unwrapping makes of a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Unwrapped {
    Dropped,
    /// the row carries an error if the value could not be converted
    Value(f64),
}

impl Unwrapper {
    pub fn new(unwrap: &Unwrap) -> Result<Unwrapper, String> {
        let filters = unwrap.filters.iter().map(LabelMatcher::new).collect::<Result<_, _>>()?;
        Ok(Unwrapper { label: unwrap.label.clone(), conversion: unwrap.conversion, filters })
    }

    pub fn run(&self, row: &mut Row<'_>) -> Unwrapped {
        let value = match row.get(&self.label) {
            None | Some("") => return Unwrapped::Dropped,
            Some(text) => match self.conversion {
                Conversion::Number => parse_float(text),
                Conversion::Bytes => parse_bytes(text).map(|b| b as f64),
                Conversion::Duration | Conversion::DurationSeconds => parse_go_duration(text).map(|ns| ns as f64 / 1e9),
            },
        };
        let value = value.unwrap_or_else(|details| {
            row.fail(LineError::SampleExtraction, &details);
            0.0
        });
        if self.filters.iter().all(|f| f.matches(row)) { Unwrapped::Value(value) } else { Unwrapped::Dropped }
    }

    /// The labels it reads.
    pub fn names(&self) -> Vec<String> {
        let mut out = vec![self.label.clone()];
        out.extend(self.filters.iter().flat_map(LabelMatcher::names));
        out
    }
}
