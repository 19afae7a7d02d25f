//! The query endpoints over HTTP: search, tag names, tag values, metrics.

use std::sync::Arc;

use api::{Backend, Params};
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};

use crate::error::ApiError;
use crate::inward::Caller;
use crate::json;
use crate::params::{MetricsRequest, SearchRequest, TagsRequest, ValuesRequest};
use crate::respond::{self, Form};

/// What every handler starts with.
struct Asked {
    caller: Caller,
    form: Form,
    params: Params,
}

impl Asked {
    async fn read(backend: Arc<Backend>, request: Request) -> Result<Asked, ApiError> {
        let form = Form::asked(request.headers());
        let caller = Caller::new(backend, request.headers())?;
        Ok(Asked { caller, form, params: Params::read(request).await? })
    }
}

pub async fn search(State(backend): State<Arc<Backend>>, request: Request) -> Result<Response, ApiError> {
    let Asked { caller, form, params } = Asked::read(backend, request).await?;
    let answer = caller.search(SearchRequest::read(&params, caller.now())?).await?;
    Ok(form.answer(&answer))
}

pub async fn tags_v1(State(backend): State<Arc<Backend>>, request: Request) -> Result<Response, ApiError> {
    let Asked { caller, form, params } = Asked::read(backend, request).await?;
    let answer = caller.tags(TagsRequest::read(&params, caller.now())?).await?;
    Ok(form.answer(&answer))
}

pub async fn tags_v2(State(backend): State<Arc<Backend>>, request: Request) -> Result<Response, ApiError> {
    let Asked { caller, form, params } = Asked::read(backend, request).await?;
    let answer = caller.tags_v2(TagsRequest::read(&params, caller.now())?).await?;
    Ok(form.answer(&answer))
}

/// `/api/search/tag/{tag}/values`; the tag may hold slashes.
pub async fn values_v1(State(backend): State<Arc<Backend>>, Path(rest): Path<String>, request: Request) -> Result<Response, ApiError> {
    let tag = tag_of(&rest)?;
    let Asked { caller, form, params } = Asked::read(backend, request).await?;
    let answer = caller.values(ValuesRequest::read(tag, &params, caller.now())?).await?;
    Ok(form.answer(&answer))
}

/// `/api/v2/search/tag/{tag}/values`.
pub async fn values_v2(State(backend): State<Arc<Backend>>, Path(rest): Path<String>, request: Request) -> Result<Response, ApiError> {
    let tag = tag_of(&rest)?;
    let Asked { caller, form, params } = Asked::read(backend, request).await?;
    let answer = caller.values_v2(ValuesRequest::read(tag, &params, caller.now())?).await?;
    Ok(match form {
        Form::Llm => respond::body(respond::LLM, json::llm_tag_values(&answer)),
        form => form.answer(&answer),
    })
}

/// The decoded rest of the path without its last segment, `values`.
fn tag_of(rest: &str) -> Result<&str, ApiError> {
    rest.strip_suffix("/values").filter(|tag| !tag.is_empty()).ok_or_else(page_not_found)
}

pub async fn query_range(State(backend): State<Arc<Backend>>, request: Request) -> Result<Response, ApiError> {
    let Asked { caller, params, .. } = Asked::read(backend, request).await?;
    let answer = caller.query_range(MetricsRequest::read(&params, caller.now(), false)?).await?;
    // The metrics endpoints have no other form.
    Ok(Form::Json.answer(&answer))
}

pub async fn query_instant(State(backend): State<Arc<Backend>>, request: Request) -> Result<Response, ApiError> {
    let Asked { caller, params, .. } = Asked::read(backend, request).await?;
    let answer = caller.query_instant(MetricsRequest::read(&params, caller.now(), true)?).await?;
    Ok(Form::Json.answer(&answer))
}

pub fn page_not_found() -> ApiError {
    ApiError::new(axum::http::StatusCode::NOT_FOUND, "404 page not found\n")
}

pub async fn not_found() -> Response {
    page_not_found().into_response()
}
