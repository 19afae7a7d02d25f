//! `logfmt`: `key=value` and `key="quoted value"` pairs as labels.

use std::borrow::Cow;

use super::json::unescape;
use super::row::{LineError, Row};
use super::sanitize_into;
use crate::syntax::ast::LabelPath;

#[derive(Debug)]
pub struct Logfmt {
    strict: bool,
    keep_empty: bool,
    /// (label, key); none = every pair
    fields: Vec<(String, String)>,
}

impl Logfmt {
    pub fn new(strict: bool, keep_empty: bool, fields: &[LabelPath]) -> Result<Logfmt, String> {
        let mut out = vec![];
        for f in fields {
            check_key(&f.path).map_err(|e| format!("cannot parse expression [{}]: {e}", f.path))?;
            out.push((f.label.clone(), f.path.clone()));
        }
        Ok(Logfmt { strict, keep_empty, fields: out })
    }

    pub fn run(&self, row: &mut Row<'_>) {
        let line = row.detached_line();
        let mut name = String::new();
        let mut missing: Vec<bool> = vec![true; self.fields.len()];
        for pair in Pairs::new(&line) {
            let (key, value) = match pair {
                Ok(pair) => pair,
                Err(details) if self.strict => {
                    row.fail(LineError::Logfmt, &details.to_string());
                    break;
                }
                Err(_) => continue,
            };
            if !self.fields.is_empty() {
                for (i, (label, _)) in self.fields.iter().enumerate().filter(|(_, f)| f.1 == key) {
                    if std::mem::take(&mut missing[i]) {
                        row.extract(label, &value);
                    }
                }
                if !self.strict && !missing.contains(&true) {
                    break;
                }
            } else if self.keep_empty || !value.is_empty() {
                name.clear();
                sanitize_into(key, &mut name);
                if row.may_want(&name) {
                    row.extract(&name, &value);
                    // First values win and nothing can be wrong with the rest: what was asked for is complete.
                    if !self.strict && row.is_complete() {
                        break;
                    }
                }
            }
        }
        for (i, _) in missing.iter().enumerate().filter(|(_, m)| **m) {
            row.extract(&self.fields[i].0, "");
        }
    }
}

fn check_key(path: &str) -> Result<(), String> {
    let starts = path.starts_with(|c: char| c == '_' || c.is_alphabetic());
    match path.trim().find(|c: char| !(c == '_' || c == '-' || c.is_alphanumeric())) {
        _ if path.is_empty() => Err("syntax error: unexpected $end, expecting KEY".into()),
        Some(at) if path.trim()[at..].starts_with(char::is_whitespace) => Err("syntax error: unexpected KEY".into()),
        Some(at) => Err(format!("unexpected char {}", path.trim()[at..].chars().next().unwrap_or(' '))),
        None if !starts => Err(format!("unexpected char {}", path.chars().next().unwrap_or(' '))),
        None => Ok(()),
    }
}

/// Why a pair cannot be read, and where: a byte offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadPair {
    at: usize,
    what: &'static str,
}

impl std::fmt::Display for BadPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "logfmt syntax error at pos {} : {}", self.at + 1, self.what)
    }
}

/// The pairs of a line; an `Err` for each that is malformed, after which reading goes on.
#[derive(Debug)]
pub struct Pairs<'a> {
    line: &'a str,
    at: usize,
}

impl<'a> Pairs<'a> {
    pub fn new(line: &'a str) -> Pairs<'a> {
        Pairs { line, at: 0 }
    }

    fn fail(&mut self, at: usize, what: &'static str) -> Result<(&'a str, Cow<'a, str>), BadPair> {
        let bytes = self.line.as_bytes();
        while self.at < bytes.len() && bytes[self.at] > b' ' {
            self.at += 1;
        }
        Err(BadPair { at, what })
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Result<(&'a str, Cow<'a, str>), BadPair>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.line.as_bytes();
        while *bytes.get(self.at)? <= b' ' {
            self.at += 1;
        }
        let start = self.at;
        while self.at < bytes.len() && bytes[self.at] > b' ' && !matches!(bytes[self.at], b'=' | b'"') {
            self.at += 1;
        }
        let key = &self.line[start..self.at];
        match bytes.get(self.at) {
            Some(b'"') => return Some(self.fail(self.at, "unexpected '\"'")),
            Some(b'=') if key.is_empty() => return Some(self.fail(self.at, "unexpected '='")),
            Some(b'=') => self.at += 1,
            _ => return Some(Ok((key, Cow::Borrowed("")))),
        }
        if bytes.get(self.at) == Some(&b'"') {
            let open = self.at + 1;
            self.at = open;
            while let Some(step) = bytes.get(self.at..).and_then(|b| memchr::memchr2(b'"', b'\\', b)) {
                self.at += step;
                if bytes[self.at] == b'"' {
                    self.at += 1;
                    return Some(Ok((key, unescape(&self.line[open..self.at - 1]))));
                }
                self.at += 2;
            }
            // An open quote takes the rest of the line with it.
            self.at = bytes.len();
            return Some(self.fail(bytes.len(), "unterminated quoted value"));
        }
        let value = self.at;
        while self.at < bytes.len() && bytes[self.at] > b' ' {
            if matches!(bytes[self.at], b'=' | b'"') {
                let what = if bytes[self.at] == b'=' { "unexpected '='" } else { "unexpected '\"'" };
                return Some(self.fail(self.at, what));
            }
            self.at += 1;
        }
        Some(Ok((key, Cow::Borrowed(&self.line[value..self.at]))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, want: &str) {
        let all: Vec<String> = Pairs::new(line).map(|p| p.map_or_else(|e| format!("<{e}>"), |(k, v)| format!("{k}={v}"))).collect();
        assert_eq!(all.join("|"), want, "{line}");
    }

    #[test]
    fn pairs() {
        check(r#"a=1 b="two words" c="q\"uote" d= e"#, r#"a=1|b=two words|c=q"uote|d=|e="#);
        check("a=1 =x b==c", "a=1|<logfmt syntax error at pos 5 : unexpected '='>|<logfmt syntax error at pos 10 : unexpected '='>");
        check(r#"open="no end"#, "<logfmt syntax error at pos 13 : unterminated quoted value>");
        check(r#"{"severity": 1"#, "<logfmt syntax error at pos 2 : unexpected '\"'>|1=");
        check("   ", "");
    }

    #[test]
    fn keys() {
        assert_eq!(check_key("a b c").unwrap_err(), "syntax error: unexpected KEY");
        assert_eq!(check_key("a.b").unwrap_err(), "unexpected char .");
        assert!(check_key("a_b-c1").is_ok());
    }
}
