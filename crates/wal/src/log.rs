//! The log itself: segments in a folder, one of them open for appending.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use host::{Clock, Disk, DiskFile};

use crate::limits;
use crate::record::Record;
use crate::segment::{Replay, scan};

/// When an append is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SyncPolicy {
    /// before it is acknowledged
    #[default]
    Always,
    /// at most this long after it was acknowledged
    Interval(Duration),
    /// when the operating system sees fit: survives the process, not the power
    Os,
}

#[derive(Debug, Clone, Copy)]
pub struct WalOptions {
    pub sync: SyncPolicy,
    pub segment_bytes: u64,
    /// appends beyond this total are refused with `WalError::Full`
    pub max_bytes: u64,
    /// any random number: it makes the salts of new segments
    pub seed: u64,
}

impl Default for WalOptions {
    fn default() -> Self {
        WalOptions { sync: SyncPolicy::Always, segment_bytes: limits::SEGMENT_BYTES, max_bytes: limits::LOG_BYTES, seed: 0 }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WalError {
    /// the total size would be exceeded; truncate and try again
    Full,
    /// the group could not be written and left no trace (no space, for instance); later ones may be
    Refused(String),
    /// the disk failed in a way that leaves the end of the log unknown; nothing is taken any more
    Broken(String),
}

impl fmt::Display for WalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WalError::Full => f.write_str("the write-ahead log has reached its size limit"),
            WalError::Refused(why) => write!(f, "the write-ahead log cannot grow: {why}"),
            WalError::Broken(why) => write!(f, "the write-ahead log failed: {why}"),
        }
    }
}

impl std::error::Error for WalError {}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogStats {
    /// on disk now
    pub bytes: u64,
    pub segments: u64,
    /// since the start
    pub appended_records: u64,
    pub appended_bytes: u64,
    pub syncs: u64,
    pub sync_time: Duration,
}

/// An open log. One owner, no locks.
pub struct Wal {
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    dir: PathBuf,
    options: WalOptions,
    /// oldest first; the last one is open if `file` is
    segments: Vec<Segment>,
    file: Option<Box<dyn DiskFile>>,
    /// something was appended since the last sync
    dirty: bool,
    synced: Duration,
    broken: Option<String>,
    stats: LogStats,
}

#[derive(Debug, Clone)]
struct Segment {
    path: PathBuf,
    salt: u32,
    bytes: u64,
    last_sequence: u64,
}

const SUFFIX: &str = ".wal";

impl Wal {
    /// Opens the folder (made if missing), delivers every record above `after` in order, and cuts a torn tail.
    pub fn open(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        dir: &Path,
        options: WalOptions,
        after: u64,
        each: &mut dyn FnMut(Record),
    ) -> io::Result<(Wal, Replay)> {
        disk.create_dir(dir)?;
        let started = clock.elapsed();
        let names: Vec<(String, u64)> = disk.list(dir)?.into_iter().filter(|(n, _)| parse_name(n).is_some()).collect();
        let (mut segments, mut replay) = (vec![], Replay::default());
        for (i, (name, _)) in names.iter().enumerate() {
            let (path, last) = (dir.join(name), i + 1 == names.len());
            let salt = parse_name(name).map_or(0, |(_, salt)| salt);
            let content = disk.read(&path)?;
            let damaged = (replay.damaged, replay.damaged_bytes);
            let whole = scan(&content, salt, last, &mut replay, &mut |r| {
                if r.sequence > after {
                    each(r);
                }
            });
            if (replay.damaged, replay.damaged_bytes) != damaged {
                let (places, bytes) = (replay.damaged - damaged.0, replay.damaged_bytes - damaged.1);
                tracing::error!(
                    segment = name.as_str(),
                    places,
                    bytes,
                    "the write-ahead log is damaged here; the damaged records are skipped"
                );
            }
            if whole < content.len() {
                replay.torn_bytes += (content.len() - whole) as u64;
                tracing::warn!(
                    segment = name.as_str(),
                    bytes = content.len() - whole,
                    "an unfinished group at the end of the log is cut off"
                );
                disk.truncate(&path, whole as u64)?;
            }
            if whole == 0 {
                disk.remove(&path)?;
                continue;
            }
            (replay.segments, replay.bytes) = (replay.segments + 1, replay.bytes + whole as u64);
            segments.push(Segment { path, salt, bytes: whole as u64, last_sequence: replay.last_sequence });
        }
        disk.sync_dir(dir)?;
        replay.time = clock.elapsed().saturating_sub(started);
        let synced = clock.elapsed();
        let stats = LogStats::default();
        let wal = Wal { disk, clock, dir: dir.to_owned(), options, segments, file: None, dirty: false, synced, broken: None, stats };
        Ok((wal, replay))
    }

    /// Writes a group, all of it or nothing. Sequences must ascend. Durable only after `commit`.
    pub fn append(&mut self, group: &[Record]) -> Result<(), WalError> {
        self.whole()?;
        let Some(last) = group.last() else { return Ok(()) };
        let size: u64 = group.iter().map(|r| 64 + r.tenant.len() as u64 + r.payload.stored_len() as u64).sum();
        let total = self.bytes();
        if total + size > self.options.max_bytes {
            return Err(WalError::Full);
        }
        let open = self.file.is_some().then(|| self.segments.last()).flatten();
        if open.is_none_or(|s| s.bytes + size > self.options.segment_bytes) {
            self.rotate(group[0].sequence)?;
        }
        let (Some(file), Some(segment)) = (&mut self.file, self.segments.last_mut()) else {
            return Err(WalError::Broken("no segment is open".into()));
        };
        let mut bytes = Vec::with_capacity(size as usize);
        for (i, r) in group.iter().enumerate() {
            r.encode(segment.salt, i + 1 == group.len(), &mut bytes);
        }
        if let Err(e) = file.append(&bytes) {
            // Part of the group may be there: it must not stay in front of the next one.
            let cut = self.disk.truncate(&segment.path, segment.bytes);
            return Err(match cut {
                Ok(()) => WalError::Refused(e.to_string()),
                Err(cut) => self.poison(format!("append: {e}; and cutting it off: {cut}")),
            });
        }
        segment.bytes += bytes.len() as u64;
        segment.last_sequence = last.sequence;
        self.dirty = true;
        self.stats.appended_records += group.len() as u64;
        self.stats.appended_bytes += bytes.len() as u64;
        Ok(())
    }

    /// Durable when it returns, with `SyncPolicy::Always`; otherwise `tick` or the system sees to it.
    pub fn commit(&mut self) -> Result<(), WalError> {
        self.whole()?;
        if self.options.sync == SyncPolicy::Always { self.sync() } else { Ok(()) }
    }

    /// Syncs if the interval of the policy is over.
    pub fn tick(&mut self) -> Result<(), WalError> {
        self.whole()?;
        match self.options.sync {
            SyncPolicy::Interval(d) if self.dirty && self.clock.elapsed().saturating_sub(self.synced) >= d => self.sync(),
            _ => Ok(()),
        }
    }

    /// Makes everything appended so far durable, whatever the policy.
    pub fn sync(&mut self) -> Result<(), WalError> {
        self.whole()?;
        let (true, Some(file)) = (self.dirty, &mut self.file) else { return Ok(()) };
        let started = self.clock.elapsed();
        if let Err(e) = file.sync() {
            return Err(self.poison(format!("sync: {e}")));
        }
        self.synced = self.clock.elapsed();
        self.stats.syncs += 1;
        self.stats.sync_time += self.synced.saturating_sub(started);
        self.dirty = false;
        Ok(())
    }

    /// Removes the segments that hold nothing above this sequence.
    pub fn truncate(&mut self, up_to: u64) -> Result<(), WalError> {
        self.whole()?;
        let gone = self.segments.iter().take_while(|s| s.last_sequence <= up_to).count();
        if gone == 0 {
            return Ok(());
        }
        if gone == self.segments.len() {
            (self.file, self.dirty) = (None, false);
        }
        for s in self.segments.drain(..gone) {
            if let Err(e) = self.disk.remove(&s.path) {
                // It is read again at the next start, and skipped by its sequences.
                tracing::warn!(segment = %s.path.display(), error = %e, "a log segment could not be removed");
            }
        }
        self.disk.sync_dir(&self.dir).map_err(|e| self.poison(format!("sync of the folder: {e}")))
    }

    pub fn stats(&self) -> LogStats {
        LogStats { bytes: self.bytes(), segments: self.segments.len() as u64, ..self.stats.clone() }
    }

    fn bytes(&self) -> u64 {
        self.segments.iter().map(|s| s.bytes).sum()
    }

    fn whole(&self) -> Result<(), WalError> {
        match &self.broken {
            Some(why) => Err(WalError::Broken(why.clone())),
            None => Ok(()),
        }
    }

    fn poison(&mut self, why: String) -> WalError {
        self.broken = Some(why.clone());
        WalError::Broken(why)
    }

    /// Closes the open segment and begins one that starts at this sequence.
    fn rotate(&mut self, first: u64) -> Result<(), WalError> {
        if self.options.sync != SyncPolicy::Os {
            self.sync()?;
        }
        let salt = mix(self.options.seed ^ first.rotate_left(17));
        let path = self.dir.join(format!("{first:020}-{salt:08x}{SUFFIX}"));
        let file = self.disk.append(&path).map_err(|e| WalError::Refused(format!("{}: {e}", path.display())))?;
        // Without this the new name may be gone after a power cut, whatever was synced into it.
        if let Err(e) = self.disk.sync_dir(&self.dir) {
            return Err(self.poison(format!("sync of the folder: {e}")));
        }
        self.segments.push(Segment { path, salt, bytes: 0, last_sequence: first.saturating_sub(1) });
        (self.file, self.dirty) = (Some(file), false);
        Ok(())
    }
}

/// First sequence and salt of a segment's name.
fn parse_name(name: &str) -> Option<(u64, u32)> {
    let (first, salt) = name.strip_suffix(SUFFIX)?.split_once('-')?;
    Some((first.parse().ok()?, u32::from_str_radix(salt, 16).ok()?))
}

fn mix(x: u64) -> u32 {
    let x = (x ^ (x >> 31)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (x ^ (x >> 29)) as u32
}
