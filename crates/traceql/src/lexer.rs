//! Query text to tokens with their positions.

use crate::ast::Scope;
use crate::parser::ParseError;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tok {
    Eof,
    /// a word without meaning of its own
    Ident(String),
    /// a keyword, intrinsic or function name
    Word(&'static str),
    Int(i64),
    Float(f64),
    /// nanoseconds
    Duration(i64),
    Str(String),
    /// a scoped attribute with its name
    Attr {
        scope: Scope,
        parent: bool,
        name: String,
    },
    /// a scope without a name: `span. `
    EmptyAttr,
    /// `span:`, `trace:`, ...
    Colon(&'static str),
    Op(&'static str),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub tok: Tok,
    pub line: u32,
    pub col: u32,
}

const WORDS: &[&str] = &[
    "true",
    "false",
    "nil",
    "ok",
    "error",
    "unset",
    "unspecified",
    "internal",
    "server",
    "client",
    "producer",
    "consumer",
    "minInt",
    "maxInt",
    "duration",
    "name",
    "status",
    "statusMessage",
    "kind",
    "rootName",
    "rootServiceName",
    "rootService",
    "traceDuration",
    "nestedSetLeft",
    "nestedSetRight",
    "nestedSetParent",
    "parent",
    "childCount",
    "id",
    "parentID",
    "traceID",
    "spanID",
    "timeSinceStart",
    "version",
    "count",
    "avg",
    "max",
    "min",
    "sum",
    "by",
    "coalesce",
    "select",
    "with",
    "rate",
    "count_over_time",
    "min_over_time",
    "max_over_time",
    "avg_over_time",
    "sum_over_time",
    "quantile_over_time",
    "histogram_over_time",
    "compare",
    "topk",
    "bottomk",
];

/// Longest first, so that the first that fits is the right one.
const OPERATORS: &[&str] = &[
    "&>>", "&<<", "!>>", "!<<", "&&", "||", ">>", "<<", ">=", "<=", "!=", "=~", "!~", "!>", "!<", "&>", "&<", "&~", "{", "}", "(", ")",
    "=", "<", ">", "!", "|", ",", "+", "-", "*", "/", "%", "^", "~", "[", "]", ".", ":",
];

const UNITS: &[(&str, i64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
    ("w", 604_800_000_000_000),
    ("y", 31_536_000_000_000_000),
];

/// All tokens, the last one `Eof`.
pub(crate) fn lex(text: &str) -> Result<Vec<Token>, ParseError> {
    let mut lexer = Lexer { rest: text, line: 1, col: 1 };
    let mut out = vec![];
    loop {
        lexer.skip_blank()?;
        let (line, col) = (lexer.line, lexer.col);
        let tok = lexer.next()?;
        let end = tok == Tok::Eof;
        out.push(Token { tok, line, col });
        if end {
            return Ok(out);
        }
    }
}

struct Lexer<'a> {
    rest: &'a str,
    line: u32,
    col: u32,
}

impl<'a> Lexer<'a> {
    fn error<T>(&self, text: impl Into<String>) -> Result<T, ParseError> {
        Err(ParseError::at(self.line, self.col, text))
    }

    /// Moves over `bytes` of the text, which end on a character.
    fn advance(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        for c in taken.chars() {
            if c == '\n' {
                self.line += 1;
                self.col = 1;
            } else {
                self.col += 1;
            }
        }
        self.rest = rest;
        taken
    }

    fn skip_blank(&mut self) -> Result<(), ParseError> {
        loop {
            let blank = self.rest.len() - self.rest.trim_start().len();
            self.advance(blank);
            if self.rest.starts_with("//") {
                let end = self.rest.find('\n').unwrap_or(self.rest.len());
                self.advance(end);
            } else if self.rest.starts_with("/*") {
                match self.rest.find("*/") {
                    Some(end) => self.advance(end + 2),
                    None => return self.error("comment not terminated"),
                };
            } else {
                return Ok(());
            }
        }
    }

    fn next(&mut self) -> Result<Tok, ParseError> {
        let mut chars = self.rest.chars();
        let (first, second) = (chars.next(), chars.next());
        match first {
            None => Ok(Tok::Eof),
            Some('"') => self.quoted(),
            Some('`') => self.raw(),
            Some('\'') => self.error("invalid char literal"),
            Some(c) if c.is_ascii_digit() => self.number(),
            Some('.') if second.is_some_and(|c| c.is_ascii_digit()) => self.number(),
            Some('.') => {
                self.advance(1);
                self.attribute(Scope::Any, false)
            }
            Some(c) if c.is_alphabetic() || c == '_' => self.word(),
            Some(c) => match OPERATORS.iter().find(|o| self.rest.starts_with(**o)) {
                Some(op) => {
                    self.advance(op.len());
                    Ok(Tok::Op(op))
                }
                None => {
                    self.advance(c.len_utf8());
                    Ok(Tok::Ident(c.to_string()))
                }
            },
        }
    }

    fn word(&mut self) -> Result<Tok, ParseError> {
        let len = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let word = self.advance(len);
        if self.rest.starts_with('.') {
            let scope = match word {
                "span" => Some(Scope::Span),
                "resource" => Some(Scope::Resource),
                "event" => Some(Scope::Event),
                "link" => Some(Scope::Link),
                "instrumentation" => Some(Scope::Instrumentation),
                "parent" => Some(Scope::Any),
                _ => None,
            };
            if let Some(scope) = scope {
                self.advance(1);
                return self.attribute(scope, word == "parent");
            }
        }
        if self.rest.starts_with(':')
            && let Some(scope) = ["span", "trace", "event", "link", "instrumentation"].iter().find(|s| **s == word)
        {
            self.advance(1);
            return Ok(Tok::Colon(scope));
        }
        Ok(match WORDS.iter().find(|w| **w == word) {
            Some(known) => Tok::Word(known),
            None => Tok::Ident(word.to_owned()),
        })
    }

    /// The name after a scope's dot.
    fn attribute(&mut self, mut scope: Scope, parent: bool) -> Result<Tok, ParseError> {
        if parent {
            for (prefix, inner) in [("span.", Scope::Span), ("resource.", Scope::Resource)] {
                if self.rest.starts_with(prefix) {
                    self.advance(prefix.len());
                    scope = inner;
                    break;
                }
            }
        }
        let (mut name, mut any) = (String::new(), false);
        while let Some(c) = self.rest.chars().next() {
            if c == '"' {
                self.advance(1);
                self.quoted_part(&mut name)?;
            } else if is_attribute_char(c) {
                self.advance(c.len_utf8());
                name.push(c);
            } else {
                break;
            }
            any = true;
        }
        Ok(if any { Tok::Attr { scope, parent, name } } else { Tok::EmptyAttr })
    }

    /// The rest of a quoted part of a name; only `\"` and `\\` are escapes.
    fn quoted_part(&mut self, name: &mut String) -> Result<(), ParseError> {
        let mut chars = self.rest.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.advance(at + 1);
                    return Ok(());
                }
                '\\' => match chars.next() {
                    Some((_, e @ ('"' | '\\'))) => name.push(e),
                    Some((_, other)) => return self.error(format!("unknown escape \\{other} in an attribute name")),
                    None => break,
                },
                c => name.push(c),
            }
        }
        self.error("unexpected EOF, expecting \"")
    }

    fn raw(&mut self) -> Result<Tok, ParseError> {
        let Some(end) = self.rest.get(1..).and_then(|r| r.find('`')) else {
            return self.error("literal not terminated");
        };
        let text = self.rest.get(1..end + 1).unwrap_or_default().replace('\r', "");
        self.advance(end + 2);
        Ok(Tok::Str(text))
    }

    /// A string in double quotes with Go's escapes.
    fn quoted(&mut self) -> Result<Tok, ParseError> {
        let mut out: Vec<u8> = vec![];
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.advance(at + 1);
                    return Ok(Tok::Str(String::from_utf8_lossy(&out).into_owned()));
                }
                '\n' => break,
                '\\' => {
                    let Some((_, e)) = chars.next() else { break };
                    let simple = match e {
                        'a' => 7,
                        'b' => 8,
                        'f' => 12,
                        'n' => b'\n',
                        'r' => b'\r',
                        't' => b'\t',
                        'v' => 11,
                        '\\' => b'\\',
                        '"' => b'"',
                        _ => 0,
                    };
                    if simple != 0 {
                        out.push(simple);
                        continue;
                    }
                    let (digits, radix, head) = match e {
                        'x' => (2, 16, String::new()),
                        'u' => (4, 16, String::new()),
                        'U' => (8, 16, String::new()),
                        '0'..='7' => (2, 8, e.to_string()),
                        _ => return self.error("invalid char escape"),
                    };
                    let text: String = head.chars().chain(chars.by_ref().take(digits).map(|(_, c)| c)).collect();
                    let Ok(code) = u32::from_str_radix(&text, radix) else { return self.error("invalid char escape") };
                    if matches!(e, 'u' | 'U') {
                        let Some(c) = char::from_u32(code) else { return self.error("invalid Unicode code point in an escape") };
                        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                    } else {
                        out.push(code.min(255) as u8);
                    }
                }
                c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        self.error("literal not terminated")
    }

    fn number(&mut self) -> Result<Tok, ParseError> {
        let number = number_at(self.rest);
        if let Some((len, ns)) = duration_at(self.rest) {
            let Some(ns) = ns else { return self.error(format!("duration out of range: {}", self.rest.get(..len).unwrap_or_default())) };
            self.advance(len);
            return Ok(Tok::Duration(ns));
        }
        let text = self.rest.get(..number).unwrap_or_default();
        let tok = if text.bytes().all(|b| b.is_ascii_digit()) {
            text.parse().ok().map(Tok::Int)
        } else {
            text.parse().ok().filter(|f: &f64| f.is_finite()).map(Tok::Float)
        };
        match tok {
            Some(tok) => {
                self.advance(number);
                Ok(tok)
            }
            None => self.error(format!("number out of range: {text}")),
        }
    }
}

/// Characters that need no quotes in an attribute's name.
pub(crate) fn is_attribute_char(c: char) -> bool {
    !c.is_whitespace() && !matches!(c, '{' | '}' | '(' | ')' | '=' | '~' | '!' | '<' | '>' | '&' | '|' | '^' | ',')
}

/// Length of the number that `text` starts with.
fn number_at(text: &str) -> usize {
    let b = text.as_bytes();
    let digits = |mut i: usize| {
        while b.get(i).is_some_and(u8::is_ascii_digit) {
            i += 1;
        }
        i
    };
    let mut end = digits(0);
    if b.get(end) == Some(&b'.') {
        end = digits(end + 1);
    }
    if matches!(b.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(b.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent > end + 1 + sign {
            end = exponent;
        }
    }
    end
}

/// Length and nanoseconds (`None`: out of range) of the duration that `text` starts with.
fn duration_at(text: &str) -> Option<(usize, Option<i64>)> {
    let (mut at, mut total) = (0usize, Some(0i128));
    loop {
        let rest = text.get(at..)?;
        let len = number_at(rest);
        let number = rest.get(..len)?;
        if len == 0 || number == "." {
            break;
        }
        let tail = rest.get(len..)?;
        let word = tail.find(|c: char| !c.is_alphabetic() && c != '_').unwrap_or(tail.len());
        let Some((unit, ns)) = UNITS.iter().find(|(u, _)| tail.get(..word) == Some(u)) else { break };
        total = total.zip(scaled(number, *ns)).and_then(|(a, b)| a.checked_add(b));
        at += len + unit.len();
    }
    (at > 0).then(|| (at, total.and_then(|t| i64::try_from(t).ok())))
}

/// A decimal number times a unit, rounded; exact unless the number has an exponent.
fn scaled(number: &str, unit: i64) -> Option<i128> {
    if number.contains(['e', 'E']) {
        let value = number.parse::<f64>().ok()? * unit as f64;
        return (value.abs() < 9.3e18).then(|| value.round() as i128);
    }
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let fraction = fraction.get(..fraction.len().min(18))?;
    let whole = if whole.is_empty() { 0 } else { whole.parse::<i128>().ok()? };
    let part = if fraction.is_empty() { 0 } else { fraction.parse::<i128>().ok()? };
    let scale = 10i128.checked_pow(fraction.len() as u32)?;
    whole.checked_mul(i128::from(unit))?.checked_add((part * i128::from(unit) + scale / 2) / scale)
}

impl Tok {
    /// As error texts name it.
    pub fn describe(&self) -> String {
        match self {
            Tok::Eof => "$end".into(),
            Tok::Ident(_) => "IDENTIFIER".into(),
            Tok::Word(w) => (*w).into(),
            Tok::Int(_) => "INTEGER".into(),
            Tok::Float(_) => "FLOAT".into(),
            Tok::Duration(_) => "DURATION".into(),
            Tok::Str(_) => "STRING".into(),
            Tok::Attr { parent: true, .. } => "parent.".into(),
            Tok::Attr { scope, .. } => scope.prefix().into(),
            Tok::EmptyAttr => "END_ATTRIBUTE".into(),
            Tok::Colon(s) => format!("{s}:"),
            Tok::Op(o) => (*o).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tokens as text, blank separated.
    fn check(text: &str, expected: &str) {
        let got = match lex(text) {
            Ok(tokens) => tokens
                .iter()
                .map(|t| match &t.tok {
                    Tok::Int(i) => i.to_string(),
                    Tok::Float(f) => format!("{f:?}"),
                    Tok::Duration(d) => format!("{d}ns"),
                    Tok::Str(s) => format!("{s:?}"),
                    Tok::Attr { scope, name, .. } => format!("{}[{name}]", scope.prefix()),
                    Tok::Ident(i) => format!("?{i}"),
                    other => other.describe(),
                })
                .collect::<Vec<_>>()
                .join(" "),
            Err(e) => e.to_string(),
        };
        assert_eq!(got, expected, "{text}");
    }

    #[test]
    fn tokens() {
        check("{ .a-b = 2 }", "{ .[a-b] = 2 } $end");
        check("{ .a - .b }", "{ .[a] - .[b] } $end");
        check("span.http.\"a b\".c=1", "span.[http.a b.c] = 1 $end");
        check("1h30m 1.5s .5 1. 8e8 5x 1s500ms 10us", "5400000000000ns 1500000000ns 0.5 1.0 800000000.0 5 ?x 1500000000ns 10000ns $end");
        check("\"a\\n\\u00e9\\x41\" `b\\`", "\"a\\néA\" \"b\\\\\" $end");
        check("a &>> b !<< !~ & // x\n /* y */ =~", "?a &>> ?b !<< !~ ?& =~ $end");
        check("trace:id span:name event:timeSinceStart", "trace: id span: name event: timeSinceStart $end");
        check("{ span. }", "{ END_ATTRIBUTE } $end");
        check("9223372036854775808", "parse error at line 1, col 1: number out of range: 9223372036854775808");
        check("300y", "parse error at line 1, col 1: duration out of range: 300y");
    }
}
