//! detected_fields and detected_field/{name}/values, and patterns: what Logs Drilldown asks about the lines of a query.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::Request;
use query::{Direction, LogRange, LogSource, QueryError};

use crate::error::ApiError;
use crate::face::{Ask, Face, json_answer};
use crate::json;
use crate::limits::{DEFAULT_FIELD_LINES, DEFAULT_FIELDS, MAX_ENTRIES, MAX_PATTERN_LINES};
use crate::params::{bounds, count, query_text, step};

use super::drain::Drain;
use super::engine::{Cut, LogQuery};
use super::fields::{self, Field};
use super::render::Line;

/// /loki/api/v1/detected_fields
pub async fn fields(State(face): State<Arc<Face>>, req: Request<Body>) -> Result<Response, ApiError> {
    let ask = Ask::read(&face, req).await?;
    let (found, limit) = detect(&ask, None).await?;
    let mut out = String::from("{");
    if !found.is_empty() {
        out.push_str("\"fields\":");
        json::array(&mut out, &found, field);
        _ = write!(out, ",\"limit\":{limit}");
    }
    out.push('}');
    Ok(json_answer(out))
}

/// `parsers` is null for structured metadata, and `jsonPath` absent where unknown: Logs Drilldown reads both so.
fn field(out: &mut String, f: &Field) {
    out.push_str("{\"label\":");
    json::string(out, &f.label);
    _ = write!(out, ",\"type\":\"{}\",\"cardinality\":{},\"parsers\":", f.kind.as_str(), f.values.len());
    if f.parsers.is_empty() {
        out.push_str("null");
    } else {
        json::array(out, &f.parsers, |out, p| json::string(out, p));
    }
    if let Some(path) = f.path.as_ref().filter(|p| !p.is_empty()) {
        out.push_str(",\"jsonPath\":");
        json::array(out, path, |out, p| json::string(out, p));
    }
    out.push('}');
}

/// /loki/api/v1/detected_field/{name}/values
pub async fn values(State(face): State<Arc<Face>>, Path(name): Path<String>, req: Request<Body>) -> Result<Response, ApiError> {
    let ask = Ask::read(&face, req).await?;
    // The router's rest of the path: `{name}/values`, where the name may hold slashes.
    let name = name.strip_suffix("/values").ok_or_else(|| ApiError::new(http::StatusCode::NOT_FOUND, "404 page not found\n"))?;
    let (found, limit) = detect(&ask, Some(name.to_owned())).await?;
    let mut out = String::from("{");
    if let Some(f) = found.iter().find(|f| f.label == name) {
        out.push_str("\"values\":");
        json::array(&mut out, f.values.iter().take(limit), |out, v| json::string(out, v));
        _ = write!(out, ",\"limit\":{limit}");
    }
    out.push('}');
    Ok(json_answer(out))
}

/// The fields of the newest lines of the query, and how many of them (or of the one field's values) were asked for.
async fn detect(ask: &Ask, only: Option<String>) -> Result<(Vec<Field>, usize), ApiError> {
    let q = LogQuery::parse(query_text(&ask.params)?, ask.extensions(), ask.now)?;
    let b = bounds(&ask.params, ask.now)?;
    let lines = count(&ask.params, &["line_limit"], DEFAULT_FIELD_LINES)?.min(MAX_ENTRIES);
    let limit = count(&ask.params, &["limit", "field_limit"], DEFAULT_FIELDS)?;
    let cut = Cut { range: LogRange { start: b.start, end: b.end }, direction: Direction::Backward, limit: lines, interval: 0 };
    let found = ask
        .run(&ask.budget(), move |source, budget| {
            let lines = q.lines(source, cut, budget)?;
            let most = if only.is_some() { usize::MAX } else { limit };
            Ok(fields::find(lines.iter().map(Line::of), most))
        })
        .await?;
    Ok((found, limit))
}

/// /loki/api/v1/patterns: found at the time of asking, so old lines have patterns too.
pub async fn patterns(State(face): State<Arc<Face>>, req: Request<Body>) -> Result<Response, ApiError> {
    let ask = Ask::read(&face, req).await?;
    let matchers = logql::parse_selector(query_text(&ask.params)?).map_err(|e| ApiError::bad(e.to_string()))?;
    let b = bounds(&ask.params, ask.now)?;
    let step = step(&ask.params, b)?.max(10_000_000_000);
    let range = LogRange { start: b.start, end: b.end.saturating_add(1) };
    let found = ask
        .run(&ask.budget(), move |source, budget| {
            let mut found = Patterns { step, ..Patterns::default() };
            source_scan(source, &matchers, range, budget, &mut found)?;
            Ok(found)
        })
        .await?;
    Ok(json_answer(found.render()))
}

fn source_scan(
    source: &dyn LogSource,
    matchers: &[model::Matcher],
    range: LogRange,
    budget: &query::Budget,
    found: &mut Patterns,
) -> Result<(), QueryError> {
    source.scan(matchers, range, Direction::Backward, budget, &mut |part| {
        budget.check()?;
        for (_, from, to) in part.runs(range) {
            for row in from..to {
                let level = part.batch.meta(row).find(|(n, _)| *n == "detected_level").map_or("unknown", |(_, v)| v);
                found.add(level, part.batch.ts[row], part.batch.body.get(row));
            }
        }
        Ok(found.lines < MAX_PATTERN_LINES)
    })
}

/// Patterns per level, with lines counted per step.
#[derive(Default)]
struct Patterns {
    step: i64,
    lines: usize,
    levels: BTreeMap<String, Drain>,
    /// (level, pattern, step's number) to lines
    counts: BTreeMap<(String, usize), BTreeMap<i64, u64>>,
}

impl Patterns {
    fn add(&mut self, level: &str, ts: i64, line: &str) {
        self.lines += 1;
        if !self.levels.contains_key(level) {
            self.levels.insert(level.to_owned(), Drain::default());
        }
        if let Some(drain) = self.levels.get_mut(level)
            && let Some(pattern) = drain.add(line)
        {
            *self.counts.entry((level.to_owned(), pattern)).or_default().entry(ts.div_euclid(self.step)).or_insert(0) += 1;
        }
    }

    /// The most frequent first; steps without a line between the first and the last one count zero.
    fn render(&self) -> String {
        let mut all: Vec<_> =
            self.counts.iter().map(|((level, i), steps)| (level, self.levels.get(level).map(|d| d.pattern(*i)), steps)).collect();
        all.sort_by_key(|(_, _, steps)| std::cmp::Reverse(steps.values().sum::<u64>()));
        let mut out = String::from("{\"status\":\"success\",\"data\":");
        json::array(&mut out, all, |out, (level, pattern, steps)| {
            out.push_str("{\"pattern\":");
            json::string(out, &pattern.unwrap_or_default().0);
            out.push_str(",\"level\":");
            json::string(out, level);
            out.push_str(",\"samples\":");
            let (first, last) = (steps.keys().next().copied().unwrap_or(0), steps.keys().next_back().copied().unwrap_or(-1));
            json::array(out, first..=last, |out, i| {
                let seconds = i.saturating_mul(self.step).div_euclid(1_000_000_000);
                _ = write!(out, "[{seconds},{}]", steps.get(&i).copied().unwrap_or(0));
            });
            out.push('}');
        });
        out.push('}');
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_per_level_and_step() {
        let mut p = Patterns { step: 60_000_000_000, ..Patterns::default() };
        for (level, minute, line) in
            [("info", 1, "a b c 1"), ("info", 1, "a b c 2"), ("info", 3, "a b c 3"), ("warn", 2, "a b c 4"), ("warn", 2, "short")]
        {
            p.add(level, minute * 60_000_000_000 + 5, line);
        }
        let want = r#"{"status":"success","data":[{"pattern":"a b c <_>","level":"info","samples":[[60,2],[120,0],[180,1]]},{"pattern":"a b c 4","level":"warn","samples":[[120,1]]}]}"#;
        assert_eq!(p.render(), want);
        assert_eq!(Patterns::default().render(), r#"{"status":"success","data":[]}"#);
    }
}
