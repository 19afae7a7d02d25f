//! `pattern`: literals and captures such as `<ip> - <_> "<method>"`.

use memchr::memmem;

use super::row::Row;

#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    Literal(String),
    /// `_` for a capture without a name
    Capture(String),
}

/// `<name>` is a capture if the name is one; any other text is literal.
pub fn parse_parts(text: &str) -> Result<Vec<Part>, String> {
    let mut out: Vec<Part> = vec![];
    let mut literal = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(name) = rest.strip_prefix('<').and_then(capture_name) {
            if !literal.is_empty() {
                out.push(Part::Literal(std::mem::take(&mut literal)));
            }
            out.push(Part::Capture(name.to_owned()));
            rest = &rest[name.len() + 2..];
            continue;
        }
        literal.push(c);
        rest = &rest[c.len_utf8()..];
    }
    if !literal.is_empty() {
        out.push(Part::Literal(literal));
    }
    Ok(out)
}

fn capture_name(text: &str) -> Option<&str> {
    let name = &text[..text.find('>')?];
    let starts = name.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic());
    (starts && name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric())).then_some(name)
}

#[derive(Debug)]
pub struct PatternParser {
    parts: Vec<Part>,
}

impl PatternParser {
    pub fn new(text: &str) -> Result<PatternParser, String> {
        let parts = parse_parts(text)?;
        if parts.is_empty() {
            return Err("parse error at line 1, col 1: syntax error: unexpected $end, expecting IDENTIFIER or LITERAL".into());
        }
        for pair in parts.windows(2) {
            if let [Part::Capture(a), Part::Capture(b)] = pair {
                return Err(format!("found consecutive capture '<{a}><{b}>': invalid expression"));
            }
        }
        let mut names: Vec<&str> = vec![];
        for part in &parts {
            if let Part::Capture(name) = part
                && name != "_"
            {
                if names.contains(&name.as_str()) {
                    return Err(format!("duplicate capture name ({name}): invalid expression"));
                }
                names.push(name);
            }
        }
        if names.is_empty() {
            return Err("at least one capture is required".into());
        }
        Ok(PatternParser { parts })
    }

    pub fn run(&self, row: &mut Row<'_>) {
        let line = row.detached_line();
        self.captures(&line, &mut |name, value| row.extract(name, value));
    }

    /// A literal that is missing lets the capture before it take the rest of the line; a leading one must be there.
    fn captures<'l>(&self, line: &'l str, found: &mut impl FnMut(&str, &'l str)) {
        let mut rest = line;
        let mut parts = &self.parts[..];
        if let [Part::Literal(first), tail @ ..] = parts {
            match rest.strip_prefix(first.as_str()) {
                Some(r) => rest = r,
                None => return,
            }
            parts = tail;
        }
        while let [Part::Capture(name), tail @ ..] = parts {
            let (value, next, more) = match tail {
                [Part::Literal(l), tail @ ..] => match memmem::find(rest.as_bytes(), l.as_bytes()) {
                    Some(at) => (&rest[..at], &rest[at + l.len()..], tail),
                    None => (rest, "", &[][..]),
                },
                _ => (rest, "", &[][..]),
            };
            if name != "_" && !(value.is_empty() && rest.is_empty()) {
                found(name, value);
            }
            (rest, parts) = (next, more);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, line: &str, want: &str) {
        let mut out = vec![];
        PatternParser::new(pattern).unwrap().captures(line, &mut |n, v| out.push(format!("{n}={v}")));
        assert_eq!(out.join(" "), want, "{pattern} on {line}");
    }

    #[test]
    fn captures() {
        check("<method> <path> <status>", "GET /home 200", "method=GET path=/home status=200");
        check("<method> <path>", "POST", "method=POST");
        check("<a> for <b> ms and <c>: <d>", "x for y on z", "a=x b=y on z");
        check("nothing like <it>", "worker 5", "");
        check("a < b <x>", "a < b 1", "x=1");
    }

    #[test]
    fn refuses() {
        let err = |p: &str| PatternParser::new(p).unwrap_err();
        assert_eq!(err("<a><b>"), "found consecutive capture '<a><b>': invalid expression");
        assert_eq!(err("<a> <a>"), "duplicate capture name (a): invalid expression");
        assert_eq!(err("<_>"), "at least one capture is required");
    }
}
