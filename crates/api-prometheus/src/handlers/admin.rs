//! /admin/tsdb/*, only with `--enable-admin-api`.

use axum::response::IntoResponse;
use http::StatusCode;
use query::{Budget, QueryError};

use crate::call::{Answer, Call};
use crate::engine;
use crate::error::{ApiError, Kind};

fn enabled(call: &Call) -> Result<(), ApiError> {
    if call.backend.settings.enable_admin_api { Ok(()) } else { Err(ApiError::new(Kind::Unavailable, "admin APIs disabled")) }
}

/// Deletes the samples of the selected series in a time range, at once and for good.
pub async fn delete_series(call: Call) -> Answer {
    enabled(&call)?;
    let p = &call.params;
    if !p.has("match[]") {
        return Err(ApiError::bad("no match[] parameter provided"));
    }
    let (start, end) = p.range()?;
    let sets = engine::selectors(p.all("match[]")).map_err(|e| ApiError::parameter("match[]", e))?;
    let (backend, tenants) = (call.backend.clone(), call.tenants);
    let budget = backend.budget(None);
    // The store answers when its writer has done it: not on an IO thread.
    let store = backend.store.clone();
    let delete = move |_: &Budget| {
        let mut each = tenants.iter();
        each.try_for_each(|t| store.delete_metrics(t, sets.clone(), start, end)).map_err(|e| QueryError::Storage(e.to_string()))
    };
    backend.queries.run(&budget, delete).await.map_err(|e| ApiError::new(Kind::Internal, e.to_string()))?;
    Ok(StatusCode::NO_CONTENT.into_response())
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
