//! /rules and /alerts. No rules are evaluated by this server yet; requests are checked all the same.

use crate::call::{Answer, Call};
use crate::engine;
use crate::error::ApiError;
use crate::reply::Reply;

pub async fn rules(call: Call) -> Answer {
    let p = &call.params;
    if !matches!(p.get("type").to_ascii_lowercase().as_str(), "" | "alert" | "record") {
        return Err(ApiError::parameter("type", format_args!("not supported value {:?}", p.get("type"))));
    }
    engine::selectors(p.all("match[]")).map_err(ApiError::bad)?;
    p.boolean("exclude_alerts", false)?;
    match p.get("group_limit") {
        "" if !p.get("group_next_token").is_empty() => {
            return Err(ApiError::parameter("group_next_token", "group_limit needs to be present in order to paginate over the groups"));
        }
        "" => {}
        text => match text.parse::<i64>() {
            Ok(n) if n > 0 => {}
            Ok(_) => return Err(ApiError::parameter("group_limit", "group_limit needs to be greater than 0")),
            Err(_) => return Err(ApiError::parameter("group_limit", "group_limit needs to be a valid number")),
        },
    }
    call.reply(Reply::json(br#"{"groups":[]}"#.to_vec()))
}

pub async fn alerts(call: Call) -> Answer {
    call.reply(Reply::json(br#"{"alerts":[]}"#.to_vec()))
}
