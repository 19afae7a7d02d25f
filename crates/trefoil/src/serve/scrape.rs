//! Scraping inside the process: `scrape_configs` of the file, batches into the store, targets to the API.

use std::sync::Arc;

use api::{ActiveTarget, Backend, DroppedTarget, TargetHealth, TargetMetadata, TargetsView};
use model::{Batch, Tenant};
use scrape::{Pool, Sink, Slot, State};
use store::{Raw, Write};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::StartError;
use crate::config::Config;

/// The jobs of the configuration; `None` where it has no `scrape_configs`.
pub fn parse(config: &Config) -> Result<Option<scrape::Config>, String> {
    let sections = &config.prometheus;
    let Some(jobs) = &sections.scrape_configs else { return Ok(None) };
    scrape::Config::parse(sections.global.as_ref(), jobs, &config.base).map(Some).map_err(|e| e.to_string())
}

/// Starts the jobs of the configuration, if it has any; they end with `stop`.
pub fn start(config: &Config, backend: &Arc<Backend>, tasks: &mut JoinSet<()>, stop: &CancellationToken) -> Result<(), StartError> {
    let Some(jobs) = parse(config).map_err(StartError)? else { return Ok(()) };
    let state = Arc::new(State::default());
    // The slot is empty: every backend is started once.
    let _ = backend.targets.set(Arc::new(View(state.clone())));
    tasks.spawn(scrape::run(jobs, sink(backend.clone()), state, stop.clone()));
    Ok(())
}

fn sink(backend: Arc<Backend>) -> Sink {
    Arc::new(move |batch| {
        let backend = backend.clone();
        Box::pin(async move {
            let received_ns = backend.now_ns();
            let write = Write { tenant: Tenant::anonymous(), batch: Batch::Metrics(batch), raw: Raw::Native, received_ns };
            let appended = backend.ingest.write(write).await.map_err(|e| e.to_string())?;
            if appended.rejected_total() > 0 {
                tracing::debug!(rejected = appended.rejected_total(), "rows of a scrape were not stored");
            }
            Ok(())
        })
    })
}

struct View(Arc<State>);

impl View {
    fn each<T>(&self, mut f: impl FnMut(&str, &Pool) -> Vec<T>) -> Vec<T> {
        self.0.pools().iter().flat_map(|(name, pool)| f(name, pool)).collect()
    }
}

impl TargetsView for View {
    fn pools(&self) -> Vec<String> {
        self.0.pools().into_keys().collect()
    }

    fn pool_config(&self, pool: &str) -> Option<String> {
        self.0.pools().remove(pool).map(|p| p.yaml)
    }

    fn active(&self) -> Vec<ActiveTarget> {
        self.each(|name, pool| pool.active.iter().map(|slot| active(name, slot)).collect())
    }

    fn dropped(&self) -> Vec<DroppedTarget> {
        self.each(|name, pool| pool.dropped.iter().map(|l| DroppedTarget { discovered_labels: l.clone(), pool: name.to_owned() }).collect())
    }

    fn dropped_counts(&self) -> Vec<(String, u64)> {
        self.each(|name, pool| vec![(name.to_owned(), pool.dropped_count)])
    }

    fn metadata(&self) -> Vec<TargetMetadata> {
        let one = |slot: &Arc<Slot>| TargetMetadata { target: slot.target.labels.clone(), metadata: slot.status().metadata.to_vec() };
        self.each(|_, pool| pool.active.iter().map(one).collect())
    }
}

fn active(pool: &str, slot: &Slot) -> ActiveTarget {
    let (target, status) = (&slot.target, slot.status());
    ActiveTarget {
        discovered_labels: target.discovered.clone(),
        labels: target.labels.clone(),
        pool: pool.to_owned(),
        url: target.url.clone(),
        last_error: status.last_error,
        last_scrape_ms: status.last_scrape_ms,
        last_duration: status.last_duration,
        health: match status.up {
            None => TargetHealth::Unknown,
            Some(true) => TargetHealth::Up,
            Some(false) => TargetHealth::Down,
        },
        interval: scrape::duration::format(target.interval),
        timeout: scrape::duration::format(target.timeout),
    }
}
