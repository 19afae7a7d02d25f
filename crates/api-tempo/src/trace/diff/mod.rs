//! `POST /api/v2/traces/diff`: two traces compared, as a patch or as a summary.

mod matching;
mod patch;
mod summary;
mod tree;

use std::sync::Arc;

use api::Backend;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use proto::tempopb::Trace;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::inward::Caller;
use crate::limits::{MAX_BODY_BYTES, MAX_COMPOSED_PATCH_BYTES, MAX_DIFF_SPANS};
use crate::params::parse_trace_id;
use crate::respond;

/// How the difference is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Patch,
    Summary,
    /// the summary, and the patch where it is small
    Composed,
}

impl Format {
    pub fn parse(text: &str) -> Result<Format, ApiError> {
        match text {
            "" | "trace-patch-v0" => Ok(Format::Patch),
            "trace-summary-v0-native" => Ok(Format::Summary),
            "trace-summary-v0-composed" => Ok(Format::Composed),
            other => Err(ApiError::bad(format!(
                "unknown format {other:?}: use trace-patch-v0, trace-summary-v0-native or trace-summary-v0-composed"
            ))),
        }
    }
}

pub async fn handle(State(backend): State<Arc<Backend>>, request: Request) -> Result<Response, ApiError> {
    let caller = Caller::new(backend, request.headers())?;
    let bytes = to_bytes(request.into_body(), MAX_BODY_BYTES)
        .await
        .map_err(|_| ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the request may have {MAX_BODY_BYTES} bytes")))?;
    let asked: Value = serde_json::from_slice(&bytes).map_err(|e| ApiError::bad(format!("the request body is no JSON: {e}")))?;
    let format = Format::parse(asked["format"].as_str().unwrap_or(""))?;
    let id = |side: &str| {
        let side_of = &asked[side];
        side_of["traceId"].as_str().or(side_of["traceID"].as_str()).ok_or_else(|| ApiError::bad(format!("{side}.traceId is required")))
    };
    let (base, compare) = (id("base")?, id("compare")?);
    Ok(respond::body(respond::JSON, caller.diff(base, compare, format).await?.to_string()))
}

impl Caller {
    /// Compares two stored traces; 404 names the one that is missing.
    pub async fn diff(&self, base: &str, compare: &str, format: Format) -> Result<Value, ApiError> {
        let base = self.existing(base).await?;
        let compare = self.existing(compare).await?;
        self.again().run(move |_, _| Ok(diff(&base, &compare, format))).await
    }

    async fn existing(&self, id: &str) -> Result<Trace, ApiError> {
        let found = self.again().trace(parse_trace_id(id)?, None).await?.trace.unwrap_or_default();
        if found.resource_spans.is_empty() {
            return Err(ApiError::new(StatusCode::NOT_FOUND, format!("trace {id} not found")));
        }
        let spans: usize = found.resource_spans.iter().flat_map(|b| &b.scope_spans).map(|s| s.spans.len()).sum();
        if spans > MAX_DIFF_SPANS {
            let why = format!("trace {id} has {spans} spans; traces up to {MAX_DIFF_SPANS} spans can be compared");
            return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, why));
        }
        Ok(found)
    }
}

fn diff(base: &Trace, compare: &Trace, format: Format) -> Value {
    let (base, compare) = (tree::Tree::new(base), tree::Tree::new(compare));
    let matched = matching::Matching::new(&base, &compare);
    match format {
        Format::Patch => patch::render(&base, &compare, &matched),
        Format::Summary => summary::render(&base, &compare, &matched),
        Format::Composed => {
            let patch = patch::render(&base, &compare, &matched);
            let mut out = json!({"version": "trace-summary-v0-composed", "summary": summary::render(&base, &compare, &matched)});
            if patch.to_string().len() <= MAX_COMPOSED_PATCH_BYTES {
                out["patch"] = patch;
            } else {
                out["patchOmitted"] = true.into();
            }
            out
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::opentelemetry::proto::common::v1::any_value::Value as Any;
    use proto::opentelemetry::proto::common::v1::{AnyValue, KeyValue};
    use proto::opentelemetry::proto::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

    /// Spans as `id parent name milliseconds status [key=value]`.
    fn trace(text: &str) -> Trace {
        let id = |t: &str| if t == "-" { vec![] } else { t.as_bytes().to_vec() };
        let spans = text
            .split(';')
            .map(|s| {
                let w: Vec<&str> = s.split_whitespace().collect();
                let attributes = w.get(5).and_then(|kv| kv.split_once('=')).map(|(k, v)| KeyValue {
                    key: k.into(),
                    value: Some(AnyValue { value: Some(Any::StringValue(v.into())) }),
                    key_strindex: 0,
                });
                Span {
                    span_id: id(w[0]),
                    parent_span_id: id(w[1]),
                    name: w[2].into(),
                    start_time_unix_nano: 1_000_000,
                    end_time_unix_nano: 1_000_000 + w[3].parse::<u64>().unwrap() * 1_000_000,
                    status: Some(Status { code: i32::from(w[4] == "error") * 2, message: String::new() }),
                    attributes: attributes.into_iter().collect(),
                    ..Span::default()
                }
            })
            .collect();
        let scope = ScopeSpans { scope: None, spans, schema_url: String::new() };
        Trace { resource_spans: vec![ResourceSpans { resource: None, scope_spans: vec![scope], schema_url: String::new() }] }
    }

    const BASE: &str = "a - root 100 unset v=1; b a db 20 unset; c a cache 5 unset; d b row 1 unset";

    #[track_caller]
    fn stats(compare: &str, want: [i64; 5]) -> Value {
        let v = diff(&trace(BASE), &trace(compare), Format::Patch);
        let s = &v["stats"];
        let got = ["matchedSpans", "modifiedSpans", "addedSpans", "removedSpans", "attributeChanges"].map(|k| s[k].as_i64().unwrap());
        assert_eq!(got, want, "{v}");
        v
    }

    #[test]
    fn patches() {
        let same = stats(BASE, [4, 0, 0, 0, 0]);
        assert_eq!((same["modified"].to_string(), same["base"]["spanCount"].as_u64()), ("[]".into(), Some(4)));
        let slow = stats("a - root 100 unset v=2; b a db 40 error; c a cache 5 unset; d b row 1 unset", [4, 2, 0, 0, 1]);
        assert_eq!(
            slow["modified"][0]["changes"][0].to_string(),
            r#"{"after":"2","before":"1","op":"modify","target":{"key":"v","scope":"span","type":"attribute"}}"#
        );
        assert_eq!(
            slow["modified"][1]["changes"][0].to_string(),
            r#"{"after":40000000,"before":20000000,"op":"modify","target":{"name":"duration_nanos","type":"field"}}"#
        );
        let moved = stats("a - root 100 unset v=1; b a db 20 unset; d b row 1 unset; e a mail 3 unset", [3, 0, 1, 1, 0]);
        assert_eq!(
            (moved["added"][0]["span"]["name"].as_str(), moved["removed"][0]["span"]["path"].to_string()),
            (Some("mail"), "[0,0]".into())
        );
    }

    #[test]
    fn summaries() {
        let v = diff(&trace(BASE), &trace("a - root 150 unset v=1; b a db 20 error; c a cache 5 unset; d c row 1 unset"), Format::Summary);
        let signals =
            r#"{"errors":"increased","spanCount":"unchanged","spanWork":"increased","structure":"changed","traceLatency":"increased"}"#;
        assert_eq!((v["signals"].to_string(), v["stats"]["traceLatencyDeltaMs"].as_i64()), (signals.into(), Some(50)));
        assert_eq!(v["patterns"].as_array().unwrap().len(), 2, "{v}");
        let composed = diff(&trace(BASE), &trace(BASE), Format::Composed);
        assert_eq!(
            (composed["patch"]["version"].as_str(), composed["summary"]["trust"]["matchedSpanRatio"].as_f64()),
            (Some("trace-patch-v0"), Some(1.0))
        );
    }
}
