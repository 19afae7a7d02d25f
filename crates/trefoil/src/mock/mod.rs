//! Mock telemetry of a crypto-trading shop: gateway, data service, decision service and exchange clients, correlated over the signals.
//!
//! An order becomes a trace, its log lines carry the trace's ids, its latency goes into histograms with exemplars.

mod build;
mod metrics;
mod random;
mod shop;
mod wire;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use metrics::Meters;
use random::Random;
use shop::Shop;
pub use wire::Protocol;
use wire::Sender;

/// How much to send.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// orders (traces) a second
    pub rate: f64,
    /// zero = until stopped
    pub duration: Duration,
    pub seed: u64,
}

/// What was accepted so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    pub requests: u64,
    pub traces: u64,
    pub spans: u64,
    pub lines: u64,
    /// metric data points
    pub points: u64,
}

/// Exports go out this often, as an SDK's batch processor would with a short delay.
const EVERY: Duration = Duration::from_millis(500);
/// Metrics go out after this many exports.
const METRICS_EVERY: u64 = 4;
/// Orders in one request at most.
const BATCH: usize = 100;

/// Sends until the plan's end. An endpoint that refuses or is not reachable ends it with the reason.
pub async fn send(plan: &Plan, endpoint: &str, protocol: Protocol, mut each: impl FnMut(&Progress)) -> Result<Progress, String> {
    let sender = Sender::new(endpoint, protocol);
    let (mut shop, mut meters) = (Shop::new(Random::new(plan.seed)), Meters::new(now_ns()));
    let mut done = Progress::default();
    let (begun, mut owed, mut round) = (Instant::now(), 0.0, 0u64);
    let mut tick = tokio::time::interval(EVERY);
    loop {
        tick.tick().await;
        owed += plan.rate * EVERY.as_secs_f64();
        while owed >= 1.0 {
            let n = (owed as usize).min(BATCH);
            owed -= n as f64;
            let orders: Vec<shop::Order> = (0..n).map(|i| shop.order(now_ns() - EVERY.as_nanos() as u64 * i as u64 / n as u64)).collect();
            orders.iter().for_each(|o| meters.record(o));
            done.spans += sender.traces(build::traces(&orders)).await?;
            done.lines += sender.logs(build::logs(&orders)).await?;
            done.traces += n as u64;
            done.requests += 2;
        }
        if round.is_multiple_of(METRICS_EVERY) {
            done.points += sender.metrics(meters.export(now_ns())).await?;
            done.requests += 1;
        }
        round += 1;
        each(&done);
        if !plan.duration.is_zero() && begun.elapsed() >= plan.duration {
            done.points += sender.metrics(meters.export(now_ns())).await?;
            done.requests += 1;
            return Ok(done);
        }
    }
}

fn now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64)
}
