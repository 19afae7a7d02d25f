//! A push as decoded, before any check: streams of entries whose texts are borrowed from the body where possible.

use std::borrow::Cow;

/// One line with its structured metadata as sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry<'a> {
    /// Unix nanoseconds, not before 1970
    pub ts: i64,
    pub line: Cow<'a, str>,
    pub meta: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// Label pairs in the order sent.
pub type Pairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

#[derive(Debug, Clone, PartialEq)]
pub struct Stream<'a> {
    /// the pairs, or why the text that should hold them does not parse
    pub labels: Result<Pairs<'a>, String>,
    pub entries: Vec<Entry<'a>>,
}

/// The whole request is refused (400) with this text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadPush(pub String);
