//! Serves the Loki face over a memory store filled with a corpus: `serve PORT [logs.otlp]`.

use std::sync::Arc;

use model::{Batch, Tenant};

struct Otlp(otlp::Options);

impl store::Decode for Otlp {
    fn decode(&self, _: store::Signal, encoding: store::Encoding, bytes: &[u8], received_ns: u64) -> Result<Batch, String> {
        let encoding = match encoding {
            store::Encoding::OtlpProto => otlp::Encoding::Proto,
            store::Encoding::OtlpJson => otlp::Encoding::Json,
        };
        otlp::decode_logs(bytes, encoding, &self.0, received_ns).map(|d| Batch::Logs(Arc::new(d.batch))).map_err(|e| e.to_string())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let port: u16 = args.next().unwrap_or_default().parse()?;
    let options = otlp::Options::stock();
    let store = Arc::new(store::Store::open(store::StoreOptions::memory(), Arc::new(Otlp(options.clone())))?);
    if let Some(file) = args.next() {
        let bytes = std::fs::read(file)?;
        let mut rest = bytes.as_slice();
        while let Some((head, tail)) = rest.split_at_checked(4) {
            let len = u32::from_be_bytes(head.try_into()?) as usize;
            let (body, after) = tail.split_at_checked(len).ok_or("the corpus ends inside a request")?;
            let decoded = otlp::decode_logs(body, otlp::Encoding::Proto, &options, 0)?;
            let write = store::Write {
                tenant: Tenant::anonymous(),
                batch: Batch::Logs(Arc::new(decoded.batch)),
                raw: store::Raw::Native,
                received_ns: 0,
            };
            store.append_wait(write)?;
            rest = after;
        }
    }
    let settings = api::Settings { profile: api::Profile::Stock, ..api::Settings::default() };
    let app = api_loki::router(api::Backend::new(store, settings, options));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (socket, _) = listener.accept().await?;
        let service = hyper_util::service::TowerToHyperService::new(app.clone());
        tokio::spawn(async move {
            let io = hyper_util::rt::TokioIo::new(socket);
            let builder = hyper_util::server::conn::auto::Builder::new(hyper_util::rt::TokioExecutor::new());
            // A connection that breaks is the client's business.
            _ = builder.serve_connection_with_upgrades(io, service).await;
        });
    }
}
