//! A Model Context Protocol server at `/api/mcp`: streamable HTTP, one JSON-RPC message a request, answers as plain JSON.
//!
//! Nothing is kept between requests, so there are no sessions and no server-sent streams (GET answers 405).

mod docs;
mod tools;

use std::sync::Arc;

use api::{Backend, Profile};
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::inward::Caller;
use crate::limits::MAX_BODY_BYTES;
use crate::query::page_not_found;
use crate::respond;

/// Versions of the protocol that this server speaks, newest first.
const PROTOCOLS: [&str; 3] = ["2025-06-18", "2025-03-26", "2024-11-05"];

/// The feature that switches the server on where the profile leaves it off, as Tempo does.
const FEATURE: &str = "mcp-server";

/// JSON-RPC's codes.
const PARSE_ERROR: i64 = -32700;
const INVALID_REQUEST: i64 = -32600;
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;

pub async fn handle(State(backend): State<Arc<Backend>>, request: Request) -> Response {
    if backend.settings.profile == Profile::Stock && !backend.settings.features.has(FEATURE) {
        return page_not_found().into_response();
    }
    if request.method() != axum::http::Method::POST {
        let why = "this MCP server keeps no sessions and streams nothing: POST one JSON-RPC message";
        return ApiError::new(StatusCode::METHOD_NOT_ALLOWED, why).into_response();
    }
    let caller = match Caller::new(backend, request.headers()) {
        Ok(c) => c,
        Err(e) => return e.into_response(),
    };
    let Ok(bytes) = to_bytes(request.into_body(), MAX_BODY_BYTES).await else {
        return ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, format!("MCP messages may have {MAX_BODY_BYTES} bytes")).into_response();
    };
    match serde_json::from_slice::<Value>(&bytes) {
        Ok(message) => answer(&caller, &message).await,
        Err(e) => respond::body(respond::JSON, failed(&Value::Null, PARSE_ERROR, &format!("the message is no JSON: {e}")).to_string()),
    }
}

async fn answer(caller: &Caller, message: &Value) -> Response {
    let id = &message["id"];
    let Some(method) = message["method"].as_str() else {
        return respond::body(respond::JSON, failed(id, INVALID_REQUEST, "the message has no method").to_string());
    };
    // Notifications get no answer.
    if id.is_null() {
        return StatusCode::ACCEPTED.into_response();
    }
    let params = &message["params"];
    let result = match method {
        "initialize" => Ok(initialize(caller, params)),
        "ping" => Ok(json!({})),
        "tools/list" => Ok(json!({"tools": tools::list()})),
        "tools/call" => tools::call(caller, params).await,
        "resources/list" => Ok(json!({"resources": docs::list()})),
        "resources/templates/list" => Ok(json!({"resourceTemplates": []})),
        "resources/read" => docs::read(params["uri"].as_str().unwrap_or("")),
        "prompts/list" => Ok(json!({"prompts": []})),
        other => Err((METHOD_NOT_FOUND, format!("method {other} is not offered"))),
    };
    let body = match result {
        Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
        Err((code, why)) => failed(id, code, &why),
    };
    respond::body(respond::JSON, body.to_string())
}

fn failed(id: &Value, code: i64, why: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": why}})
}

fn initialize(caller: &Caller, params: &Value) -> Value {
    let asked = params["protocolVersion"].as_str().unwrap_or("");
    let version = PROTOCOLS.iter().find(|v| **v == asked).unwrap_or(&PROTOCOLS[0]);
    json!({
        "protocolVersion": version,
        "capabilities": {"tools": {"listChanged": false}, "resources": {"listChanged": false, "subscribe": false}},
        "serverInfo": {"name": "tempo", "version": caller.backend.settings.version},
        "instructions": "Queries traces with TraceQL. Read docs://traceql/query first if you do not know the language; find attribute names and values before you filter on them.",
    })
}
