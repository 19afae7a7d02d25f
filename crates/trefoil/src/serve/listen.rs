//! Sockets: binds every port before anything else, tells HTTP/1 and h2c apart per connection, drains on stop.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Connections served at the same time on one port; the next ones wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 4_096;
/// Flow-control windows in bytes. The default of 64 KiB throttles large OTLP batches.
const STREAM_WINDOW: u32 = 8 << 20;
const CONNECTION_WINDOW: u32 = 24 << 20;
/// Calls at the same time on one HTTP/2 connection.
const MAX_STREAMS: u32 = 1_000;
/// How long open requests may take once a stop was asked for.
const DRAIN: Duration = Duration::from_secs(10);

/// A bound socket that is not served yet: clients connect already and wait.
pub struct Bound {
    pub name: &'static str,
    pub address: SocketAddr,
    listener: TcpListener,
}

/// Why a port could not be had, with the way out.
#[derive(Debug)]
pub struct BindError {
    name: &'static str,
    address: SocketAddr,
    source: io::Error,
}

impl std::fmt::Display for BindError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot listen on {} for {}: {}", self.address, self.name, self.source)?;
        if self.source.kind() == io::ErrorKind::AddrInUse {
            write!(
                f,
                "; another process has the port: stop it, shift all ports with --port-offset N, or serve everything on one free port with --port 0"
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for BindError {}

pub async fn bind(name: &'static str, ip: IpAddr, port: u16) -> Result<Bound, BindError> {
    let address = SocketAddr::new(ip, port);
    let listener = TcpListener::bind(address).await.map_err(|source| BindError { name, address, source })?;
    let address = listener.local_addr().map_err(|source| BindError { name, address, source })?;
    Ok(Bound { name, address, listener })
}

/// Serves until `stop`, then lets open requests finish for a while.
pub async fn serve(bound: Bound, router: Router, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let http = Arc::new(builder());
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { break };
        let stream = tokio::select! {
            () = stop.cancelled() => break,
            accepted = bound.listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(e) => {
                    // Out of file descriptors, mostly: waiting is all that helps, and must not spin.
                    tracing::warn!(error = %e, port = bound.address.port(), "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        prepare(&stream);
        let service = TowerToHyperService::new(router.clone());
        let connection = http.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            let _place = place;
            if let Err(e) = connection.await {
                tracing::debug!(error = %e, "a connection ended early");
            }
        });
    }
    drop(bound.listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!(port = bound.address.port(), "requests were still open after {DRAIN:?}");
    }
}

fn prepare(stream: &TcpStream) {
    if let Err(e) = stream.set_nodelay(true) {
        tracing::debug!(error = %e, "TCP_NODELAY not set");
    }
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut b = auto::Builder::new(TokioExecutor::new());
    // No idle timeout on HTTP/1: SDKs that export once a minute keep their connection.
    b.http1().timer(TokioTimer::new()).header_read_timeout(None);
    b.http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(64 << 10);
    b
}
