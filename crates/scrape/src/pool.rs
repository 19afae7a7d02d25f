//! One job: asks its discoveries, keeps a loop running for every target there is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use model::Labels;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::Sink;
use crate::client::Client;
use crate::config::Job;
use crate::discover::Source;
use crate::scrape_loop::Loop;
use crate::state::{Pool, Slot, State};
use crate::target::{Made, Target, make};

/// Why no target of the pool is scraped, while that is so.
#[derive(Debug, Default)]
pub struct Refusal(Mutex<Option<String>>);

impl Refusal {
    pub fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, why: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }
}

/// A discovery with its newest good answer.
struct Watched {
    source: Source,
    found: Vec<Labels>,
    due: Option<Instant>,
}

/// Runs the job until stopped.
pub async fn run(job: Arc<Job>, sink: Sink, state: Arc<State>, stop: CancellationToken) {
    let client = Client::new();
    let now = Instant::now();
    let mut watched: Vec<Watched> = job.sources.iter().map(|s| Watched { source: s.clone(), found: vec![], due: Some(now) }).collect();
    let mut running =
        Running { loops: HashMap::new(), tasks: JoinSet::new(), refused: Arc::default(), job, sink, client, stop: stop.clone() };
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = join_all(watched.iter_mut().map(|w| refresh(w, &running.client, &running.job.name))) => {}
        }
        running.sync(&watched, &state);
        let next = watched.iter().filter_map(|w| w.due).min();
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
        }
        while running.tasks.try_join_next().is_some() {}
    }
    while running.tasks.join_next().await.is_some() {}
}

async fn refresh(w: &mut Watched, client: &Client, job: &str) {
    if w.due.is_none_or(|due| due > Instant::now()) {
        return;
    }
    match w.source.targets(client).await {
        Ok(found) => w.found = found,
        Err(e) => tracing::warn!(job, error = %e, "discovery of targets failed; the former targets stay"),
    }
    w.due = w.source.every().map(|d: Duration| Instant::now() + d);
}

struct Running {
    /// by identity of the target
    loops: HashMap<(Labels, String), (Arc<Slot>, CancellationToken)>,
    tasks: JoinSet<()>,
    refused: Arc<Refusal>,
    job: Arc<Job>,
    sink: Sink,
    client: Client,
    stop: CancellationToken,
}

impl Running {
    /// Starts loops of new targets, ends those of vanished ones, publishes the state.
    fn sync(&mut self, watched: &[Watched], state: &State) {
        let (mut wanted, mut pool) = (HashMap::<(Labels, String), Target>::new(), Pool { yaml: self.job.yaml.clone(), ..Pool::default() });
        let keep = usize::try_from(self.job.limits.keep_dropped_targets).ok().filter(|k| *k > 0).unwrap_or(usize::MAX);
        for found in watched.iter().flat_map(|w| &w.found) {
            match make(&self.job, found) {
                Made::Target(t) => {
                    wanted.entry((t.labels.clone(), t.url.clone())).or_insert(*t);
                }
                Made::Dropped(labels) => {
                    pool.dropped_count += 1;
                    if pool.dropped.len() < keep {
                        pool.dropped.push(labels);
                    }
                }
                Made::Bad(e) => tracing::warn!(job = %self.job.name, error = %e, "a target cannot be scraped"),
            }
        }
        let limit = self.job.limits.targets;
        let over = limit > 0 && wanted.len() as u64 > limit;
        self.refused.set(over.then(|| format!("target_limit exceeded (number of targets: {}, limit: {limit})", wanted.len())));
        self.loops.retain(|key, (slot, gone)| {
            // A target whose rhythm changed starts anew.
            let stays = wanted.get(key).is_some_and(|t| (t.interval, t.timeout) == (slot.target.interval, slot.target.timeout));
            if !stays {
                gone.cancel();
            }
            stays
        });
        for (key, target) in wanted {
            if !self.loops.contains_key(&key) {
                let started = self.start(target);
                self.loops.insert(key, started);
            }
        }
        pool.active = self.loops.values().map(|(slot, _)| slot.clone()).collect();
        pool.active.sort_by(|a, b| (&a.target.url, &a.target.labels).cmp(&(&b.target.url, &b.target.labels)));
        state.set(&self.job.name, pool);
    }

    fn start(&mut self, target: Target) -> (Arc<Slot>, CancellationToken) {
        let (slot, gone) = (Slot::new(target), CancellationToken::new());
        let one = Loop {
            job: self.job.clone(),
            slot: slot.clone(),
            client: self.client.clone(),
            sink: self.sink.clone(),
            refused: self.refused.clone(),
            gone: gone.clone(),
            stop: self.stop.clone(),
        };
        self.tasks.spawn(one.run());
        (slot, gone)
    }
}
