//! Opening a folder: lock it, load the checkpoint, then replay the log behind it.

use std::io;
use std::path::Path;

use wal::{Record, Wal, WalOptions};

use crate::checkpoint;
use crate::heads::Heads;
use crate::ingest_log::IngestLog;
use crate::metrics::{AgeRule, Commit};
use crate::options::StoreOptions;
use crate::record::{self, Entry};
use crate::stats::ReplayStats;
use crate::write::Decode;
use crate::writer::age_rule;

/// What a folder held.
#[derive(Default)]
pub struct Recovered {
    pub heads: Heads,
    pub log: Option<Box<dyn IngestLog>>,
    /// the newest sequence
    pub sequence: u64,
    pub stats: ReplayStats,
    /// held as long as the store is open
    pub lock: Option<Box<dyn Send + Sync>>,
}

const LOG_DIR: &str = "wal";
const LOCK_FILE: &str = "lock";
/// Undecodable records that are reported one by one; the rest is only counted.
const REPORTED: u64 = 20;

pub fn open(options: &StoreOptions, dir: &Path, decode: &dyn Decode) -> io::Result<Recovered> {
    let started = options.clock.elapsed();
    options.disk.create_dir(dir)?;
    let lock = options.disk.lock(&dir.join(LOCK_FILE)).map_err(|e| match e.kind() {
        io::ErrorKind::WouldBlock => io::Error::other(format!("{} is in use by another process", dir.display())),
        _ => e,
    })?;
    let mut heads = Heads::default();
    let loaded = checkpoint::load(options.disk.as_ref(), dir, &mut heads)?;
    let wal_options = WalOptions {
        sync: options.sync,
        segment_bytes: options.segment_bytes,
        max_bytes: options.wal_bytes,
        seed: options.random.next_u64(),
    };
    let (mut undecodable, rule) = (0, age_rule(options));
    let (log, replay) =
        Wal::open(options.disk.clone(), options.clock.clone(), &dir.join(LOG_DIR), wal_options, loaded.sequence, &mut |r| {
            if let Err(e) = apply(&mut heads, &r, rule, decode) {
                undecodable += 1;
                if undecodable <= REPORTED {
                    tracing::error!(sequence = r.sequence, error = e.as_str(), "a record of the log is not understood; it is skipped");
                }
            }
        })?;
    // The folders themselves are names too.
    options.disk.sync_dir(dir)?;
    if let Some(parent) = dir.parent().filter(|p| !p.as_os_str().is_empty())
        && let Err(e) = options.disk.sync_dir(parent)
    {
        tracing::warn!(folder = %parent.display(), error = %e, "the folder above the data cannot be synced");
    }
    let stats = ReplayStats {
        records: replay.records,
        bytes: replay.bytes,
        time: options.clock.elapsed().saturating_sub(started),
        damaged: replay.damaged + loaded.damaged,
        undecodable,
        torn_bytes: replay.torn_bytes,
        checkpoint_records: loaded.records,
    };
    let sequence = replay.last_sequence.max(loaded.sequence);
    Ok(Recovered { heads, log: Some(Box::new(log)), sequence, stats, lock: Some(lock) })
}

fn apply(heads: &mut Heads, r: &Record, rule: AgeRule, decode: &dyn Decode) -> Result<(), String> {
    match record::understand(r, decode)? {
        Entry::Write(tenant, batch) => {
            let commit = Commit { sequence: r.sequence, oldest_snapshot: u64::MAX };
            heads.apply(&tenant, batch, r.sequence, rule, commit);
            Ok(())
        }
        Entry::DropTenant(tenant) => {
            heads.drop_tenant(&tenant);
            Ok(())
        }
        Entry::DeleteMetrics(tenant, d) => {
            heads.delete_metrics(&tenant, &d);
            Ok(())
        }
        Entry::EndOfCheckpoint => Err("the end of a checkpoint in the log".into()),
    }
}
