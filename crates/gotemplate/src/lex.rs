//! Template text to tokens: plain text, and the items inside `{{ }}`.

use crate::value::Literal;
use crate::{parse_float, unquote_go};

#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    Text(String),
    /// `{{`
    Open,
    /// `}}`
    Close,
    /// `.a`: a field, directly behind an operand or free
    Field(String),
    Dot,
    Variable(String),
    Word(String),
    Literal(Literal),
    /// `| ( ) , := =`
    Symbol(&'static str),
    Space,
}

#[derive(Debug, Clone)]
pub struct Lexed {
    pub item: Item,
    /// byte offset in the source
    pub at: usize,
}

/// The error has no place yet: (offset, message).
pub fn lex(source: &str) -> Result<Vec<Lexed>, (usize, String)> {
    let mut out = vec![];
    let (mut at, mut trim) = (0, false);
    loop {
        let rest = &source[at..];
        let Some(open) = rest.find("{{") else {
            push_text(if trim { rest.trim_start_matches(WHITE) } else { rest }, at, &mut out);
            return Ok(out);
        };
        let inner = at + open + 2;
        let trims_left = is_left_trim(&source[inner..]);
        let mut text = &rest[..open];
        if trim {
            text = text.trim_start_matches(WHITE);
        }
        if trims_left {
            text = text.trim_end_matches(WHITE);
        }
        push_text(text, at, &mut out);
        let inner = if trims_left { inner + 1 } else { inner };
        let body = &source[inner..];
        if let Some(comment) = body.trim_start_matches(WHITE).strip_prefix("/*") {
            let end = comment.find("*/").ok_or((inner, "unclosed comment".to_owned()))?;
            let after = &comment[end + 2..];
            let trimmed = after.trim_start_matches(WHITE);
            let (rest, trims) = match (trimmed.strip_prefix("-}}"), after.strip_prefix("}}")) {
                (Some(r), _) if trimmed.len() < after.len() => (r, true),
                (_, Some(r)) => (r, false),
                _ => return Err((inner, "comment ends before closing delimiter".into())),
            };
            at = source.len() - rest.len();
            trim = trims;
            continue;
        }
        out.push(Lexed { item: Item::Open, at: inner });
        (at, trim) = action(source, inner, &mut out)?;
    }
}

const WHITE: [char; 4] = [' ', '\t', '\r', '\n'];

fn is_left_trim(inner: &str) -> bool {
    inner.strip_prefix('-').is_some_and(|r| r.starts_with(WHITE))
}

fn push_text(text: &str, at: usize, out: &mut Vec<Lexed>) {
    if !text.is_empty() {
        out.push(Lexed { item: Item::Text(text.to_owned()), at });
    }
}

/// The items up to `}}`; answers where it ends and whether it trims what follows.
fn action(source: &str, start: usize, out: &mut Vec<Lexed>) -> Result<(usize, bool), (usize, String)> {
    let mut at = start;
    let mut parens = 0i32;
    loop {
        let rest = &source[at..];
        let Some(c) = rest.chars().next() else { return Err((start, "unclosed action".into())) };
        if let Some(r) = rest.strip_prefix(WHITE) {
            let trimmed = r.trim_start_matches(WHITE);
            if trimmed.starts_with("-}}") {
                out.push(Lexed { item: Item::Close, at });
                return Ok((source.len() - trimmed.len() + 3, true));
            }
            out.push(Lexed { item: Item::Space, at });
            at = source.len() - trimmed.len();
            continue;
        }
        if rest.starts_with("}}") {
            if parens > 0 {
                return Err((at, "unclosed left paren".into()));
            }
            out.push(Lexed { item: Item::Close, at });
            return Ok((at + 2, false));
        }
        let (item, len) = item(rest, at, out)?;
        match item {
            Item::Symbol("(") => parens += 1,
            Item::Symbol(")") => {
                parens -= 1;
                if parens < 0 {
                    return Err((at, format!("unexpected right paren {c:?}")));
                }
            }
            _ => {}
        }
        out.push(Lexed { item, at });
        at += len;
    }
}

fn item(rest: &str, at: usize, out: &[Lexed]) -> Result<(Item, usize), (usize, String)> {
    let word_len = |s: &str| s.find(|c: char| !(c == '_' || c.is_alphanumeric())).unwrap_or(s.len());
    let fail = |message: &str| Err((at, message.to_owned()));
    let bytes = rest.as_bytes();
    match bytes[0] {
        b'"' => {
            let Some(end) = closing(&rest[1..], '"') else { return fail("unterminated quoted string") };
            match unquote_go(&rest[1..=end]) {
                Some(s) => Ok((Item::Literal(Literal::Str(s)), end + 2)),
                None => fail("invalid syntax"),
            }
        }
        b'`' => match rest[1..].find('`') {
            Some(end) => Ok((Item::Literal(Literal::Str(rest[1..=end].to_owned())), end + 2)),
            None => fail("unterminated raw quoted string"),
        },
        b'\'' => {
            let Some(end) = closing(&rest[1..], '\'') else { return fail("unterminated character constant") };
            let body = rest[1..=end].replace("\\'", "'");
            let mut chars = unquote_go(&body).unwrap_or_default().chars().collect::<Vec<_>>().into_iter();
            match (chars.next(), chars.next()) {
                (Some(c), None) => Ok((Item::Literal(Literal::Int(i64::from(c as u32))), end + 2)),
                _ => fail("malformed character constant"),
            }
        }
        b'|' => Ok((Item::Symbol("|"), 1)),
        b'(' => Ok((Item::Symbol("("), 1)),
        b')' => Ok((Item::Symbol(")"), 1)),
        b',' => Ok((Item::Symbol(","), 1)),
        b':' if rest.starts_with(":=") => Ok((Item::Symbol(":="), 2)),
        b'=' => Ok((Item::Symbol("="), 1)),
        b'$' => {
            let len = 1 + word_len(&rest[1..]);
            Ok((Item::Variable(rest[..len].to_owned()), len))
        }
        b'.' if !bytes.get(1).is_some_and(u8::is_ascii_digit) => match word_len(&rest[1..]) {
            0 => Ok((Item::Dot, 1)),
            len => Ok((Item::Field(rest[1..=len].to_owned()), len + 1)),
        },
        b'+' | b'-' | b'.' | b'0'..=b'9' => {
            number(rest).map_or_else(|| fail(&format!("bad number syntax: {:?}", &rest[..word_len(rest).max(1)])), Ok)
        }
        _ => {
            let len = word_len(rest);
            if len == 0 {
                let c = rest.chars().next().unwrap_or(' ');
                return fail(&format!("unexpected {c:?} in {}", if out.is_empty() { "template" } else { "command" }));
            }
            let word = &rest[..len];
            Ok((
                match word {
                    "true" => Item::Literal(Literal::Bool(true)),
                    "false" => Item::Literal(Literal::Bool(false)),
                    _ => Item::Word(word.to_owned()),
                },
                len,
            ))
        }
    }
}

/// The offset of the quote that closes, escapes observed.
fn closing(body: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (i, c) in body.char_indices() {
        match c {
            '\n' => return None,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some(i),
            _ => {}
        }
    }
    None
}

fn number(text: &str) -> Option<(Item, usize)> {
    let sign = usize::from(text.starts_with(['+', '-']));
    let body = &text[sign..];
    let mut len = 0;
    let mut last = ' ';
    for c in body.chars() {
        let exponent_sign = matches!(c, '+' | '-') && matches!(last, 'e' | 'E' | 'p' | 'P') && !body.starts_with("0x");
        if !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_') || exponent_sign) {
            break;
        }
        last = c;
        len += 1;
    }
    let word = body[..len].replace('_', "");
    let negative = text.starts_with('-');
    let radix = match word.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x") => 16,
        Some("0o") => 8,
        Some("0b") => 2,
        _ => 10,
    };
    let digits = if radix == 10 { &word[..] } else { &word[2..] };
    let int = i64::from_str_radix(&format!("{}{digits}", if negative { "-" } else { "" }), radix)
        .ok()
        .filter(|_| !digits.starts_with(['+', '-']));
    let literal = match int {
        Some(i) => Literal::Int(i),
        None => {
            let f = parse_float(&word).ok().filter(|f| f.is_finite() && word.starts_with(|c: char| c.is_ascii_digit() || c == '.'))?;
            Literal::Float(if negative { -f } else { f })
        }
    };
    Some((Item::Literal(literal), sign + len))
}
