//! Functions on texts.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use gotemplate::{Entry, MANY, MAX_OUTPUT, query_escape};

use super::{Args, Lines, Val, escape};
use crate::units::{parse_bytes, parse_go_duration};

/// Encodes with padding, decodes with or without.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

type Result<T> = std::result::Result<T, String>;

pub const FUNCTIONS: &[Entry<Lines>] = &[
    Entry("ToLower", 1, 1, |_, a| Ok(Val::str(a.text(0)?.to_lowercase()))),
    Entry("ToUpper", 1, 1, |_, a| Ok(Val::str(a.text(0)?.to_uppercase()))),
    Entry("lower", 1, 1, |_, a| Ok(Val::str(a.text(0)?.to_lowercase()))),
    Entry("upper", 1, 1, |_, a| Ok(Val::str(a.text(0)?.to_uppercase()))),
    Entry("title", 1, 1, |_, a| Ok(Val::str(title(a.text(0)?)))),
    Entry("Replace", 4, 4, |_, a| replace(a.text(0)?, a.text(1)?, a.text(2)?, a.int(3)?)),
    Entry("replace", 3, 3, |_, a| replace(a.text(2)?, a.text(0)?, a.text(1)?, -1)),
    Entry("Trim", 2, 2, |_, a| Ok(Val::str(a.text(0)?.trim_matches(set(a, 1)?)))),
    Entry("TrimLeft", 2, 2, |_, a| Ok(Val::str(a.text(0)?.trim_start_matches(set(a, 1)?)))),
    Entry("TrimRight", 2, 2, |_, a| Ok(Val::str(a.text(0)?.trim_end_matches(set(a, 1)?)))),
    Entry("TrimPrefix", 2, 2, |_, a| Ok(Val::str(strip_prefix(a.text(0)?, a.text(1)?)))),
    Entry("TrimSuffix", 2, 2, |_, a| Ok(Val::str(strip_suffix(a.text(0)?, a.text(1)?)))),
    Entry("TrimSpace", 1, 1, |_, a| Ok(Val::str(a.text(0)?.trim()))),
    Entry("trim", 1, 1, |_, a| Ok(Val::str(a.text(0)?.trim()))),
    Entry("trimAll", 2, 2, |_, a| Ok(Val::str(a.text(1)?.trim_matches(set(a, 0)?)))),
    Entry("trimPrefix", 2, 2, |_, a| Ok(Val::str(strip_prefix(a.text(1)?, a.text(0)?)))),
    Entry("trimSuffix", 2, 2, |_, a| Ok(Val::str(strip_suffix(a.text(1)?, a.text(0)?)))),
    Entry("regexReplaceAll", 3, 3, |c, a| {
        let regex = c.regexes.get(a.text(0)?)?;
        Ok(Val::str(regex.replace_all(a.text(1)?, a.text(2)?)))
    }),
    Entry("regexReplaceAllLiteral", 3, 3, |c, a| {
        let regex = c.regexes.get(a.text(0)?)?;
        Ok(Val::str(regex.replace_all(a.text(1)?, regex::NoExpand(a.text(2)?))))
    }),
    Entry("count", 2, 2, |c, a| Ok(Val::Int(c.regexes.get(a.text(0)?)?.find_iter(a.text(1)?).count() as i64))),
    Entry("urldecode", 1, 1, |_, a| escape::query_unescape(a.text(0)?).map(Val::str)),
    Entry("urlencode", 1, 1, |_, a| Ok(Val::str(query_escape(a.text(0)?)))),
    Entry("bytes", 1, 1, |_, a| parse_bytes(a.text(0)?).map(|b| Val::Float(b as f64))),
    Entry("duration", 1, 1, |_, a| parse_go_duration(a.text(0)?).map(|ns| Val::Float(ns as f64 / 1e9))),
    Entry("duration_seconds", 1, 1, |_, a| parse_go_duration(a.text(0)?).map(|ns| Val::Float(ns as f64 / 1e9))),
    Entry("alignLeft", 2, 2, |_, a| align(a, true)),
    Entry("alignRight", 2, 2, |_, a| align(a, false)),
    Entry("b64enc", 1, 1, |_, a| Ok(Val::str(BASE64.encode(a.text(0)?)))),
    Entry("b64dec", 1, 1, |_, a| {
        // What cannot be decoded gives the error's text, as the library that Loki uses does.
        let bytes = BASE64.decode(a.text(0)?.trim());
        Ok(Val::str(bytes.map_or_else(|e| e.to_string(), |b| String::from_utf8_lossy(&b).into_owned())))
    }),
    Entry("trunc", 2, 2, |_, a| {
        let (n, s) = (a.int(0)?, a.text(1)?);
        let len = s.len() as i64;
        Ok(match n {
            0.. if n < len => cut(s, 0, n),
            ..0 if -n < len => cut(s, len + n, len),
            _ => Val::str(s),
        })
    }),
    Entry("substr", 3, 3, |_, a| {
        let (start, end, s) = (a.int(0)?, a.int(1)?, a.text(2)?);
        let len = s.len() as i64;
        let (start, end) = match (start, end) {
            (..0, end) => (0, end),
            (start, end) if end < 0 || end > len => (start, len),
            both => both,
        };
        if end < 0 || start > end || end > len {
            return Err(format!("runtime error: slice bounds out of range [{start}:{end}]"));
        }
        Ok(cut(s, start, end))
    }),
    Entry("contains", 2, 2, |_, a| Ok(Val::Bool(a.text(1)?.contains(a.text(0)?)))),
    Entry("hasPrefix", 2, 2, |_, a| Ok(Val::Bool(a.text(1)?.starts_with(a.text(0)?)))),
    Entry("hasSuffix", 2, 2, |_, a| Ok(Val::Bool(a.text(1)?.ends_with(a.text(0)?)))),
    Entry("indent", 2, 2, |_, a| indent(a)),
    Entry("nindent", 2, 2, |_, a| indent(a).map(|v| Val::str(format!("\n{}", v.text())))),
    Entry("repeat", 2, 2, |_, a| {
        let (n, s) = (a.int(0)?, a.text(1)?);
        let n = usize::try_from(n).map_err(|_| "strings: negative Repeat count")?;
        repeated(s, n).map(Val::str)
    }),
    Entry("fromJson", 1, 1, |_, a| Ok(serde_json::from_str::<serde_json::Value>(a.text(0)?).map_or(Val::Nil, from_json))),
    Entry("toString", 1, 1, |_, a| Ok(Val::str(a.values[0].text()))),
    Entry("nospace", 1, 1, |_, a| Ok(Val::str(a.text(0)?.replace(char::is_whitespace, "")))),
    Entry("quote", 1, MANY, |_, a| Ok(Val::str(a.values.iter().map(|v| crate::units::go_quote(&v.text())).collect::<Vec<_>>().join(" ")))),
    Entry("join", 2, 2, |_, a| match &a.values[1] {
        Val::List(l) => Ok(Val::str(l.iter().map(Val::text).collect::<Vec<_>>().join(a.text(0)?))),
        v => Ok(Val::str(v.text())),
    }),
    Entry("splitList", 2, 2, |_, a| Ok(Val::list(a.text(1)?.split(a.text(0)?).map(Val::str).collect()))),
    Entry("empty", 1, 1, |_, a| Ok(Val::Bool(!a.values[0].truth()))),
    Entry("ternary", 3, 3, |_, a| Ok(a.values[if a.values[2].truth() { 0 } else { 1 }].clone())),
];

fn set(a: &Args<'_, '_>, i: usize) -> Result<impl FnMut(char) -> bool> {
    let set: Vec<char> = a.text(i)?.chars().collect();
    Ok(move |c: char| set.contains(&c))
}

fn strip_prefix<'a>(s: &'a str, prefix: &str) -> &'a str {
    s.strip_prefix(prefix).unwrap_or(s)
}

fn strip_suffix<'a>(s: &'a str, suffix: &str) -> &'a str {
    s.strip_suffix(suffix).unwrap_or(s)
}

fn title(s: &str) -> String {
    let mut start = true;
    let mut out = String::with_capacity(s.len());
    for c in s.chars() {
        if start {
            out.extend(c.to_uppercase())
        } else {
            out.push(c)
        }
        start = !(c.is_alphanumeric() || c == '_' || c == '\'');
    }
    out
}

fn replace<'d>(s: &str, old: &str, new: &str, n: i64) -> Result<Val<'d>> {
    let count = usize::try_from(n).unwrap_or(usize::MAX);
    if s.len().saturating_mul(new.len().max(1)) > MAX_OUTPUT.saturating_mul(16) {
        return Err("result is too long".into());
    }
    Ok(Val::str(s.replacen(old, new, count)))
}

fn repeated(s: &str, n: usize) -> Result<String> {
    if s.len().saturating_mul(n) > MAX_OUTPUT {
        return Err(format!("result is longer than {MAX_OUTPUT} bytes"));
    }
    Ok(s.repeat(n))
}

/// Bytes, not characters, are counted, as Go's slices do.
fn cut<'d>(s: &str, start: i64, end: i64) -> Val<'d> {
    Val::str(String::from_utf8_lossy(&s.as_bytes()[start as usize..end as usize]))
}

fn align<'d>(a: &Args<'_, 'd>, left: bool) -> Result<Val<'d>> {
    let (width, s) = (usize::try_from(a.int(0)?).unwrap_or(0), a.text(1)?);
    if width > MAX_OUTPUT {
        return Err(format!("result is longer than {MAX_OUTPUT} bytes"));
    }
    let len = s.chars().count();
    Ok(Val::str(match (left, len.checked_sub(width)) {
        (true, Some(_)) => s.chars().take(width).collect::<String>(),
        (false, Some(over)) => s.chars().skip(over).collect(),
        (true, None) => format!("{s}{}", " ".repeat(width - len)),
        (false, None) => format!("{}{s}", " ".repeat(width - len)),
    }))
}

fn indent<'d>(a: &Args<'_, 'd>) -> Result<Val<'d>> {
    let pad = repeated(" ", usize::try_from(a.int(0)?).map_err(|_| "strings: negative Repeat count")?)?;
    let s = a.text(1)?;
    if pad.len().saturating_mul(s.matches('\n').count() + 1) > MAX_OUTPUT {
        return Err(format!("result is longer than {MAX_OUTPUT} bytes"));
    }
    Ok(Val::str(format!("{pad}{}", s.replace('\n', &format!("\n{pad}")))))
}

fn from_json<'d>(v: serde_json::Value) -> Val<'d> {
    match v {
        serde_json::Value::Null => Val::Nil,
        serde_json::Value::Bool(b) => Val::Bool(b),
        serde_json::Value::Number(n) => Val::Float(n.as_f64().unwrap_or(f64::NAN)),
        serde_json::Value::String(s) => Val::str(s),
        serde_json::Value::Array(l) => Val::list(l.into_iter().map(from_json).collect()),
        serde_json::Value::Object(m) => Val::map(m.into_iter().map(|(k, v)| (k, from_json(v))).collect()),
    }
}
