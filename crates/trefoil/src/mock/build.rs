//! Orders to OTLP trace and log requests.

use proto::opentelemetry::proto::collector::logs::v1::ExportLogsServiceRequest;
use proto::opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest;
use proto::opentelemetry::proto::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value};
use proto::opentelemetry::proto::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use proto::opentelemetry::proto::resource::v1::Resource;
use proto::opentelemetry::proto::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span::Event};

use super::shop::{Attr, Line, Order, SERVICES, Service, Step};

const ALL: [Service; 4] = [Service::Gateway, Service::Data, Service::Decision, Service::Exchange];

pub fn traces(orders: &[Order]) -> ExportTraceServiceRequest {
    let resource_spans = ALL.iter().filter_map(|service| {
        let spans: Vec<Span> =
            orders.iter().flat_map(|o| o.steps.iter().filter(|s| s.service == *service).map(move |s| span(o, s))).collect();
        let scope_spans = vec![ScopeSpans { scope: Some(scope()), spans, ..ScopeSpans::default() }];
        (!scope_spans[0].spans.is_empty()).then(|| ResourceSpans {
            resource: Some(resource(*service)),
            scope_spans,
            ..ResourceSpans::default()
        })
    });
    ExportTraceServiceRequest { resource_spans: resource_spans.collect() }
}

pub fn logs(orders: &[Order]) -> ExportLogsServiceRequest {
    let resource_logs = ALL.iter().filter_map(|service| {
        let log_records: Vec<LogRecord> =
            orders.iter().flat_map(|o| o.lines.iter().filter(|l| l.service == *service).map(move |l| record(o, l))).collect();
        let scope_logs = vec![ScopeLogs { scope: Some(scope()), log_records, ..ScopeLogs::default() }];
        (!scope_logs[0].log_records.is_empty()).then(|| ResourceLogs {
            resource: Some(resource(*service)),
            scope_logs,
            ..ResourceLogs::default()
        })
    });
    ExportLogsServiceRequest { resource_logs: resource_logs.collect() }
}

fn span(o: &Order, s: &Step) -> Span {
    let mut out = Span {
        trace_id: o.trace.to_vec(),
        span_id: s.id.to_vec(),
        parent_span_id: if s.parent == [0; 8] { vec![] } else { s.parent.to_vec() },
        name: s.name.clone(),
        kind: s.kind as i32,
        start_time_unix_nano: s.start,
        end_time_unix_nano: s.end,
        attributes: s.attrs.iter().map(|(k, v)| key_value(k, v)).collect(),
        flags: 0x101,
        ..Span::default()
    };
    if let Some(message) = &s.error {
        out.status = Some(Status { code: 2, message: message.clone() });
        let attributes = vec![
            key_value("exception.type", &Attr::Text("TimeoutError".into())),
            key_value("exception.message", &Attr::Text(message.clone())),
        ];
        out.events.push(Event { time_unix_nano: s.end, name: "exception".into(), attributes, dropped_attributes_count: 0 });
    }
    out
}

fn record(o: &Order, l: &Line) -> LogRecord {
    LogRecord {
        time_unix_nano: l.time,
        observed_time_unix_nano: l.time + 1_000,
        severity_number: l.severity.0,
        severity_text: l.severity.1.into(),
        body: Some(AnyValue { value: Some(Value::StringValue(l.body.clone())) }),
        attributes: vec![
            key_value("crypto.symbol", &Attr::Text(o.symbol.into())),
            key_value("crypto.exchange", &Attr::Text(o.exchange.into())),
            key_value("operation.type", &Attr::Text(o.operation.into())),
        ],
        trace_id: o.trace.to_vec(),
        span_id: l.span.to_vec(),
        flags: 1,
        ..LogRecord::default()
    }
}

pub fn resource(service: Service) -> Resource {
    let name = SERVICES[service as usize];
    let pairs = [
        ("service.name", name.to_owned()),
        ("service.namespace", "trading".to_owned()),
        ("service.instance.id", format!("{name}-0")),
        ("service.version", "1.4.2".to_owned()),
        ("deployment.environment.name", "demo".to_owned()),
        ("telemetry.sdk.language", "rust".to_owned()),
    ];
    Resource { attributes: pairs.into_iter().map(|(k, v)| key_value(k, &Attr::Text(v))).collect(), ..Resource::default() }
}

pub fn scope() -> InstrumentationScope {
    InstrumentationScope { name: "trefoil.mock".into(), version: env!("CARGO_PKG_VERSION").into(), ..InstrumentationScope::default() }
}

pub fn key_value(key: &str, value: &Attr) -> KeyValue {
    let value = match value {
        Attr::Text(s) => Value::StringValue(s.clone()),
        Attr::Int(i) => Value::IntValue(*i),
        Attr::Float(f) => Value::DoubleValue(*f),
        Attr::Bool(b) => Value::BoolValue(*b),
    };
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}
