//! Scraping as Prometheus does it, with Prometheus' configuration: who is scraped, when, and what becomes of a page.
//!
//! `Config::parse` reads `global` and `scrape_configs`; `run` scrapes until stopped and hands every scrape as one batch to a sink.
//! The core (`digest`) is pure; `relabel` stands alone and serves whoever relabels.

mod client;
mod config;
mod digest;
#[cfg(test)]
mod digest_tests;
mod discover;
pub mod duration;
pub mod limits;
mod md5;
mod pool;
pub mod relabel;
mod scrape_loop;
mod section;
mod state;
mod target;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use model::MetricBatch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use config::{Config, Job, ScrapeLimits};
pub use digest::{Cache, Counts, Report, digest, failed, report};
pub use section::{ConfigError, Section, distance};
pub use state::{Pool, Slot, State, Status};
pub use target::Target;

/// Stores one scrape's batch; the text says why it was not stored.
pub type Sink = Arc<dyn Fn(MetricBatch) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

/// Scrapes every job until `stop`; `state` shows the targets meanwhile. Needs a tokio runtime with IO and time.
pub async fn run(config: Config, sink: Sink, state: Arc<State>, stop: CancellationToken) {
    for job in &config.jobs {
        state.set(&job.name, Pool { yaml: job.yaml.clone(), ..Pool::default() });
    }
    let mut jobs = JoinSet::new();
    for job in config.jobs {
        jobs.spawn(pool::run(Arc::new(job), sink.clone(), state.clone(), stop.clone()));
    }
    while jobs.join_next().await.is_some() {}
}
