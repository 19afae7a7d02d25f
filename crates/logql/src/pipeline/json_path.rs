//! `json a="b.c[0]"`: chosen values as labels.

use super::json::{NO_OBJECT, Scanner, Value, unescape};
use super::row::{LineError, Row};
use crate::syntax::ast::LabelPath;
use crate::units::unquote_go;

#[derive(Debug, Clone, PartialEq)]
enum Hop {
    Key(String),
    Index(usize),
}

#[derive(Debug)]
pub struct JsonPaths {
    paths: Vec<(String, Vec<Hop>)>,
}

impl JsonPaths {
    pub fn new(paths: &[LabelPath]) -> Result<JsonPaths, String> {
        let parse = |p: &LabelPath| match parse_path(&p.path) {
            Ok(hops) => Ok((p.label.clone(), hops)),
            Err(e) => Err(format!("cannot parse expression [{}]: {e}", p.path)),
        };
        Ok(JsonPaths { paths: paths.iter().map(parse).collect::<Result<_, _>>()? })
    }

    /// A path that leads nowhere sets its label to "".
    pub fn run(&self, row: &mut Row<'_>) {
        let line = row.detached_line();
        if !line.trim_start().starts_with(['{', '[']) {
            return row.fail(LineError::Json, NO_OBJECT);
        }
        for (label, hops) in &self.paths {
            if row.is_open(label) {
                row.extract(label, &follow(&line, hops).map_or("".into(), |v| v.text()));
            }
        }
    }
}

fn follow<'a>(text: &'a str, hops: &[Hop]) -> Option<Value<'a>> {
    let mut value = Scanner::new(text).value_lenient()?;
    for hop in hops {
        value = match (hop, value) {
            (Hop::Key(key), Value::Object(o)) => {
                let mut found = None;
                let mut scanner = Scanner::new(o);
                // Malformed behind the value that was found does not matter.
                let _ = scanner.members(|s, k| {
                    let hit = k == key || k.contains('\\') && unescape(k) == *key;
                    let v = s.value_lenient()?;
                    if hit {
                        found = Some(v);
                    }
                    Some(!hit)
                });
                found?
            }
            (Hop::Index(i), Value::Array(a)) => Scanner::new(a).item(*i)??,
            _ => return None,
        };
    }
    Some(value)
}

impl<'a> Scanner<'a> {
    /// As `value`; an unclosed object or array is read as far as it goes.
    fn value_lenient(&mut self) -> Option<Value<'a>> {
        let rest = self.rest();
        self.value().or(match rest.as_bytes().first()? {
            b'{' => Some(Value::Object(rest)),
            b'[' => Some(Value::Array(rest)),
            _ => None,
        })
    }
}

/// `a.b`, `a["k v"]`, `a[0]`, `["a"].b`
fn parse_path(text: &str) -> Result<Vec<Hop>, String> {
    let mut hops = vec![];
    let mut rest = text;
    let unexpected = |what: &str, wanted: &str| Err(format!("syntax error: unexpected {what}, expecting {wanted}"));
    let kind = |rest: &str| match rest.chars().next() {
        None => "$end",
        Some('.') => "DOT",
        Some('[') => "LSB",
        Some(']') => "RSB",
        Some('"') => "STRING",
        Some(c) if c.is_ascii_digit() => "INDEX",
        Some(_) => "FIELD",
    };
    loop {
        if let Some(inner) = rest.strip_prefix('[') {
            let (hop, after) = match kind(inner) {
                "STRING" => {
                    let body = &inner[1..];
                    let end = closing_quote(body).ok_or("literal not terminated")?;
                    (Hop::Key(unquote_go(&body[..end]).ok_or("invalid char escape")?), &body[end + 1..])
                }
                "INDEX" => {
                    let n = inner.bytes().take_while(u8::is_ascii_digit).count();
                    (Hop::Index(inner[..n].parse().map_err(|_| "index too large")?), &inner[n..])
                }
                other => return unexpected(other, "STRING or INDEX"),
            };
            rest = match after.strip_prefix(']') {
                Some(r) => r,
                None => return unexpected(kind(after), "RSB"),
            };
            hops.push(hop);
        } else {
            let field = match hops.is_empty() {
                true => rest,
                false => match rest.strip_prefix('.') {
                    Some(r) => r,
                    None => return unexpected(kind(rest), "$end"),
                },
            };
            let n = field.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '@' | '$' | '/'))).unwrap_or(field.len());
            if n == 0 || field.starts_with(|c: char| c.is_ascii_digit()) {
                return unexpected(kind(field), if hops.is_empty() { "LSB or FIELD" } else { "FIELD" });
            }
            hops.push(Hop::Key(field[..n].to_owned()));
            rest = &field[n..];
        }
        if rest.is_empty() {
            return Ok(hops);
        }
    }
}

fn closing_quote(body: &str) -> Option<usize> {
    let mut escaped = false;
    body.char_indices().find_map(|(i, c)| {
        let hit = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        hit.then_some(i)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, path: &str, want: Option<&str>) {
        let got = follow(line, &parse_path(path).unwrap()).map(|v| v.text().into_owned());
        assert_eq!(got.as_deref(), want, "{path} in {line}");
    }

    #[test]
    fn paths() {
        let line = r#"{"a":[{"b":1},{"b":"two"}],"c d":{"e.f":3},"n":null,"s":"x"}"#;
        check(line, "a[1].b", Some("two"));
        check(line, r#"["c d"]["e.f"]"#, Some("3"));
        check(line, "a[0]", Some(r#"{"b":1}"#));
        check(line, "a[9]", None);
        check(line, "n", Some(""));
        check(line, "s.t", None);
        check(r#"{"a":1,"b"#, "a", Some("1"));
    }

    #[test]
    fn errors() {
        let err = |p: &str| parse_path(p).unwrap_err();
        assert_eq!(err("a[b"), "syntax error: unexpected FIELD, expecting STRING or INDEX");
        assert_eq!(err("a..b"), "syntax error: unexpected DOT, expecting FIELD");
        assert_eq!(err("user["), "syntax error: unexpected $end, expecting STRING or INDEX");
        assert!(parse_path("").is_err());
    }
}
