//! Loki's ingestion rate limit: a token bucket of bytes per tenant.

use std::sync::Mutex;

use model::Tenant;
use rustc_hash::FxHashMap;

use crate::limits::{RATE_BURST_BYTES, RATE_BYTES_PER_SECOND};

/// All tenants' buckets.
#[derive(Debug, Default)]
pub struct RateLimit {
    buckets: Mutex<FxHashMap<Tenant, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at_ns: i64,
}

impl RateLimit {
    /// Takes the bytes, or says in Loki's words why not; then nothing is taken.
    pub fn take(&self, tenant: &Tenant, lines: u64, bytes: u64, now_ns: i64) -> Result<(), String> {
        let mut all = self.buckets.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // A full bucket is as good as none: forget tenants that were quiet.
        if all.len() > 10_000 {
            all.retain(|_, b| b.refilled(now_ns) < RATE_BURST_BYTES as f64);
        }
        let bucket = all.entry(tenant.clone()).or_insert(Bucket { tokens: RATE_BURST_BYTES as f64, at_ns: now_ns });
        let tokens = bucket.refilled(now_ns);
        if bytes as f64 > tokens {
            return Err(format!(
                "ingestion rate limit exceeded for user {tenant} (limit: {RATE_BYTES_PER_SECOND} bytes/sec) while attempting to ingest '{lines}' lines totaling \
                 '{bytes}' bytes, reduce log volume or contact your Loki administrator to see if the limit can be increased"
            ));
        }
        *bucket = Bucket { tokens: tokens - bytes as f64, at_ns: now_ns };
        Ok(())
    }
}

impl Bucket {
    fn refilled(&self, now_ns: i64) -> f64 {
        let seconds = now_ns.saturating_sub(self.at_ns).max(0) as f64 / 1e9;
        (self.tokens + seconds * RATE_BYTES_PER_SECOND as f64).min(RATE_BURST_BYTES as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_then_the_rate_holds_per_tenant() {
        let (limit, a, b) = (RateLimit::default(), Tenant::new("a").unwrap(), Tenant::new("b").unwrap());
        let second = 1_000_000_000;
        assert!(limit.take(&a, 1, RATE_BURST_BYTES, 0).is_ok());
        let text = limit.take(&a, 3, 10, 0).unwrap_err();
        assert!(text.starts_with("ingestion rate limit exceeded for user a (limit: 4194304 bytes/sec) while attempting to ingest '3' lines totaling '10' bytes"), "{text}");
        assert!(limit.take(&b, 1, RATE_BURST_BYTES, 0).is_ok());
        assert!(limit.take(&a, 1, RATE_BYTES_PER_SECOND, second).is_ok());
        assert!(limit.take(&a, 1, 1, second).is_err());
        assert!(limit.take(&a, 1, RATE_BURST_BYTES + 1, 100 * second).is_err());
    }
}
