//! Serves the router over a memory store that holds a recorded corpus; until the real binary is wired.
use std::sync::Arc;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use model::{Batch, Tenant};
use store::{NativeOnly, Raw, Store, StoreOptions, Write};
use tower::ServiceExt;

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    let bytes = std::fs::read(&args[1]).unwrap();
    let store = Store::open(StoreOptions::memory(), Arc::new(NativeOnly)).unwrap();
    let options = otlp::Options::stock();
    let mut at = 0;
    while at < bytes.len() {
        let n = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        let d = otlp::decode_traces(&bytes[at + 4..at + 4 + n], otlp::Encoding::Proto, &options, 1).unwrap();
        store
            .append_wait(Write { tenant: Tenant::anonymous(), batch: Batch::Spans(Arc::new(d.batch)), raw: Raw::Native, received_ns: 1 })
            .unwrap();
        at += 4 + n;
    }
    let backend = api::Backend::new(Arc::new(store), api::Settings::default(), options);
    let router = api_tempo::router(backend);
    let listener = tokio::net::TcpListener::bind(&args[2]).await.unwrap();
    while let Ok((socket, _)) = listener.accept().await {
        let service =
            TowerToHyperService::new(router.clone().map_request(|r: http::Request<hyper::body::Incoming>| r.map(axum::body::Body::new)));
        tokio::spawn(async move {
            auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), service).await.map_err(drop)
        });
    }
}
