//! The older search by tags: `k=v` pairs and a duration range, no query language.

use query::{Budget, QueryError, SpanSource};

use super::newest::{Finder, newest};
use crate::answer::{SearchOptions, SearchResult, TraceMatch};
use crate::ast::{Attribute, BinOp, FieldExpr, Intrinsic, Scope, Static};
use crate::plan::Planner;
use crate::trace::Trace;

/// `tags=`, `minDuration`, `maxDuration` of a search.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagSearch {
    pub tags: Vec<(String, String)>,
    /// nanoseconds of the whole trace
    pub min_duration: Option<u64>,
    pub max_duration: Option<u64>,
}

impl TagSearch {
    /// Reads logfmt: `k=v k2="v 2"`. Errors name the place, as Tempo's: `unexpected '=' at pos 4`.
    pub fn parse(tags: &str, min_duration: Option<u64>, max_duration: Option<u64>) -> Result<TagSearch, String> {
        let mut out = TagSearch { tags: vec![], min_duration, max_duration };
        let chars: Vec<char> = tags.chars().collect();
        let mut at = 0;
        let word = |c: char| !c.is_whitespace() && c != '=' && c != '"';
        while at < chars.len() {
            if chars[at].is_whitespace() {
                at += 1;
                continue;
            }
            let start = at;
            while chars.get(at).is_some_and(|c| word(*c)) {
                at += 1;
            }
            if start == at {
                return Err(format!("unexpected '{}' at pos {}", chars[at], at + 1));
            }
            let key: String = chars[start..at].iter().collect();
            let mut value = String::new();
            if chars.get(at) == Some(&'=') {
                at += 1;
                if chars.get(at) == Some(&'"') {
                    at = quoted(&chars, at, &mut value)?;
                } else {
                    while chars.get(at).is_some_and(|c| word(*c)) {
                        value.push(chars[at]);
                        at += 1;
                    }
                }
            }
            if let Some(c) = chars.get(at).filter(|c| !c.is_whitespace()) {
                return Err(format!("unexpected '{c}' at pos {}", at + 1));
            }
            if out.tags.iter().any(|(k, _)| *k == key) {
                return Err(format!("tag {key} has been set twice"));
            }
            out.tags.push((key, value));
        }
        Ok(out)
    }
}

/// Reads a value in quotes from `at`; answers where it ends.
fn quoted(chars: &[char], mut at: usize, value: &mut String) -> Result<usize, String> {
    at += 1;
    loop {
        match chars.get(at) {
            None => return Err(format!("unterminated quoted value at pos {}", at + 1)),
            Some('"') => return Ok(at + 1),
            Some('\\') => {
                at += 1;
                value.push(match chars.get(at) {
                    Some('n') => '\n',
                    Some('t') => '\t',
                    Some(c) => *c,
                    None => return Err(format!("unterminated quoted value at pos {}", at + 1)),
                });
            }
            Some(c) => value.push(*c),
        }
        at += 1;
    }
}

/// String columns of Tempo that match a part of the value; other attributes match it whole.
const SUBSTRING: &[&str] = &[
    "service.name",
    "k8s.cluster.name",
    "k8s.namespace.name",
    "k8s.pod.name",
    "k8s.container.name",
    "http.request.method",
    "url.path",
    "url.route",
    "server.address",
    "http.method",
    "http.url",
    "http.route",
];

/// Integer columns of Tempo, asked with a number as text.
const INTEGERS: &[&str] = &["http.status_code", "http.response.status_code", "server.port"];

/// Runs a search by tags: every tag must be met somewhere in the trace. Spansets are left out of the answer.
pub fn search_tags(q: &TagSearch, options: &SearchOptions, source: &dyn SpanSource, budget: &Budget) -> Result<SearchResult, QueryError> {
    let planner = Planner::default();
    let (mut wanted, mut roots) = (vec![], vec![]);
    for (key, value) in &q.tags {
        match key.as_str() {
            "root.name" => roots.push((true, value.as_str())),
            "root.service.name" => roots.push((false, value.as_str())),
            _ => wanted.push(planner.filter(Some(&condition(key, value)))?),
        }
    }
    let plan = planner.finish();
    let narrowest = wanted.iter().copied().min_by_key(|w| plan.filters.get(*w).map(|n| n.breadth()));
    let triggers: Vec<usize> = narrowest.into_iter().collect();
    let judge = |trace: &Trace| {
        let length = trace.duration();
        let fits = q.min_duration.is_none_or(|m| length >= m)
            && q.max_duration.is_none_or(|m| length <= m)
            && roots.iter().all(|(name, text)| if *name { trace.root_name() } else { trace.root_service() }.contains(text))
            && wanted.iter().all(|w| trace.spans.iter().enumerate().any(|(i, s)| s.view.passes(&plan, *w, s.row, (trace, i))));
        Ok(fits.then(|| TraceMatch { service_stats: Default::default(), ..TraceMatch::of(trace) }))
    };
    newest(&Finder { plan: &plan, triggers: &triggers, judge: &judge }, options, source, budget)
}

/// One tag as a condition on a span.
fn condition(key: &str, value: &str) -> FieldExpr {
    let binary = |a: Attribute, op, v| FieldExpr::Binary(op, Box::new(FieldExpr::Field(a)), Box::new(FieldExpr::Literal(v)));
    let text = || Static::Str(value.to_owned());
    let part = || Static::Str(format!(".*{}.*", escape(value)));
    if key == "name" {
        return binary(Attribute::Intrinsic(Intrinsic::Name), BinOp::Regex, part());
    }
    if key == "status.code" {
        let status = match value {
            "error" => model::status::ERROR,
            "ok" => model::status::OK,
            _ => model::status::UNSET,
        };
        return binary(Attribute::Intrinsic(Intrinsic::Status), BinOp::Eq, Static::Status(status));
    }
    let any_of = |op: BinOp, v: Static| {
        // A tag is met by the span or by its resource, also where the span has another value.
        let side = |scope| binary(Attribute::named(scope, key), op, v.clone());
        FieldExpr::Binary(BinOp::Or, Box::new(side(Scope::Span)), Box::new(side(Scope::Resource)))
    };
    match value.parse::<i64>() {
        Ok(n) if INTEGERS.contains(&key) => any_of(BinOp::Eq, Static::Int(n)),
        _ if SUBSTRING.contains(&key) => any_of(BinOp::Regex, part()),
        _ => any_of(BinOp::Eq, text()),
    }
}

fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(tags: &str, expected: &str) {
        let got = match TagSearch::parse(tags, None, None) {
            Ok(t) => t.tags.iter().map(|(k, v)| format!("[{k}|{v}]")).collect(),
            Err(e) => e,
        };
        assert_eq!(got, expected, "{tags}");
    }

    #[test]
    fn logfmt() {
        check("a=b  c=\"d \\\"e\\\"\" f", "[a|b][c|d \"e\"][f|]");
        check("a=b a=c", "tag a has been set twice");
        check("a=b=c", "unexpected '=' at pos 4");
        check("\"a b\"=c", "unexpected '\"' at pos 1");
        check("a=\"b", "unterminated quoted value at pos 5");
        check("", "");
    }
}
