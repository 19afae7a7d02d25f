//! Reads a push body in JSON: `{"streams":[{"stream":{},"values":[["<ns>","line",{}]]}]}` and the legacy form with `labels` and `entries`.

use std::borrow::Cow;

use crate::read_json::{BadJson, Kind, Reader};

use super::labels;
use super::request::{BadPush, Entry, Pairs, Stream};

impl From<BadJson> for BadPush {
    fn from(e: BadJson) -> BadPush {
        BadPush(e.0)
    }
}

/// Only the first document of the body is read. Unknown keys are skipped; wrong types refuse the whole request.
pub fn decode(text: &str) -> Result<Vec<Stream<'_>>, BadPush> {
    let mut r = Reader::new(text);
    let mut streams = vec![];
    r.open_object()?;
    let mut first = true;
    while let Some(key) = r.next_key(first)? {
        first = false;
        if key != "streams" || r.kind()? == Kind::Null {
            r.skip()?;
            continue;
        }
        each(&mut r, |r| {
            streams.push(stream(r)?);
            Ok(())
        })?;
    }
    Ok(streams)
}

fn each<'a>(r: &mut Reader<'a>, mut item: impl FnMut(&mut Reader<'a>) -> Result<(), BadPush>) -> Result<(), BadPush> {
    r.open_array()?;
    let mut first = true;
    while r.next_item(first)? {
        first = false;
        item(r)?;
    }
    Ok(())
}

fn stream<'a>(r: &mut Reader<'a>) -> Result<Stream<'a>, BadPush> {
    let mut s = Stream { labels: Ok(vec![]), entries: vec![] };
    r.open_object()?;
    let mut first = true;
    while let Some(key) = r.next_key(first)? {
        first = false;
        match (key.as_ref(), r.kind()?) {
            ("stream" | "labels" | "values" | "entries", Kind::Null) => _ = r.skip()?,
            ("stream", _) => s.labels = pairs(r, "label")?.into_iter().map(checked).collect(),
            ("labels", _) => s.labels = labels::parse(&r.string()?),
            ("values", _) => each(r, |r| {
                s.entries.push(value(r)?);
                Ok(())
            })?,
            ("entries", _) => each(r, |r| {
                s.entries.push(legacy_entry(r)?);
                Ok(())
            })?,
            _ => _ = r.skip()?,
        }
    }
    Ok(s)
}

fn checked<'a>(pair: (Cow<'a, str>, Cow<'a, str>)) -> Result<(Cow<'a, str>, Cow<'a, str>), String> {
    if labels::is_name(&pair.0) {
        return Ok(pair);
    }
    let name = labels::shorten(&pair.0);
    Err(format!(
        "couldn't parse labels: label name {name:?} holds characters other than letters, digits and underscores, or starts with a digit"
    ))
}

/// An object of strings.
fn pairs<'a>(r: &mut Reader<'a>, what: &str) -> Result<Pairs<'a>, BadPush> {
    let mut all = vec![];
    r.open_object()?;
    let mut first = true;
    while let Some(name) = r.next_key(first)? {
        first = false;
        if r.kind()? != Kind::String {
            return Err(BadPush(format!("the value of {what} {:?} must be a string", labels::shorten(&name))));
        }
        all.push((name, r.string()?));
    }
    Ok(all)
}

/// `["<ns>", "line"]` or `["<ns>", "line", {metadata}]`; further elements are ignored.
fn value<'a>(r: &mut Reader<'a>) -> Result<Entry<'a>, BadPush> {
    const SHAPE: &str = "an entry must be [\"<unix nanoseconds>\", \"<line>\"] with an object of structured metadata at most";
    let wrong = |r: &Reader<'_>| BadPush(format!("{SHAPE}, at byte {}", r.position()));
    r.open_array().map_err(|_| wrong(r))?;
    if !r.next_item(true)? || r.kind()? != Kind::String {
        return Err(wrong(r));
    }
    let ts = nanoseconds(&r.string()?)?;
    if !r.next_item(false)? || r.kind()? != Kind::String {
        return Err(wrong(r));
    }
    let mut entry = Entry { ts, line: r.string()?, meta: vec![] };
    if !r.next_item(false)? {
        return Ok(entry);
    }
    match r.kind()? {
        Kind::Object => entry.meta = pairs(r, "structured metadata")?,
        Kind::Null => _ = r.skip()?,
        _ => return Err(wrong(r)),
    }
    while r.next_item(false)? {
        r.skip()?;
    }
    Ok(entry)
}

fn nanoseconds(text: &str) -> Result<i64, BadPush> {
    match text.parse::<i64>() {
        Ok(ns) if ns >= 0 => Ok(ns),
        Ok(_) => Err(BadPush(format!("the time {text} lies before 1970"))),
        Err(_) => Err(BadPush(format!("the time {:?} is no whole number of nanoseconds", labels::shorten(text)))),
    }
}

/// `{"ts":"RFC 3339","line":""}`
fn legacy_entry<'a>(r: &mut Reader<'a>) -> Result<Entry<'a>, BadPush> {
    let mut entry = Entry { ts: 0, line: Cow::Borrowed(""), meta: vec![] };
    let mut dated = false;
    r.open_object()?;
    let mut first = true;
    while let Some(key) = r.next_key(first)? {
        first = false;
        match key.as_ref() {
            "ts" => {
                let text = r.string()?;
                let time = text.parse::<jiff::Timestamp>().ok().and_then(|t| i64::try_from(t.as_nanosecond()).ok());
                entry.ts = time
                    .filter(|t| *t >= 0)
                    .ok_or_else(|| BadPush(format!("the time {:?} is no RFC 3339 time since 1970", labels::shorten(&text))))?;
                dated = true;
            }
            "line" => entry.line = r.string()?,
            "structuredMetadata" if r.kind()? == Kind::Object => entry.meta = pairs(r, "structured metadata")?,
            _ => _ = r.skip()?,
        }
    }
    if dated { Ok(entry) } else { Err(BadPush("an entry without \"ts\"".into())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, want: &str) {
        let show = |s: &Stream<'_>| {
            let pairs = |p: &Pairs<'_>| p.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join(",");
            let labels = s.labels.as_ref().map_or_else(|e| format!("({e})"), &pairs);
            let entries: Vec<String> =
                s.entries.iter().map(|e| format!("{} {:?} {}", e.ts, e.line, pairs(&e.meta)).trim_end().to_owned()).collect();
            format!("{{{labels}}} {}", entries.join(" | ")).trim_end().to_owned()
        };
        let got = decode(body).map_or_else(|e| e.0, |all| all.iter().map(show).collect::<Vec<_>>().join("\n"));
        assert_eq!(got.trim_end(), want, "{body}");
    }

    #[test]
    fn streams_of_values() {
        check(
            r#"{"extra":1,"streams":[{"stream":{"a":"b"},"values":[["1","x"],["2","y",{"k":"v"}]],"more":[1]}]}"#,
            "{a=b} 1 \"x\" | 2 \"y\" k=v",
        );
        check(
            r#"{"streams":[{"values":null,"stream":null},{"stream":{},"values":[["3","l",{},"rest",[]]]}]} {"streams":1}"#,
            "{}\n{} 3 \"l\"",
        );
        check("{}", "");
        check(r#"{"streams":null}"#, "");
    }

    #[test]
    fn the_legacy_form() {
        let body = r#"{"streams":[{"labels":"{a=\"b\"}","entries":[{"ts":"2026-01-14T10:04:01.5Z","line":"old"}]}]}"#;
        check(body, "{a=b} 1768385041500000000 \"old\"");
        check(
            r#"{"streams":[{"labels":"{a","entries":[]}]}"#,
            "{(error parsing labels '{a' with error: 1:3: parse error: unexpected end of input, expected \"=\")}",
        );
    }

    #[test]
    fn wrong_types_refuse_everything() {
        let shape = r#"an entry must be ["<unix nanoseconds>", "<line>"] with an object of structured metadata at most"#;
        let of = |entry: &str| format!(r#"{{"streams":[{{"values":[{entry}]}}]}}"#);
        check(&of(r#"[1,"x"]"#), &format!("{shape}, at byte 24"));
        check(&of(r#"["1",5]"#), &format!("{shape}, at byte 28"));
        check(&of(r#"["1"]"#), &format!("{shape}, at byte 28"));
        check(&of(r#"["1","x","y"]"#), &format!("{shape}, at byte 32"));
        check(&of(r#"["yesterday","x"]"#), r#"the time "yesterday" is no whole number of nanoseconds"#);
        check(&of(r#"["1.5","x"]"#), r#"the time "1.5" is no whole number of nanoseconds"#);
        check(&of(r#"["-5","x"]"#), "the time -5 lies before 1970");
        check(&of(r#"["1","x",{"n":5}]"#), r#"the value of structured metadata "n" must be a string"#);
        check(r#"{"streams":[{"stream":{"job":1}}]}"#, r#"the value of label "job" must be a string"#);
        check("[]", "expected '{' at byte 0");
        check("", "expected '{' at byte 0");
    }

    #[test]
    fn a_bad_label_name_spoils_its_stream_only() {
        let body = r#"{"streams":[{"stream":{"1a":"x"},"values":[]},{"stream":{"a":"x"},"values":[["1","l"]]}]}"#;
        let text =
            "couldn't parse labels: label name \"1a\" holds characters other than letters, digits and underscores, or starts with a digit";
        check(body, &format!("{{({text})}}\n{{a=x}} 1 \"l\""));
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_it(inner in "[\\[\\]{}:,\"1a ]{0,24}") {
            for text in [format!("{{\"streams\":[{inner}]}}"), format!("{{\"streams\":[{{\"values\":[{inner}]}}]}}"), inner] {
                if let Ok(all) = decode(&text) {
                    proptest::prop_assert!(all.iter().flat_map(|s| &s.entries).all(|e| e.ts >= 0));
                }
            }
        }
    }
}
