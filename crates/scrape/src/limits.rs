//! Limits that hold whatever the configuration says.

/// Bytes of a page after decompression when `body_size_limit` is 0: a target cannot exhaust our memory.
pub const MAX_BODY_BYTES: usize = 256 << 20;
/// Bytes of a discovery answer or file.
pub const MAX_DISCOVERY_BYTES: usize = 64 << 20;
/// Redirects followed for one scrape.
pub const MAX_REDIRECTS: usize = 10;
/// Metric families of one target whose metadata is remembered.
pub const MAX_FAMILIES: usize = 50_000;
/// Series of a target that are remembered although they are gone, beyond twice those of the last page.
pub const SERIES_SLACK: usize = 1_000;
/// A file of targets is looked at this often at least, in seconds.
pub const FILE_LOOK_SECONDS: u64 = 5;
