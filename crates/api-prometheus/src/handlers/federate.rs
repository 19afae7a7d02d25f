//! /federate: the newest sample of every selected series as a text exposition with times.

use std::fmt::Write;

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use model::{METRIC_NAME, is_stale};
use promql::format::{float_g, is_plain_label_name};
use query::{MetricSource, Selector, SeriesBuf};
use rustc_hash::FxHashSet;

use crate::call::Call;
use crate::engine;
use crate::error::{self, ApiError, Kind};
use crate::limits::LOOKBACK;

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";

/// A series' newest sample. Native histograms have no text form and are left out, as Prometheus does.
struct Newest {
    metric: String,
    /// `{a="b"}`, ready to print
    labels: String,
    t: i64,
    v: f64,
}

pub async fn federate(call: Call) -> Response {
    if !call.params.has("match[]") {
        return ([(header::CONTENT_TYPE, CONTENT_TYPE)], "").into_response();
    }
    let rows = call.compute(None, |call, source, budget| {
        let sets = engine::selectors(call.params.all("match[]")).map_err(ApiError::bad)?;
        let max_t = call.backend.now_ms();
        let min_t = max_t.saturating_sub(LOOKBACK.as_millis() as i64).saturating_add(1);
        let (mut rows, mut seen, mut buffer) = (vec![], FxHashSet::default(), SeriesBuf::default());
        for matchers in &sets {
            for series in source.select(&Selector { matchers, min_t, max_t }, budget)? {
                budget.check()?;
                if !seen.insert(series.labels().clone()) {
                    continue;
                }
                buffer.clear();
                series.read(min_t, max_t, &mut buffer)?;
                let newest = buffer.ts.last().zip(buffer.vals.last()).filter(|(t, _)| buffer.hist_ts.last().is_none_or(|h| h < *t));
                if let Some((t, v)) = newest.filter(|(_, v)| !is_stale(**v)) {
                    rows.push(row(series.labels(), *t, *v));
                }
            }
        }
        rows.sort_by(|a, b| (&a.metric, &a.labels).cmp(&(&b.metric, &b.labels)));
        Ok(rows)
    });
    match rows.await {
        Ok(rows) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], exposition(&rows)).into_response(),
        Err(e) if e.kind == Kind::BadData => error::text(StatusCode::BAD_REQUEST, &e.message),
        Err(e) => error::text(StatusCode::INTERNAL_SERVER_ERROR, &e.message),
    }
}

fn row(labels: &model::Labels, t: i64, v: f64) -> Newest {
    let mut text = String::from("{");
    let instance = [("instance", "")].into_iter().filter(|_| labels.get("instance").is_none());
    let mut pairs: Vec<(&str, &str)> = labels.iter().filter(|(n, _)| *n != METRIC_NAME).chain(instance).collect();
    pairs.sort_unstable();
    for (i, (name, value)) in pairs.iter().enumerate() {
        let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = write!(text, "{}{}=\"{escaped}\"", if i > 0 { "," } else { "" }, underscored(name));
    }
    text.push('}');
    Newest { metric: underscored(labels.metric_name().unwrap_or_default()), labels: text, t, v }
}

/// The classic name of a UTF-8 name: what does not fit becomes `_`.
fn underscored(name: &str) -> String {
    if is_plain_label_name(name) {
        return name.to_owned();
    }
    let fits =
        |(i, c): (usize, char)| if c.is_ascii_alphabetic() || c == '_' || c == ':' || (i > 0 && c.is_ascii_digit()) { c } else { '_' };
    name.chars().enumerate().map(fits).collect()
}

fn exposition(rows: &[Newest]) -> String {
    let mut out = String::new();
    for (i, row) in rows.iter().enumerate() {
        if i == 0 || rows[i - 1].metric != row.metric {
            let _ = writeln!(out, "# TYPE {} untyped", row.metric);
        }
        let _ = writeln!(out, "{}{} {} {}", row.metric, row.labels, float_g(row.v), row.t);
    }
    out
}

#[cfg(test)]
mod tests {
    use model::Labels;

    use super::*;

    #[test]
    fn rows_as_text() {
        let rows = [
            row(&Labels::from_pairs([(METRIC_NAME, "m"), ("job", "a\"b")]), 1000, 1.5),
            row(&Labels::from_pairs([(METRIC_NAME, "m"), ("instance", "i"), ("a.b", "x")]), 1000, f64::NAN),
            row(&Labels::from_pairs([(METRIC_NAME, "n.x")]), 2000, 1e7),
        ];
        let want = "# TYPE m untyped\nm{instance=\"\",job=\"a\\\"b\"} 1.5 1000\nm{a_b=\"x\",instance=\"i\"} NaN 1000\n# TYPE n_x untyped\nn_x{instance=\"\"} 1e+07 2000\n";
        assert_eq!(exposition(&rows), want);
    }
}
