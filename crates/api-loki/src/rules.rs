//! Rules: what is answered while no ruler stands behind this face.

use axum::response::Response;
use http::StatusCode;

use crate::error::ApiError;
use crate::face::json_answer;

/// GET of rule groups in YAML: there are none.
pub async fn no_groups() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "no rule groups found\n")
}

/// POST and DELETE of rule groups.
pub async fn read_only() -> ApiError {
    ApiError::new(StatusCode::NOT_IMPLEMENTED, "rule groups over LogQL are not supported: no ruler evaluates them\n")
}

/// Grafana's list of rules.
pub async fn list() -> Response {
    json_answer(r#"{"status":"success","data":{"groups":[]},"errorType":"","error":""}"#.into())
}

/// Grafana's list of alerts.
pub async fn alerts() -> Response {
    json_answer(r#"{"status":"success","data":{"alerts":[]},"errorType":"","error":""}"#.into())
}
