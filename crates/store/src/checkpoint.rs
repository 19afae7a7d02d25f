//! Checkpoint files: everything the heads hold, so that the log behind them can go.
//!
//! `checkpoint-<sequence>-<salt>.ckpt` holds log records with running numbers; `received_ns` carries the sequence of the write. The last
//! record says that the file is complete. A checkpoint comes into being by an atomic rename, and only then older ones are removed.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use host::{Disk, DiskFile};
use model::{Batch, Tenant};
use wal::{Payload, Record};

use crate::heads::Heads;
use crate::limits;
use crate::metrics::{AgeRule, Commit};
use crate::record::{self, Entry};
use crate::write::{NativeOnly, Signal};

const PREFIX: &str = "checkpoint-";
const SUFFIX: &str = ".ckpt";
const TEMPORARY: &str = "checkpoint.tmp";

struct Writer {
    file: Box<dyn DiskFile>,
    salt: u32,
    buffer: Vec<u8>,
    records: u64,
}

impl Writer {
    fn batch(&mut self, tenant: &Tenant, batch: &Batch, sequence: u64) -> io::Result<()> {
        let payload = Payload::new(&crate::codec::encode(batch)).ok_or_else(|| io::Error::other("a batch of more than 4 GiB"))?;
        let (tenant, signal) = (Arc::from(tenant.as_str()), Signal::of(batch) as u8);
        self.record(Record { sequence: 0, tenant, signal, encoding: record::NATIVE, received_ns: sequence, payload })
    }

    fn record(&mut self, mut r: Record) -> io::Result<()> {
        self.records += 1;
        r.sequence = self.records;
        r.encode(self.salt, true, &mut self.buffer);
        if self.buffer.len() >= limits::CHECKPOINT_BUFFER {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.append(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

/// Writes all heads as of `sequence`; when it returns, the log up to there is not needed any more.
pub fn write(disk: &dyn Disk, dir: &Path, heads: &Heads, sequence: u64, salt: u32) -> io::Result<()> {
    let temporary = dir.join(TEMPORARY);
    remove_if_there(disk, &temporary)?;
    let written = write_file(disk, &temporary, heads, sequence, salt);
    if let Err(e) = written {
        // It may be the space that it takes which is missing.
        let _ = disk.remove(&temporary);
        return Err(e);
    }
    let name = format!("{PREFIX}{sequence:020}-{salt:08x}{SUFFIX}");
    disk.rename(&temporary, &dir.join(&name))?;
    disk.sync_dir(dir)?;
    for (old, _) in disk.list(dir)?.into_iter().filter(|(n, _)| parse(n).is_some() && *n != name) {
        disk.remove(&dir.join(old))?;
    }
    Ok(())
}

fn write_file(disk: &dyn Disk, path: &Path, heads: &Heads, sequence: u64, salt: u32) -> io::Result<()> {
    let mut w = Writer { file: disk.append(path)?, salt, buffer: vec![], records: 0 };
    for (tenant, view) in heads.views() {
        view.metrics.dump(limits::CHECKPOINT_ROWS, &mut |b| w.batch(tenant, &Batch::Metrics(b), sequence))?;
        for (sequence, b) in view.logs.batches() {
            w.batch(tenant, &Batch::Logs(b.clone()), sequence)?;
        }
        for b in view.spans.batches() {
            w.batch(tenant, &Batch::Spans(b.clone()), sequence)?;
        }
    }
    w.record(record::end_of_checkpoint())?;
    w.flush()?;
    w.file.sync()
}

fn remove_if_there(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match disk.remove(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// What a folder's checkpoint held.
#[derive(Default)]
pub struct Loaded {
    pub sequence: u64,
    pub records: u64,
    pub damaged: u64,
}

/// Puts the newest checkpoint into the heads. What is damaged in it is reported, counted and skipped.
pub fn load(disk: &dyn Disk, dir: &Path, heads: &mut Heads) -> io::Result<Loaded> {
    let all: Vec<(u64, u32, PathBuf)> =
        disk.list(dir)?.into_iter().filter_map(|(n, _)| parse(&n).map(|(sequence, salt)| (sequence, salt, dir.join(n)))).collect();
    let Some((sequence, salt, path)) = all.into_iter().max() else { return Ok(Loaded::default()) };
    let bytes = disk.read(&path)?;
    let mut out = Loaded { sequence, ..Loaded::default() };
    let mut complete = false;
    let replay = wal::read_records(&bytes, salt, &mut |r| match record::understand(&r, &NativeOnly) {
        Ok(Entry::Write(tenant, batch)) => {
            // What was taken once is taken again, whatever today's rules are.
            let commit = Commit { sequence: r.received_ns, oldest_snapshot: u64::MAX };
            heads.apply(&tenant, batch, r.received_ns, AgeRule { window: None }, commit);
            out.records += 1;
        }
        Ok(Entry::EndOfCheckpoint) => complete = true,
        Ok(Entry::DropTenant(_) | Entry::DeleteMetrics(..)) => out.damaged += 1,
        Err(e) => {
            out.damaged += 1;
            tracing::error!(error = e.as_str(), "a record of the checkpoint is not understood; it is skipped");
        }
    });
    out.damaged += replay.damaged + u64::from(!complete);
    if out.damaged > 0 {
        tracing::error!(file = %path.display(), damaged = out.damaged, bytes = replay.damaged_bytes, "the checkpoint is damaged; what is readable was kept");
    }
    Ok(out)
}

/// Sequence and salt of a checkpoint's name.
fn parse(name: &str) -> Option<(u64, u32)> {
    let (sequence, salt) = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.split_once('-')?;
    Some((sequence.parse().ok()?, u32::from_str_radix(salt, 16).ok()?))
}
