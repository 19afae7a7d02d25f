//! Query results as JSON: `{"resultType":…,"result":…,"stats":…}`, a matrix in pieces.

use std::sync::Arc;

use model::Histogram;
use promql::{Sample, SampleValue, Series, Value};

use crate::buckets;
use crate::json::{push_key, push_labels, push_list, push_str};
use crate::limits::CHUNK_BYTES;
use crate::number::{push_int, push_plain, push_time, push_value};
use crate::reply::Render;

/// The `data` of a query answer.
pub struct QueryData {
    head: Vec<u8>,
    rows: Rows,
    tail: Vec<u8>,
}

enum Rows {
    Finished,
    Vector { left: std::vec::IntoIter<Sample>, first: bool },
    Matrix { left: std::vec::IntoIter<Series>, open: Option<Open>, first: bool },
}

/// A series whose points are being written.
struct Open {
    series: Series,
    float: usize,
    histogram: usize,
}

impl QueryData {
    /// `stats` is finished JSON, empty for none.
    pub fn new(value: Value, stats: &[u8]) -> QueryData {
        let mut head = b"{".to_vec();
        push_key(&mut head, "resultType");
        push_str(&mut head, value.value_type().as_str());
        push_key(&mut head, "result");
        let mut tail = Vec::new();
        let rows = match value {
            Value::Scalar { t, v } => {
                push_pair(&mut head, t, |out| push_plain(out, v));
                Rows::Finished
            }
            Value::String { t, v } => {
                head.push(b'[');
                push_time(&mut head, t);
                head.push(b',');
                push_str(&mut head, &v);
                head.push(b']');
                Rows::Finished
            }
            Value::Vector(samples) => Rows::Vector { left: samples.into_iter(), first: true },
            Value::Matrix(series) => Rows::Matrix { left: series.into_iter(), open: None, first: true },
        };
        if !matches!(rows, Rows::Finished) {
            head.push(b'[');
            tail.push(b']');
        }
        if !stats.is_empty() {
            push_key(&mut tail, "stats");
            tail.extend_from_slice(stats);
        }
        tail.push(b'}');
        QueryData { head, rows, tail }
    }
}

impl Render for QueryData {
    fn next(&mut self, out: &mut Vec<u8>) -> bool {
        let full = out.len() + CHUNK_BYTES;
        out.append(&mut self.head);
        match &mut self.rows {
            Rows::Finished => {}
            Rows::Vector { left, first } => {
                for sample in left.by_ref() {
                    separate(out, first);
                    push_sample(out, &sample);
                    if out.len() >= full {
                        return true;
                    }
                }
            }
            Rows::Matrix { left, open, first } => loop {
                if open.is_none() {
                    let Some(series) = left.next() else { break };
                    separate(out, first);
                    out.extend_from_slice(b"{\"metric\":");
                    push_labels(out, &series.labels);
                    *open = Some(Open { series, float: 0, histogram: 0 });
                }
                if let Some(points) = open {
                    if push_points(out, points, full) {
                        return true;
                    }
                    *open = None;
                }
            },
        }
        out.append(&mut self.tail);
        false
    }
}

fn separate(out: &mut Vec<u8>, first: &mut bool) {
    if !std::mem::take(first) {
        out.push(b',');
    }
}

/// Continues with the points of a series; true if `out` is full before the series is at its end.
fn push_points(out: &mut Vec<u8>, open: &mut Open, full: usize) -> bool {
    let Open { series, float, histogram } = open;
    while let Some((t, v)) = series.floats.get(*float) {
        out.extend_from_slice(if *float == 0 { b",\"values\":[" } else { b"," });
        push_pair(out, *t, |out| push_value(out, *v));
        *float += 1;
        if *float == series.floats.len() {
            out.push(b']');
        }
        if out.len() >= full {
            return true;
        }
    }
    while let Some((t, h)) = series.histograms.get(*histogram) {
        out.extend_from_slice(if *histogram == 0 { b",\"histograms\":[" } else { b"," });
        push_histogram_pair(out, *t, h);
        *histogram += 1;
        if *histogram == series.histograms.len() {
            out.push(b']');
        }
        if out.len() >= full {
            return true;
        }
    }
    out.push(b'}');
    false
}

fn push_sample(out: &mut Vec<u8>, sample: &Sample) {
    out.extend_from_slice(b"{\"metric\":");
    push_labels(out, &sample.labels);
    match &sample.value {
        SampleValue::Float(v) => {
            out.extend_from_slice(b",\"value\":");
            push_pair(out, sample.t, |out| push_value(out, *v));
        }
        SampleValue::Histogram(h) => {
            out.extend_from_slice(b",\"histogram\":");
            push_histogram_pair(out, sample.t, h);
        }
    }
    out.push(b'}');
}

/// `[1.5,"7"]`
fn push_pair(out: &mut Vec<u8>, t: i64, value: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'[');
    push_time(out, t);
    out.extend_from_slice(b",\"");
    value(out);
    out.extend_from_slice(b"\"]");
}

fn push_histogram_pair(out: &mut Vec<u8>, t: i64, h: &Arc<Histogram>) {
    out.push(b'[');
    push_time(out, t);
    out.push(b',');
    push_histogram(out, h);
    out.push(b']');
}

/// `{"count":"…","sum":"…","buckets":[[0,"lo","hi","n"],…]}`; empty buckets are left out.
fn push_histogram(out: &mut Vec<u8>, h: &Histogram) {
    out.extend_from_slice(b"{\"count\":\"");
    push_value(out, h.count);
    out.extend_from_slice(b"\",\"sum\":\"");
    push_value(out, h.sum);
    out.push(b'"');
    let mut any = false;
    buckets::each_bucket(h, |b| {
        out.extend_from_slice(if any { b"," } else { b",\"buckets\":[" });
        any = true;
        out.push(b'[');
        push_int(out, i64::from(b.kind));
        for v in [b.lower, b.upper, b.count] {
            out.extend_from_slice(b",\"");
            push_value(out, v);
            out.push(b'"');
        }
        out.push(b']');
    });
    if any {
        out.push(b']');
    }
    out.push(b'}');
}

/// A list of label sets.
pub fn push_label_sets<'a>(out: &mut Vec<u8>, sets: impl IntoIterator<Item = &'a model::Labels>) {
    push_list(out, sets, push_labels);
}

#[cfg(test)]
mod tests {
    use model::{BucketSpan, Labels};

    use super::*;

    #[track_caller]
    fn check(value: Value, stats: &str, want: &str) {
        let mut data = QueryData::new(value, stats.as_bytes());
        let mut out = Vec::new();
        while data.next(&mut out) {}
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }

    fn labels() -> Labels {
        Labels::from_pairs([("__name__", "m"), ("a.b", "x\"y")])
    }

    fn histogram() -> Arc<Histogram> {
        Arc::new(Histogram {
            count: 3.0,
            sum: 1.5,
            zero_threshold: 0.001,
            zero_count: 1.0,
            positive_spans: vec![BucketSpan { offset: 0, length: 1 }],
            positive_buckets: vec![2.0],
            ..Histogram::default()
        })
    }

    #[test]
    fn scalars_and_strings() {
        check(Value::Scalar { t: -1500, v: 1e-7 }, "", r#"{"resultType":"scalar","result":[-1.500,"0.0000001"]}"#);
        check(Value::String { t: 0, v: "a\nb".into() }, r#"{"x":1}"#, r#"{"resultType":"string","result":[0,"a\nb"],"stats":{"x":1}}"#);
    }

    #[test]
    fn vectors() {
        check(Value::Vector(vec![]), "", r#"{"resultType":"vector","result":[]}"#);
        let samples = vec![
            Sample { labels: labels(), t: 1000, value: SampleValue::Float(f64::INFINITY) },
            Sample { labels: Labels::empty(), t: 1001, value: SampleValue::Histogram(histogram()) },
        ];
        let want = concat!(
            r#"{"resultType":"vector","result":[{"metric":{"__name__":"m","a.b":"x\"y"},"value":[1,"+Inf"]},"#,
            r#"{"metric":{},"histogram":[1.001,{"count":"3","sum":"1.5","buckets":[[3,"-0.001","0.001","1"],[0,"0.5","1","2"]]}]}]}"#
        );
        check(Value::Vector(samples), "", want);
    }

    #[test]
    fn matrices() {
        let series = vec![
            Series { labels: labels(), floats: vec![(1000, 1.0), (2000, f64::NAN)], histograms: vec![] },
            Series { labels: Labels::empty(), floats: vec![(0, 0.5)], histograms: vec![(1, Arc::new(Histogram::default()))] },
        ];
        let want = concat!(
            r#"{"resultType":"matrix","result":[{"metric":{"__name__":"m","a.b":"x\"y"},"values":[[1,"1"],[2,"NaN"]]},"#,
            r#"{"metric":{},"values":[[0,"0.5"]],"histograms":[[0.001,{"count":"0","sum":"0"}]]}]}"#
        );
        check(Value::Matrix(series), "", want);
    }

    #[test]
    fn long_matrices_come_in_pieces_and_join_to_the_same() {
        let floats: Vec<(i64, f64)> = (0..20_000).map(|i| (i * 1000, i as f64)).collect();
        let series = vec![Series { labels: labels(), floats, histograms: vec![(1, histogram())] }, Series::default()];
        let mut data = QueryData::new(Value::Matrix(series), b"");
        let (mut out, mut pieces) = (Vec::new(), 0);
        loop {
            let mut piece = Vec::new();
            let more = data.next(&mut piece);
            out.extend_from_slice(&piece);
            pieces += 1;
            if !more {
                break;
            }
        }
        assert!(pieces > 3, "{pieces}");
        let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let first = &json["result"][0];
        assert_eq!((first["values"].as_array().unwrap().len(), first["histograms"].as_array().unwrap().len()), (20_000, 1));
        assert_eq!(first["values"][19_999][1], "19999");
        assert_eq!(json["result"][1], serde_json::json!({"metric": {}}));
    }
}
