//! One target's life: wait, fetch, digest, write; markers when it goes.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use model::MetricBatch;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::Sink;
use crate::client::{Client, FetchError, Fetched, Get};
use crate::config::Job;
use crate::digest::{Cache, Counts, Report, digest, failed, report};
use crate::limits::MAX_BODY_BYTES;
use crate::pool::Refusal;
use crate::state::Slot;

pub struct Loop {
    pub job: Arc<Job>,
    pub slot: Arc<Slot>,
    pub client: Client,
    pub sink: Sink,
    /// set while the pool has more targets than it may
    pub refused: Arc<Refusal>,
    /// discovery lost the target
    pub gone: CancellationToken,
    /// the process ends: no markers
    pub stop: CancellationToken,
}

impl Loop {
    pub async fn run(self) {
        let interval = self.slot.target.interval;
        let wait = first_wait(interval, since_epoch(), self.hash());
        let mut aligned = millis(since_epoch().saturating_add(wait));
        let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + wait, interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut cache = Cache::default();
        let mut last = None;
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = self.gone.cancelled() => break,
                _ = ticks.tick() => {}
            }
            let t = snapped(&mut aligned, millis(since_epoch()), interval);
            last = Some(t);
            tokio::select! {
                () = self.stop.cancelled() => return,
                c = self.scrape(std::mem::take(&mut cache), t) => cache = c,
            }
        }
        if let Some(last) = last {
            self.leave(cache, last).await;
        }
    }

    fn hash(&self) -> u64 {
        let target = &self.slot.target;
        model::Labels::from_pairs([("u", target.url.as_str())]).hash64() ^ target.labels.hash64()
    }

    async fn scrape(&self, cache: Cache, t: i64) -> Cache {
        let begun = Instant::now();
        let fetched = self.fetch().await;
        let duration = begun.elapsed().as_secs_f64();
        let (job, slot) = (self.job.clone(), self.slot.clone());
        // Pages can be large: not on an IO thread.
        let worked = tokio::task::spawn_blocking(move || finish(&job, &slot, fetched, duration, cache, t)).await;
        match worked {
            Ok((batch, cache)) => {
                self.write(batch).await;
                cache
            }
            Err(e) => {
                tracing::error!(error = %e, target = %self.slot.target.url, "a scrape ended unexpectedly");
                Cache::default()
            }
        }
    }

    async fn fetch(&self) -> Result<Fetched, FetchError> {
        if let Some(why) = self.refused.get() {
            return Err(FetchError::Other(why));
        }
        let target = &self.slot.target;
        let headers =
            [("accept", self.job.accept.clone()), ("x-prometheus-scrape-timeout-seconds", target.timeout.as_secs_f64().to_string())];
        let limit = usize::try_from(self.job.limits.body_bytes).unwrap_or(usize::MAX);
        let max_bytes = if limit == 0 { MAX_BODY_BYTES } else { limit };
        let get = Get { url: &target.url, headers: &headers, settings: &self.job.http, compression: self.job.compression, max_bytes };
        match tokio::time::timeout(target.timeout, self.client.get(get)).await {
            Ok(answer) => answer,
            Err(_) => Err(FetchError::Other(format!("Get {:?}: context deadline exceeded", target.url))),
        }
    }

    async fn write(&self, batch: MetricBatch) {
        if let Err(e) = (self.sink)(batch).await {
            tracing::warn!(error = %e, target = %self.slot.target.url, "a scrape was not stored");
        }
    }

    /// Someone else may scrape the same series from now on (a reload, a restart elsewhere): markers only after two more intervals.
    async fn leave(&self, mut cache: Cache, last: i64) {
        let interval = self.slot.target.interval;
        let wait = interval.saturating_mul(2).saturating_add(interval / 10);
        tokio::select! {
            () = self.stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
        let t = last.saturating_add(millis(interval));
        let mut batch = failed(&mut cache, t);
        report(&mut batch, &self.slot.target.labels, &self.job, 0.0, t, None);
        self.write(batch).await;
    }
}

/// From the answer to the batch, and the outcome into the slot.
fn finish(job: &Job, slot: &Slot, fetched: Result<Fetched, FetchError>, duration: f64, mut cache: Cache, t: i64) -> (MetricBatch, Cache) {
    let target = &slot.target;
    let too_large = matches!(fetched, Err(FetchError::TooLarge));
    let size = fetched.as_ref().map_or(0, |f| f.body.len() as i64);
    let page = fetched
        .map_err(|e| match e {
            FetchError::TooLarge => "body size limit exceeded".to_owned(),
            FetchError::Other(e) => e,
        })
        .and_then(|f| exposition::parse(&f.body, &f.content_type, job.fallback).map_err(|e| e.to_string()));
    let (mut batch, counts, error, metadata) = match page {
        Err(e) => (failed(&mut cache, t), Counts::default(), Some(e), None),
        Ok(page) => {
            let (batch, counts, error) = digest(&page, &target.labels, job, &mut cache, t);
            (batch, counts, error, Some(page.metadata))
        }
    };
    let r = Report { up: error.is_none(), duration, counts, body_bytes: if too_large { -1 } else { size } };
    report(&mut batch, &target.labels, job, target.timeout.as_secs_f64(), t, Some(&r));
    slot.set(|s| {
        s.up = Some(r.up);
        s.last_error = error.unwrap_or_default();
        s.last_scrape_ms = Some(t);
        s.last_duration = duration;
        if let Some(m) = metadata {
            s.metadata = Arc::new(m);
        }
    });
    (batch, cache)
}

/// Time to the first scrape: targets spread over the interval by their hash, each at the same place of it after every start.
fn first_wait(interval: Duration, now: Duration, hash: u64) -> Duration {
    let whole = interval.as_nanos().max(1);
    let wait = (whole - now.as_nanos() % whole + u128::from(hash) % whole) % whole;
    Duration::from_nanos(u64::try_from(wait).unwrap_or(u64::MAX))
}

/// The schedule's time where the clock is within 2 ms or 1 % of it: equal steps compress far better.
fn snapped(aligned: &mut i64, now: i64, interval: Duration) -> i64 {
    let step = millis(interval).max(1);
    if now.saturating_sub(*aligned) >= step {
        *aligned = aligned.saturating_add(now.saturating_sub(*aligned) / step * step);
    }
    let tolerance = (step / 100).min(2);
    let after = aligned.saturating_add(step);
    if now.abs_diff(*aligned) <= tolerance.unsigned_abs() {
        *aligned
    } else if now.abs_diff(after) <= tolerance.unsigned_abs() {
        after
    } else {
        now
    }
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn millis(d: Duration) -> i64 {
    i64::try_from(d.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_keep_their_place_in_the_interval() {
        let s = Duration::from_secs;
        assert_eq!(first_wait(s(10), s(103), 4_000_000_000), s(1));
        assert_eq!(first_wait(s(10), s(105), 4_000_000_000), s(9));
        assert_eq!(first_wait(s(10), s(104), 4_000_000_000), s(0));
    }

    #[test]
    fn times_snap_to_the_schedule() {
        let mut aligned = 1000;
        assert_eq!(snapped(&mut aligned, 1002, Duration::from_secs(1)), 1000);
        assert_eq!(snapped(&mut aligned, 1003, Duration::from_secs(1)), 1003);
        assert_eq!(snapped(&mut aligned, 4001, Duration::from_secs(1)), 4000);
        assert_eq!(snapped(&mut aligned, 4999, Duration::from_secs(1)), 5000);
    }
}
