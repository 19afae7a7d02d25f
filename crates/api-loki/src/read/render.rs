//! Query answers in Loki's JSON: streams (flat or categorized), matrix, vector, scalar, in the envelope with `stats`.

use std::fmt::Write;

use logql::Entry;
use model::Labels;
use rustc_hash::FxHashMap;

use crate::json;
use crate::stats::Stats;

/// A line of a log query's result with its labels in three categories.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// Unix nanoseconds
    pub ts: i64,
    pub line: &'a str,
    pub stream: &'a Labels,
    pub meta: &'a Labels,
    pub parsed: &'a Labels,
}

impl<'a> Line<'a> {
    pub fn of(e: &'a Entry) -> Line<'a> {
        Line { ts: e.ts, line: &e.line, stream: &e.stream, meta: &e.metadata, parsed: &e.parsed }
    }

    /// Every label in one set.
    pub fn flat(&self) -> Labels {
        if self.meta.is_empty() && self.parsed.is_empty() {
            return self.stream.clone();
        }
        Labels::from_pairs(self.stream.iter().chain(self.meta.iter()).chain(self.parsed.iter()))
    }
}

/// The header value that asks for labels by category.
pub const CATEGORIZE: &str = "categorize-labels";

/// Lines put together by their labels, sorted by them; the lines of a group keep their order.
pub fn group<'a>(lines: &[Line<'a>], categorize: bool) -> Vec<(Labels, Vec<Line<'a>>)> {
    let mut places: FxHashMap<Labels, usize> = FxHashMap::default();
    let mut groups: Vec<(Labels, Vec<Line<'a>>)> = vec![];
    for line in lines {
        let labels = if categorize { line.stream.clone() } else { line.flat() };
        let at = *places.entry(labels).or_insert_with_key(|labels| {
            groups.push((labels.clone(), vec![]));
            groups.len() - 1
        });
        groups[at].1.push(*line);
    }
    groups.sort_by(|a, b| a.0.cmp(&b.0));
    groups
}

/// One line: `["<ns>","line"]`, with its other labels as a third element where categories are asked for.
pub fn entry(out: &mut String, line: &Line<'_>, categorize: bool) {
    _ = write!(out, "[\"{}\",", line.ts);
    json::string(out, line.line);
    if categorize {
        out.push_str(",{");
        if !line.meta.is_empty() {
            out.push_str("\"structuredMetadata\":");
            json::object(out, line.meta.iter());
        }
        if !line.parsed.is_empty() {
            out.push_str(if line.meta.is_empty() { "\"parsed\":" } else { ",\"parsed\":" });
            json::object(out, line.parsed.iter());
        }
        out.push('}');
    }
    out.push(']');
}

/// `{"stream":{},"values":[]}` and no other key: Grafana's reader knows no others.
pub fn stream(out: &mut String, labels: &Labels, lines: &[Line<'_>], categorize: bool) {
    out.push_str("{\"stream\":");
    json::object(out, labels.iter());
    out.push_str(",\"values\":");
    json::array(out, lines, |out, l| entry(out, l, categorize));
    out.push('}');
}

/// `flags` are the encoding flags of the request: all are named in the answer, known or not.
pub fn streams(lines: &[Line<'_>], flags: &[String], stats: &Stats) -> String {
    let categorize = flags.iter().any(|f| f == CATEGORIZE);
    let mut out = open(&[], "streams", flags);
    json::array(&mut out, group(lines, categorize), |out, (labels, lines)| stream(out, &labels, &lines, categorize));
    close(out, stats)
}

/// Series with their samples: (Unix nanoseconds, value).
pub fn matrix<'a, S, P>(series: S, warnings: &[String], stats: &Stats) -> String
where
    S: IntoIterator<Item = (&'a Labels, P)>,
    P: IntoIterator<Item = (i64, f64)>,
{
    let mut out = open(warnings, "matrix", &[]);
    json::array(&mut out, series, |out, (labels, samples)| {
        out.push_str("{\"metric\":");
        json::object(out, labels.iter());
        out.push_str(",\"values\":");
        json::array(out, samples, |out, (t, v)| json::sample(out, t, v));
        out.push('}');
    });
    close(out, stats)
}

/// One sample per series: (labels, Unix nanoseconds, value).
pub fn vector<'a>(samples: impl IntoIterator<Item = (&'a Labels, i64, f64)>, warnings: &[String], stats: &Stats) -> String {
    let mut out = open(warnings, "vector", &[]);
    json::array(&mut out, samples, |out, (labels, t, v)| {
        out.push_str("{\"metric\":");
        json::object(out, labels.iter());
        out.push_str(",\"value\":");
        json::sample(out, t, v);
        out.push('}');
    });
    close(out, stats)
}

pub fn scalar(t: i64, value: f64, stats: &Stats) -> String {
    let mut out = open(&[], "scalar", &[]);
    json::sample(&mut out, t, value);
    close(out, stats)
}

/// Everything before the result. Grafana needs the flags there, not behind it.
fn open(warnings: &[String], kind: &str, flags: &[String]) -> String {
    let mut out = String::from("{\"status\":\"success\"");
    if !warnings.is_empty() {
        out.push_str(",\"warnings\":");
        json::array(&mut out, warnings, |out, w| json::string(out, w));
    }
    _ = write!(out, ",\"data\":{{\"resultType\":\"{kind}\"");
    if !flags.is_empty() {
        out.push_str(",\"encodingFlags\":");
        json::array(&mut out, flags, |out, f| json::string(out, f));
    }
    out.push_str(",\"result\":");
    out
}

fn close(mut out: String, stats: &Stats) -> String {
    out.push_str(",\"stats\":");
    stats.write(&mut out);
    out.push_str("}}");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer without its stats, which must be there.
    #[track_caller]
    fn check(answer: &str, want: &str) {
        let (head, tail) = answer.split_once(",\"stats\":{").unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(answer).is_ok(), "{answer}");
        assert!(tail.starts_with("\"summary\""));
        assert_eq!(head, want);
    }

    #[test]
    fn streams_flat_and_by_category() {
        let of = |pairs: &[(&str, &str)]| Labels::from_pairs(pairs.iter().copied());
        let (a, b, meta, parsed, none) =
            (of(&[("app", "a")]), of(&[("app", "b")]), of(&[("id", "1")]), of(&[("level", "x\"")]), Labels::empty());
        let lines = [
            Line { ts: 3, line: "b3", stream: &b, meta: &none, parsed: &none },
            Line { ts: 2, line: "a2", stream: &a, meta: &meta, parsed: &parsed },
            Line { ts: 1, line: "a1", stream: &a, meta: &none, parsed: &none },
        ];
        let (stats, flags) = (Stats::default(), [CATEGORIZE.to_owned()]);
        check(
            &streams(&lines, &[], &stats),
            "{\"status\":\"success\",\"data\":{\"resultType\":\"streams\",\"result\":[{\"stream\":{\"app\":\"a\"},\"values\":[[\"1\",\"a1\"]]},\
             {\"stream\":{\"app\":\"a\",\"id\":\"1\",\"level\":\"x\\\"\"},\"values\":[[\"2\",\"a2\"]]},{\"stream\":{\"app\":\"b\"},\"values\":[[\"3\",\"b3\"]]}]",
        );
        check(
            &streams(&lines, &flags, &stats),
            "{\"status\":\"success\",\"data\":{\"resultType\":\"streams\",\"encodingFlags\":[\"categorize-labels\"],\"result\":[\
             {\"stream\":{\"app\":\"a\"},\"values\":[[\"2\",\"a2\",{\"structuredMetadata\":{\"id\":\"1\"},\"parsed\":{\"level\":\"x\\\"\"}}],[\"1\",\"a1\",{}]]},\
             {\"stream\":{\"app\":\"b\"},\"values\":[[\"3\",\"b3\",{}]]}]",
        );
        check(
            &streams(&[], &["x".to_owned()], &stats),
            r#"{"status":"success","data":{"resultType":"streams","encodingFlags":["x"],"result":[]"#,
        );
    }

    #[test]
    fn numbers() {
        let (a, stats) = (Labels::from_pairs([("a", "1")]), Stats::default());
        let warn = ["partial".to_owned()];
        check(
            &matrix([(&a, vec![(1_000_000_000, 1.0), (2_500_000_000, 0.5)])], &warn, &stats),
            r#"{"status":"success","warnings":["partial"],"data":{"resultType":"matrix","result":[{"metric":{"a":"1"},"values":[[1,"1"],[2.5,"0.5"]]}]"#,
        );
        check(
            &vector([(&a, 0, f64::NAN)], &[], &stats),
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"1"},"value":[0,"NaN"]}]"#,
        );
        check(&scalar(5_000_000_000, 5.0, &stats), r#"{"status":"success","data":{"resultType":"scalar","result":[5,"5"]"#);
    }
}
