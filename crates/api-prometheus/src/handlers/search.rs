//! /search/*: metric names, label names and label values by substring or likeness, as lines of JSON. Behind `search-api`.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use model::METRIC_NAME;
use query::{LabelQuery, MetricSource};

use crate::call::{Answer, Call};
use crate::engine;
use crate::error::{ApiError, Kind};
use crate::json::{push_key, push_list, push_str, push_strs};
use crate::limits::{DEFAULT_SEARCH_RESULTS, MAX_SEARCH_RESULTS, MAX_SEARCH_TERMS};
use crate::number::push_plain;
use crate::params::Params;

/// What is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    MetricNames,
    LabelNames,
    LabelValues,
}

pub async fn metric_names(call: Call) -> Answer {
    search(call, Target::MetricNames).await
}

pub async fn label_names(call: Call) -> Answer {
    search(call, Target::LabelNames).await
}

pub async fn label_values(call: Call) -> Answer {
    search(call, Target::LabelValues).await
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Likeness {
    Subsequence,
    JaroWinkler,
}

/// How names are compared, ordered and cut.
struct Options {
    terms: Vec<String>,
    case_sensitive: bool,
    likeness: Likeness,
    /// 0 to 1; 0 takes substrings only
    threshold: f64,
    by_score: bool,
    descending: bool,
    include_score: bool,
    limit: usize,
    batch: usize,
}

impl Options {
    fn read(p: &Params) -> Result<Options, ApiError> {
        let case_sensitive = p.boolean("case_sensitive", true)?;
        let fold = |t: &str| if case_sensitive { t.to_owned() } else { t.to_lowercase() };
        let terms: Vec<String> = p.all("search[]").filter(|t| !t.is_empty()).map(fold).collect();
        if terms.len() > MAX_SEARCH_TERMS {
            return Err(ApiError::parameter("search[]", format_args!("at most {MAX_SEARCH_TERMS} values are allowed")));
        }
        let one_of = |name: &str, allowed: &[&'static str]| -> Result<&'static str, ApiError> {
            let got = p.get(name);
            let found = if got.is_empty() { allowed.first() } else { allowed.iter().find(|a| **a == got) };
            found
                .copied()
                .ok_or_else(|| ApiError::parameter(name, format_args!("not supported value {got:?}, use one of {}", allowed.join(", "))))
        };
        let by_score = one_of("sort_by", &["alpha", "score"])? == "score";
        let descending = one_of("sort_dir", &["asc", "dsc"])? == "dsc";
        if by_score && terms.is_empty() {
            return Err(ApiError::parameter("sort_by", "score needs at least one search[]"));
        }
        if by_score && p.has("sort_dir") {
            return Err(ApiError::parameter("sort_dir", "only alphabetical order has a direction"));
        }
        let likeness = if one_of("fuzz_alg", &["subsequence", "jarowinkler"])? == "jarowinkler" {
            Likeness::JaroWinkler
        } else {
            Likeness::Subsequence
        };
        let threshold = p.number("fuzz_threshold")?.unwrap_or(0);
        if !(0..=100).contains(&threshold) {
            return Err(ApiError::parameter("fuzz_threshold", "must be between 0 and 100"));
        }
        let limit = if p.get("limit").is_empty() { DEFAULT_SEARCH_RESULTS } else { p.limit()? };
        if limit == 0 || limit > MAX_SEARCH_RESULTS {
            return Err(ApiError::parameter("limit", format_args!("must be between 1 and {MAX_SEARCH_RESULTS}")));
        }
        let batch = p.number("batch_size")?.unwrap_or(100);
        let batch =
            usize::try_from(batch).ok().filter(|b| *b > 0).ok_or_else(|| ApiError::parameter("batch_size", "must be greater than 0"))?;
        let include_score = p.boolean("include_score", false)?;
        Ok(Options {
            terms,
            case_sensitive,
            likeness,
            threshold: threshold as f64 / 100.0,
            by_score,
            descending,
            include_score,
            limit,
            batch,
        })
    }

    /// The best score over all terms; `None` where no term fits.
    fn score(&self, name: &str) -> Option<f64> {
        if self.terms.is_empty() {
            return Some(1.0);
        }
        let folded = if self.case_sensitive { name.to_owned() } else { name.to_lowercase() };
        self.terms.iter().filter_map(|term| self.score_one(&folded, term)).max_by(f64::total_cmp)
    }

    fn score_one(&self, name: &str, term: &str) -> Option<f64> {
        if let Some(at) = name.find(term) {
            let room = name.len() - term.len();
            return Some(if at == 0 || room == 0 { 1.0 } else { 1.0 - 0.9 * at as f64 / room as f64 });
        }
        if self.threshold == 0.0 {
            return None;
        }
        let score = match self.likeness {
            Likeness::Subsequence => subsequence(name, term),
            Likeness::JaroWinkler => jaro_winkler(name, term),
        };
        Some(score).filter(|s| *s >= self.threshold)
    }
}

/// The share of the name's length that the term covers, if its characters stand in the name in order.
fn subsequence(name: &str, term: &str) -> f64 {
    let mut rest = name.chars();
    let found = term.chars().all(|c| rest.any(|n| n == c));
    if found { term.chars().count() as f64 / name.chars().count().max(1) as f64 } else { 0.0 }
}

/// Likeness by common characters near each other, with a bonus for a common start.
fn jaro_winkler(a: &str, b: &str) -> f64 {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.is_empty() || b.is_empty() {
        return if a.len() == b.len() { 1.0 } else { 0.0 };
    }
    let window = (a.len().max(b.len()) / 2).saturating_sub(1);
    let mut taken = vec![false; b.len()];
    let mut from_a = vec![];
    for (i, c) in a.iter().enumerate() {
        let near = i.saturating_sub(window)..(i + window + 1).min(b.len());
        if let Some(j) = near.into_iter().find(|j| !taken[*j] && b[*j] == *c) {
            taken[j] = true;
            from_a.push(*c);
        }
    }
    if from_a.is_empty() {
        return 0.0;
    }
    let from_b = b.iter().zip(&taken).filter(|(_, t)| **t).map(|(c, _)| *c);
    let swapped = from_a.iter().zip(from_b).filter(|(x, y)| *x != y).count() as f64 / 2.0;
    let m = from_a.len() as f64;
    let jaro = (m / a.len() as f64 + m / b.len() as f64 + (m - swapped) / m) / 3.0;
    let start = a.iter().zip(&b).take(4).take_while(|(x, y)| x == y).count() as f64;
    jaro + start * 0.1 * (1.0 - jaro)
}

/// One line of the answer in the making.
struct Hit {
    name: String,
    score: f64,
}

async fn search(call: Call, target: Target) -> Answer {
    if !call.backend.settings.features.has("search-api") {
        return Err(ApiError::new(Kind::Unavailable, "search API is disabled; start with --enable-feature search-api"));
    }
    let options = Options::read(&call.params)?;
    let label = call.params.get("label").to_owned();
    if target == Target::LabelValues && label.is_empty() {
        return Err(ApiError::parameter("label", "must be given"));
    }
    let body = call.compute(None, move |call, source, budget| {
        let p = &call.params;
        let now = call.backend.now_ms();
        let (min_t, max_t) = (p.time_or("start", now - 3_600_000)?, p.time_or("end", now)?);
        let sets = engine::selectors(p.all("match[]")).map_err(|e| ApiError::parameter("match[]", e))?;
        let query = LabelQuery { matcher_sets: &sets, min_t, max_t, limit: 0 };
        let names = match target {
            Target::MetricNames => source.label_values(METRIC_NAME, &query, budget)?,
            Target::LabelNames => source.label_names(&query, budget)?,
            Target::LabelValues => source.label_values(&label, &query, budget)?,
        };
        let (hits, has_more) = best(names, &options);
        let metadata = target == Target::MetricNames && p.boolean("include_metadata", false)?;
        Ok(lines(&hits, has_more, &options, target, |name| if metadata { source.metadata(Some(name)) } else { vec![] }))
    });
    Ok(ndjson(body.await?))
}

fn best(names: Vec<String>, options: &Options) -> (Vec<Hit>, bool) {
    let mut hits: Vec<Hit> = names.into_iter().filter_map(|name| options.score(&name).map(|score| Hit { name, score })).collect();
    if options.by_score {
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.name.cmp(&b.name)));
    } else if options.descending {
        hits.reverse();
    }
    let has_more = hits.len() > options.limit;
    hits.truncate(options.limit);
    (hits, has_more)
}

fn lines(hits: &[Hit], has_more: bool, options: &Options, target: Target, metadata: impl Fn(&str) -> Vec<model::Metadata>) -> Vec<u8> {
    let mut out = vec![];
    for batch in hits.chunks(options.batch) {
        out.extend_from_slice(b"{\"results\":");
        push_list(&mut out, batch, |out, hit| {
            out.push(b'{');
            push_key(out, if target == Target::LabelValues { "value" } else { "name" });
            push_str(out, &hit.name);
            if options.include_score {
                push_key(out, "score");
                push_plain(out, hit.score);
            }
            if let Some(m) = metadata(&hit.name).first() {
                for (key, value) in [("type", m.kind.as_str()), ("help", &m.help), ("unit", &m.unit)] {
                    push_key(out, key);
                    push_str(out, value);
                }
            }
            out.push(b'}');
        });
        out.extend_from_slice(b"}\n");
    }
    out.extend_from_slice(b"{\"status\":\"success\",\"has_more\":");
    out.extend_from_slice(if has_more { b"true" } else { b"false" });
    if has_more {
        push_key(&mut out, "warnings");
        push_strs(&mut out, ["results truncated due to limit"]);
    }
    out.extend_from_slice(b"}\n");
    out
}

fn ndjson(body: Vec<u8>) -> Response {
    (StatusCode::OK, [(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(query: &str, want: Result<&str, &str>) {
        let names = ["http_requests_total", "go_threads", "requests", "Up"].map(String::from).to_vec();
        let got = Options::read(&Params::from_query(query)).map(|o| {
            let (hits, more) = best(names, &o);
            let all: Vec<String> = hits.iter().map(|h| format!("{} {:.2}", h.name, h.score)).collect();
            format!("{}{}", all.join(", "), if more { " ..." } else { "" })
        });
        assert_eq!(got.as_deref().map_err(|e| e.message.as_str()), want);
    }

    #[test]
    fn searching() {
        check("search[]=requests&sort_by=score", Ok("requests 1.00, http_requests_total 0.59"));
        check("search[]=up", Ok(""));
        check("search[]=up&case_sensitive=false", Ok("Up 1.00"));
        check("search[]=gth&fuzz_threshold=20", Ok("go_threads 0.30"));
        check("search[]=request&fuzz_alg=jarowinkler&fuzz_threshold=90&limit=1", Ok("http_requests_total 0.62 ..."));
        check("sort_dir=dsc&limit=2", Ok("Up 1.00, requests 1.00 ..."));
        check("sort_by=score", Err("invalid parameter \"sort_by\": score needs at least one search[]"));
        check("limit=0", Err("invalid parameter \"limit\": must be between 1 and 10000"));
    }
}
