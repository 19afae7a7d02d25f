//! What bounds requests and answers; the size of one request is a setting of the backend.

/// Bytes of request bodies, wire and decompressed, that may be held at once; above it requests are told to come again later.
pub const MAX_IN_FLIGHT_BYTES: usize = 512 << 20;
/// Requests longer than this are decoded on a thread of their own instead of the network's.
pub const INLINE_DECODE_BYTES: usize = 256 << 10;
/// Bytes of an error or warning text in an answer; longer ones are cut (headers and trailers must stay small).
pub const MAX_MESSAGE_BYTES: usize = 2_048;
/// How long senders are told to wait where nothing better is known, in milliseconds.
pub const RETRY_AFTER_MS: u64 = 1_000;
/// Seconds that a browser may remember the answer of a CORS preflight.
pub const CORS_MAX_AGE_SECONDS: u32 = 7_200;
