//! Sends OTLP requests: protobuf over HTTP/1, or gRPC over h2c.

use bytes::{BufMut, Bytes, BytesMut};
use http::{Request, header};
use http_body_util::Full;
use prost::Message;
use proto::opentelemetry::proto::collector::logs::v1::ExportLogsServiceRequest;
use proto::opentelemetry::proto::collector::metrics::v1::ExportMetricsServiceRequest;
use proto::opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest;
use proto::opentelemetry::proto::metrics::v1::metric::Data;

use crate::cli::client::{Answer, Http};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Grpc,
    HttpProtobuf,
}

pub struct Sender {
    http: Http,
    endpoint: String,
    protocol: Protocol,
}

impl Sender {
    pub fn new(endpoint: &str, protocol: Protocol) -> Sender {
        let http = if protocol == Protocol::Grpc { Http::h2c() } else { Http::http1() };
        Sender { http, endpoint: endpoint.trim_end_matches('/').to_owned(), protocol }
    }

    /// The number of spans sent.
    pub async fn traces(&self, r: ExportTraceServiceRequest) -> Result<u64, String> {
        let n = r.resource_spans.iter().flat_map(|x| &x.scope_spans).map(|s| s.spans.len()).sum::<usize>();
        self.post("trace", "traces", r.encode_to_vec()).await.map(|()| n as u64)
    }

    /// The number of lines sent.
    pub async fn logs(&self, r: ExportLogsServiceRequest) -> Result<u64, String> {
        let n = r.resource_logs.iter().flat_map(|x| &x.scope_logs).map(|s| s.log_records.len()).sum::<usize>();
        self.post("logs", "logs", r.encode_to_vec()).await.map(|()| n as u64)
    }

    /// The number of data points sent.
    pub async fn metrics(&self, r: ExportMetricsServiceRequest) -> Result<u64, String> {
        let metrics = r.resource_metrics.iter().flat_map(|x| &x.scope_metrics).flat_map(|s| &s.metrics);
        let n: usize = metrics.map(|m| points(m.data.as_ref())).sum();
        self.post("metrics", "metrics", r.encode_to_vec()).await.map(|()| n as u64)
    }

    async fn post(&self, package: &str, path: &str, message: Vec<u8>) -> Result<(), String> {
        let request = match self.protocol {
            Protocol::HttpProtobuf => Request::post(format!("{}/v1/{path}", self.endpoint))
                .header(header::CONTENT_TYPE, "application/x-protobuf")
                .body(Full::new(Bytes::from(message))),
            Protocol::Grpc => {
                let service = match package {
                    "trace" => "TraceService",
                    "logs" => "LogsService",
                    _ => "MetricsService",
                };
                Request::post(format!("{}/opentelemetry.proto.collector.{package}.v1.{service}/Export", self.endpoint))
                    .header(header::CONTENT_TYPE, "application/grpc")
                    .header(header::TE, "trailers")
                    .body(Full::new(frame(&message)))
            }
        };
        let answer = self.http.send(request.map_err(|e| format!("{}: {e}", self.endpoint))?).await?;
        self.judge(&answer)
    }

    fn judge(&self, answer: &Answer) -> Result<(), String> {
        if !answer.status.is_success() {
            return Err(format!("{} answered {}: {}", self.endpoint, answer.status, answer.text()));
        }
        if self.protocol == Protocol::HttpProtobuf {
            return Ok(());
        }
        let of = |name: &str| answer.trailers.get(name).or(answer.headers.get(name)).and_then(|v| v.to_str().ok()).unwrap_or("").to_owned();
        match of("grpc-status").as_str() {
            "0" => Ok(()),
            code => Err(format!("{} answered gRPC status {code:?}: {}", self.endpoint, of("grpc-message"))),
        }
    }
}

fn points(data: Option<&Data>) -> usize {
    match data {
        Some(Data::Gauge(g)) => g.data_points.len(),
        Some(Data::Sum(s)) => s.data_points.len(),
        Some(Data::Histogram(h)) => h.data_points.len(),
        Some(Data::ExponentialHistogram(h)) => h.data_points.len(),
        Some(Data::Summary(s)) => s.data_points.len(),
        None => 0,
    }
}

/// gRPC's five-byte prefix: not compressed, length.
fn frame(message: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(message.len() + 5);
    out.put_u8(0);
    out.put_u32(message.len() as u32);
    out.put_slice(message);
    out.freeze()
}
