//! The write-ahead log: append, group sync, rotate, replay and truncate records that it does not understand.
//!
//! `Wal::open` replays what the folder holds and cuts a torn tail; `append` writes one group of records, `commit` makes it durable,
//! `truncate` drops segments that are no longer needed. The record layout is in `record.rs`, the treatment of damage in `segment.rs`.

pub mod limits;
mod log;
mod record;
mod segment;

pub use limits::SEGMENT_BYTES;
pub use log::{LogStats, SyncPolicy, Wal, WalError, WalOptions};
pub use record::{Payload, Record};
pub use segment::{Replay, read_records};
