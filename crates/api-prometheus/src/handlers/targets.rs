//! /targets and its kin: what scraping left in the backend; a process that does not scrape has no pools and no targets.

use std::sync::Arc;

use api::{ActiveTarget, TargetsView};
use model::{Matcher, Metadata};

use crate::call::{Answer, Call};
use crate::error::ApiError;
use crate::json::{push_key, push_labels, push_list, push_str, push_strs};
use crate::number::{push_int, push_plain};
use crate::reply::Reply;
use crate::time::rfc3339_text;

/// Go's zero time: never scraped.
const NEVER: &str = "0001-01-01T00:00:00Z";

fn view(call: &Call) -> Option<&Arc<dyn TargetsView>> {
    call.backend.targets.get()
}

/// `state` chooses active or dropped ones, `scrapePool` one job.
pub async fn targets(call: Call) -> Answer {
    let (state, pool) = (call.params.get("state").to_ascii_lowercase(), call.params.get("scrapePool"));
    let shown = |what: &str| ["", "any", what].contains(&state.as_str());
    let wanted = |name: &str| pool.is_empty() || pool == name;
    let view = view(&call);
    let active = view.filter(|_| shown("active")).map(|v| v.active()).unwrap_or_default();
    let dropped = view.filter(|_| shown("dropped")).map(|v| v.dropped()).unwrap_or_default();
    let counts = view.map(|v| v.dropped_counts()).unwrap_or_default();
    call.reply(Reply::write(|out| {
        out.push(b'{');
        push_key(out, "activeTargets");
        push_list(out, active.iter().filter(|t| wanted(&t.pool)), push_active);
        push_key(out, "droppedTargets");
        push_list(out, dropped.iter().filter(|t| wanted(&t.pool)), |out, t| {
            out.push(b'{');
            push_key(out, "discoveredLabels");
            push_labels(out, &t.discovered_labels);
            push_key(out, "scrapePool");
            push_str(out, &t.pool);
            out.push(b'}');
        });
        push_key(out, "droppedTargetCounts");
        if shown("dropped") {
            out.push(b'{');
            for (name, count) in &counts {
                push_key(out, name);
                push_int(out, i64::try_from(*count).unwrap_or(i64::MAX));
            }
            out.push(b'}');
        } else {
            out.extend_from_slice(b"null");
        }
        out.push(b'}');
    }))
}

fn push_active(out: &mut Vec<u8>, t: &ActiveTarget) {
    out.push(b'{');
    push_key(out, "discoveredLabels");
    push_labels(out, &t.discovered_labels);
    push_key(out, "labels");
    push_labels(out, &t.labels);
    let last = t.last_scrape_ms.map_or_else(|| NEVER.to_owned(), rfc3339_text);
    for (key, value) in
        [("scrapePool", &t.pool), ("scrapeUrl", &t.url), ("globalUrl", &t.url), ("lastError", &t.last_error), ("lastScrape", &last)]
    {
        push_key(out, key);
        push_str(out, value);
    }
    push_key(out, "lastScrapeDuration");
    push_plain(out, t.last_duration);
    for (key, value) in [("health", t.health.as_str()), ("scrapeInterval", &t.interval), ("scrapeTimeout", &t.timeout)] {
        push_key(out, key);
        push_str(out, value);
    }
    out.push(b'}');
}

pub async fn pools(call: Call) -> Answer {
    let names = view(&call).map(|v| v.pools()).unwrap_or_default();
    call.reply(Reply::write(|out| {
        out.push(b'{');
        push_key(out, "scrapePools");
        push_strs(out, names.iter().map(String::as_str));
        out.push(b'}');
    }))
}

/// The configuration of one pool.
pub async fn pool(call: Call) -> Answer {
    let yaml = view(&call).and_then(|v| v.pool_config(call.params.get("scrapePool"))).ok_or_else(|| unknown(&call))?;
    call.reply(Reply::write(|out| {
        out.push(b'{');
        push_key(out, "yaml");
        push_str(out, &yaml);
        out.push(b'}');
    }))
}

/// How relabelling treats a target, step by step: known pools answer that this is not supported.
pub async fn relabel_steps(call: Call) -> Answer {
    match view(&call).and_then(|v| v.pool_config(call.params.get("scrapePool"))) {
        Some(_) => Err(ApiError::bad("targets/relabel_steps is not supported by this version".to_owned())),
        None => Err(unknown(&call)),
    }
}

fn unknown(call: &Call) -> ApiError {
    ApiError::bad(format!("error retrieving scrape config: scrape pool {:?} not found", call.params.get("scrapePool")))
}

/// Metadata as single targets gave it; with `metric` only that family, and its name is left out.
pub async fn metadata(call: Call) -> Answer {
    let limit = call.params.number("limit")?.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
    let matcher = call.params.get("match_target");
    let matchers: Vec<Matcher> = if matcher.is_empty() {
        vec![]
    } else {
        crate::engine::selectors([matcher].into_iter()).map_err(ApiError::bad)?.into_iter().flatten().collect()
    };
    let all = view(&call).map(|v| v.metadata()).unwrap_or_default();
    let metric = call.params.get("metric");
    let rows = all
        .iter()
        .filter(|t| matchers.iter().all(|m| m.matches_labels(&t.target)))
        .flat_map(|t| t.metadata.iter().filter(|m| metric.is_empty() || &*m.metric == metric).map(move |m| (&t.target, m)))
        .take(limit);
    let each = |out: &mut Vec<u8>, (target, m): (&model::Labels, &Metadata)| {
        out.push(b'{');
        push_key(out, "target");
        push_labels(out, target);
        if metric.is_empty() {
            push_key(out, "metric");
            push_str(out, &m.metric);
        }
        for (key, value) in [("type", m.kind.as_str()), ("help", &m.help), ("unit", &m.unit)] {
            push_key(out, key);
            push_str(out, value);
        }
        out.push(b'}');
    };
    call.reply(Reply::write(|out| push_list(out, rows, each)))
}
