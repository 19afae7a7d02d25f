//! Bounds of the generator. Each name carries its unit; the comment says what changing it does.

/// Series of one tenant; spans beyond it are counted in one series labelled `metric_overflow="true"`. Memory grows with it.
pub const MAX_SERIES: usize = 50_000;

/// Edges that wait for their other half; the oldest is expired when a new one comes. Tempo's default.
pub const MAX_EDGES: usize = 10_000;

/// Nanoseconds that an edge waits for its other half. Tempo's default.
pub const EDGE_WAIT_NS: u64 = 10_000_000_000;

/// Milliseconds after which a series that got no span is forgotten.
pub const STALE_AFTER_MS: i64 = 15 * 60_000;

/// Milliseconds after which an unchanged series is written again, so that an instant query still finds it.
pub const HEARTBEAT_MS: i64 = 60_000;

/// Exemplars kept of one histogram between two collections.
pub const MAX_EXEMPLARS: usize = 4;
