//! A trace by id: look it up, filter it, make shared span ids distinct, answer in the form asked for.

pub mod diff;
mod filter;
mod shared_ids;

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use proto::opentelemetry::proto::common::v1::any_value::Value;
use proto::opentelemetry::proto::common::v1::{AnyValue, KeyValue};
use proto::tempopb::{PartialStatus, Trace, TraceByIdMetrics, TraceByIdResponse};
use query::{SpanSource, TraceSpans};

use std::sync::Arc;

use api::{Backend, Params};

use crate::error::ApiError;
use crate::inward::Caller;
use crate::json;
use crate::params::{TraceFilter, TraceRequest};
use crate::respond::{self, Form};

pub use shared_ids::separate;

/// `/api/traces/{id}`: the trace without a wrapper, 404 without a text where there is none.
pub async fn v1(State(backend): State<Arc<Backend>>, Path(id): Path<String>, request: Request) -> Response {
    let form = Form::asked(request.headers());
    match lookup(backend, &id, request, false).await {
        Err(e) => e.into_response(),
        Ok(TraceByIdResponse { trace: Some(trace), .. }) if !trace.resource_spans.is_empty() => match form {
            Form::Protobuf => respond::body(respond::PROTOBUF, prost::Message::encode_to_vec(&shown(trace))),
            Form::Json | Form::Llm => respond::body(respond::JSON, json::to_json(&json::V1Trace(&trace))),
        },
        Ok(_) => ApiError::not_found().into_response(),
    }
}

/// `/api/v2/traces/{id}`: wrapped, and never 404: Grafana wants a trace that is present and empty.
pub async fn v2(State(backend): State<Arc<Backend>>, Path(id): Path<String>, request: Request) -> Response {
    let form = Form::asked(request.headers());
    match lookup(backend, &id, request, true).await {
        Err(e) => e.into_response(),
        Ok(answer) if form == Form::Llm => respond::body(respond::LLM, json::llm_trace(&answer)),
        Ok(answer) if form == Form::Protobuf => form.answer(&TraceByIdResponse { trace: answer.trace.map(shown), ..answer }),
        Ok(answer) => form.answer(&answer),
    }
}

/// Grafana, which reads protobuf, silently drops every span of a resource without attributes; such a resource gets the name that SDKs
/// give services without one.
fn shown(mut trace: Trace) -> Trace {
    for resource in trace.resource_spans.iter_mut().filter_map(|b| b.resource.as_mut()).filter(|r| r.attributes.is_empty()) {
        let name = AnyValue { value: Some(Value::StringValue("unknown_service".into())) };
        resource.attributes.push(KeyValue { key: "service.name".into(), value: Some(name), key_strindex: 0 });
    }
    trace
}

async fn lookup(backend: Arc<Backend>, id: &str, request: Request, filtered: bool) -> Result<TraceByIdResponse, ApiError> {
    let caller = Caller::new(backend, request.headers())?;
    let request = TraceRequest::read(id, &Params::read(request).await?)?;
    let filter = request.filter.filter(|_| filtered);
    caller.trace(request.id, filter).await
}

impl Caller {
    /// A trace, present and empty where it is unknown.
    pub async fn trace(&self, id: [u8; 16], asked: Option<TraceFilter>) -> Result<TraceByIdResponse, ApiError> {
        let filter = asked.map(filter::Filter::compile).transpose()?;
        let (trace, message) = self
            .run(move |s, budget| {
                let spans = s.trace(&id, budget)?;
                let whole = spans.spans.len();
                let spans = match filter {
                    None => spans,
                    Some(f) => f.apply(spans)?,
                };
                let dropped = whole - spans.spans.len();
                let message = if dropped > 0 {
                    format!("{dropped} of {whole} spans do not match the filter and are left out")
                } else {
                    String::new()
                };
                Ok((to_proto(&spans), message))
            })
            .await?;
        let status = if message.is_empty() { PartialStatus::Complete } else { PartialStatus::Partial };
        let metrics = Some(TraceByIdMetrics { inspected_bytes: self.budget.bytes_read() });
        Ok(TraceByIdResponse { trace: Some(trace), metrics, status: status as i32, message })
    }
}

/// The stored spans as OTLP, grouped by resource and scope.
pub fn to_proto(spans: &TraceSpans) -> Trace {
    let mut trace = otlp::trace_to_proto(spans.spans.iter().map(|s| (&*s.batch, s.row as usize)));
    separate(&mut trace.resource_spans);
    trace
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::opentelemetry::proto::resource::v1::Resource;
    use proto::opentelemetry::proto::trace::v1::ResourceSpans;

    #[test]
    fn a_bare_resource_is_named_and_others_stay() {
        let bare = ResourceSpans { resource: Some(Resource::default()), ..ResourceSpans::default() };
        let named = shown(Trace { resource_spans: vec![bare] });
        assert_eq!(named.resource_spans[0].resource.as_ref().unwrap().attributes[0].key, "service.name");
        assert_eq!(shown(named.clone()), named);
    }
}
