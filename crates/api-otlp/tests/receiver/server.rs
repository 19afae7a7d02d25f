//! A router over a memory store, and requests to it.

use std::io::Write;
use std::sync::Arc;

use api::{Backend, Outcome, Point, Settings, Signal, Transport};
use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use store::{NativeOnly, Store, StoreOptions};
use tower::ServiceExt;

pub const TRACE: &str = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"x","startTimeUnixNano":"1","endTimeUnixNano":"2"}]}]}]}"#;
pub const LOG: &str = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"5","body":{"stringValue":"line"}}]}]}]}"#;
pub const METRIC: &str = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","gauge":{"dataPoints":[{"timeUnixNano":"5000000","asInt":"1"}]}}]}]}]}"#;

pub struct Server {
    router: Router,
    pub backend: Arc<Backend>,
}

/// An answer with everything that was sent.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub trailers: Option<HeaderMap>,
}

impl Server {
    pub fn new() -> Server {
        Server::with(StoreOptions::memory(), 64 << 20)
    }

    pub fn with(store: StoreOptions, max_write_bytes: usize) -> Server {
        let store = Store::open(store, Arc::new(NativeOnly)).expect("a memory store opens");
        let settings = Settings { max_write_bytes, ..Settings::default() };
        let backend = Backend::new(Arc::new(store), settings, otlp::Options::default());
        Server { router: api_otlp::router(backend.clone()), backend }
    }

    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap();
        let trailers = body.trailers().cloned();
        Answer { status: head.status, headers: head.headers, body: body.to_bytes().to_vec(), trailers }
    }

    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        self.send(Method::POST, path, headers, body).await
    }

    /// A receiver counter of ours.
    pub fn counted(&self, signal: Signal, transport: Transport, outcome: Outcome) -> f64 {
        let mut points: Vec<Point> = vec![];
        self.backend.metrics.collect(&mut points);
        let name = format!("otelcol_receiver_{}_{}", outcome.as_str(), signal.as_str());
        let is = |p: &&Point| p.name == name && p.labels.iter().any(|l| l.1 == transport.as_str());
        points.iter().find(is).expect("the counter exists").value
    }

    /// Spans, lines and samples that the anonymous tenant has.
    pub fn stored(&self) -> (u64, u64, u64) {
        let stats = self.backend.store.stats();
        stats.tenants.iter().find(|t| t.tenant == "anonymous").map_or((0, 0, 0), |t| (t.spans, t.lines, t.samples))
    }
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().expect("a text header"))
    }
}

pub fn proto(json: &str, signal: otlp::Signal) -> Vec<u8> {
    otlp::json_to_protobuf(json.as_bytes(), signal).expect("a valid request")
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut w = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    w.write_all(bytes).unwrap();
    w.finish().unwrap()
}
