//! Tempo's example queries: valid ones parse, print, parse again and run over an empty store; the others fail as listed.

use std::collections::BTreeMap;

use model::Tenant;
use query::Budget;
use traceql::{CheckError, check, parse};

use crate::{Outcome, empty_store, shared};

pub fn run_all() -> Result<Option<Outcome>, String> {
    let Some(file) = shared("traceql/test_examples.yaml") else { return Ok(None) };
    let text = std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    let classes: BTreeMap<String, Option<Vec<String>>> = serde_yaml_ng::from_str(&text).map_err(|e| format!("{}: {e}", file.display()))?;
    let mut out = Outcome::default();
    for (class, queries) in &classes {
        for q in queries.iter().flatten() {
            match judge(class, q) {
                Ok(()) => out.passed += 1,
                Err(why) => out.failures.push(format!("{class}: {q}\n    {why}")),
            }
        }
    }
    Ok(Some(out))
}

fn judge(class: &str, text: &str) -> Result<(), String> {
    let parsed = match (parse(text), class) {
        (Err(_), "parse_fails") => return Ok(()),
        (Err(e), _) => return Err(e.to_string()),
        (Ok(q), "parse_fails") => return Err(format!("parses: {q}")),
        (Ok(q), _) => q,
    };
    let printed = parsed.to_string();
    if parse(&printed).as_ref() != Ok(&parsed) {
        return Err(format!("printed as {printed}, which reads differently"));
    }
    match (class, check(&parsed)) {
        ("valid", Ok(())) => evaluate(&parsed),
        ("validate_fails", Err(CheckError::Invalid(_))) | ("unsupported", Err(CheckError::Unsupported(_))) => Ok(()),
        (_, other) => Err(format!("check says {other:?}")),
    }
}

/// A valid query must be evaluated without an error, be it a search or a metrics query.
fn evaluate(query: &traceql::Query) -> Result<(), String> {
    let (store, budget) = (empty_store(), Budget::unlimited());
    let source = store.snapshot(&[Tenant::anonymous()]);
    let ran = if query.is_metrics() {
        traceql::query_instant(query, &metrics_options(), &source, &budget).map(|_| ())
    } else {
        let options = traceql::SearchOptions { range: None, limit: 20, spans_per_spanset: 3 };
        traceql::search(query, &options, &source, &budget).map(|_| ())
    };
    ran.map_err(|e| format!("does not run: {e}"))
}

fn metrics_options() -> traceql::MetricsOptions {
    traceql::MetricsOptions { start: 0, end: 60_000_000_000, step: 15_000_000_000, exemplars: 0, max_series: 0 }
}
