//! Parameters of Jaeger's API, and the TraceQL tree they ask for.

use api::Params;
use query::SpanRange;
use traceql::SearchOptions;
use traceql::ast::{Attribute, BinOp, Body, FieldExpr, Intrinsic, Pipeline, Query, Scope, SpansetExpr, Stage, Static};

use crate::error::ApiError;
use crate::limits::{DEFAULT_JAEGER_LIMIT, MAX_JAEGER_LIMIT};
use crate::params::go;

/// A checked trace search.
pub struct Search {
    pub query: Query,
    pub options: SearchOptions,
}

impl Search {
    /// `now` in Unix nanoseconds.
    pub fn read(p: &Params, now: i64) -> Result<Search, ApiError> {
        let service = p.given("service").ok_or_else(|| ApiError::bad("parameter 'service' is required"))?;
        let mut filter = service_is(service);
        if let Some(operation) = p.given("operation") {
            filter = and(filter, binary(Attribute::Intrinsic(Intrinsic::Name), BinOp::Eq, Static::Str(operation.into())));
        }
        for (name, op) in [("minDuration", BinOp::Ge), ("maxDuration", BinOp::Le)] {
            if let Some(text) = p.given(name) {
                let ns = go::parse_go_duration(text).map_err(|e| ApiError::bad(format!("unable to parse param '{name}': {e}")))?;
                filter = and(filter, binary(Attribute::Intrinsic(Intrinsic::Duration), op, Static::Duration(ns)));
            }
        }
        for (key, value) in tags(p)? {
            filter = and(filter, tag(&key, &value));
        }
        let limit = match p.given("limit") {
            None => DEFAULT_JAEGER_LIMIT,
            Some(text) => go::parse_uint(text, 31).map_err(|e| ApiError::bad(format!("unable to parse param 'limit': {e}")))? as usize,
        };
        let range = range(p, now)?;
        let options = SearchOptions { range, limit: limit.clamp(1, MAX_JAEGER_LIMIT), spans_per_spanset: 1 };
        Ok(Search { query: query(filter), options })
    }
}

/// `start` and `end` in microseconds; without a start everything before the end.
fn range(p: &Params, now: i64) -> Result<Option<(u64, u64)>, ApiError> {
    let micros = |name: &str| match p.given(name) {
        None => Ok(None),
        Some(text) => match go::parse_uint(text, 63) {
            Ok(us) => Ok(Some(us.saturating_mul(1_000))),
            Err(e) => Err(ApiError::bad(format!("unable to parse param '{name}': {e}"))),
        },
    };
    Ok(match (micros("start")?, micros("end")?) {
        (None, None) => None,
        (start, end) => Some((start.unwrap_or(0), end.unwrap_or(now.max(0) as u64))),
    })
}

/// `endTs` and `lookback` in milliseconds; one day back from now without them.
pub fn dependency_range(p: &Params, now: i64) -> Result<SpanRange, ApiError> {
    let millis = |name: &str, default: u64| match p.given(name) {
        None => Ok(default),
        Some(text) => go::parse_uint(text, 63)
            .map(|ms| ms.saturating_mul(1_000_000))
            .map_err(|e| ApiError::bad(format!("unable to parse param '{name}': {e}"))),
    };
    let end = millis("endTs", now.max(0) as u64)?;
    let lookback = millis("lookback", 86_400_000_000_000)?;
    Ok(SpanRange { start: end.saturating_sub(lookback), end })
}

/// `tags={"k":"v"}` and any number of `tag=k:v`.
fn tags(p: &Params) -> Result<Vec<(String, String)>, ApiError> {
    let mut all = vec![];
    for text in p.all("tag") {
        let (k, v) = text
            .split_once(':')
            .ok_or_else(|| ApiError::bad(format!("malformed 'tag' parameter, expecting key:value, received: {text}")))?;
        all.push((k.to_owned(), v.to_owned()));
    }
    for text in p.all("tags").filter(|t| !t.is_empty()) {
        let object: std::collections::BTreeMap<String, String> =
            serde_json::from_str(text).map_err(|e| ApiError::bad(format!("malformed 'tags' parameter, cannot unmarshal JSON: {e}")))?;
        all.extend(object);
    }
    Ok(all)
}

/// Jaeger compares texts; here a value has a type, so each type the text can be is tried.
fn tag(key: &str, value: &str) -> FieldExpr {
    if key == "error" && value == "true" {
        return binary(Attribute::Intrinsic(Intrinsic::Status), BinOp::Eq, Static::Status(model::status::ERROR));
    }
    if key == "span.kind"
        && let Some(kind) = super::render::KINDS.iter().position(|k| *k == value)
    {
        return binary(Attribute::Intrinsic(Intrinsic::Kind), BinOp::Eq, Static::Kind(kind as u8));
    }
    let field = || Attribute::named(Scope::Any, key);
    let mut any = binary(field(), BinOp::Eq, Static::Str(value.to_owned()));
    let typed = [
        value.parse().ok().map(Static::Int),
        value.parse().ok().filter(|f: &f64| f.is_finite()).map(Static::Float),
        value.parse().ok().map(Static::Bool),
    ];
    for literal in typed.into_iter().flatten() {
        any = FieldExpr::Binary(BinOp::Or, Box::new(any), Box::new(binary(field(), BinOp::Eq, literal)));
    }
    any
}

pub fn service_field() -> Attribute {
    Attribute::named(Scope::Resource, "service.name")
}

pub fn service_is(name: &str) -> FieldExpr {
    binary(service_field(), BinOp::Eq, Static::Str(name.to_owned()))
}

pub fn binary(field: Attribute, op: BinOp, literal: Static) -> FieldExpr {
    FieldExpr::Binary(op, Box::new(FieldExpr::Field(field)), Box::new(FieldExpr::Literal(literal)))
}

pub fn and(left: FieldExpr, right: FieldExpr) -> FieldExpr {
    FieldExpr::Binary(BinOp::And, Box::new(left), Box::new(right))
}

/// `{ filter }`.
pub fn query(filter: FieldExpr) -> Query {
    let stages = vec![Stage::Spanset(SpansetExpr::Filter(Some(filter)))];
    Query { body: Body::Spans(Pipeline { stages }), hints: vec![] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: &str) {
        let got = match Search::read(&Params::from_query(text), 9_000_000_000) {
            Ok(s) => format!("{} {:?} {}", s.query, s.options.range, s.options.limit),
            Err(e) => e.text,
        };
        assert_eq!(got, want);
    }

    #[test]
    fn searches() {
        check("service=a", "{ resource.service.name = `a` } None 20");
        check(
            "service=a&operation=op&minDuration=1ms&start=1&end=2&limit=3",
            "{ (resource.service.name = `a`) && (name = `op`) && (duration >= 1ms) } Some((1000, 2000)) 3",
        );
        check("service=a&tags=%7B%22error%22%3A%22true%22%7D", "{ (resource.service.name = `a`) && (status = error) } None 20");
        check("service=a&tag=x:7", "{ (resource.service.name = `a`) && ((.x = `7`) || (.x = 7) || (.x = 7.0)) } None 20");
        check("", "parameter 'service' is required");
        check("service=a&tag=x", "malformed 'tag' parameter, expecting key:value, received: x");
        check("service=a&minDuration=x", "unable to parse param 'minDuration': time: invalid duration \"x\"");
    }
}
