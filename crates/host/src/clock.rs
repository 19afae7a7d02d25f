//! Wall clock and monotonic clock.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub trait Clock: Send + Sync {
    /// Unix nanoseconds of the wall clock; it may jump.
    fn now_ns(&self) -> u64;

    /// Time since some fixed moment of this process; it never goes back.
    fn elapsed(&self) -> Duration;

    /// Unix milliseconds of the wall clock.
    fn now_ms(&self) -> i64 {
        (self.now_ns() / 1_000_000) as i64
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealClock;

impl Clock for RealClock {
    fn now_ns(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX))
    }

    fn elapsed(&self) -> Duration {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_run() {
        let c = RealClock;
        let (a, b) = (c.elapsed(), c.elapsed());
        assert!(a <= b);
        assert!(c.now_ns() > 1_600_000_000_000_000_000);
        assert!((c.now_ms() - (c.now_ns() / 1_000_000) as i64).abs() < 1_000);
    }
}
