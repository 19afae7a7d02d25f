//! Label matchers: `=`, `!=`, `=~`, `!~`; an absent label reads as "".

use std::fmt;

use crate::{Labels, re2};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MatchOp {
    Eq,
    Ne,
    Re,
    Nre,
}

impl MatchOp {
    pub fn as_str(self) -> &'static str {
        match self {
            MatchOp::Eq => "=",
            MatchOp::Ne => "!=",
            MatchOp::Re => "=~",
            MatchOp::Nre => "!~",
        }
    }

    pub fn is_negative(self) -> bool {
        matches!(self, MatchOp::Ne | MatchOp::Nre)
    }
}

/// One condition on one label. A regular expression is compiled once, here, fully anchored, with RE2's meaning.
#[derive(Clone)]
pub struct Matcher {
    pub name: String,
    pub op: MatchOp,
    pub value: String,
    regex: Option<re2::Anchored>,
}

/// Why a pattern was refused, in the words RE2 users know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRegex(pub String);

impl fmt::Display for BadRegex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadRegex {}

impl Matcher {
    pub fn new(op: MatchOp, name: impl Into<String>, value: impl Into<String>) -> Result<Matcher, BadRegex> {
        let value = value.into();
        let regex = match op {
            MatchOp::Re | MatchOp::Nre => Some(re2::Anchored::new(&value)?),
            _ => None,
        };
        Ok(Matcher { name: name.into(), op, value, regex })
    }

    pub fn eq(name: impl Into<String>, value: impl Into<String>) -> Matcher {
        Matcher { name: name.into(), op: MatchOp::Eq, value: value.into(), regex: None }
    }

    /// `value` is the label's value, "" where it is absent.
    pub fn matches(&self, value: &str) -> bool {
        match self.op {
            MatchOp::Eq => self.value == value,
            MatchOp::Ne => self.value != value,
            MatchOp::Re => self.regex.as_ref().is_some_and(|r| r.is_match(value)),
            MatchOp::Nre => !self.regex.as_ref().is_some_and(|r| r.is_match(value)),
        }
    }

    pub fn matches_labels(&self, labels: &Labels) -> bool {
        self.matches(labels.value(&self.name))
    }

    /// Whether it lets a series through that has no such label.
    pub fn matches_empty(&self) -> bool {
        self.matches("")
    }

    /// The finite set of values that a regex can match, where it is a plain alternation of literals.
    pub fn literal_set(&self) -> Option<&[String]> {
        self.regex.as_ref().and_then(|r| r.literals())
    }

    /// A literal that every matching value starts with ("" if none is known).
    pub fn prefix(&self) -> &str {
        self.regex.as_ref().map_or("", |r| r.prefix())
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (self.op, &self.name, &self.value) == (other.op, &other.name, &other.value)
    }
}

impl Eq for Matcher {}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{:?}", self.name, self.op.as_str(), self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(op: MatchOp, pattern: &str, yes: &[&str], no: &[&str]) {
        let m = Matcher::new(op, "l", pattern).unwrap();
        for v in yes {
            assert!(m.matches(v), "{m} should match {v:?}");
        }
        for v in no {
            assert!(!m.matches(v), "{m} should not match {v:?}");
        }
    }

    #[test]
    fn operators() {
        check(MatchOp::Eq, "a", &["a"], &["", "b"]);
        check(MatchOp::Ne, "a", &["", "b"], &["a"]);
        check(MatchOp::Re, "a|bc", &["a", "bc"], &["", "ab", "abc"]);
        check(MatchOp::Re, "a.*", &["a", "abc", "a\nb"], &["ba"]);
        check(MatchOp::Nre, "a.+", &["a", "b", ""], &["ab"]);
        check(MatchOp::Re, "(?i)Foo|bar", &["foo", "FOO", "BAR"], &["fo"]);
    }

    #[test]
    fn literal_sets() {
        let m = Matcher::new(MatchOp::Re, "l", "api|web|db").unwrap();
        assert_eq!(m.literal_set().unwrap(), ["api", "web", "db"]);
        assert!(Matcher::new(MatchOp::Re, "l", "a.*").unwrap().literal_set().is_none());
        assert_eq!(Matcher::new(MatchOp::Re, "l", "prod-.*").unwrap().prefix(), "prod-");
    }

    #[test]
    fn bad_patterns_say_why() {
        assert!(Matcher::new(MatchOp::Re, "l", "a(").unwrap_err().0.contains("missing closing )"));
    }
}
