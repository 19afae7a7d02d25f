//! Finds the fields of lines for Logs Drilldown: structured metadata, what the query parsed, and JSON or logfmt in the line itself.

use std::borrow::Cow;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::limits::MAX_FIELD_DEPTH;
use crate::read_json::{Kind as JsonKind, Reader};

use super::kind::{Kind, normalise};
use super::render::Line;

/// One field over all lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    pub label: String,
    /// of the first value
    pub kind: Kind,
    /// distinct values in the order of their first
    pub values: Vec<String>,
    /// none: structured metadata only
    pub parsers: Vec<&'static str>,
    /// the keys that lead to it in a JSON line
    pub path: Option<Vec<String>>,
    seen: FxHashSet<String>,
}

/// The fields in the order of their first line, at most `limit`.
pub fn find<'a>(lines: impl Iterator<Item = Line<'a>>, limit: usize) -> Vec<Field> {
    let mut found = Found { fields: vec![], places: FxHashMap::default(), limit };
    for line in lines {
        for (name, value) in line.meta.iter() {
            found.add(name, value, None, None);
        }
        let mut own: Vec<(Vec<&str>, Cow<'_, str>, Cow<'_, str>)> = vec![];
        let parser = match json_fields(line.line, &mut own) {
            true => "json",
            false => {
                own.clear();
                logfmt_fields(line.line, &mut own);
                "logfmt"
            }
        };
        for (name, value) in line.parsed.iter() {
            found.add(name, value, Some(parser), None);
        }
        for (path, name, value) in &own {
            // A name that the stream has goes by another one.
            match line.stream.get(name) {
                None => found.add(name, value, Some(parser), Some(path)),
                Some(_) => found.add(&format!("{name}_extracted"), value, Some(parser), None),
            }
        }
    }
    found.fields
}

struct Found {
    fields: Vec<Field>,
    places: FxHashMap<String, usize>,
    limit: usize,
}

impl Found {
    fn add(&mut self, name: &str, value: &str, parser: Option<&'static str>, path: Option<&[&str]>) {
        if name.starts_with("__error") {
            return;
        }
        let at = match self.places.get(name) {
            Some(at) => *at,
            None if self.fields.len() >= self.limit => return,
            None => {
                let kind = Kind::of(value);
                self.fields.push(Field {
                    label: name.to_owned(),
                    kind,
                    values: vec![],
                    parsers: vec![],
                    path: None,
                    seen: FxHashSet::default(),
                });
                self.places.insert(name.to_owned(), self.fields.len() - 1);
                self.fields.len() - 1
            }
        };
        let field = &mut self.fields[at];
        if let Some(p) = parser.filter(|p| !field.parsers.contains(p)) {
            field.parsers.push(p);
        }
        if let (Some(path), None, Some("json")) = (path, &field.path, parser) {
            field.path = Some(path.iter().map(|s| (*s).to_owned()).collect());
        }
        let value = normalise(value, field.kind);
        if !field.seen.contains(value.as_ref()) {
            field.seen.insert(value.clone().into_owned());
            field.values.push(value.into_owned());
        }
    }
}

type Own<'a> = (Vec<&'a str>, Cow<'a, str>, Cow<'a, str>);

/// (path, label, value) of every scalar of a JSON object; `false` if the line is none.
fn json_fields<'a>(line: &'a str, out: &mut Vec<Own<'a>>) -> bool {
    if !line.trim_start().starts_with('{') {
        return false;
    }
    let mut r = Reader::new(line);
    r.open_object().is_ok() && members(&mut r, &mut vec![], out).is_some()
}

/// Reads the members of an object that was just opened. Arrays and nulls are left out, and so is what lies too deep.
fn members<'a>(r: &mut Reader<'a>, path: &mut Vec<Cow<'a, str>>, out: &mut Vec<Own<'a>>) -> Option<()> {
    let mut first = true;
    while let Some(key) = r.next_key(first).ok()? {
        first = false;
        path.push(key);
        match r.kind().ok()? {
            JsonKind::Object if path.len() < MAX_FIELD_DEPTH => {
                r.open_object().ok()?;
                members(r, path, out)?;
            }
            JsonKind::Object | JsonKind::Array | JsonKind::Null => _ = r.skip().ok()?,
            kind => {
                let value = if kind == JsonKind::String { r.string().ok()? } else { Cow::Borrowed(r.literal().ok()?) };
                // Keys with escapes have no borrowed form; such fields get no path.
                let keys = path.iter().map(|k| if let Cow::Borrowed(k) = k { Some(*k) } else { None }).collect::<Option<Vec<&str>>>();
                out.push((keys.unwrap_or_default(), label(path), value));
            }
        }
        path.pop();
    }
    Some(())
}

/// Keys joined by `_`; other characters become `_`, and a leading digit gets one in front.
fn label<'a>(path: &[Cow<'a, str>]) -> Cow<'a, str> {
    let fine = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if let [Cow::Borrowed(key)] = path
        && key.chars().all(fine)
        && !key.starts_with(|c: char| c.is_ascii_digit())
    {
        return Cow::Borrowed(key);
    }
    let mut out = String::new();
    for (i, key) in path.iter().enumerate() {
        if i > 0 {
            out.push('_');
        }
        for c in key.chars() {
            if out.is_empty() && c.is_ascii_digit() {
                out.push('_');
            }
            out.push(if fine(c) { c } else { '_' });
        }
    }
    Cow::Owned(out)
}

/// The `key=value` pairs of a line; bare keys and empty values are left out.
fn logfmt_fields<'a>(line: &'a str, out: &mut Vec<Own<'a>>) {
    let mut rest = line;
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return;
        }
        let end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let key = &rest[..end];
        rest = &rest[end..];
        let Some(after) = rest.strip_prefix('=') else { continue };
        let value: Cow<'_, str> = if after.starts_with('"') {
            let mut r = Reader::new(after);
            match r.string() {
                Ok(v) => {
                    rest = &after[r.position()..];
                    v
                }
                Err(_) => {
                    rest = skip_word(after);
                    continue;
                }
            }
        } else {
            rest = skip_word(after);
            Cow::Borrowed(&after[..after.len() - rest.len()])
        };
        if !key.is_empty() && !key.contains('"') && !value.is_empty() {
            out.push((vec![], label(&[Cow::Borrowed(key)]), value));
        }
    }
}

fn skip_word(text: &str) -> &str {
    &text[text.find(char::is_whitespace).unwrap_or(text.len())..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Labels;

    #[track_caller]
    fn check(text: &str, want: &str) {
        let (stream, none) = (Labels::from_pairs([("app", "x")]), Labels::empty());
        let meta = Labels::from_pairs([("attempt", "1")]);
        let all = find([Line { ts: 0, line: text, stream: &stream, meta: &meta, parsed: &none }].into_iter(), 100);
        let show = |f: &Field| {
            let path = f.path.as_ref().map_or_else(String::new, |p| format!(" at {}", p.join(".")));
            format!("{} {} {:?} {}{path}", f.label, f.kind.as_str(), f.values, f.parsers.join("+"))
        };
        assert_eq!(all.iter().map(show).collect::<Vec<_>>().join("; "), want, "{text}");
    }

    #[test]
    fn json_lines() {
        check(
            r#"{"a":{"b c":1.5,"1":true},"n":null,"l":[1],"attempt":2,"app":"y","d":"3ms"}"#,
            "attempt int [\"1\", \"2\"] json at attempt; a_b_c float [\"1.5\"] json at a.b c; a_1 boolean [\"true\"] json at a.1; \
             app_extracted string [\"y\"] json; d duration [\"3ms\"] json at d",
        );
    }

    #[test]
    fn logfmt_lines_and_others() {
        check(
            r#"worker 5 seq=17 lag=0.5s msg="a \"b\"" empty= size=20KB bad="x"#,
            "attempt int [\"1\"] ; seq int [\"17\"] logfmt; lag duration [\"0.5s\"] logfmt; msg string [\"a \\\"b\\\"\"] logfmt; size bytes [\"20kB\"] logfmt",
        );
        check(r#"{"a":1"#, "attempt int [\"1\"] ");
        check("", "attempt int [\"1\"] ");
        check("=x y= ==", "attempt int [\"1\"] ");
    }

    proptest::proptest! {
        #[test]
        fn no_line_breaks_it(line in "[a={}\" \\\\\u{e9}:1]{0,24}") {
            let none = Labels::empty();
            find([Line { ts: 0, line: &line, stream: &none, meta: &none, parsed: &none }].into_iter(), 3);
        }
    }
}
