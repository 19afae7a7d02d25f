//! Text to tokens. What a character means depends on the brackets that are open, as in the reference lexer, and so do the messages.

use super::token::{Kind, Token, reserved};
use crate::ast::BinaryOp;
use crate::format::quote_char;
use crate::span::{ParseError, Span};

const DIGITS: &str = "0123456789";

pub struct Lexer<'a> {
    input: &'a str,
    /// where the token being read starts
    start: usize,
    pos: usize,
    paren_depth: usize,
    brace_open: bool,
    bracket_open: bool,
    /// inside brackets and no number read since the last `[`, operator or word
    in_duration: bool,
    got_colon: bool,
    got_duration: bool,
}

type Lexed<'a> = Result<Token<'a>, ParseError>;

impl<'a> Lexer<'a> {
    pub fn new(input: &'a str) -> Lexer<'a> {
        Lexer {
            input,
            start: 0,
            pos: 0,
            paren_depth: 0,
            brace_open: false,
            bracket_open: false,
            in_duration: false,
            got_colon: false,
            got_duration: false,
        }
    }

    /// The next token; `End` again and again after the last.
    pub fn next(&mut self) -> Lexed<'a> {
        loop {
            if !self.in_duration && self.rest().starts_with('#') {
                self.pos += self.rest().find(['\n', '\r']).unwrap_or(self.rest().len());
            } else if self.peek().is_some_and(is_space) {
                self.pos += 1;
            } else {
                break;
            }
        }
        self.start = self.pos;
        if self.brace_open {
            self.inside_braces()
        } else if self.in_duration {
            self.duration_expression()
        } else {
            self.statement()
        }
    }

    fn rest(&self) -> &'a str {
        &self.input[self.pos..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.pos += c.len_utf8();
        Some(c)
    }

    fn accept(&mut self, set: &str) -> bool {
        let yes = self.peek().is_some_and(|c| set.contains(c));
        if yes {
            self.pos += 1;
        }
        yes
    }

    fn accept_run(&mut self, set: &str) {
        while self.accept(set) {}
    }

    fn emit(&mut self, kind: Kind) -> Lexed<'a> {
        let token = Token { kind, text: &self.input[self.start..self.pos], start: self.start };
        self.start = self.pos;
        Ok(token)
    }

    fn fail(&self, reason: impl Into<String>) -> Lexed<'a> {
        Err(ParseError::new(self.input, Span::new(self.start, self.input.len()), reason))
    }

    fn statement(&mut self) -> Lexed<'a> {
        let Some(c) = self.bump() else {
            return if self.paren_depth != 0 {
                self.fail("unclosed left parenthesis")
            } else if self.bracket_open {
                self.fail("unclosed left bracket")
            } else {
                self.emit(Kind::End)
            };
        };
        let next = self.peek();
        let mut two = |with: char, long: Kind, short: Kind| {
            if next == Some(with) {
                self.pos += 1;
                long
            } else {
                short
            }
        };
        let kind = match c {
            ',' => Kind::Comma,
            '*' => Kind::Op(BinaryOp::Mul),
            '/' => Kind::Op(BinaryOp::Div),
            '%' => Kind::Op(BinaryOp::Mod),
            '+' => Kind::Op(BinaryOp::Add),
            '-' => Kind::Op(BinaryOp::Sub),
            '^' => Kind::Op(BinaryOp::Pow),
            '@' => Kind::At,
            '=' if next == Some('~') => return self.fail("unexpected character after '=': '~'"),
            '=' => two('=', Kind::Op(BinaryOp::Eq), Kind::Assign),
            '!' if next == Some('=') => two('=', Kind::Op(BinaryOp::Ne), Kind::Assign),
            '!' => return self.fail(format!("unexpected character after '!': {}", shown(next))),
            '<' if next == Some('=') => two('=', Kind::Op(BinaryOp::Le), Kind::Assign),
            '<' => two('/', Kind::Op(BinaryOp::TrimUpper), Kind::Op(BinaryOp::Lt)),
            '>' if next == Some('=') => two('=', Kind::Op(BinaryOp::Ge), Kind::Assign),
            '>' => two('/', Kind::Op(BinaryOp::TrimLower), Kind::Op(BinaryOp::Gt)),
            '0'..='9' => return self.number_or_duration(),
            '.' if next.is_some_and(|n| n.is_ascii_digit()) => return self.number_or_duration(),
            '"' | '\'' | '`' => return self.string(c),
            c if is_alpha(c) || c == ':' => return if self.bracket_open { self.word_in_brackets(c) } else { self.word() },
            '(' => {
                self.paren_depth += 1;
                Kind::LeftParen
            }
            ')' => return self.right_paren(),
            '{' => {
                self.brace_open = true;
                Kind::LeftBrace
            }
            '[' => return self.left_bracket(),
            ']' if !self.bracket_open => return self.fail("unexpected right bracket ']'"),
            ']' => {
                self.bracket_open = false;
                Kind::RightBracket
            }
            other => return self.fail(format!("unexpected character: {}", quote_char(other))),
        };
        self.emit(kind)
    }

    fn right_paren(&mut self) -> Lexed<'a> {
        let token = self.emit(Kind::RightParen);
        if self.paren_depth == 0 {
            return self.fail("unexpected right parenthesis ')'");
        }
        self.paren_depth -= 1;
        token
    }

    fn left_bracket(&mut self) -> Lexed<'a> {
        if self.bracket_open {
            return self.fail("unexpected left bracket '['");
        }
        self.got_colon = false;
        self.bracket_open = true;
        self.in_duration = true;
        self.emit(Kind::LeftBracket)
    }

    fn word_in_brackets(&mut self, c: char) -> Lexed<'a> {
        if c == ':' {
            if self.got_colon {
                return self.fail("unexpected colon ':'");
            }
            self.got_colon = true;
            return self.emit(Kind::Colon);
        }
        match self.duration_word() {
            Some(kind) => self.emit(kind),
            None => self.fail(format!("unexpected character: {}, expected ':'", quote_char(c))),
        }
    }

    /// The rest of step, range, min_of or max_of.
    fn duration_word(&mut self) -> Option<Kind> {
        while self.peek().is_some_and(is_alpha) {
            self.pos += 1;
        }
        let text = &self.input[self.start..self.pos];
        let known = ["step", "range", "max_of", "min_of"].iter().any(|w| text.eq_ignore_ascii_case(w));
        if known { reserved(text) } else { None }
    }

    fn duration_expression(&mut self) -> Lexed<'a> {
        let Some(c) = self.bump() else {
            return self.fail("unexpected end of input in duration expression");
        };
        let kind = match c {
            ']' => {
                self.bracket_open = false;
                self.in_duration = false;
                self.got_colon = false;
                Kind::RightBracket
            }
            ':' => {
                let token = self.emit(Kind::Colon);
                if !self.got_duration {
                    return self.fail("unexpected colon before duration in duration expression");
                }
                if self.got_colon {
                    return self.fail("unexpected repeated colon in duration expression");
                }
                self.got_colon = true;
                return token;
            }
            '(' => {
                self.paren_depth += 1;
                Kind::LeftParen
            }
            ')' => return self.right_paren(),
            '+' => Kind::Op(BinaryOp::Add),
            '-' => Kind::Op(BinaryOp::Sub),
            '*' => Kind::Op(BinaryOp::Mul),
            '/' => Kind::Op(BinaryOp::Div),
            '%' => Kind::Op(BinaryOp::Mod),
            '^' => Kind::Op(BinaryOp::Pow),
            ',' => Kind::Comma,
            's' | 'r' | 'm' | 'S' | 'R' | 'M' => match self.duration_word() {
                Some(kind) => kind,
                None => return self.fail(format!("unexpected character in duration expression: {}", quote_char(c))),
            },
            c if c.is_ascii_digit() || (c == '.' && self.peek().is_some_and(|n| n.is_ascii_digit())) => {
                self.got_duration = true;
                self.in_duration = false;
                return self.number_or_duration();
            }
            other => return self.fail(format!("unexpected character in duration expression: {}", quote_char(other))),
        };
        self.emit(kind)
    }

    fn inside_braces(&mut self) -> Lexed<'a> {
        let Some(c) = self.bump() else {
            return self.fail("unexpected end of input inside braces");
        };
        let kind = match c {
            c if is_alpha(c) => {
                while self.peek().is_some_and(is_alphanumeric) {
                    self.pos += 1;
                }
                Kind::Identifier
            }
            ',' => Kind::Comma,
            '"' | '\'' | '`' => return self.string(c),
            '=' if self.accept("~") => Kind::MatchRegex,
            '=' => Kind::Assign,
            '!' => match self.bump() {
                Some('~') => Kind::MatchNotRegex,
                Some('=') => Kind::Op(BinaryOp::Ne),
                other => return self.fail(format!("unexpected character after '!' inside braces: {}", shown(other))),
            },
            '{' => return self.fail("unexpected left brace '{'"),
            '}' => {
                self.brace_open = false;
                Kind::RightBrace
            }
            other => return self.fail(format!("unexpected character inside braces: {}", quote_char(other))),
        };
        self.emit(kind)
    }

    fn word(&mut self) -> Lexed<'a> {
        while self.peek().is_some_and(|c| is_alphanumeric(c) || c == ':') {
            self.pos += 1;
        }
        let text = &self.input[self.start..self.pos];
        let kind = match reserved(text) {
            // Metrics may be called fill, fill_left and fill_right.
            Some(Kind::Word(super::token::Word::Fill | super::token::Word::FillLeft | super::token::Word::FillRight))
                if !self.rest().trim_start_matches(is_space).starts_with('(') =>
            {
                Kind::Identifier
            }
            Some(kind) => kind,
            None if text.contains(':') => Kind::MetricIdentifier,
            None => Kind::Identifier,
        };
        self.emit(kind)
    }

    /// Checks the escapes; `unquote` takes the text apart.
    fn string(&mut self, quote: char) -> Lexed<'a> {
        loop {
            match self.bump() {
                Some(c) if c == quote => return self.emit(Kind::String),
                None if quote == '`' => return self.fail("unterminated raw string"),
                Some(_) if quote == '`' => {}
                None | Some('\n') => return self.fail("unterminated quoted string"),
                Some('\\') => self.escape(quote)?,
                Some(_) => {}
            }
        }
    }

    fn escape(&mut self, quote: char) -> Result<(), ParseError> {
        let fail = |l: &Self, reason: String| l.fail(reason).map(|_| ());
        let (mut digits, base, max) = match self.peek() {
            None => return fail(self, "escape sequence not terminated".into()),
            Some(c) if "abfnrtv\\".contains(c) || c == quote => {
                self.pos += 1;
                return Ok(());
            }
            Some('0'..='7') => (3, 8, 255),
            Some('x') => (2, 16, 255),
            Some('u') => (4, 16, 0x10_ffff),
            Some('U') => (8, 16, 0x10_ffff),
            Some(c) => return fail(self, format!("unknown escape sequence {}", code_point(c))),
        };
        if base == 16 {
            self.pos += 1;
        }
        let mut value = 0u32;
        while digits > 0 {
            let Some(c) = self.bump() else {
                return fail(self, "escape sequence not terminated".into());
            };
            let Some(d) = c.to_digit(base) else {
                return fail(self, format!("illegal character {} in escape sequence", code_point(c)));
            };
            value = value.wrapping_mul(base).wrapping_add(d);
            digits -= 1;
        }
        if value > max || (0xd800..0xe000).contains(&value) {
            return fail(self, "escape sequence is an invalid Unicode code point".into());
        }
        Ok(())
    }

    fn number_or_duration(&mut self) -> Lexed<'a> {
        self.pos = self.start;
        if self.scan_number() {
            return self.emit(Kind::Number);
        }
        if self.scan_duration() {
            return self.emit(Kind::Duration);
        }
        let text = &self.input[self.start..self.pos];
        self.fail(format!("bad number or duration syntax: {}", crate::format::quote(text)))
    }

    /// Goes on after the digits where `scan_number` stopped: unit, then digits and unit again. Wrong units are found later.
    fn scan_duration(&mut self) -> bool {
        if !self.accept("smhdwy") {
            return false;
        }
        self.accept("s");
        while self.accept(DIGITS) {
            self.accept_run(DIGITS);
            if !self.accept("smhdw") {
                return false;
            }
            self.accept("s");
        }
        match self.peek() {
            // The reference has read one character further when it complains.
            Some(c) if is_alphanumeric(c) => {
                self.pos += 1;
                false
            }
            _ => true,
        }
    }

    /// Leaves `pos` where it stopped, also when it fails.
    fn scan_number(&mut self) -> bool {
        let start = self.pos;
        let mut digits = DIGITS;
        if self.accept("0") && self.accept("xX") {
            self.accept("_");
            digits = "0123456789abcdefABCDEF";
        }
        let hex = digits.len() > 10;
        self.accept(".");
        self.accept(digits);
        let (mut dot, mut exponent) = (false, false);
        loop {
            match self.peek() {
                Some('.') => {
                    self.pos += 1;
                    if dot {
                        return false;
                    }
                    dot = true;
                    if self.accept("_.") || hex {
                        return false;
                    }
                }
                // In hexadecimal numbers "e" is a digit, but it counts as an exponent first.
                Some('e' | 'E') => {
                    self.pos += 1;
                    if exponent {
                        return false;
                    }
                    exponent = true;
                    self.accept("+-");
                    if self.accept("._eE") || self.peek().is_none() {
                        return false;
                    }
                }
                Some('_') => {
                    self.pos += 1;
                    if self.accept("._eE") || self.peek().is_none() {
                        return false;
                    }
                }
                Some(c) if digits.contains(c) => self.accept_run(digits),
                _ => break,
            }
        }
        self.pos > start && !self.peek().is_some_and(is_alphanumeric)
    }
}

/// The content of a string token. Escapes are valid already; bytes that are no UTF-8 become private characters.
pub fn unquote(text: &str) -> String {
    let inner = &text[1..text.len().max(2) - 1];
    if text.starts_with('`') || !inner.contains('\\') {
        return inner.to_owned();
    }
    let mut out: Vec<u8> = Vec::with_capacity(inner.len());
    let mut chars = inner.chars();
    let push = |c: char, out: &mut Vec<u8>| out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    let number = |chars: &mut std::str::Chars<'_>, n: usize, base: u32, first: u32| {
        (0..n).fold(first, |v, _| v.wrapping_mul(base).wrapping_add(chars.next().and_then(|c| c.to_digit(base)).unwrap_or(0)))
    };
    while let Some(c) = chars.next() {
        if c != '\\' {
            push(c, &mut out);
            continue;
        }
        match chars.next() {
            Some('a') => out.push(7),
            Some('b') => out.push(8),
            Some('f') => out.push(12),
            Some('n') => out.push(b'\n'),
            Some('r') => out.push(b'\r'),
            Some('t') => out.push(b'\t'),
            Some('v') => out.push(11),
            Some('x') => out.push(number(&mut chars, 2, 16, 0) as u8),
            Some('u') => push(char::from_u32(number(&mut chars, 4, 16, 0)).unwrap_or('\u{fffd}'), &mut out),
            Some('U') => push(char::from_u32(number(&mut chars, 8, 16, 0)).unwrap_or('\u{fffd}'), &mut out),
            Some(d @ '0'..='7') => out.push(number(&mut chars, 2, 8, d.to_digit(8).unwrap_or(0)) as u8),
            Some(other) => push(other, &mut out),
            None => {}
        }
    }
    crate::format::text_of_bytes(&out)
}

fn shown(c: Option<char>) -> String {
    c.map_or_else(|| "'\u{fffd}'".to_owned(), quote_char)
}

/// `U+0041 'A'`
fn code_point(c: char) -> String {
    format!("U+{:04X} '{c}'", c as u32)
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

fn is_alpha(c: char) -> bool {
    c == '_' || c.is_ascii_alphabetic()
}

fn is_alphanumeric(c: char) -> bool {
    is_alpha(c) || c.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Token texts, or the error.
    fn lex(input: &str) -> Vec<String> {
        let (mut lexer, mut out) = (Lexer::new(input), vec![]);
        loop {
            match lexer.next() {
                Ok(t) if t.kind == Kind::End => return out,
                Ok(t) => out.push(t.text.to_owned()),
                Err(e) => {
                    out.push(format!("! {e}"));
                    return out;
                }
            }
        }
    }

    #[test]
    fn words_numbers_and_operators() {
        assert_eq!(lex("sum(x:y[5m:]) <= .5e-3 >/ 0x1F#c\n"), ["sum", "(", "x:y", "[", "5m", ":", "]", ")", "<=", ".5e-3", ">/", "0x1F"]);
        assert_eq!(lex("a{b!~'c\\'',\"d\"}"), ["a", "{", "b", "!~", "'c\\''", ",", "\"d\"", "}"]);
        assert_eq!(lex("x[step() + min_of(1m,2m)]"), ["x", "[", "step", "(", ")", "+", "min_of", "(", "1m", ",", "2m", ")", "]"]);
    }

    #[test]
    fn errors_say_where() {
        for (input, want) in [
            ("a{", "! 1:3: parse error: unexpected end of input inside braces"),
            ("5x", "! 1:1: parse error: bad number or duration syntax: \"5\""),
            ("\"\\q\"", "! 1:1: parse error: unknown escape sequence U+0071 'q'"),
            ("(", "! 1:2: parse error: unclosed left parenthesis"),
            ("a[:", "! 1:4: parse error: unexpected colon before duration in duration expression"),
        ] {
            assert_eq!(lex(input).last().unwrap(), want);
        }
    }

    #[test]
    fn escapes() {
        assert_eq!(unquote(r#""a\n\x41\u00e7\101\\""#), "a\nAçA\\");
        assert_eq!(unquote("`a\\n`"), "a\\n");
    }
}
