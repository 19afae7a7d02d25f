//! Bounds of a page. Each name carries its unit; the comment says what changing it does.

/// Characters of an exemplar's labels (names and values together) above which the exemplar is dropped. OpenMetrics' own limit.
pub const EXEMPLAR_CHARS: usize = 128;

/// Bytes of one protobuf message of a delimited page; a larger announced length fails the page before anything is allocated.
pub const MAX_FAMILY_BYTES: usize = 64 << 20;
