//! Line filters: substrings, regular expressions, patterns, addresses; chains with `or`.

use memchr::memmem::Finder;
use model::re2;
use regex::Regex;

use super::ip::IpMatcher;
use super::parser_pattern::{Part, parse_parts};
use crate::syntax::ast::{LineFilter, LineOp, LineOperand};

/// A plain text that a line must hold.
#[derive(Debug)]
pub struct Needle(Finder<'static>);

impl Needle {
    pub fn new(text: &str) -> Needle {
        Needle(Finder::new(text.as_bytes()).into_owned())
    }

    pub fn len(&self) -> usize {
        self.0.needle().len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.needle().is_empty()
    }

    pub fn find(&self, hay: &[u8]) -> Option<usize> {
        self.0.find(hay)
    }
}

#[derive(Debug)]
enum Operand {
    Text(Box<Needle>),
    Regex(Regex),
    Pattern(Vec<Piece>),
    Ip(IpMatcher),
}

/// A piece of a pattern filter: a fixed text or a gap of at least one byte.
#[derive(Debug, PartialEq)]
enum Piece {
    Literal(String),
    Gap,
}

#[derive(Debug)]
pub struct LineMatcher {
    operands: Vec<Operand>,
    negative: bool,
    cost: u32,
}

impl LineMatcher {
    pub fn new(filter: &LineFilter) -> Result<LineMatcher, String> {
        let mut operands = vec![];
        let mut cost = 0;
        // An empty alternative is left out where there are others, as in Loki.
        let empty = |o: &LineOperand| matches!(o, LineOperand::Text(t) if t.is_empty());
        let all_empty = filter.operands.iter().all(empty);
        let keeps_empty = matches!(filter.op, LineOp::Pattern | LineOp::NotPattern) || filter.operands.len() == 1;
        for operand in filter.operands.iter().filter(|o| keeps_empty || all_empty || !empty(o)) {
            let (operand, price) = match (operand, filter.op) {
                (LineOperand::Ip(p), LineOp::Contains | LineOp::NotContains) => (Operand::Ip(IpMatcher::new(p)?), 50),
                (LineOperand::Ip(_), _) => return Err("ip: invalid operation".into()),
                (LineOperand::Text(t), LineOp::Contains | LineOp::NotContains) => (Operand::Text(Box::new(Needle::new(t))), 1),
                (LineOperand::Text(t), LineOp::Regex | LineOp::NotRegex) => (regex_or_text(t)?, 20),
                (LineOperand::Text(t), _) => (Operand::Pattern(pieces(t)?), 5),
            };
            cost += if matches!(operand, Operand::Text(_)) { 1 } else { price };
            operands.push(operand);
        }
        Ok(LineMatcher { operands, negative: filter.op.is_negative(), cost })
    }

    pub fn cost(&self) -> u32 {
        self.cost
    }

    pub fn matches(&self, line: &str) -> bool {
        self.operands.iter().any(|o| o.matches(line)) != self.negative
    }

    /// `|= ""`
    pub fn matches_all(&self) -> bool {
        !self.negative && self.operands.iter().any(|o| matches!(o, Operand::Text(n) if n.is_empty()))
    }

    /// The text that lines must hold, if this filter is just that.
    pub fn needle(&self) -> Option<&Needle> {
        match (&self.operands[..], self.negative) {
            ([Operand::Text(n)], false) if !n.is_empty() => Some(n),
            _ => None,
        }
    }
}

/// A regular expression without any operator is searched as the text it is.
fn regex_or_text(pattern: &str) -> Result<Operand, String> {
    let plain = !pattern.contains(|c: char| "\\.+*?()|[]{}^$".contains(c));
    if plain {
        return Ok(Operand::Text(Box::new(Needle::new(pattern))));
    }
    re2::search(pattern).map(Operand::Regex).map_err(|e| e.to_string())
}

fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let parts = parse_parts(text)?;
    let mut out = vec![];
    for pair in parts.windows(2) {
        if let [Part::Capture(a), Part::Capture(b)] = pair {
            return Err(format!("found consecutive capture '<{a}><{b}>': invalid expression"));
        }
    }
    for part in parts {
        match part {
            Part::Literal(l) => out.push(Piece::Literal(l)),
            Part::Capture(name) if name == "_" => out.push(Piece::Gap),
            Part::Capture(name) => return Err(format!("named captures are not allowed: found '<{name}>'")),
        }
    }
    Ok(out)
}

impl Operand {
    fn matches(&self, line: &str) -> bool {
        match self {
            Operand::Text(n) => n.find(line.as_bytes()).is_some(),
            Operand::Regex(r) => r.is_match(line),
            Operand::Pattern(p) => matches_pieces(p, line.as_bytes()),
            Operand::Ip(ip) => ip.found_in(line),
        }
    }
}

/// The whole line must be the pieces one after another. The first place of each text is taken, which leaves the most room.
fn matches_pieces(pieces: &[Piece], line: &[u8]) -> bool {
    let (mut rest, mut gap) = (line, false);
    for (i, piece) in pieces.iter().enumerate() {
        let last = i + 1 == pieces.len();
        match piece {
            Piece::Gap if last => return !rest.is_empty(),
            Piece::Gap => gap = true,
            Piece::Literal(l) if !gap => match rest.strip_prefix(l.as_bytes()) {
                Some(r) if last => return r.is_empty(),
                Some(r) => rest = r,
                None => return false,
            },
            Piece::Literal(l) if last => return rest.len() > l.len() && rest.ends_with(l.as_bytes()),
            Piece::Literal(l) => match rest.get(1..).and_then(|r| memchr::memmem::find(r, l.as_bytes())) {
                Some(at) => {
                    rest = &rest[1 + at + l.len()..];
                    gap = false;
                }
                None => return false,
            },
        }
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(op: LineOp, operands: &[&str], yes: &[&str], no: &[&str]) {
        let operands = operands.iter().map(|t| LineOperand::Text((*t).into())).collect();
        let m = LineMatcher::new(&LineFilter { op, operands }).unwrap();
        for l in yes {
            assert!(m.matches(l), "should match {l:?}");
        }
        for l in no {
            assert!(!m.matches(l), "should not match {l:?}");
        }
    }

    #[test]
    fn texts_and_expressions() {
        check(LineOp::Contains, &["err"], &["an err"], &["", "ERR"]);
        check(LineOp::NotContains, &["a", "b"], &["c"], &["a", "xb"]);
        check(LineOp::Regex, &["code=5.."], &["x code=503"], &["code=5\n0"]);
        check(LineOp::Contains, &["", "foo"], &["foo"], &["bar"]);
        check(LineOp::Contains, &["", ""], &["x", ""], &[]);
    }

    #[test]
    fn patterns_match_whole_lines() {
        check(LineOp::Pattern, &["GET <_> 200"], &["GET /x 200", "GET 200 200"], &["GET  200x", "GET 200", "xGET /x 200", "GET  20"]);
        check(LineOp::Pattern, &["<_>b<_>"], &["abc"], &["bc", "ab"]);
        check(LineOp::Pattern, &["abc"], &["abc"], &["abcd", "ab", ""]);
        check(LineOp::Pattern, &[""], &[""], &["a"]);
    }
}
