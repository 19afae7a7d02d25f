//! OTLP bytes (protobuf, JSON) to batches of the model and back, with the official translations to Prometheus' and Loki's names.
//!
//! `decode_metrics`, `decode_logs` and `decode_traces` read a whole Export request. Protobuf is read in place by a hand-written
//! decoder; JSON is first transcoded to protobuf, so that both go the same way from there. Bad items are counted and named in
//! `Decoded`, the good ones are in the batch; bytes that are no request at all are a `DecodeError`.

mod cache;
mod encode;
mod error;
mod json;
mod level;
pub mod limits;
mod logs;
mod metrics;
mod names;
mod options;
mod partial;
mod text;
mod traces;
mod value;
mod wire;

pub use encode::{Signal, export_response, trace_to_proto, value_to_proto};
pub use error::DecodeError;
pub use level::{LEVEL_FIELDS, detect_level, detect_service_name};
pub use names::{MetricType, log_label_name, metric_label_name, metric_name};
pub use options::{Delta, LogAction, LogSettings, MetricSettings, Options, Promote, Strategy, TraceSettings};
pub use text::value_text;

use std::borrow::Cow;

use model::{LogBatch, MetricBatch, SpanBatch};

/// How the bytes of a request are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    Proto,
    Json,
}

/// What one request held.
#[derive(Debug, Clone, Default)]
pub struct Decoded<B> {
    pub batch: B,
    /// spans, log records or metric data points that are in the batch
    pub items: u64,
    /// those that are not, because they are bad (`partial_success.rejected_*`)
    pub rejected: u64,
    /// names what was wrong; may hold a warning although nothing was rejected; "" = nothing to say
    pub message: String,
}

/// Reads an ExportMetricsServiceRequest (or MetricsData). `received_ns` (Unix nanoseconds) stands in for missing times.
pub fn decode_metrics(bytes: &[u8], encoding: Encoding, options: &Options, received_ns: u64) -> Result<Decoded<MetricBatch>, DecodeError> {
    metrics::decode(&as_proto(bytes, encoding, &json::METRICS)?, options, received_ns)
}

/// Reads an ExportLogsServiceRequest (or LogsData). `received_ns` (Unix nanoseconds) stands in for missing times.
pub fn decode_logs(bytes: &[u8], encoding: Encoding, options: &Options, received_ns: u64) -> Result<Decoded<LogBatch>, DecodeError> {
    logs::decode(&as_proto(bytes, encoding, &json::LOGS)?, options.logs(), received_ns)
}

/// Reads an ExportTraceServiceRequest (or TracesData).
pub fn decode_traces(bytes: &[u8], encoding: Encoding, options: &Options, _received_ns: u64) -> Result<Decoded<SpanBatch>, DecodeError> {
    traces::decode(&as_proto(bytes, encoding, &json::TRACES)?, options.traces())
}

/// The protobuf form of a JSON request.
pub fn json_to_protobuf(bytes: &[u8], signal: Signal) -> Result<Vec<u8>, DecodeError> {
    let message = match signal {
        Signal::Metrics => &json::METRICS,
        Signal::Logs => &json::LOGS,
        Signal::Traces => &json::TRACES,
    };
    json::to_protobuf(bytes, message)
}

fn as_proto<'a>(bytes: &'a [u8], encoding: Encoding, message: &'static json::Message) -> Result<Cow<'a, [u8]>, DecodeError> {
    match encoding {
        Encoding::Proto => Ok(Cow::Borrowed(bytes)),
        Encoding::Json => json::to_protobuf(bytes, message).map(Cow::Owned),
    }
}
