//! Why a request was not taken, and how google.rpc.Status says so in protobuf and JSON.

use std::time::Duration;

use prost::Message;
use store::AppendError;

use crate::limits::{MAX_MESSAGE_BYTES, RETRY_AFTER_MS};

/// Kinds named after what the sender can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// the request itself is wrong
    Bad,
    /// more bytes than allowed, on the wire or decompressed
    TooLarge,
    /// nobody reads this content type
    MediaType,
    Method,
    NotFound,
    /// a thing that this server does not do
    Unimplemented,
    /// the gRPC framing is broken
    Framing,
    /// come again after the given time
    Busy(Duration),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub kind: Kind,
    pub message: String,
}

impl Failure {
    pub fn new(kind: Kind, message: impl Into<String>) -> Failure {
        let mut message = message.into();
        let end = (0..=MAX_MESSAGE_BYTES.min(message.len())).rev().find(|i| message.is_char_boundary(*i)).unwrap_or(0);
        message.truncate(end);
        Failure { kind, message }
    }

    pub fn busy(message: impl Into<String>) -> Failure {
        Failure::new(Kind::Busy(Duration::from_millis(RETRY_AFTER_MS)), message)
    }

    pub fn http_status(&self) -> http::StatusCode {
        use http::StatusCode;
        match self.kind {
            Kind::Bad | Kind::Framing => StatusCode::BAD_REQUEST,
            Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Kind::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Kind::Method => StatusCode::METHOD_NOT_ALLOWED,
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::Unimplemented => StatusCode::NOT_IMPLEMENTED,
            Kind::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// google.rpc.Code
    pub fn grpc_code(&self) -> i32 {
        match self.kind {
            Kind::Bad | Kind::MediaType => 3,
            // Not to be retried, so it goes without RetryInfo.
            Kind::TooLarge => 8,
            Kind::NotFound | Kind::Unimplemented | Kind::Method => 12,
            Kind::Framing => 13,
            Kind::Busy(_) => 14,
        }
    }

    /// Whole seconds for `Retry-After`, at least one: 0 would mean "at once".
    pub fn retry_after_seconds(&self) -> Option<u64> {
        match self.kind {
            Kind::Busy(wait) => Some(wait.as_millis().div_ceil(1_000).clamp(1, 3_600) as u64),
            _ => None,
        }
    }

    /// google.rpc.Status as protobuf, with RetryInfo where a retry makes sense.
    pub fn to_proto(&self) -> Vec<u8> {
        let details = match self.kind {
            Kind::Busy(wait) => {
                let delay = ProtoDuration { seconds: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX), nanos: wait.subsec_nanos() as i32 };
                vec![Any { type_url: RETRY_INFO.into(), value: RetryInfo { retry_delay: Some(delay) }.encode_to_vec() }]
            }
            _ => vec![],
        };
        Status { code: self.grpc_code(), message: self.message.clone(), details }.encode_to_vec()
    }

    /// google.rpc.Status as JSON.
    pub fn to_json(&self) -> Vec<u8> {
        let mut status = serde_json::json!({ "code": self.grpc_code(), "message": self.message });
        if let Kind::Busy(wait) = self.kind {
            status["details"] = serde_json::json!([{ "@type": RETRY_INFO, "retryDelay": format!("{}s", wait.as_secs_f64()) }]);
        }
        status.to_string().into_bytes()
    }
}

impl From<AppendError> for Failure {
    fn from(e: AppendError) -> Failure {
        match e {
            AppendError::Busy { retry_after, .. } => Failure::new(Kind::Busy(retry_after), e.to_string()),
            // Another try may meet the restarted process.
            AppendError::Failed(_) | AppendError::Closed => Failure::busy(e.to_string()),
        }
    }
}

const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

#[derive(Clone, PartialEq, Message)]
pub struct Status {
    #[prost(int32, tag = "1")]
    pub code: i32,
    #[prost(string, tag = "2")]
    pub message: String,
    #[prost(message, repeated, tag = "3")]
    pub details: Vec<Any>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Any {
    #[prost(string, tag = "1")]
    pub type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    pub retry_delay: Option<ProtoDuration>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub struct ProtoDuration {
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_never_zero() {
        for (ms, seconds) in [(0, 1), (1, 1), (999, 1), (1_001, 2), (5_000, 5)] {
            assert_eq!(Failure::new(Kind::Busy(Duration::from_millis(ms)), "").retry_after_seconds(), Some(seconds));
        }
        assert_eq!(Failure::new(Kind::Bad, "").retry_after_seconds(), None);
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let f = Failure::new(Kind::Bad, "ü".repeat(5_000));
        assert!(f.message.len() <= MAX_MESSAGE_BYTES && f.message.ends_with('ü'));
    }
}
