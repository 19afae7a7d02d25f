//! /admin/tsdb/*, only with `--enable-admin-api`.

use axum::response::IntoResponse;
use http::StatusCode;

use crate::call::{Answer, Call};
use crate::engine;
use crate::error::{ApiError, Kind};

fn enabled(call: &Call) -> Result<(), ApiError> {
    if call.backend.settings.enable_admin_api { Ok(()) } else { Err(ApiError::new(Kind::Unavailable, "admin APIs disabled")) }
}

/// Hides the samples of the selected series in a time range.
pub async fn delete_series(call: Call) -> Answer {
    enabled(&call)?;
    let p = &call.params;
    if !p.has("match[]") {
        return Err(ApiError::bad("no match[] parameter provided"));
    }
    let (_start, _end) = p.range()?;
    let _sets = engine::selectors(p.all("match[]")).map_err(|e| ApiError::parameter("match[]", e))?;
    Err(ApiError::new(Kind::Internal, "not supported: delete_series, the store keeps what it has until its retention"))
}

/// Deleted samples are gone at once, so there is never anything to clean.
pub async fn clean_tombstones(call: Call) -> Answer {
    enabled(&call)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub async fn snapshot(call: Call) -> Answer {
    enabled(&call)?;
    call.params.boolean("skip_head", false)?;
    Err(ApiError::new(Kind::Internal, "not supported: snapshot, copy the data folder of the stopped process instead"))
}
