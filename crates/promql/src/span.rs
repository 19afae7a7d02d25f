//! Where a piece of a query stands in its text, and how that is shown.

/// Byte offsets, end excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

impl Span {
    pub fn new(start: usize, end: usize) -> Span {
        Span { start, end }
    }

    /// From the start of `self` to the end of `last`.
    pub fn to(self, last: Span) -> Span {
        Span { start: self.start, end: last.end }
    }

    /// `line:column` of the start, both from 1 (columns count bytes); "unknown position" in an empty query.
    pub fn position(self, query: &str) -> String {
        if query.is_empty() {
            return "unknown position".into();
        }
        let Some(before) = query.as_bytes().get(..self.start) else {
            return "invalid position".into();
        };
        let line = 1 + before.iter().filter(|b| **b == b'\n').count();
        let column = match before.iter().rposition(|b| *b == b'\n') {
            Some(newline) => self.start - newline,
            None => self.start + 1,
        };
        format!("{line}:{column}")
    }
}

/// Why a text is not a query. Its `Display` is the whole message with the position in front.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    pub span: Span,
    /// what is wrong, without position
    pub reason: String,
    /// `line:column` of the span
    pub position: String,
}

impl ParseError {
    pub(crate) fn new(query: &str, span: Span, reason: impl Into<String>) -> ParseError {
        ParseError { span, reason: reason.into(), position: span.position(query) }
    }
}

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: parse error: {}", self.position, self.reason)
    }
}

impl std::error::Error for ParseError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions() {
        assert_eq!(Span::new(4, 5).position("a +\nb"), "2:1");
        assert_eq!(Span::new(0, 0).position(""), "unknown position");
        assert_eq!(Span::new(2, 2).position("ab"), "1:3");
        assert_eq!(Span::new(9, 9).position("ab"), "invalid position");
    }
}
