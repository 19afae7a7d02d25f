//! What goes wrong, as the HTTP door (plain text and a status) and the gRPC door (a code and a message) say it.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use query::QueryError;

/// The status of a caller that went away.
const CLIENT_CLOSED: u16 = 499;

/// A failed request: a status and a plain text.
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

    /// 404 without a text, as a missing trace of the first version is answered.
    pub fn not_found() -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, "")
    }

    pub fn grpc(&self) -> tonic::Status {
        let code = match self.status.as_u16() {
            400 => tonic::Code::InvalidArgument,
            401 => tonic::Code::Unauthenticated,
            404 => tonic::Code::NotFound,
            429 => tonic::Code::ResourceExhausted,
            CLIENT_CLOSED => tonic::Code::Cancelled,
            500.. => tonic::Code::Internal,
            _ => tonic::Code::Unknown,
        };
        tonic::Status::new(code, self.text.clone())
    }
}

impl From<QueryError> for ApiError {
    fn from(e: QueryError) -> ApiError {
        let status = match &e {
            QueryError::Bad(_) | QueryError::Unsupported(_) => StatusCode::BAD_REQUEST,
            QueryError::Execution(_) | QueryError::TooMuch(_) => StatusCode::UNPROCESSABLE_ENTITY,
            QueryError::Timeout => StatusCode::GATEWAY_TIMEOUT,
            QueryError::Canceled => StatusCode::from_u16(CLIENT_CLOSED).unwrap_or(StatusCode::BAD_REQUEST),
            QueryError::Storage(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        ApiError::new(status, e.to_string())
    }
}

impl From<model::BadTenant> for ApiError {
    fn from(e: model::BadTenant) -> ApiError {
        ApiError::bad(e.to_string())
    }
}

impl From<api::ParamsError> for ApiError {
    fn from(e: api::ParamsError) -> ApiError {
        match e {
            api::ParamsError::TooLarge => ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "request body too large"),
            api::ParamsError::Unreadable(why) => ApiError::bad(format!("the request's body could not be read: {why}")),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], self.text).into_response()
    }
}
