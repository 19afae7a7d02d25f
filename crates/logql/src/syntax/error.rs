//! Parse errors with their place in the query.

use std::fmt;

use query::QueryError;

/// What is wrong with a query text. `Display` gives the whole line as Loki words it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// from 1; 0 where the error belongs to the query as a whole
    pub line: usize,
    /// characters from 1
    pub col: usize,
    pub message: String,
}

impl ParseError {
    /// An error of the whole query, not of one place.
    pub fn whole(message: impl Into<String>) -> ParseError {
        ParseError { line: 0, col: 0, message: message.into() }
    }

    pub(crate) fn at(text: &str, offset: usize, message: impl Into<String>) -> ParseError {
        let before = &text[..offset.min(text.len())];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        ParseError { line: before.matches('\n').count() + 1, col: before[line_start..].chars().count() + 1, message: message.into() }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "parse error : {}", self.message),
            line => write!(f, "parse error at line {line}, col {}: {}", self.col, self.message),
        }
    }
}

impl std::error::Error for ParseError {}

impl From<ParseError> for QueryError {
    fn from(e: ParseError) -> QueryError {
        QueryError::Bad(e.to_string())
    }
}
