//! The difference in short (`trace-summary-v0-native`): directions, counts, which services changed, recurring changes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::matching::{Change, Matching, changes, warnings};
use super::tree::{Node, Tree};

/// Patterns listed; the number of further ones is said.
const MAX_PATTERNS: usize = 20;
/// Spans named per pattern.
const MAX_SAMPLES: usize = 3;
/// A service's summed duration counts as drifted from this many nanoseconds, and this share of the base, on.
const DRIFT_NS: i64 = 1_000_000;
const DRIFT_SHARE: i64 = 20;

#[derive(Default)]
struct Service {
    work: i64,
    base_work: i64,
    modified: u64,
    added: u64,
    removed: u64,
    new_errors: u64,
    resolved_errors: u64,
}

/// Spans that changed in the same way.
struct Pattern<'a> {
    state: &'static str,
    changes: Vec<Change>,
    spans: Vec<&'a Node>,
}

pub fn render(base: &Tree, compare: &Tree, matched: &Matching) -> Value {
    let mut services: BTreeMap<&str, Service> = BTreeMap::new();
    let mut patterns: Vec<Pattern<'_>> = vec![];
    let (mut fields, mut attributes, mut modified) = (0, 0, 0);
    for (sign, tree) in [(-1, base), (1, compare)] {
        for n in &tree.nodes {
            let s = services.entry(&n.service).or_default();
            let ns = n.duration.unwrap_or(0) as i64;
            s.work += sign * ns;
            s.base_work += if sign < 0 { ns } else { 0 };
        }
    }
    for (b, c) in &matched.pairs {
        let (b, c) = (&base.nodes[*b], &compare.nodes[*c]);
        let all = changes(b, c);
        if all.is_empty() {
            continue;
        }
        let s = services.entry(&c.service).or_default();
        s.modified += 1;
        s.new_errors += u64::from(c.is_error() && !b.is_error());
        s.resolved_errors += u64::from(b.is_error() && !c.is_error());
        modified += 1;
        attributes += all.iter().filter(|c| c.attribute.is_some()).count();
        fields += all.iter().filter(|c| c.attribute.is_none()).count();
        add(&mut patterns, "modified", b, all);
    }
    for n in matched.added.iter().map(|c| &compare.nodes[*c]) {
        let s = services.entry(&n.service).or_default();
        (s.added, s.new_errors) = (s.added + 1, s.new_errors + u64::from(n.is_error()));
        add(&mut patterns, "added", n, vec![]);
    }
    for n in matched.removed.iter().map(|b| &base.nodes[*b]) {
        let s = services.entry(&n.service).or_default();
        (s.removed, s.resolved_errors) = (s.removed + 1, s.resolved_errors + u64::from(n.is_error()));
        add(&mut patterns, "removed", n, vec![]);
    }
    services.retain(|_, s| s.modified + s.added + s.removed > 0 || s.work.abs() >= DRIFT_NS.max(s.base_work / DRIFT_SHARE));
    let moved: BTreeSet<&str> = matched.moved.iter().map(|(_, c)| compare.nodes[*c].service.as_str()).collect();
    let changed: BTreeSet<&str> = services.keys().copied().chain(moved).collect();
    let structure = matched.moved.is_empty() && matched.added.is_empty() && matched.removed.is_empty();
    let (latency, work) = (ms(compare.latency()) - ms(base.latency()), ms(compare.work()) - ms(base.work()));
    let spans = compare.nodes.len() as i64 - base.nodes.len() as i64;
    let errors = compare.errors() as i64 - base.errors() as i64;
    let mut out = json!({
        "version": "trace-summary-v0-native",
        "base": side(base),
        "compare": side(compare),
        "signals": {
            "traceLatency": direction(latency), "spanWork": direction(work), "errors": direction(errors), "spanCount": direction(spans),
            "structure": if structure { "unchanged" } else { "changed" },
        },
        "trust": trust(base, compare, matched),
        "stats": {
            "traceLatencyDeltaMs": latency, "spanWorkDeltaMs": work, "spanCountDelta": spans, "errorSpanDelta": errors,
            "matchedSpans": matched.pairs.len(), "modifiedSpans": modified, "addedSpans": matched.added.len(),
            "removedSpans": matched.removed.len(), "fieldChanges": fields, "attributeChanges": attributes,
        },
        "changedServices": changed,
        "services": services.iter().map(|(name, s)| service(name, s)).collect::<Vec<_>>(),
        "patterns": patterns.iter().take(MAX_PATTERNS).map(pattern).collect::<Vec<_>>(),
    });
    if patterns.len() > MAX_PATTERNS {
        out["patternsTruncated"] = json!({"shown": MAX_PATTERNS, "total": patterns.len()});
    }
    let warnings = warnings(base, compare, matched);
    if !warnings.is_empty() {
        out["warnings"] = warnings.into();
    }
    out
}

fn add<'a>(patterns: &mut Vec<Pattern<'a>>, state: &'static str, span: &'a Node, changes: Vec<Change>) {
    let same = |p: &&mut Pattern<'_>| p.state == state && p.spans[0].key() == span.key() && p.changes == changes;
    match patterns.iter_mut().find(same) {
        Some(p) => p.spans.push(span),
        None => patterns.push(Pattern { state, changes, spans: vec![span] }),
    }
}

fn pattern(p: &Pattern<'_>) -> Value {
    let first = p.spans[0];
    let samples: Vec<Value> = p.spans.iter().take(MAX_SAMPLES).map(|n| n.reference()).collect();
    let mut out = json!({
        "state": p.state,
        "span": {"service": first.service, "name": first.name, "kind": first.kind},
        "count": p.spans.len(),
        "sampleSpans": samples,
    });
    if !p.changes.is_empty() {
        out["changes"] = p.changes.iter().map(Change::render).collect();
    }
    out
}

fn service(name: &str, s: &Service) -> Value {
    json!({
        "name": name, "spanWorkDeltaMs": s.work / 1_000_000, "modified": s.modified, "added": s.added, "removed": s.removed,
        "newErrors": s.new_errors, "resolvedErrors": s.resolved_errors,
    })
}

fn side(t: &Tree) -> Value {
    let root = t.roots.first().map(|r| &t.nodes[*r]);
    json!({
        "traceId": t.trace_id,
        "rootService": root.map_or("", |r| &r.service),
        "rootName": root.map_or("", |r| &r.name),
        "spanCount": t.nodes.len(),
        "errorSpanCount": t.errors(),
        "durationMs": ms(t.latency()),
        "spanWorkMs": ms(t.work()),
    })
}

/// How much of the two traces was paired, and how much of that stands under the same parent.
fn trust(base: &Tree, compare: &Tree, matched: &Matching) -> Value {
    let most = base.nodes.len().max(compare.nodes.len()).max(1) as f64;
    let still = (matched.pairs.len() - matched.moved.len()) as f64;
    json!({"matchedSpanRatio": matched.pairs.len() as f64 / most, "structureOverlap": still / most})
}

fn direction(delta: i64) -> &'static str {
    match delta {
        0 => "unchanged",
        1.. => "increased",
        _ => "decreased",
    }
}

fn ms(ns: u64) -> i64 {
    (ns / 1_000_000) as i64
}
