//! /targets and its kin. This server does not scrape, so it has no pools and no targets; requests are checked all the same.

use crate::call::{Answer, Call};
use crate::error::ApiError;
use crate::reply::Reply;

pub async fn targets(call: Call) -> Answer {
    call.reply(Reply::json(br#"{"activeTargets":[],"droppedTargets":[],"droppedTargetCounts":{}}"#.to_vec()))
}

pub async fn pools(call: Call) -> Answer {
    call.reply(Reply::json(br#"{"scrapePools":[]}"#.to_vec()))
}

/// The configuration of one pool, and how relabelling treats a target of it: no pool is known.
pub async fn pool(call: Call) -> Answer {
    let name = call.params.get("scrapePool");
    Err(ApiError::bad(format!("error retrieving scrape config: scrape pool {name:?} not found")))
}

/// Metadata as single targets gave it.
pub async fn metadata(call: Call) -> Answer {
    call.params.number("limit")?;
    let matcher = call.params.get("match_target");
    if !matcher.is_empty() {
        crate::engine::selectors([matcher].into_iter()).map_err(ApiError::bad)?;
    }
    call.reply(Reply::json(b"[]".to_vec()))
}

pub async fn alertmanagers(call: Call) -> Answer {
    call.reply(Reply::json(br#"{"activeAlertmanagers":[],"droppedAlertmanagers":[]}"#.to_vec()))
}
