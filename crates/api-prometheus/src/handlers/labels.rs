//! /series, /labels, /label/{name}/values.

use query::{LabelQuery, MetricSource};

use crate::call::{Answer, Call};
use crate::engine;
use crate::error::ApiError;
use crate::json;
use crate::names;
use crate::render::push_label_sets;
use crate::reply::Reply;

/// The label sets that match any `match[]`.
pub async fn series(call: Call) -> Answer {
    call.read(None, |call, source, budget| {
        let p = &call.params;
        if !p.has("match[]") {
            return Err(ApiError::bad("no match[] parameter provided"));
        }
        let limit = p.limit()?;
        let (min_t, max_t) = p.range()?;
        let sets = engine::selectors(p.all("match[]")).map_err(|e| ApiError::parameter("match[]", e))?;
        let found = source.series(&LabelQuery { matcher_sets: &sets, min_t, max_t, limit: with_one_more(limit) }, budget)?;
        let (found, cut) = truncate(found, limit);
        Ok(warn_if(cut, Reply::write(|out| push_label_sets(out, &found))))
    })
    .await
}

/// The label names in use.
pub async fn names(call: Call) -> Answer {
    call.read(None, |call, source, budget| {
        let p = &call.params;
        let limit = p.limit()?;
        let (min_t, max_t) = p.range()?;
        let sets = engine::selectors(p.all("match[]")).map_err(ApiError::bad)?;
        let found = source.label_names(&LabelQuery { matcher_sets: &sets, min_t, max_t, limit: with_one_more(limit) }, budget)?;
        Ok(texts(found, limit))
    })
    .await
}

/// The values of one label, whose name may be escaped in the path.
pub async fn values(call: Call) -> Answer {
    call.read(None, |call, source, budget| {
        let name = names::unescape(&call.path);
        if name.is_empty() {
            return Err(ApiError::bad("invalid label name: \"\""));
        }
        let p = &call.params;
        let limit = p.limit()?;
        let (min_t, max_t) = p.range()?;
        let sets = engine::selectors(p.all("match[]")).map_err(ApiError::bad)?;
        let found = source.label_values(&name, &LabelQuery { matcher_sets: &sets, min_t, max_t, limit: with_one_more(limit) }, budget)?;
        Ok(texts(found, limit))
    })
    .await
}

/// One entry more than asked for tells whether something was cut.
fn with_one_more(limit: usize) -> usize {
    if limit == 0 { 0 } else { limit.saturating_add(1) }
}

fn truncate<T>(mut found: Vec<T>, limit: usize) -> (Vec<T>, bool) {
    let cut = limit > 0 && found.len() > limit;
    if cut {
        found.truncate(limit);
    }
    (found, cut)
}

fn texts(found: Vec<String>, limit: usize) -> Reply {
    let (found, cut) = truncate(found, limit);
    warn_if(cut, Reply::write(|out| json::push_strs(out, found.iter().map(String::as_str))))
}

fn warn_if(cut: bool, reply: Reply) -> Reply {
    if cut { reply.warn("results truncated due to limit") } else { reply }
}
