//! The whole process: bind, open the store, wire the faces, serve, drain, close.

mod decode;
mod faces;
mod generator;
mod listen;
mod notify;
mod own;
mod process;
pub mod rules;
pub(crate) mod scrape;
mod storestats;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use api::{Backend, Features, Profile, Settings};
use axum::Router;
use store::{Retention, Store, StoreOptions, SyncPolicy, WhenFull};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use crate::cli::ProfileArg;
use crate::config::{Config, Ports, Sync};
use faces::{Face, Faces};
use listen::Bound;

pub use process::resident_bytes;

/// The well-known ports: name in the ready line, number, whose paths it owns.
const PORTS: &[(&str, u16, Face)] = &[
    ("otlp_grpc", 4317, Face::Otlp),
    ("otlp_http", 4318, Face::Otlp),
    ("prometheus", 9090, Face::Prometheus),
    ("loki", 3100, Face::Loki),
    ("tempo", 3200, Face::Tempo),
    ("jaeger", 16686, Face::Jaeger),
    ("metrics", 8888, Face::Own),
];

/// The stock profile takes samples up to this much older than the newest.
const STOCK_OUT_OF_ORDER_WINDOW: std::time::Duration = std::time::Duration::from_secs(365 * 86_400);

/// Why the process could not start.
#[derive(Debug)]
pub struct StartError(String);

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

/// A running process. Dropping it does not stop it cleanly; call `stop`.
pub struct Running {
    /// (name, address) of every face
    pub endpoints: Vec<(&'static str, SocketAddr)>,
    pub backend: Arc<Backend>,
    pub ready_in: std::time::Duration,
    stop: CancellationToken,
    listeners: JoinSet<()>,
}

/// Starts everything and returns when every port accepts data. Needs a tokio runtime.
pub async fn start(config: Config) -> Result<Running, StartError> {
    let begun = Instant::now();
    // Sockets first: clients that come while the log is replayed wait instead of being refused.
    let bound = bind_all(&config).await?;
    let store = open_store(&config).await?;
    let backend = Backend::new(store, settings(&config, &bound), otlp_options(&config)?);
    let faces = Faces {
        otlp: guarded(api_otlp::router(backend.clone()), &backend),
        prometheus: guarded(api_prometheus::router(backend.clone()), &backend),
        loki: guarded(api_loki::router(backend.clone()), &backend),
        tempo: guarded(api_tempo::router(backend.clone()), &backend),
        own: guarded(own::router(backend.clone()), &backend),
        jaeger: guarded(api_tempo::jaeger_router(backend.clone()), &backend),
    };
    // Tempo ships with the generator off; the all-in-one stack has it on.
    if config.profile == ProfileArg::Default {
        generator::start(&backend);
    }
    let stop = CancellationToken::new();
    rules::start(&config, &backend, &stop)?;
    let mut listeners = JoinSet::new();
    let endpoints = endpoints(&bound);
    if config.self_scrape {
        let instance = endpoints.iter().find(|(n, _)| *n == "metrics").map_or_else(String::new, |(_, a)| a.to_string());
        listeners.spawn(own::watch_self(backend.clone(), instance, stop.clone()));
    }
    scrape::start(&config, &backend, &mut listeners, &stop)?;
    for (b, home) in bound {
        listeners.spawn(listen::serve(b, faces.port(home), stop.clone()));
    }
    Ok(Running { endpoints, backend, ready_in: begun.elapsed(), stop, listeners })
}

impl Running {
    /// The JSON line that says where everything is.
    pub fn ready_line(&self) -> String {
        let endpoints: serde_json::Map<String, serde_json::Value> =
            self.endpoints.iter().map(|(n, a)| ((*n).to_owned(), a.to_string().into())).collect();
        serde_json::json!({
            "msg": "ready",
            "pid": std::process::id(),
            "ready_ms": (self.ready_in.as_secs_f64() * 1e4).round() / 10.0,
            "endpoints": endpoints,
        })
        .to_string()
    }

    /// Refuses new connections, answers what is open, closes the store.
    pub async fn stop(mut self) {
        self.backend.set_ready(false);
        self.stop.cancel();
        while self.listeners.join_next().await.is_some() {}
        let store = self.backend.store.clone();
        // Closing syncs the log: not on an IO thread.
        if tokio::task::spawn_blocking(move || store.close()).await.is_err() {
            tracing::error!("the store did not close cleanly");
        }
    }
}

async fn bind_all(config: &Config) -> Result<Vec<(Bound, Face)>, StartError> {
    let wanted: Vec<(&'static str, u16, Face)> = match config.ports {
        Ports::One(port) => vec![("all", port, Face::Prometheus)],
        Ports::WellKnown { offset } => PORTS
            .iter()
            .map(|(name, port, face)| match port.checked_add(offset) {
                Some(p) => Ok((*name, p, *face)),
                None => Err(StartError(format!("--port-offset {offset} moves port {port} above 65535"))),
            })
            .collect::<Result<_, _>>()?,
    };
    let mut out = vec![];
    for (name, port, face) in wanted {
        out.push((listen::bind(name, config.bind, port).await.map_err(|e| StartError(e.to_string()))?, face));
    }
    Ok(out)
}

/// The names of the ready line; on one port every face has the same address.
fn endpoints(bound: &[(Bound, Face)]) -> Vec<(&'static str, SocketAddr)> {
    match bound {
        [(one, _)] => PORTS.iter().filter(|(_, _, face)| *face != Face::Jaeger).map(|(name, _, _)| (*name, one.address)).collect(),
        many => many.iter().map(|(b, _)| (b.name, b.address)).collect(),
    }
}

async fn open_store(config: &Config) -> Result<Arc<Store>, StartError> {
    let mut options = match &config.data {
        None => StoreOptions::memory(),
        Some(dir) => StoreOptions::at(dir),
    };
    options.memory_limit = config.memory_limit;
    options.retention = Retention::all(config.retention);
    // Everything held is in memory so far, on disk or not: a full budget must make room, or nothing new would ever be taken again.
    options.when_full = WhenFull::EvictOldest;
    // Prometheus' window where its answers are wanted; otherwise any honest time is taken.
    options.out_of_order_window = (config.profile == ProfileArg::Stock).then_some(STOCK_OUT_OF_ORDER_WINDOW);
    options.sync = match config.sync {
        Sync::Always => SyncPolicy::Always,
        Sync::Os => SyncPolicy::Os,
        Sync::Interval(d) => SyncPolicy::Interval(d),
    };
    let decoder = Arc::new(decode::OtlpDecoder::new(otlp_options(config)?));
    let place = config.data.clone();
    let opened = tokio::task::spawn_blocking(move || Store::open(options, decoder)).await;
    match opened {
        Ok(Ok(store)) => Ok(Arc::new(store)),
        Ok(Err(e)) => Err(StartError(format!("cannot open the data in {}: {e}", place.unwrap_or_default().display()))),
        Err(e) => Err(StartError(format!("opening the store failed unexpectedly: {e}"))),
    }
}

fn settings(config: &Config, bound: &[(Bound, Face)]) -> Settings {
    let prometheus = bound.iter().find(|(_, f)| *f == Face::Prometheus);
    Settings {
        profile: if config.profile == ProfileArg::Stock { Profile::Stock } else { Profile::Default },
        features: Features(config.features.clone()),
        enable_admin_api: config.enable_admin_api,
        retention: config.retention,
        config_text: config.text.clone(),
        external_url: prometheus.map_or_else(String::new, |(b, _)| format!("http://{}", b.address)),
        data_dir: config.data.as_ref().map_or_else(String::new, |d| d.display().to_string()),
        ..Settings::default()
    }
}

fn otlp_options(config: &Config) -> Result<otlp::Options, StartError> {
    let (mut m, traces) = match config.profile {
        ProfileArg::Stock => (otlp::MetricSettings::default(), otlp::TraceSettings::stock()),
        ProfileArg::Default => (otlp::MetricSettings::all_in_one(), otlp::TraceSettings::default()),
    };
    let o = &config.otlp;
    let list = |names: &Option<Vec<String>>| names.iter().flatten().cloned().collect();
    if o.promote_all_resource_attributes == Some(true) {
        m.promote = otlp::Promote::AllBut(list(&o.ignore_resource_attributes));
    } else if o.promote_resource_attributes.is_some() {
        m.promote = otlp::Promote::Listed(list(&o.promote_resource_attributes));
    }
    if let Some(name) = &o.translation_strategy {
        m.strategy = otlp::Strategy::parse(name).ok_or_else(|| StartError(format!("otlp.translation_strategy {name:?} is unknown")))?;
    }
    m.keep_identifying_resource_attributes = o.keep_identifying_resource_attributes.unwrap_or(m.keep_identifying_resource_attributes);
    m.convert_histograms_to_nhcb = o.convert_histograms_to_nhcb.unwrap_or(m.convert_histograms_to_nhcb);
    m.promote_scope_metadata = o.promote_scope_metadata.unwrap_or(m.promote_scope_metadata);
    Ok(otlp::Options::new(m, otlp::LogSettings::default()).with_traces(traces))
}

/// A handler's bug answers 500 and is counted; the process and the other requests go on.
fn guarded(router: Router, backend: &Arc<Backend>) -> Router {
    let backend = backend.clone();
    router.layer(CatchPanicLayer::custom(move |panic: Box<dyn std::any::Any + Send>| {
        backend.metrics.panicked();
        let what = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied()).unwrap_or("unknown");
        tracing::error!(what, "a request handler failed unexpectedly");
        let mut answer = http::Response::new(axum::body::Body::from("internal error: the request failed unexpectedly\n"));
        *answer.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
        answer
    }))
}
