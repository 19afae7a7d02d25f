//! Go's `fmt` verbs.

use crate::limits::MAX_WIDTH;
use crate::{Host, Val, format_g};

/// Operands one after another, with a space between two that are no texts.
pub fn sprint<H: Host>(args: &[Val<'_, H>]) -> String {
    let mut out = String::new();
    for (i, v) in args.iter().enumerate() {
        let text = |v: &Val<'_, H>| matches!(v, Val::Str(_));
        if i > 0 && !text(v) && !text(&args[i - 1]) {
            out.push(' ');
        }
        v.print(&mut out);
    }
    out
}

#[derive(Debug, Default, Clone, Copy)]
struct Flags {
    plus: bool,
    minus: bool,
    zero: bool,
    space: bool,
    sharp: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

pub fn sprintf<H: Host>(format: &str, args: &[Val<'_, H>]) -> String {
    let mut out = String::new();
    let mut chars = format.chars().peekable();
    let mut next = 0;
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut f = Flags::default();
        while let Some(flag) = chars.peek().copied().filter(|c| "+-0 #".contains(*c)) {
            chars.next();
            match flag {
                '+' => f.plus = true,
                '-' => f.minus = true,
                '0' => f.zero = true,
                ' ' => f.space = true,
                _ => f.sharp = true,
            }
        }
        f.width = count(&mut chars, args, &mut next);
        if chars.next_if_eq(&'.').is_some() {
            f.precision = Some(count(&mut chars, args, &mut next).unwrap_or(0));
        }
        match chars.next() {
            None => out.push_str("%!(NOVERB)"),
            Some('%') => out.push('%'),
            Some(verb) => match args.get(next) {
                None => out.push_str(&format!("%!{verb}(MISSING)")),
                Some(v) => {
                    next += 1;
                    one(f, verb, v, &mut out);
                }
            },
        }
    }
    if next < args.len() {
        let extra: Vec<String> = args[next..].iter().map(|v| format!("{}={}", v.kind(), v.text())).collect();
        out.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    out
}

/// A width or precision: digits, or `*` for an argument.
fn count<H: Host>(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, args: &[Val<'_, H>], next: &mut usize) -> Option<usize> {
    if chars.next_if_eq(&'*').is_some() {
        let v = args.get(*next);
        *next += 1;
        return match v {
            Some(Val::Int(i)) => Some((*i).clamp(0, MAX_WIDTH as i64) as usize),
            _ => None,
        };
    }
    let mut out = None;
    while let Some(d) = chars.peek().and_then(|c| c.to_digit(10)) {
        chars.next();
        out = Some((out.unwrap_or(0) * 10 + d as usize).min(MAX_WIDTH));
    }
    out
}

fn one<H: Host>(f: Flags, verb: char, v: &Val<'_, H>, out: &mut String) {
    let body = match (verb, v) {
        ('v', Val::Float(x)) => return number(f, float(f, 'g', *x), out),
        ('v', Val::Int(i)) => return number(f, integer(f, i128::from(*i), 10, false), out),
        ('v', Val::Str(s)) if f.sharp => H::quote(s),
        ('v', v) => v.text(),
        ('T', v) => v.kind().to_owned(),
        ('t', Val::Bool(b)) => b.to_string(),
        ('d', Val::Int(i)) => return number(f, integer(f, i128::from(*i), 10, false), out),
        ('b', Val::Int(i)) => return number(f, integer(f, i128::from(*i), 2, false), out),
        ('o', Val::Int(i)) => return number(f, integer(f, i128::from(*i), 8, false), out),
        ('x' | 'X', Val::Int(i)) => return number(f, integer(f, i128::from(*i), 16, verb == 'X'), out),
        ('c', Val::Int(i)) => u32::try_from(*i).ok().and_then(char::from_u32).unwrap_or('\u{fffd}').to_string(),
        ('q', Val::Int(i)) => format!("'{}'", u32::try_from(*i).ok().and_then(char::from_u32).unwrap_or('\u{fffd}')),
        ('U', Val::Int(i)) => format!("U+{i:04X}"),
        ('e' | 'E' | 'f' | 'F' | 'g' | 'G', Val::Float(x)) => return number(f, float(f, verb, *x), out),
        ('s', Val::Str(s)) => truncated(s, f.precision).to_owned(),
        ('q', Val::Str(s)) => H::quote(truncated(s, f.precision)),
        ('x', Val::Str(s)) => s.bytes().map(|b| format!("{b:02x}")).collect(),
        ('X', Val::Str(s)) => s.bytes().map(|b| format!("{b:02X}")).collect(),
        ('s', v @ (Val::Time(_) | Val::List(_) | Val::Map(_))) => v.text(),
        (verb, v) => format!("%!{verb}({}={})", v.kind(), v.text()),
    };
    pad(f, &body, out);
}

fn truncated(s: &str, precision: Option<usize>) -> &str {
    match precision.and_then(|p| s.char_indices().nth(p)) {
        Some((end, _)) => &s[..end],
        None => s,
    }
}

fn pad(f: Flags, body: &str, out: &mut String) {
    let missing = f.width.unwrap_or(0).saturating_sub(body.chars().count());
    if !f.minus {
        out.extend(std::iter::repeat_n(if f.zero { '0' } else { ' ' }, missing));
    }
    out.push_str(body);
    if f.minus {
        out.extend(std::iter::repeat_n(' ', missing));
    }
}

/// A number's text with its sign; zeros go between sign and digits.
fn number(f: Flags, text: String, out: &mut String) {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(d) => ("-", d),
        None if f.plus => ("+", text.trim_start_matches('+')),
        None if f.space => (" ", text.as_str()),
        None => ("", text.as_str()),
    };
    let finite = digits.starts_with(|c: char| c.is_ascii_hexdigit());
    if f.zero && !f.minus && finite {
        out.push_str(sign);
        let width = f.width.map(|w| w.saturating_sub(sign.len()));
        pad(Flags { width, ..f }, digits, out);
    } else {
        pad(Flags { zero: false, ..f }, &format!("{sign}{digits}"), out);
    }
}

fn integer(f: Flags, v: i128, radix: u32, upper: bool) -> String {
    let digits = match radix {
        2 => format!("{:b}", v.abs()),
        8 => format!("{:o}", v.abs()),
        16 if upper => format!("{:X}", v.abs()),
        16 => format!("{:x}", v.abs()),
        _ => v.abs().to_string(),
    };
    let prefix = match (f.sharp, radix, upper) {
        (true, 16, false) => "0x",
        (true, 16, true) => "0X",
        (true, 8, _) => "0",
        (true, 2, _) => "0b",
        _ => "",
    };
    let width = f.precision.unwrap_or(0);
    format!("{}{prefix}{digits:0>width$}", if v < 0 { "-" } else { "" })
}

fn float(f: Flags, verb: char, v: f64) -> String {
    if !v.is_finite() {
        return format_g(v);
    }
    match verb {
        'f' | 'F' => format!("{v:.*}", f.precision.unwrap_or(6)),
        'e' | 'E' => exponent(&format!("{v:.*e}", f.precision.unwrap_or(6)), verb),
        _ => match f.precision {
            None => format_g(v),
            Some(p) => general(v, p.max(1), if verb == 'G' { 'E' } else { 'e' }),
        },
    }
}

/// Rust writes `1.5e3`, Go `1.5e+03`.
fn exponent(text: &str, verb: char) -> String {
    let (mantissa, e) = text.split_once('e').unwrap_or((text, "0"));
    let e: i32 = e.parse().unwrap_or(0);
    let verb = if verb == 'E' { 'E' } else { 'e' };
    format!("{mantissa}{verb}{}{:02}", if e < 0 { '-' } else { '+' }, e.abs())
}

fn general(v: f64, precision: usize, e: char) -> String {
    let scientific = format!("{v:.*e}", precision - 1);
    let power: i32 = scientific.split_once('e').and_then(|(_, e)| e.parse().ok()).unwrap_or(0);
    let trim = |s: &str| if s.contains('.') { s.trim_end_matches('0').trim_end_matches('.').to_owned() } else { s.to_owned() };
    if power < -4 || power >= precision as i32 {
        let (mantissa, rest) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        return exponent(&format!("{}e{rest}", trim(mantissa)), e);
    }
    trim(&format!("{v:.*}", (precision as i32 - 1 - power).max(0) as usize))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Plain;

    type Val<'d> = crate::Val<'d, Plain>;

    #[test]
    fn verbs() {
        let args = [
            Val::Int(42),
            Val::str("v"),
            Val::Bool(true),
            Val::Float(std::f64::consts::PI),
            Val::Int(7),
            Val::Int(5),
            Val::Int(8),
            Val::Int(65),
            Val::Int(66),
            Val::Float(1234.5),
        ];
        assert_eq!(sprintf("%d %v %t %6.2f %+d %08b %o %c %U %e", &args), "42 v true   3.14 +7 00000101 10 A U+0042 1.234500e+03");
        assert_eq!(sprintf("%05.1f|%-4d|%4d|%x", &[Val::Float(40.85), Val::Int(1), Val::Int(2), Val::str("hi")]), "040.9|1   |   2|6869");
        assert_eq!(sprintf("%d", &[Val::str("hi")]), "%!d(string=hi)");
        assert_eq!(sprintf("%s %s", &[Val::str("a")]), "a %!s(MISSING)");
        assert_eq!(sprintf::<Plain>("%", &[]), "%!(NOVERB)");
        assert_eq!(sprintf("%.3g %.2g", &[Val::Float(1234.5), Val::Float(0.5)]), "1.23e+03 0.5");
        assert_eq!(sprint(&[Val::Int(1), Val::Int(2), Val::str("x"), Val::str("y")]), "1 2xy");
    }
}
