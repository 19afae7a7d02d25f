//! Regular expressions as RE2 (Go) means them, on Rust's engine: the pattern is translated, bounded and compiled.
//!
//! Both engines are linear-time automata with nearly the same syntax. What differs is mended here: Go's `\z`-only anchors, `\Q..\E`,
//! ASCII-only `\d \w \s \b`, named groups `(?<n>..)`, a nested-repeat limit of 1000, and the error texts that clients read.

use regex::{Regex, RegexBuilder};
use regex_syntax::hir::{Hir, HirKind};

use crate::BadRegex;

/// Longest pattern in bytes that is compiled at all.
pub const MAX_PATTERN: usize = 64 << 10;
/// Compiled size in bytes above which a pattern is refused.
const MAX_COMPILED: usize = 4 << 20;
/// Alternations of up to this many literals are kept as a set.
const MAX_LITERALS: usize = 1_000;

/// A pattern that must match the whole value, with the dot matching newlines: label matchers of Prometheus, Loki and Tempo.
#[derive(Clone, Debug)]
pub struct Anchored {
    regex: Regex,
    literals: Option<Vec<String>>,
    prefix: String,
}

impl Anchored {
    pub fn new(pattern: &str) -> Result<Anchored, BadRegex> {
        let translated = translate(pattern)?;
        let regex = build(&format!("^(?s:{translated})$"), pattern)?;
        let hir = parser().parse(&format!("(?s:{translated})")).ok();
        let literals = hir.as_ref().and_then(literal_set);
        let prefix = hir.as_ref().map(literal_prefix).unwrap_or_default();
        Ok(Anchored { regex, literals, prefix })
    }

    pub fn is_match(&self, value: &str) -> bool {
        match &self.literals {
            Some(set) if set.len() <= 16 => set.iter().any(|l| l == value),
            _ => value.starts_with(&self.prefix) && self.regex.is_match(value),
        }
    }

    pub fn literals(&self) -> Option<&[String]> {
        self.literals.as_deref()
    }

    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The compiled, anchored expression, for capture groups.
    pub fn regex(&self) -> &Regex {
        &self.regex
    }
}

/// An unanchored expression (Loki's line filters, `regexp` stages): the dot stops at a newline.
pub fn search(pattern: &str) -> Result<Regex, BadRegex> {
    build(&translate(pattern)?, pattern)
}

fn build(translated: &str, pattern: &str) -> Result<Regex, BadRegex> {
    RegexBuilder::new(translated).size_limit(MAX_COMPILED).dfa_size_limit(MAX_COMPILED).build().map_err(|e| match e {
        regex::Error::CompiledTooBig(_) => BadRegex("error parsing regexp: expression nests or repeats too much".to_string()),
        other => BadRegex(explain(pattern, &other.to_string())),
    })
}

fn parser() -> regex_syntax::Parser {
    regex_syntax::ParserBuilder::new().nest_limit(200).build()
}

/// Go's syntax to Rust's.
fn translate(pattern: &str) -> Result<String, BadRegex> {
    if pattern.len() > MAX_PATTERN {
        return Err(BadRegex(format!("error parsing regexp: pattern is longer than {MAX_PATTERN} bytes")));
    }
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut chars = pattern.chars().peekable();
    let mut in_class = 0u32;
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                None => return Err(BadRegex("error parsing regexp: trailing backslash at end of expression: ``".into())),
                Some('Q') => quote_until_e(&mut chars, &mut out),
                Some('E') if in_class == 0 => {}
                Some(d @ ('d' | 'D' | 'w' | 'W' | 's' | 'S')) => out.push_str(ascii_class(d, in_class > 0)),
                Some('b') if in_class == 0 => out.push_str(r"(?-u:\b)"),
                Some('B') if in_class == 0 => out.push_str(r"(?-u:\B)"),
                Some('C') => out.push_str("(?s:.)"),
                Some(e @ ('p' | 'P' | 'x')) => {
                    out.push('\\');
                    out.push(e);
                    if chars.peek() == Some(&'{') {
                        for d in chars.by_ref() {
                            out.push(d);
                            if d == '}' {
                                break;
                            }
                        }
                    }
                }
                Some(e @ ('Z' | 'G' | 'K' | 'X' | 'R' | 'h' | 'H' | 'V' | 'N' | 'y' | 'Y' | '<' | '>')) => {
                    return Err(BadRegex(format!("error parsing regexp: invalid escape sequence: `\\{e}`")));
                }
                Some(e) => {
                    out.push('\\');
                    out.push(e);
                }
            },
            '[' if in_class == 0 => {
                in_class = 1;
                out.push('[');
                if chars.peek() == Some(&'^') {
                    out.push('^');
                    chars.next();
                }
                if chars.peek() == Some(&']') {
                    out.push_str(r"\]");
                    chars.next();
                }
            }
            '[' if chars.peek() == Some(&':') => {
                // a POSIX class such as [[:alpha:]]; Rust knows the same names
                out.push('[');
                for d in chars.by_ref() {
                    out.push(d);
                    if d == ']' {
                        break;
                    }
                }
            }
            // Go's classes do not nest and know no set operations.
            '[' => out.push_str(r"\["),
            '&' | '~' if in_class > 0 => {
                out.push('\\');
                out.push(c);
            }
            '-' if in_class > 0 && chars.peek() == Some(&'-') => out.push_str(r"\-"),
            ']' if in_class > 0 => {
                in_class = 0;
                out.push(']');
            }
            // A brace that is no repetition is a literal in Go.
            '{' if in_class == 0 && !is_repetition(&chars.clone().collect::<String>()) => out.push_str(r"\{"),
            '}' if in_class == 0 && !closes_repetition(&out) => out.push_str(r"\}"),
            ' ' | '#' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    if in_class > 0 {
        return Err(BadRegex(format!(
            "error parsing regexp: missing closing ]: `{}`",
            pattern.rfind('[').map_or(pattern, |i| &pattern[i..])
        )));
    }
    Ok(out)
}

fn quote_until_e(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) {
    while let Some(c) = chars.next() {
        if c == '\\' && chars.peek() == Some(&'E') {
            chars.next();
            return;
        }
        out.push_str(&regex_syntax::escape(c.encode_utf8(&mut [0; 4])));
    }
}

/// Go's Perl classes are ASCII only.
fn ascii_class(class: char, in_class: bool) -> &'static str {
    match (class, in_class) {
        ('d', false) => "[0-9]",
        ('D', false) => "[^0-9]",
        ('w', false) => "[0-9A-Za-z_]",
        ('W', false) => "[^0-9A-Za-z_]",
        ('s', false) => r"[\t\n\f\r\x20]",
        ('S', false) => r"[^\t\n\f\r\x20]",
        ('d', true) => "0-9",
        ('D', true) => "[^0-9]",
        ('w', true) => "0-9A-Za-z_",
        ('W', true) => "[^0-9A-Za-z_]",
        ('s', true) => r"\t\n\f\r\x20",
        _ => r"[^\t\n\f\r\x20]",
    }
}

/// Whether what follows a `{` makes it `{n}`, `{n,}` or `{n,m}`.
fn is_repetition(rest: &str) -> bool {
    let Some(end) = rest.find('}') else { return false };
    let (low, high) = match rest[..end].split_once(',') {
        Some((l, h)) => (l, h),
        None => (&rest[..end], "0"),
    };
    !low.is_empty() && low.bytes().all(|b| b.is_ascii_digit()) && high.bytes().all(|b| b.is_ascii_digit())
}

fn closes_repetition(out: &str) -> bool {
    let Some(i) = out.rfind('{') else { return false };
    // An escaped brace was a literal, unless the backslash is itself escaped.
    let slashes = out[..i].bytes().rev().take_while(|b| *b == b'\\').count();
    slashes % 2 == 0 && is_repetition(&format!("{}}}", &out[i + 1..]))
}

/// The words of Go's `regexp/syntax` for the commonest mistakes; otherwise what Rust's parser said.
fn explain(pattern: &str, rust: &str) -> String {
    let reason = rust.lines().last().unwrap_or(rust).trim().trim_start_matches("error: ");
    let go = match reason {
        "unclosed group" => format!("missing closing ): `{pattern}`"),
        "unopened group" => format!("unexpected ): `{pattern}`"),
        "repetition operator missing expression" => {
            format!("missing argument to repetition operator: `{}`", pattern.chars().find(|c| "*+?{".contains(*c)).unwrap_or('*'))
        }
        "look-around, including look-ahead and look-behind, is not supported" => {
            let at = pattern.find("(?").unwrap_or(0);
            format!("invalid or unsupported Perl syntax: `{}`", pattern[at..].chars().take(3).collect::<String>())
        }
        other => format!("{other}: `{pattern}`"),
    };
    format!("error parsing regexp: {go}")
}

fn literal_set(hir: &Hir) -> Option<Vec<String>> {
    let mut out = vec![];
    fn one(h: &Hir) -> Option<String> {
        match h.kind() {
            HirKind::Empty => Some(String::new()),
            HirKind::Literal(l) => String::from_utf8(l.0.to_vec()).ok(),
            HirKind::Capture(c) => one(&c.sub),
            _ => None,
        }
    }
    fn expand(h: &Hir, out: &mut Vec<String>) -> Option<()> {
        if let Some(l) = one(h) {
            out.push(l);
            return (out.len() <= MAX_LITERALS).then_some(());
        }
        match h.kind() {
            HirKind::Alternation(all) => all.iter().try_for_each(|a| expand(a, out)),
            HirKind::Capture(c) => expand(&c.sub, out),
            HirKind::Concat(parts) => {
                let mut texts = vec![String::new()];
                for p in parts {
                    let mut tails = vec![];
                    expand(p, &mut tails)?;
                    if texts.len() * tails.len() > MAX_LITERALS {
                        return None;
                    }
                    texts = texts.iter().flat_map(|t| tails.iter().map(move |u| format!("{t}{u}"))).collect();
                }
                out.append(&mut texts);
                Some(())
            }
            _ => None,
        }
    }
    expand(hir, &mut out)?;
    Some(out)
}

fn literal_prefix(hir: &Hir) -> String {
    match hir.kind() {
        HirKind::Literal(l) => String::from_utf8(l.0.to_vec()).unwrap_or_default(),
        HirKind::Capture(c) => literal_prefix(&c.sub),
        HirKind::Concat(parts) => parts.first().map(literal_prefix).unwrap_or_default(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, yes: &[&str], no: &[&str]) {
        let r = Anchored::new(pattern).unwrap();
        for v in yes {
            assert!(r.is_match(v), "{pattern} should match {v:?}");
        }
        for v in no {
            assert!(!r.is_match(v), "{pattern} should not match {v:?}");
        }
    }

    #[test]
    fn go_syntax() {
        check(r"\d+", &["12"], &["١٢", ""]);
        check(r"\Qa.b\E+", &["a.b", "a.bb"], &["axb"]);
        check("[[:alpha:]]+", &["abc"], &["1"]);
        check("a{,2}", &["a{,2}"], &["a", "aa"]);
        check("{a}", &["{a}"], &["a"]);
        check("a{2}", &["aa"], &["a"]);
        check("[a&&b]+", &["a&b"], &["c"]);
        check(r"\p{Greek}+", &["αβ"], &["ab"]);
        check("(?P<x>a)(?<y>b)", &["ab"], &["a"]);
        check("[]a]+", &["]a"], &["b"]);
    }

    #[test]
    fn refuses_what_go_refuses() {
        for bad in ["(?=a)", "a**b(", "[a", "a)", "*a", r"\Z", r"a\"] {
            assert!(Anchored::new(bad).is_err(), "{bad}");
        }
        assert!(Anchored::new("((((a{100}){100}){100}){100})").is_err());
    }
}
