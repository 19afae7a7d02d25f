//! Errors as Loki sends them: a status and a plain text body.

use api::ParamsError;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use model::BadTenant;
use query::QueryError;

/// What a handler answers when it cannot answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    pub status: StatusCode,
    pub text: String,
}

impl ApiError {
    pub fn new(status: StatusCode, text: impl Into<String>) -> ApiError {
        ApiError { status, text: text.into() }
    }

    pub fn bad(text: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, text)
    }
}

/// 499, nginx's "client closed request".
fn client_closed() -> StatusCode {
    StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST)
}

impl From<QueryError> for ApiError {
    fn from(e: QueryError) -> ApiError {
        let text = e.to_string();
        match e {
            QueryError::Bad(_) | QueryError::Execution(_) | QueryError::TooMuch(_) | QueryError::Unsupported(_) => ApiError::bad(text),
            // Grafana retries an error whose text holds "timeout".
            QueryError::Timeout => ApiError::new(
                StatusCode::GATEWAY_TIMEOUT,
                "request timed out (timeout), decrease the duration of the request or add more label matchers (prefer exact match over regex match) to reduce the amount of data processed",
            ),
            QueryError::Canceled => ApiError::new(client_closed(), "The request was cancelled by the client."),
            QueryError::Storage(_) => ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, text),
        }
    }
}

impl From<ParamsError> for ApiError {
    fn from(e: ParamsError) -> ApiError {
        match e {
            ParamsError::TooLarge => ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "the form body is too large; shorten the query"),
            ParamsError::Unreadable(e) => ApiError::bad(format!("the form body cannot be read: {e}")),
        }
    }
}

impl From<BadTenant> for ApiError {
    fn from(e: BadTenant) -> ApiError {
        ApiError::bad(e.0)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
        (self.status, headers, self.text).into_response()
    }
}
