//! Which form an answer takes: JSON, protobuf or the form for language models.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::json;

pub const JSON: &str = "application/json";
pub const PROTOBUF: &str = "application/protobuf";
pub const LLM: &str = "application/vnd.grafana.llm";

/// What the `Accept` header asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Json,
    Protobuf,
    Llm,
}

impl Form {
    /// Looks for the names in the header's text, protobuf first; anything else is JSON.
    pub fn asked(headers: &HeaderMap) -> Form {
        let has = |name: &str| headers.get_all(header::ACCEPT).iter().any(|v| v.to_str().is_ok_and(|v| v.contains(name)));
        if has(PROTOBUF) {
            Form::Protobuf
        } else if has(JSON) || !has(LLM) {
            Form::Json
        } else {
            Form::Llm
        }
    }

    /// The answer in this form; endpoints without a form for language models give JSON.
    pub fn answer<M: prost::Message + json::Message>(self, message: &M) -> Response {
        match self {
            Form::Protobuf => body(PROTOBUF, message.encode_to_vec()),
            Form::Json | Form::Llm => body(JSON, json::to_json(message)),
        }
    }
}

pub fn body(media: &'static str, bytes: impl Into<axum::body::Body>) -> Response {
    (StatusCode::OK, [(header::CONTENT_TYPE, media)], bytes.into()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_is_read_by_substring() {
        let asked = |v: &'static str| Form::asked(&HeaderMap::from_iter([(header::ACCEPT, v.parse().unwrap())]));
        assert_eq!(asked("application/json, application/protobuf"), Form::Protobuf);
        assert_eq!(asked("text/html"), Form::Json);
        assert_eq!(asked("application/vnd.grafana.llm, application/json"), Form::Json);
        assert_eq!(asked("application/vnd.grafana.llm"), Form::Llm);
        assert_eq!(Form::asked(&HeaderMap::new()), Form::Json);
    }
}
