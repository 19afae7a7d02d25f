//! What every face holds: the store, the query pool, settings and own metrics.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use model::{Batch, SpanBatch, Tenant};
use query::{Budget, BudgetLimits};
use store::{AppendError, Appended, Snapshot, Store, Write};

use crate::limits::{MAX_QUERY_MEMORY, MAX_QUERY_SAMPLES, MAX_WRITE_BYTES, QUERY_TIMEOUT};
use crate::{QueryPool, RulesView, SelfMetrics};

/// Whose defaults apply where the real systems and the all-in-one stack differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// as the well-known all-in-one stack sets things up: resource attributes promoted, deltas converted
    #[default]
    Default,
    /// as Prometheus, Loki and Tempo ship
    Stock,
}

/// Feature names as given to `--enable-feature`.
#[derive(Debug, Clone, Default)]
pub struct Features(pub Vec<String>);

impl Features {
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|f| f == name)
    }
}

/// What the command line and the configuration file decided, as far as faces need it.
#[derive(Debug, Clone)]
pub struct Settings {
    pub profile: Profile,
    pub features: Features,
    /// Prometheus' admin endpoints answer
    pub enable_admin_api: bool,
    /// 0: keep everything
    pub retention: Duration,
    pub version: String,
    /// bytes of a write request, on the wire and after decompression
    pub max_write_bytes: usize,
    /// flags as given, for status pages: (name, value)
    pub flags: Vec<(String, String)>,
    /// the configuration file's text, for status pages
    pub config_text: String,
    /// where users reach us, for links in alerts
    pub external_url: String,
    pub data_dir: String,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            profile: Profile::Default,
            features: Features::default(),
            enable_admin_api: false,
            retention: Duration::ZERO,
            version: env!("CARGO_PKG_VERSION").into(),
            max_write_bytes: MAX_WRITE_BYTES,
            flags: vec![],
            config_text: String::new(),
            external_url: "http://127.0.0.1:9090".into(),
            data_dir: String::new(),
        }
    }
}

/// The write side: hands a write to the store and waits for its answer without blocking a thread.
#[derive(Clone)]
pub struct Ingest {
    store: Arc<Store>,
    spans_hook: Arc<OnceLock<SpansHook>>,
}

impl Ingest {
    /// Answers once the write is durable (by the sync policy) and visible to every query.
    pub async fn write(&self, write: Write) -> Result<Appended, AppendError> {
        let spans = match &write.batch {
            Batch::Spans(batch) if self.spans_hook.get().is_some() => Some((write.tenant.clone(), batch.clone())),
            _ => None,
        };
        let (sender, receiver) = tokio::sync::oneshot::channel();
        self.store.append(
            write,
            Box::new(move |answer| {
                // The client may have gone; the write stands all the same.
                let _ = sender.send(answer);
            }),
        );
        let answer = receiver.await.unwrap_or(Err(AppendError::Closed));
        if let (Ok(_), Some(hook), Some((tenant, batch))) = (&answer, self.spans_hook.get(), spans) {
            hook(&tenant, &batch);
        }
        answer
    }

    /// Sets who is told of stored spans (the metrics generator); the first one stays.
    pub fn on_spans(&self, hook: SpansHook) {
        let _ = self.spans_hook.set(hook);
    }
}

/// Told of stored spans; must not block.
pub type SpansHook = Box<dyn Fn(&Tenant, &Arc<SpanBatch>) + Send + Sync>;

/// Shared by all faces as `Arc<Backend>`.
pub struct Backend {
    pub store: Arc<Store>,
    pub ingest: Ingest,
    pub queries: QueryPool,
    pub metrics: SelfMetrics,
    pub settings: Settings,
    /// how OTLP becomes series and streams; clones share the cache of translated series
    pub otlp: otlp::Options,
    /// state of scraped targets; empty where nothing is scraped
    pub targets: crate::TargetsSlot,
    /// rules and alerts; empty where no rules are configured
    pub rules: OnceLock<Arc<dyn RulesView>>,
    pub started: SystemTime,
    started_at: Instant,
    ready: AtomicBool,
}

impl Backend {
    pub fn new(store: Arc<Store>, settings: Settings, otlp: otlp::Options) -> Arc<Backend> {
        Arc::new(Backend {
            ingest: Ingest { store: store.clone(), spans_hook: Arc::default() },
            store,
            queries: QueryPool::default(),
            metrics: SelfMetrics::default(),
            settings,
            otlp,
            targets: OnceLock::new(),
            rules: OnceLock::new(),
            started: SystemTime::now(),
            started_at: Instant::now(),
            ready: AtomicBool::new(true),
        })
    }

    pub fn snapshot(&self, tenants: &[Tenant]) -> Snapshot {
        self.store.snapshot(tenants)
    }

    /// A budget with the server's limits; `timeout` can only shorten.
    pub fn budget(&self, timeout: Option<Duration>) -> Budget {
        let timeout = timeout.map_or(QUERY_TIMEOUT, |t| t.min(QUERY_TIMEOUT));
        Budget::new(BudgetLimits { memory: MAX_QUERY_MEMORY, samples: MAX_QUERY_SAMPLES, timeout: Some(timeout) })
    }

    pub fn uptime(&self) -> Duration {
        self.started_at.elapsed()
    }

    /// False while starting and while draining: `/ready` and `/-/ready` answer 503.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    pub fn now_ms(&self) -> i64 {
        (self.now_ns() / 1_000_000) as i64
    }

    /// Unix nanoseconds.
    pub fn now_ns(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX))
    }
}
