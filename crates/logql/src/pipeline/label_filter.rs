//! Label filters: texts, numbers, durations, sizes, addresses, joined by and/or.

use model::Matcher;

use super::ip::IpMatcher;
use super::row::{LineError, Row};
use crate::syntax::ast::{CompareOp, LabelFilter};
use crate::units::{parse_bytes, parse_float, parse_go_duration};

#[derive(Debug)]
pub enum LabelMatcher {
    Match(Matcher),
    Number { name: String, op: CompareOp, value: f64 },
    Duration { name: String, op: CompareOp, value: i64 },
    Bytes { name: String, op: CompareOp, value: u64 },
    Ip { name: String, negated: bool, ip: IpMatcher },
    And(Box<LabelMatcher>, Box<LabelMatcher>),
    Or(Box<LabelMatcher>, Box<LabelMatcher>),
}

pub fn compare<T: PartialOrd>(op: CompareOp, a: T, b: T) -> bool {
    match op {
        CompareOp::Eq => a == b,
        CompareOp::Ne => a != b,
        CompareOp::Gt => a > b,
        CompareOp::Ge => a >= b,
        CompareOp::Lt => a < b,
        CompareOp::Le => a <= b,
    }
}

impl LabelMatcher {
    pub fn new(filter: &LabelFilter) -> Result<LabelMatcher, String> {
        Ok(match filter.clone() {
            LabelFilter::Match(m) => LabelMatcher::Match(m),
            LabelFilter::Number { name, op, value } => LabelMatcher::Number { name, op, value },
            LabelFilter::Duration { name, op, value } => LabelMatcher::Duration { name, op, value },
            LabelFilter::Bytes { name, op, value } => LabelMatcher::Bytes { name, op, value },
            LabelFilter::Ip { name, negated, pattern } => LabelMatcher::Ip { name, negated, ip: IpMatcher::new(&pattern)? },
            LabelFilter::And(a, b) => LabelMatcher::And(Box::new(LabelMatcher::new(&a)?), Box::new(LabelMatcher::new(&b)?)),
            LabelFilter::Or(a, b) => LabelMatcher::Or(Box::new(LabelMatcher::new(&a)?), Box::new(LabelMatcher::new(&b)?)),
        })
    }

    /// A value that cannot be converted marks the line with an error and lets it pass; a missing label drops it.
    pub fn matches(&self, row: &mut Row<'_>) -> bool {
        match self {
            LabelMatcher::Match(m) => m.matches(row.get(&m.name).unwrap_or("")),
            LabelMatcher::Number { name, op, value } => converted(row, name, parse_float, |v| compare(*op, v, *value)),
            LabelMatcher::Duration { name, op, value } => converted(row, name, parse_go_duration, |v| compare(*op, v, *value)),
            LabelMatcher::Bytes { name, op, value } => converted(row, name, parse_bytes, |v| compare(*op, v, *value)),
            LabelMatcher::Ip { name, negated, ip } => row.error().is_some() || row.get(name).is_some_and(|v| ip.found_in(v) != *negated),
            LabelMatcher::And(a, b) => {
                // Both sides run: either may mark an error.
                let a = a.matches(row);
                b.matches(row) && a
            }
            LabelMatcher::Or(a, b) => a.matches(row) || b.matches(row),
        }
    }

    /// The labels it reads.
    pub fn names(&self) -> Vec<String> {
        match self {
            LabelMatcher::Match(m) => vec![m.name.clone()],
            LabelMatcher::Number { name, .. }
            | LabelMatcher::Duration { name, .. }
            | LabelMatcher::Bytes { name, .. }
            | LabelMatcher::Ip { name, .. } => vec![name.clone()],
            LabelMatcher::And(a, b) | LabelMatcher::Or(a, b) => [a.names(), b.names()].concat(),
        }
    }
}

fn converted<T>(row: &mut Row<'_>, name: &str, parse: fn(&str) -> Result<T, String>, test: impl FnOnce(T) -> bool) -> bool {
    // An error label is no number, and an absent one neither.
    if name == super::row::ERROR {
        return false;
    }
    match row.get(name).map(parse) {
        None => false,
        Some(Ok(v)) => test(v),
        Some(Err(details)) => {
            row.fail(LineError::LabelFilter, &details);
            true
        }
    }
}
