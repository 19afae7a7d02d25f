//! Bounds of what the faces accept. Each name carries its unit; the comment says what changing it does.

use std::time::Duration;

/// Bytes of a form body of a query request. Larger forms answer 413; queries of users stay far below.
pub const MAX_FORM_BYTES: usize = 4 << 20;

/// Queries evaluated at the same time; the others wait. More means more memory, not more speed, once the cores are busy.
pub const MAX_CONCURRENT_QUERIES: usize = 20;

/// Queries that may wait for a place; above it a query is refused at once.
pub const MAX_WAITING_QUERIES: usize = 1_000;

/// How long one query may take unless the request asks for less (Prometheus' `--query.timeout`).
pub const QUERY_TIMEOUT: Duration = Duration::from_secs(120);

/// Samples one PromQL query may hold (Prometheus' `--query.max-samples`).
pub const MAX_QUERY_SAMPLES: u64 = 50_000_000;

/// Bytes of intermediate state of one query.
pub const MAX_QUERY_MEMORY: u64 = 2 << 30;

/// Bytes of a write request on the wire and after decompression (OTLP's recommended default).
pub const MAX_WRITE_BYTES: usize = 64 << 20;
