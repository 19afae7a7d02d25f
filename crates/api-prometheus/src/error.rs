//! What can go wrong with an API call, and how it is told: `{"status":"error","errorType":…,"error":…}`.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use query::QueryError;

use crate::json;

/// The `errorType` of an answer; each has its own HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    BadData,
    Execution,
    Canceled,
    Timeout,
    Internal,
    Unavailable,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::BadData => "bad_data",
            Kind::Execution => "execution",
            Kind::Canceled => "canceled",
            Kind::Timeout => "timeout",
            Kind::Internal => "internal",
            Kind::Unavailable => "unavailable",
        }
    }

    /// `unavailable` is 500 as in Prometheus, whose clients expect it so.
    fn status(self) -> StatusCode {
        match self {
            Kind::BadData => StatusCode::BAD_REQUEST,
            Kind::Execution => StatusCode::UNPROCESSABLE_ENTITY,
            Kind::Canceled => StatusCode::from_u16(499).unwrap_or(StatusCode::SERVICE_UNAVAILABLE),
            Kind::Timeout => StatusCode::SERVICE_UNAVAILABLE,
            Kind::Internal | Kind::Unavailable => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// A failed call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    pub kind: Kind,
    pub message: String,
}

impl ApiError {
    pub fn new(kind: Kind, message: impl Into<String>) -> ApiError {
        ApiError { kind, message: message.into() }
    }

    pub fn bad(message: impl Into<String>) -> ApiError {
        ApiError::new(Kind::BadData, message)
    }

    /// A parameter that cannot be used, named.
    pub fn parameter(name: &str, why: impl std::fmt::Display) -> ApiError {
        ApiError::bad(format!("invalid parameter \"{name}\": {why}"))
    }

    pub fn status(&self) -> StatusCode {
        self.kind.status()
    }
}

impl From<QueryError> for ApiError {
    fn from(e: QueryError) -> ApiError {
        let kind = match &e {
            QueryError::Bad(_) => Kind::BadData,
            QueryError::Execution(_) | QueryError::TooMuch(_) | QueryError::Unsupported(_) => Kind::Execution,
            QueryError::Timeout => return ApiError::new(Kind::Timeout, "query timed out in expression evaluation"),
            QueryError::Canceled => return ApiError::new(Kind::Canceled, "query was canceled in expression evaluation"),
            QueryError::Storage(_) => Kind::Internal,
        };
        ApiError::new(kind, e.to_string())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut body = b"{\"status\":\"error\"".to_vec();
        json::push_key(&mut body, "errorType");
        json::push_str(&mut body, self.kind.name());
        json::push_key(&mut body, "error");
        json::push_str(&mut body, &self.message);
        body.push(b'}');
        (self.status(), [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
    }
}

/// A plain-text answer with the line break that Go's `http.Error` puts at its end.
pub fn text(status: StatusCode, message: &str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (status, headers, format!("{message}\n")).into_response()
}
