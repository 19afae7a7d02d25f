//! The seam to the log that makes writes durable: today the write-ahead log on a disk, one day a partition of a shared log.

use wal::{LogStats, Record, WalError};

/// Append → sequence, sync, trim. The writer alone uses it.
pub trait IngestLog: Send {
    /// Takes a group of records, all or none, ascending in sequence. They survive the process when this returns.
    fn append(&mut self, group: &[Record]) -> Result<(), WalError>;

    /// Makes what was appended durable as the sync policy says.
    fn commit(&mut self) -> Result<(), WalError>;

    /// What has to be done from time to time; called at least once per `SyncPolicy::Interval`.
    fn tick(&mut self) -> Result<(), WalError>;

    /// Makes everything durable, whatever the policy.
    fn sync(&mut self) -> Result<(), WalError>;

    /// Forgets records up to this sequence, as far as whole segments allow.
    fn truncate(&mut self, up_to: u64) -> Result<(), WalError>;

    fn stats(&self) -> LogStats;
}

impl IngestLog for wal::Wal {
    fn append(&mut self, group: &[Record]) -> Result<(), WalError> {
        wal::Wal::append(self, group)
    }

    fn commit(&mut self) -> Result<(), WalError> {
        wal::Wal::commit(self)
    }

    fn tick(&mut self) -> Result<(), WalError> {
        wal::Wal::tick(self)
    }

    fn sync(&mut self) -> Result<(), WalError> {
        wal::Wal::sync(self)
    }

    fn truncate(&mut self, up_to: u64) -> Result<(), WalError> {
        wal::Wal::truncate(self, up_to)
    }

    fn stats(&self) -> LogStats {
        wal::Wal::stats(self)
    }
}
