//! Walks over one line of a text page: names, label sets, tokens up to a blank.

use crate::ScrapeError;

/// A position in a line (without its line break). All pieces are taken as bytes and checked for UTF-8 where they become text.
pub struct Cursor<'a> {
    pub rest: &'a [u8],
    /// OpenMetrics allows single spaces only, where the older text format allows any run of blanks and tabs
    pub strict: bool,
}

/// Pairs as they stand, and the quoted metric name among them.
pub type LabelSet = (Vec<(String, String)>, Option<String>);

pub fn fail<T>(why: impl Into<String>) -> Result<T, ScrapeError> {
    Err(ScrapeError::Parse(why.into()))
}

/// Text as Go quotes it, with bytes that are no UTF-8 as \x...
pub fn quoted(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                c if c.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
                c => out.push(c),
            }
        }
        for b in chunk.invalid() {
            out.push_str(&format!("\\x{b:02x}"));
        }
    }
    out.push('"');
    out
}

impl<'a> Cursor<'a> {
    pub fn new(line: &'a [u8], strict: bool) -> Cursor<'a> {
        Cursor { rest: line, strict }
    }

    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    pub fn eat(&mut self, b: u8) -> bool {
        let hit = self.peek() == Some(b);
        if hit {
            self.rest = &self.rest[1..];
        }
        hit
    }

    /// Blanks between tokens; whether there were any.
    pub fn blanks(&mut self) -> bool {
        if self.strict {
            return self.eat(b' ');
        }
        let n = self.rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        self.rest = &self.rest[n..];
        n > 0
    }

    /// `[a-zA-Z_:][a-zA-Z0-9_:]*` (without colons for a label).
    pub fn name(&mut self, colons: bool) -> Option<&'a str> {
        let fits = |b: u8, first: bool| b.is_ascii_alphabetic() || b == b'_' || (colons && b == b':') || (!first && b.is_ascii_digit());
        let n = self.rest.iter().enumerate().take_while(|(i, b)| fits(**b, *i == 0)).count();
        let (name, rest) = self.rest.split_at(n);
        self.rest = rest;
        // Only ASCII was taken.
        std::str::from_utf8(name).ok().filter(|s| !s.is_empty())
    }

    /// A token up to a blank (or the line's end).
    pub fn token(&mut self) -> &'a [u8] {
        let n = self.rest.iter().take_while(|b| !matches!(b, b' ' | b'\t')).count();
        let (token, rest) = self.rest.split_at(n);
        self.rest = rest;
        token
    }

    /// A quoted text with `\\`, `\"` and `\n`; other escapes keep their backslash. `None` without a closing quote.
    pub fn quoted_text(&mut self) -> Option<Result<String, &'a [u8]>> {
        let inner = self.rest.strip_prefix(b"\"")?;
        let mut end = 0;
        loop {
            match inner.get(end)? {
                b'\\' => end += 2,
                b'"' => break,
                _ => end += 1,
            }
        }
        let raw = inner.get(..end)?;
        self.rest = inner.get(end + 1..)?;
        Some(match std::str::from_utf8(raw) {
            Ok(s) => Ok(unescape(s, true)),
            Err(_) => Err(raw),
        })
    }

    /// `{name="value",...}` with an optional quoted metric name; gives the pairs and that name.
    pub fn label_set(&mut self) -> Result<LabelSet, ScrapeError> {
        let (mut pairs, mut metric) = (vec![], None);
        self.eat(b'{');
        loop {
            self.inner_blanks();
            if self.eat(b'}') {
                return Ok((pairs, metric));
            }
            let name = match self.peek() {
                Some(b'"') => match self.quoted_text() {
                    Some(Ok(s)) => s,
                    Some(Err(raw)) => return fail(format!("invalid UTF-8 label name: {}", quoted(raw))),
                    None => return fail("expected label name, got an unclosed quote"),
                },
                _ => match self.name(false) {
                    Some(n) => n.to_owned(),
                    None => return fail(format!("expected label name or left brace, got {}", quoted(self.shown()))),
                },
            };
            self.inner_blanks();
            if self.eat(b'=') {
                self.inner_blanks();
                pairs.push((name, self.label_value()?));
            } else if metric.is_none() {
                metric = Some(name);
            } else {
                return fail(format!("expected equal, got {}", quoted(self.shown())));
            }
            self.inner_blanks();
            self.eat(b',');
        }
    }

    fn label_value(&mut self) -> Result<String, ScrapeError> {
        if self.peek() != Some(b'"') {
            return fail(format!("expected label value, got {}", quoted(self.shown())));
        }
        match self.quoted_text() {
            Some(Ok(s)) => Ok(s),
            Some(Err(raw)) => fail(format!("invalid UTF-8 label value: {}", quoted(&[b"\"", raw, b"\""].concat()))),
            None => fail("expected label value, got an unclosed quote"),
        }
    }

    /// The first bytes of what is left, for messages.
    pub fn shown(&self) -> &'a [u8] {
        &self.rest[..self.rest.len().min(20)]
    }

    fn inner_blanks(&mut self) {
        if !self.strict {
            self.blanks();
        }
    }
}

/// `\\` and `\n`, and `\"` where quotes are escaped; anything else keeps its backslash.
pub fn unescape(s: &str, quotes: bool) -> String {
    if !s.contains('\\') {
        return s.to_owned();
    }
    let (mut out, mut chars) = (String::with_capacity(s.len()), s.chars());
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('\\')) => out.push('\\'),
            ('\\', Some('n')) => out.push('\n'),
            ('\\', Some('"')) if quotes => out.push('"'),
            ('\\', Some(other)) => out.extend(['\\', other]),
            (c, _) => out.push(c),
        }
    }
    out
}
