//! Query text to tokens.

use super::ast::{RangeOp, VectorOp};
use crate::units::{literal_duration_len, parse_bytes_literal, parse_literal_duration, parse_range_duration, unquote_go};

#[derive(Debug, Clone, PartialEq)]
pub enum Tok {
    Ident(String),
    Str(String),
    /// as written; checked when it is used
    Number(String),
    /// nanoseconds
    Duration(i64),
    Bytes(u64),
    /// `[5m]`, nanoseconds
    Range(i64),
    RangeFn(RangeOp),
    VectorFn(VectorOp),
    /// punctuation and reserved words, in lower case
    Sym(&'static str),
    /// `--strict`
    Flag(&'static str),
    /// no token can be read here; the parser reports it when it gets here
    Bad(String),
    End,
}

impl Tok {
    /// The name that error texts use.
    pub fn name(&self) -> String {
        match self {
            Tok::Ident(_) => "IDENTIFIER".into(),
            Tok::Str(_) => "STRING".into(),
            Tok::Number(_) => "NUMBER".into(),
            Tok::Duration(_) => "DURATION".into(),
            Tok::Bytes(_) => "BYTES".into(),
            Tok::Range(_) => "RANGE".into(),
            Tok::RangeFn(op) => op.as_str().to_uppercase(),
            Tok::VectorFn(op) => op.as_str().to_uppercase(),
            Tok::Sym(s) => (*s).into(),
            Tok::Flag(_) => "PARSER_FLAG".into(),
            Tok::Bad(_) => "ERROR".into(),
            Tok::End => "$end".into(),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    pub tok: Tok,
    /// byte offset
    pub start: usize,
    pub end: usize,
}

/// Words that are never names.
const WORDS: [&str; 25] = [
    "and",
    "or",
    "unless",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "bool",
    "offset",
    "json",
    "logfmt",
    "regexp",
    "pattern",
    "unpack",
    "line_format",
    "label_format",
    "unwrap",
    "decolorize",
    "drop",
    "keep",
    "xml",
    "csv",
    "variants",
];
/// Words that are functions only before a parenthesis, with the symbol they become.
const CALLS: [(&str, &str); 6] = [
    ("ip", "ip"),
    ("vector", "vector"),
    ("label_replace", "label_replace"),
    ("bytes", "BYTES_CONV"),
    ("duration", "DURATION_CONV"),
    ("duration_seconds", "DURATION_SECONDS_CONV"),
];
const SYMBOLS: [&str; 27] = [
    "|=", "|~", "|>", "!=", "!~", "!>", "=~", "==", ">=", "<=", "{", "}", "(", ")", ",", ".", "=", "|", "+", "-", "*", "/", "%", "^", ">",
    "<", "]",
];

/// All tokens, the last one being `End` or `Bad`. `extensions` makes `xml` and `csv` stages known.
pub fn lex(text: &str, extensions: bool) -> Vec<Token> {
    let mut lexer = Lexer { text, at: 0, extensions };
    let mut out = vec![];
    loop {
        lexer.skip_blank();
        let start = lexer.at;
        let tok = lexer.next().unwrap_or_else(Tok::Bad);
        let done = matches!(tok, Tok::End | Tok::Bad(_));
        out.push(Token { tok, start, end: lexer.at });
        if done {
            return out;
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    extensions: bool,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_blank(&mut self) {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
            if !self.rest().starts_with('#') {
                return;
            }
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    fn next(&mut self) -> Result<Tok, String> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(Tok::End) };
        match first {
            '"' => self.quoted(),
            '`' => self.raw(),
            '[' => self.range(),
            c if c == '_' || c.is_alphabetic() => Ok(self.word()),
            c if c.is_ascii_digit() => Ok(self.number()),
            '.' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => Ok(self.number()),
            '-' if rest.starts_with("--strict") => Ok(self.take(8, Tok::Flag("--strict"))),
            '-' if rest.starts_with("--keep-empty") => Ok(self.take(12, Tok::Flag("--keep-empty"))),
            c => Ok(match SYMBOLS.iter().find(|s| rest.starts_with(**s)) {
                Some(s) => self.take(s.len(), Tok::Sym(s)),
                None => {
                    // 'a' is one wrong token, as in Go's scanner
                    let len = if c == '\'' { rest[1..].find('\'').map_or(rest.len(), |i| i + 2) } else { c.len_utf8() };
                    self.take(len, Tok::Ident(rest[..len].into()))
                }
            }),
        }
    }

    fn take(&mut self, len: usize, tok: Tok) -> Tok {
        self.at += len;
        tok
    }

    fn quoted(&mut self) -> Result<Tok, String> {
        let start = self.at;
        let body = &self.text[start + 1..];
        let mut escaped = false;
        for (i, c) in body.char_indices() {
            match c {
                '\n' => break,
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => {
                    self.at = start + 1 + i + 1;
                    return unquote_go(&body[..i]).map(Tok::Str).ok_or_else(|| "invalid char escape".into());
                }
                _ => {}
            }
        }
        Err("literal not terminated".into())
    }

    fn raw(&mut self) -> Result<Tok, String> {
        let start = self.at;
        let body = &self.text[start + 1..];
        let end = body.find('`').ok_or("literal not terminated")?;
        self.at = start + end + 2;
        Ok(Tok::Str(body[..end].replace('\r', "")))
    }

    fn range(&mut self) -> Result<Tok, String> {
        let end = self.rest().find(']').ok_or("missing closing ']' in duration")?;
        let ns = parse_range_duration(self.rest()[1..end].trim())?;
        self.at += end + 1;
        Ok(Tok::Range(ns))
    }

    fn number(&mut self) -> Tok {
        let rest = self.rest();
        let len = literal_duration_len(rest);
        if len > 0 {
            // A number too large for a duration stays a number, and fails as one.
            if let Some(ns) = parse_literal_duration(&rest[..len]) {
                return self.take(len, Tok::Duration(ns));
            }
        }
        if let Some((len, bytes)) = parse_bytes_literal(rest) {
            return self.take(len, Tok::Bytes(bytes));
        }
        let b = rest.as_bytes();
        let prefix = b.len() > 1 && b[0] == b'0' && matches!(b[1] | 0x20, b'x' | b'b' | b'o');
        let hex = prefix && b[1] | 0x20 == b'x';
        let mut i = if prefix { 2 } else { 0 };
        while let Some(&c) = b.get(i) {
            let exponent = !prefix && c | 0x20 == b'e' || hex && c | 0x20 == b'p';
            if exponent {
                let sign = usize::from(matches!(b.get(i + 1), Some(b'+' | b'-')));
                if !b.get(i + 1 + sign).is_some_and(u8::is_ascii_digit) {
                    break;
                }
                i += 1 + sign;
                continue;
            }
            if !(c.is_ascii_digit() || c == b'.' || c == b'_' || hex && c.is_ascii_hexdigit()) {
                break;
            }
            i += 1;
        }
        let text = rest[..i].to_owned();
        self.take(i, Tok::Number(text))
    }

    fn word(&mut self) -> Tok {
        let rest = self.rest();
        let len = rest.find(|c: char| !(c == '_' || c.is_alphanumeric())).unwrap_or(rest.len());
        let word = &rest[..len];
        self.at += len;
        let lower = word.to_ascii_lowercase();
        if let Some(w) = WORDS.iter().find(|w| **w == lower) {
            if (self.extensions || !matches!(*w, "xml" | "csv")) && *w != "variants" {
                return Tok::Sym(w);
            }
            return Tok::Ident(word.into());
        }
        let call = self.is_call(self.at);
        if let Some((_, sym)) = CALLS.iter().find(|(n, _)| *n == lower) {
            return if call { Tok::Sym(sym) } else { Tok::Ident(word.into()) };
        }
        if call || self.groups_then_call() {
            if let Some(op) = RangeOp::ALL.iter().find(|op| op.as_str() == lower) {
                return Tok::RangeFn(*op);
            }
            if let Some(op) = VectorOp::ALL.iter().find(|op| op.as_str() == lower) {
                return Tok::VectorFn(*op);
            }
        }
        Tok::Ident(word.into())
    }

    fn is_call(&self, at: usize) -> bool {
        self.text[at..].trim_start().starts_with('(')
    }

    /// `sum by (` and `sum without (`.
    fn groups_then_call(&self) -> bool {
        let rest = self.rest().trim_start();
        ["by", "without"]
            .iter()
            .any(|w| rest.get(..w.len()).is_some_and(|r| r.eq_ignore_ascii_case(w)) && rest[w.len()..].trim_start().starts_with('('))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: &str) {
        let names: Vec<String> = lex(text, false).iter().map(|t| t.tok.name()).collect();
        assert_eq!(names.join(" "), want, "{text}");
    }

    #[test]
    fn tokens() {
        check(r#"{a="b"} |= `c` # note"#, "{ IDENTIFIER = STRING } |= STRING $end");
        check("sum by (x) (rate({}[5m]))", "SUM by ( IDENTIFIER ) ( RATE ( { } RANGE ) ) $end");
        check("sum by x", "IDENTIFIER by IDENTIFIER $end");
        check("1mb 5x 3KB 1h30m 0x10 1e3", "DURATION IDENTIFIER NUMBER IDENTIFIER BYTES DURATION NUMBER NUMBER $end");
        check("bytes bytes(x) rate", "IDENTIFIER BYTES_CONV ( IDENTIFIER ) IDENTIFIER $end");
        check("| logfmt --strict --bogus", "| logfmt PARSER_FLAG - - IDENTIFIER $end");
        check("'a' ! .", "IDENTIFIER IDENTIFIER . $end");
    }

    #[test]
    fn errors() {
        let e = |t: &str| lex(t, false).pop().map(|t| (t.tok, t.start));
        assert_eq!(e("{a=\"b"), Some((Tok::Bad("literal not terminated".into()), 3)));
        assert_eq!(e("\n \"\\q\""), Some((Tok::Bad("invalid char escape".into()), 2)));
        assert_eq!(e("x[5x]"), Some((Tok::Bad("unknown unit \"x\" in duration \"5x\"".into()), 1)));
    }
}
