//! A server in memory, fed by remote write and asked without a socket.

use std::sync::Arc;

use api::{Backend, Features, Settings};
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::{Method, Request};
use http_body_util::BodyExt;
use prost::Message;
use proto::prometheus as pb;
use store::{NativeOnly, Store, StoreOptions};
use tower::ServiceExt;

pub struct Server {
    router: Router,
    pub backend: Arc<Backend>,
}

impl Server {
    pub fn new() -> Server {
        Server::with(Settings {
            enable_admin_api: true,
            features: Features(vec!["promql-experimental-functions".into(), "search-api".into()]),
            config_text: "global: {}\n".into(),
            ..Settings::default()
        })
    }

    pub fn with(settings: Settings) -> Server {
        let store = Store::open(StoreOptions::memory(), Arc::new(NativeOnly)).expect("a memory store opens");
        let backend = Backend::new(Arc::new(store), settings, otlp::Options::stock());
        Server { router: api_prometheus::router(backend.clone()), backend }
    }

    /// A server that holds `m{job="a"}` = 1, 2, 3 and `m{job="b"}` = 10, 20, 30 at 0, 15 and 30 s, and `n` = 7 at 30 s.
    pub async fn seeded() -> Server {
        let server = Server::new();
        let series = [
            series(&[("__name__", "m"), ("job", "a")], &[(0, 1.0), (15_000, 2.0), (30_000, 3.0)]),
            series(&[("__name__", "m"), ("job", "b")], &[(0, 10.0), (15_000, 20.0), (30_000, 30.0)]),
            series(&[("__name__", "n"), ("http.route", "/x")], &[(30_000, 7.0)]),
        ];
        let response = server.write_v1(pb::WriteRequest { timeseries: series.to_vec(), metadata: vec![] }).await;
        assert_eq!(response.status(), 204);
        server
    }

    pub async fn send(&self, request: Request<Body>) -> Response {
        match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    pub async fn write_v1(&self, request: pb::WriteRequest) -> Response {
        self.post("/api/v1/write", &[("content-encoding", "snappy"), ("content-type", "application/x-protobuf")], snappy(&request)).await
    }

    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Response {
        let mut request = Request::builder().method(Method::POST).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body)).expect("a request")).await
    }

    /// `GET /path` or `POST /path form`: status and body.
    pub async fn ask(&self, text: &str) -> String {
        let (method, rest) = text.split_once(' ').unwrap_or((text, ""));
        let (path, form) = match rest.split_once(' ') {
            Some((path, form)) if method == "POST" => (path, Some(form)),
            _ => (rest, None),
        };
        let mut request = Request::builder().method(method).uri(escaped(path));
        if form.is_some() {
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
        let response = self.send(request.body(Body::from(form.map(escaped).unwrap_or_default())).expect("a request")).await;
        let status = response.status().as_u16();
        format!("{status} {}", body(response).await)
    }

    #[track_caller]
    pub fn check(&self, text: &str, want: &str) -> impl Future<Output = ()> + use<'_> {
        let (text, want, caller) = (text.to_owned(), want.to_owned(), std::panic::Location::caller());
        async move { assert_eq!(self.ask(&text).await, want, "{text} at {caller}") }
    }
}

/// The characters of queries that may not stand in a URL as they are.
fn escaped(text: &str) -> String {
    text.replace('{', "%7B").replace('}', "%7D").replace('"', "%22").replace(' ', "+").replace('[', "%5B").replace(']', "%5D")
}

pub async fn body(response: Response) -> String {
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    String::from_utf8_lossy(&bytes).trim_end().to_owned()
}

pub fn series(labels: &[(&str, &str)], samples: &[(i64, f64)]) -> pb::TimeSeries {
    pb::TimeSeries {
        labels: labels.iter().map(|(n, v)| pb::Label { name: (*n).into(), value: (*v).into() }).collect(),
        samples: samples.iter().map(|(t, v)| pb::Sample { timestamp: *t, value: *v }).collect(),
        ..pb::TimeSeries::default()
    }
}

pub fn snappy(message: &impl Message) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(&message.encode_to_vec()).expect("snappy")
}
