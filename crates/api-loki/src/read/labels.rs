//! Label names and values, series, and detected labels: what the streams are called.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::Request;
use model::{Labels, Matcher};
use query::LogRange;

use crate::error::ApiError;
use crate::face::{Ask, Face, json_answer, selector};
use crate::json;
use crate::params::{Bounds, bounds};

/// /loki/api/v1/labels
pub async fn names(State(face): State<Arc<Face>>, req: Request<Body>) -> Result<Response, ApiError> {
    let ask = Ask::read(&face, req).await?;
    let streams = matching(&ask).await?;
    let names: BTreeSet<&str> = streams.iter().flat_map(|s| s.iter().map(|(n, _)| n)).collect();
    Ok(json_answer(list(names.into_iter())))
}

/// /loki/api/v1/label/{name}/values
pub async fn values(State(face): State<Arc<Face>>, Path(name): Path<String>, req: Request<Body>) -> Result<Response, ApiError> {
    let ask = Ask::read(&face, req).await?;
    let streams = matching(&ask).await?;
    let values: BTreeSet<&str> = streams.iter().filter_map(|s| s.get(&name)).collect();
    Ok(json_answer(list(values.into_iter())))
}

/// /loki/api/v1/series
pub async fn series(State(face): State<Arc<Face>>, req: Request<Body>) -> Result<Response, ApiError> {
    let ask = Ask::read(&face, req).await?;
    let sets: Vec<Vec<Matcher>> = ask.params.all("match").chain(ask.params.all("match[]")).map(selector).collect::<Result<_, _>>()?;
    let b = bounds(&ask.params, ask.now)?;
    let found = streams(&ask, sets, b).await?;
    let mut out = String::from("{\"status\":\"success\",\"data\":");
    json::array(&mut out, &found, |out, l| json::object(out, l.iter()));
    out.push('}');
    Ok(json_answer(out))
}

/// /loki/api/v1/detected_labels
pub async fn detected(State(face): State<Arc<Face>>, req: Request<Body>) -> Result<Response, ApiError> {
    let ask = Ask::read(&face, req).await?;
    let streams = matching(&ask).await?;
    let mut by_name: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, value) in streams.iter().flat_map(|s| s.iter()) {
        by_name.entry(name).or_default().insert(value);
    }
    by_name.retain(|name, values| is_telling(name, values));
    let mut out = String::from("{");
    if !by_name.is_empty() {
        out.push_str("\"detectedLabels\":");
        json::array(&mut out, &by_name, |out, (name, values)| {
            out.push_str("{\"label\":");
            json::string(out, name);
            out.push_str(&format!(",\"cardinality\":{}}}", values.len()));
        });
    }
    out.push('}');
    Ok(json_answer(out))
}

/// Labels all of whose values are numbers or UUIDs tell a user nothing; a set of only 0 and 1 does.
fn is_telling(name: &str, values: &BTreeSet<&str>) -> bool {
    const ALWAYS: [&str; 4] = ["cluster", "namespace", "instance", "pod"];
    let flags = values.iter().all(|v| matches!(*v, "0" | "1"));
    ALWAYS.contains(&name) || flags || values.iter().any(|v| !v.is_empty() && v.parse::<f64>().is_err() && !is_uuid(v))
}

fn is_uuid(text: &str) -> bool {
    let dashes = [8, 13, 18, 23];
    text.len() == 36 && text.bytes().enumerate().all(|(i, b)| if dashes.contains(&i) { b == b'-' } else { b.is_ascii_hexdigit() })
}

/// The streams that `query` selects in the time range; all without one.
async fn matching(ask: &Ask) -> Result<Vec<Labels>, ApiError> {
    let matchers = selector(ask.params.get("query").unwrap_or(""))?;
    let b = bounds(&ask.params, ask.now)?;
    streams(ask, vec![matchers], b).await
}

/// Both ends of the range count here.
async fn streams(ask: &Ask, mut sets: Vec<Vec<Matcher>>, b: Bounds) -> Result<Vec<Labels>, ApiError> {
    // An empty set selects everything, and so does no set.
    if sets.iter().any(Vec::is_empty) {
        sets.clear();
    }
    let range = LogRange { start: b.start, end: b.end.saturating_add(1) };
    ask.run(&ask.budget(), move |source, budget| source.streams(&sets, range, budget)).await
}

/// `data` is left out when there is none, as Loki does.
fn list<'a>(items: impl ExactSizeIterator<Item = &'a str>) -> String {
    let mut out = String::from("{\"status\":\"success\"");
    if items.len() > 0 {
        out.push_str(",\"data\":");
        json::array(&mut out, items, json::string);
    }
    out.push('}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_lists_have_no_data() {
        assert_eq!(list([].into_iter()), r#"{"status":"success"}"#);
        assert_eq!(list(["a", "b\""].into_iter()), r#"{"status":"success","data":["a","b\""]}"#);
    }

    #[test]
    fn labels_that_tell_nothing_are_left_out() {
        let telling = |name: &str, values: &[&str]| is_telling(name, &values.iter().copied().collect());
        assert!(telling("env", &["prod", "12"]) && telling("flag", &["0", "1"]) && telling("pod", &["1", "2"]));
        assert!(!telling("n", &["1", "2.5"]) && !telling("id", &["5b8efff7-9803-8103-d269-b633813fc60c"]) && !telling("e", &[""]));
    }
}
