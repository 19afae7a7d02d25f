//! Serves the API over a memory store on a loopback port: `serve PORT [CORPUS.otlp]`, the corpus as length-prefixed export requests.

use std::sync::Arc;

use api::{Backend, Features, Settings};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use model::{Batch, Tenant};
use store::{NativeOnly, Raw, Store, StoreOptions, Write};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let port: u16 = args.next().ok_or("usage: serve PORT [CORPUS]")?.parse()?;
    let window = std::time::Duration::from_secs(365 * 86_400);
    let store = Arc::new(Store::open(StoreOptions { out_of_order_window: Some(window), ..StoreOptions::memory() }, Arc::new(NativeOnly))?);
    let options = otlp::Options::stock();
    if let Some(path) = args.next() {
        let corpus = std::fs::read(path)?;
        let mut rest = &corpus[..];
        while let Some((head, tail)) = rest.split_first_chunk::<4>() {
            let (request, tail) = tail.split_at_checked(u32::from_be_bytes(*head) as usize).ok_or("the corpus is cut short")?;
            let decoded = otlp::decode_metrics(request, otlp::Encoding::Proto, &options, 0)?;
            store.append_wait(Write {
                tenant: Tenant::anonymous(),
                batch: Batch::Metrics(decoded.batch),
                raw: Raw::Native,
                received_ns: 0,
            })?;
            rest = tail;
        }
    }
    let features = Features(vec!["promql-experimental-functions".into()]);
    let settings = Settings { enable_admin_api: true, profile: api::Profile::Stock, features, ..Settings::default() };
    let router = api_prometheus::router(Backend::new(store, settings, options));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (socket, _) = listener.accept().await?;
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let connection = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(socket), service)
                .into_owned();
            if let Err(e) = connection.await {
                eprintln!("{e}");
            }
        });
    }
}
