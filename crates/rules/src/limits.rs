//! Bounds of the crate.

/// Bytes of a rule file; above it the file is refused.
pub const MAX_FILE_BYTES: usize = 16 << 20;
/// Milliseconds for which a resolved alert is kept and sent again.
pub const RESOLVED_RETENTION_MS: i64 = 15 * 60_000;
/// Alerts that wait for one Alertmanager; above it the oldest are dropped.
pub const MAX_QUEUED_ALERTS: usize = 10_000;
/// Alerts in one request to an Alertmanager.
pub const MAX_ALERT_BATCH: usize = 256;
/// Steps of one unit test (end divided by interval); above it the test is refused.
pub const MAX_TEST_STEPS: i64 = 1_000_000;
