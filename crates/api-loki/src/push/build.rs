//! Checks the streams of a push and builds the batch: refused entries are named, the rest is kept.

use std::borrow::Cow;

use model::{Labels, LogBatch, LogBatchBuilder};

use crate::limits::{
    MAX_FUTURE_NS, MAX_LABEL_NAME_BYTES, MAX_LABEL_VALUE_BYTES, MAX_LABELS, MAX_LINE_BYTES, MAX_LISTED_ERRORS, MAX_METADATA_BYTES,
    MAX_METADATA_PAIRS,
};
use crate::time::rfc3339;

use super::labels::shorten;
use super::request::{Entry, Pairs, Stream};

const SERVICE_NAME: &str = "service_name";
const DETECTED_LEVEL: &str = "detected_level";

/// A push after its checks.
#[derive(Debug, Default)]
pub struct Built {
    pub batch: LogBatch,
    /// what was wrong, as the answer's body; "" = nothing
    pub errors: String,
}

/// `now` in Unix nanoseconds.
pub fn build(streams: &[Stream<'_>], now: i64) -> Built {
    let mut b = Builder { now, rows: LogBatchBuilder::default(), errors: Errors::default(), pairs: vec![] };
    for s in streams.iter().filter(|s| !s.entries.is_empty()) {
        b.stream(s);
    }
    Built { batch: b.rows.finish(), errors: b.errors.text() }
}

/// Bytes that the tenant's rate limit counts: lines and their metadata, and how many lines.
pub fn volume(streams: &[Stream<'_>]) -> (u64, u64) {
    let entries = || streams.iter().flat_map(|s| &s.entries);
    let size = |e: &Entry<'_>| e.line.len() + e.meta.iter().map(|(n, v)| n.len() + v.len()).sum::<usize>();
    (entries().count() as u64, entries().map(|e| size(e) as u64).sum())
}

struct Builder {
    now: i64,
    rows: LogBatchBuilder,
    errors: Errors,
    /// the entry's metadata as codes, reused
    pairs: Vec<(u32, u32)>,
}

impl Builder {
    fn stream(&mut self, s: &Stream<'_>) {
        let labels = match s.labels.as_ref().map_err(Clone::clone).and_then(|pairs| stream_labels(pairs)) {
            Ok(l) => l,
            Err(e) => {
                return self.errors.add(e);
            }
        };
        let mut index = None;
        let mut last: Option<&Entry<'_>> = None;
        for e in &s.entries {
            // Sent twice in a row: kept once, without a word.
            if last.is_some_and(|l| l == e) {
                continue;
            }
            last = Some(e);
            if let Err(text) = self.entry(&labels, e, &mut index) {
                self.errors.add(text);
            }
        }
    }

    fn entry(&mut self, labels: &Labels, e: &Entry<'_>, index: &mut Option<u32>) -> Result<(), String> {
        if e.ts > self.now.saturating_add(MAX_FUTURE_NS) {
            return Err(format!("entry for stream '{labels}' has timestamp too new: {}", rfc3339(e.ts)));
        }
        if e.line.len() > MAX_LINE_BYTES {
            let len = e.line.len();
            return Err(format!(
                "max entry size '{MAX_LINE_BYTES}' bytes exceeded for stream '{labels}' while adding an entry with length '{len}' bytes"
            ));
        }
        let size: usize = e.meta.iter().map(|(n, v)| n.len() + v.len()).sum();
        if size > MAX_METADATA_BYTES {
            return Err(format!(
                "stream '{labels}' has structured metadata too large: '{size}' bytes, limit: '{MAX_METADATA_BYTES}' bytes. Please see \
                 `limits_config.max_structured_metadata_size` or contact your Loki administrator to increase it."
            ));
        }
        if e.meta.len() > MAX_METADATA_PAIRS {
            return Err(format!(
                "stream '{labels}' has too many structured metadata labels: '{}', limit: '{MAX_METADATA_PAIRS}'. Please see \
                 `limits_config.max_structured_metadata_entries_count` or contact your Loki administrator to increase it.",
                e.meta.len()
            ));
        }
        let meta = metadata(labels, e)?;
        self.pairs.clear();
        for (name, value) in &meta {
            let dict = self.rows.dict();
            self.pairs.push((dict.code(name), dict.code(value)));
        }
        let stream = match *index {
            Some(i) => i,
            None => *index.insert(self.rows.stream(labels)),
        };
        self.rows.push(stream, e.ts, &e.line, &self.pairs);
        Ok(())
    }
}

/// Empty values dropped, the service's name added, limits checked.
fn stream_labels(pairs: &[(Cow<'_, str>, Cow<'_, str>)]) -> Result<Labels, String> {
    let mut kept: Vec<(&str, &str)> = pairs.iter().filter(|(_, v)| !v.is_empty()).map(|(n, v)| (n.as_ref(), v.as_ref())).collect();
    kept.sort_by_key(|p| p.0);
    let duplicate = kept.windows(2).find(|w| w[0].0 == w[1].0).map(|w| w[0].0.to_owned());
    let find = |name: &str| kept.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
    if find(SERVICE_NAME).is_none() {
        let found = otlp::detect_service_name(find);
        kept.push((SERVICE_NAME, found));
    }
    let labels = Labels::from_pairs(kept);
    if let Some(name) = duplicate {
        return Err(format!("stream '{labels}' has duplicate label name: '{name}'"));
    }
    let counted = labels.iter().filter(|(n, _)| *n != SERVICE_NAME).count();
    if counted > MAX_LABELS {
        return Err(format!("entry for stream '{labels}' has {counted} label names; limit {MAX_LABELS}"));
    }
    for (name, value) in labels.iter() {
        if name.len() > MAX_LABEL_NAME_BYTES {
            return Err(format!("stream '{}' has label name too long: '{}'", shorten(&labels.to_string()), shorten(name)));
        }
        if value.len() > MAX_LABEL_VALUE_BYTES {
            return Err(format!("stream '{}' has label value too long: '{}'", shorten(&labels.to_string()), shorten(value)));
        }
    }
    Ok(labels)
}

/// The entry's pairs under normalised names, with the level that was found.
fn metadata<'a>(labels: &Labels, e: &'a Entry<'_>) -> Result<Pairs<'a>, String> {
    let mut out: Pairs<'_> = Vec::with_capacity(e.meta.len() + 1);
    for (name, value) in e.meta.iter().filter(|(_, v)| !v.is_empty()) {
        let name = match otlp::log_label_name(name) {
            Ok(n) => n,
            Err(why) => return Err(format!("stream '{labels}' has structured metadata with an invalid name: {why}")),
        };
        let value = if value.contains('\u{fffd}') { Cow::Owned(value.replace('\u{fffd}', " ")) } else { Cow::Borrowed(value.as_ref()) };
        out.push((name, value));
    }
    let find = |name: &str| out.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_ref());
    let level = Cow::Owned(otlp::detect_level(|name| labels.get(name), find, &e.line).into_owned());
    match out.iter_mut().find(|(n, _)| n == DETECTED_LEVEL) {
        Some(own) => own.1 = level,
        None => out.push((DETECTED_LEVEL.into(), level)),
    }
    Ok(out)
}

/// Refusals grouped by their text, in the order of their first.
#[derive(Default)]
struct Errors {
    texts: Vec<(String, u64)>,
    more: u64,
}

impl Errors {
    fn add(&mut self, text: String) {
        let full = self.texts.len() >= MAX_LISTED_ERRORS;
        match self.texts.iter_mut().find(|(t, _)| *t == text) {
            Some((_, n)) => *n += 1,
            None if full => self.more += 1,
            None => self.texts.push((text, 1)),
        }
    }

    fn text(&self) -> String {
        if let [(text, 1)] = self.texts.as_slice() {
            return text.clone();
        }
        let mut parts: Vec<String> = self.texts.iter().map(|(t, n)| format!("{n} errors like: {t}")).collect();
        if self.more > 0 {
            parts.push(format!("{} more errors", self.more));
        }
        parts.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::push::json::decode;

    const NOW: i64 = 1_768_473_000_000_000_000;

    /// The kept rows, then the errors.
    #[track_caller]
    fn check(streams: &str, want: &str) {
        let text = format!(r#"{{"streams":[{streams}]}}"#);
        let built = build(&decode(&text).unwrap(), NOW);
        let b = &built.batch;
        let mut out: Vec<String> = (0..b.len())
            .map(|i| {
                let meta: Vec<String> = b.meta(i).map(|(n, v)| format!("{n}={v}")).collect();
                format!("{} {} {:?} {}", b.streams[b.stream[i] as usize], b.ts[i], b.body.get(i), meta.join(","))
            })
            .collect();
        if !built.errors.is_empty() {
            out.push(format!("refused: {}", built.errors));
        }
        assert_eq!(out.join("\n"), want);
    }

    #[test]
    fn names_levels_and_services_are_filled_in() {
        check(
            r#"{"stream":{"job":"meta","gone":""},"values":[["4","m",{"user.name":"u 1","9lives":"x","empty":"","Ünï-code":"v\ufffd"}],["5","level=warn"]]}"#,
            "{job=\"meta\", service_name=\"meta\"} 4 \"m\" _n_code=v ,detected_level=unknown,key_9lives=x,user_name=u 1\n\
             {job=\"meta\", service_name=\"meta\"} 5 \"level=warn\" detected_level=warn",
        );
        check(r#"{"stream":{},"values":[["1","x"]]}"#, "{service_name=\"unknown_service\"} 1 \"x\" detected_level=unknown");
        check(
            r#"{"stream":{"container":"two","app":"one"},"values":[["1","x",{"detected_level":"ERR"}]]}"#,
            "{app=\"one\", container=\"two\", service_name=\"one\"} 1 \"x\" detected_level=error",
        );
    }

    #[test]
    fn rows_are_sorted_and_immediate_repeats_dropped() {
        check(
            r#"{"stream":{"a":"b"},"values":[["3","c"],["1","a"],["1","a"],["2","b"]]}"#,
            "{a=\"b\", service_name=\"unknown_service\"} 1 \"a\" detected_level=unknown\n\
             {a=\"b\", service_name=\"unknown_service\"} 2 \"b\" detected_level=unknown\n\
             {a=\"b\", service_name=\"unknown_service\"} 3 \"c\" detected_level=unknown",
        );
    }

    #[test]
    fn what_is_wrong_is_refused_and_the_rest_kept() {
        check(
            r#"{"stream":{"job":"p"},"values":[["1","before"],["4102444800000000000","2100"]]},{"stream":{"1a":"x"},"values":[["1","x"],["2","x"]]}"#,
            "{job=\"p\", service_name=\"p\"} 1 \"before\" detected_level=unknown\n\
             refused: 1 errors like: entry for stream '{job=\"p\", service_name=\"p\"}' has timestamp too new: 2100-01-01T00:00:00Z; 1 errors like: couldn't parse labels: \
             label name \"1a\" holds characters other than letters, digits and underscores, or starts with a digit",
        );
        let labels: Vec<String> = (0..16).map(|i| format!("\"l{i:02}\":\"x\"")).collect();
        let shown: Vec<String> = (0..16).map(|i| format!("l{i:02}=\"x\"")).collect();
        check(
            &format!(r#"{{"stream":{{{}}},"values":[["1","x"]]}}"#, labels.join(",")),
            &format!("refused: entry for stream '{{{}, service_name=\"unknown_service\"}}' has 16 label names; limit 15", shown.join(", ")),
        );
        let line = "x".repeat(262_145);
        check(
            &format!(r#"{{"stream":{{"job":"l"}},"values":[["1","{line}"]]}}"#),
            "refused: max entry size '262144' bytes exceeded for stream '{job=\"l\", service_name=\"l\"}' while adding an entry with length '262145' bytes",
        );
        check(
            r#"{"stream":{"job":"u"},"values":[["1","x",{"___":"v"}],["2","y"]]},{"stream":{"job":"d","job":"e"},"values":[["1","x"]]}"#,
            "{job=\"u\", service_name=\"u\"} 2 \"y\" detected_level=unknown\nrefused: \
             1 errors like: stream '{job=\"u\", service_name=\"u\"}' has structured metadata with an invalid name: the attribute name \"___\" has no character \
             that a label name can have; 1 errors like: stream '{job=\"e\", service_name=\"d\"}' has duplicate label name: 'job'",
        );
    }
}
