//! The log on a real disk: rotation, cap, truncation, replay, sync policies, broken disks.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use host::{Disk, RealClock, RealDisk};
use proptest::prelude::*;
use wal::{Payload, Record, Replay, SyncPolicy, Wal, WalError, WalOptions};

struct Dir(PathBuf);

impl Dir {
    fn new() -> Dir {
        Dir(host::temp_dir("wal").unwrap())
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const SMALL: WalOptions = WalOptions { sync: SyncPolicy::Os, segment_bytes: 1_000, max_bytes: 1 << 20, seed: 7 };

fn open(dir: &Path, options: WalOptions, after: u64) -> (Wal, Vec<u64>, Replay) {
    let mut seen = vec![];
    let (wal, replay) = Wal::open(Arc::new(RealDisk), Arc::new(RealClock), dir, options, after, &mut |r| seen.push(r.sequence)).unwrap();
    (wal, seen, replay)
}

fn group(from: u64, n: u64, bytes: usize) -> Vec<Record> {
    (from..from + n)
        .map(|sequence| Record {
            sequence,
            tenant: "t".into(),
            signal: 1,
            encoding: 2,
            received_ns: sequence,
            payload: Payload::new(&vec![sequence as u8; bytes]).unwrap(),
        })
        .collect()
}

fn files(dir: &Path) -> usize {
    RealDisk.list(dir).unwrap().len()
}

#[test]
fn rotates_truncates_and_replays() {
    let dir = Dir::new();
    let (mut wal, _, _) = open(&dir.0, SMALL, 0);
    for i in 0..50 {
        wal.append(&group(i * 2 + 1, 2, 100)).unwrap();
        wal.commit().unwrap();
    }
    let segments = files(&dir.0);
    assert!(segments > 10, "{segments} segments");
    assert_eq!(wal.stats().segments as usize, segments);
    wal.truncate(51).unwrap();
    let (_, seen, replay) = open(&dir.0, SMALL, 51);
    assert_eq!(seen, (52..=100).collect::<Vec<_>>());
    assert!(replay.segments < segments as u64 && replay.damaged == 0 && replay.torn_bytes == 0);
    wal.truncate(100).unwrap();
    assert_eq!((files(&dir.0), wal.stats().bytes), (0, 0));
    wal.append(&group(101, 1, 10)).unwrap();
    assert_eq!(open(&dir.0, SMALL, 0).1, [101]);
}

#[test]
fn the_cap_holds_and_a_refused_group_leaves_no_trace() {
    let dir = Dir::new();
    let options = WalOptions { max_bytes: 3_000, ..SMALL };
    let (mut wal, _, _) = open(&dir.0, options, 0);
    let mut next = 1;
    let full = loop {
        match wal.append(&group(next, 3, 50)) {
            Ok(()) => next += 3,
            Err(e) => break e,
        }
    };
    assert_eq!(full, WalError::Full);
    assert!(wal.stats().bytes <= 3_000);
    assert_eq!(open(&dir.0, options, 0).1, (1..next).collect::<Vec<_>>());
    wal.truncate(next - 1).unwrap();
    wal.append(&group(next, 3, 50)).unwrap();
}

#[test]
fn policies() {
    let dir = Dir::new();
    let mut syncs = vec![];
    for sync in [SyncPolicy::Always, SyncPolicy::Interval(Duration::ZERO), SyncPolicy::Interval(Duration::from_secs(3600)), SyncPolicy::Os]
    {
        let (mut wal, seen, _) = open(&dir.0, WalOptions { sync, ..WalOptions::default() }, 0);
        wal.append(&group(seen.len() as u64 + 1, 1, 10)).unwrap();
        wal.commit().unwrap();
        let committed = wal.stats().syncs;
        wal.tick().unwrap();
        syncs.push((committed, wal.stats().syncs));
    }
    assert_eq!(syncs, [(1, 1), (0, 1), (0, 0), (0, 0)]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Groups over several segments, reopened at random, then the tail cut: whole groups come back, in order, each once.
    #[test]
    fn whole_groups_come_back(sizes in proptest::collection::vec((1u64..4, 0usize..6_000, any::<bool>()), 1..30), cut in 0u64..200) {
        let dir = Dir::new();
        let (mut wal, _, _) = open(&dir.0, SMALL, 0);
        let (mut next, mut ends) = (1, vec![0]);
        for (n, bytes, reopen) in sizes {
            wal.append(&group(next, n, bytes)).unwrap();
            next += n;
            ends.push(next - 1);
            if reopen {
                drop(wal);
                let (again, seen, replay) = open(&dir.0, SMALL, 0);
                prop_assert_eq!(seen, (1..next).collect::<Vec<_>>());
                prop_assert_eq!((replay.damaged, replay.torn_bytes), (0, 0));
                wal = again;
            }
        }
        drop(wal);
        let (name, len) = RealDisk.list(&dir.0).unwrap().pop().unwrap();
        RealDisk.truncate(&dir.0.join(name), len.saturating_sub(cut)).unwrap();
        let (mut wal, seen, replay) = open(&dir.0, SMALL, 0);
        let last = seen.last().copied().unwrap_or(0);
        prop_assert_eq!(&seen, &(1..=last).collect::<Vec<_>>());
        prop_assert!(ends.contains(&last), "{last} ends no group of {ends:?}");
        prop_assert_eq!((replay.damaged, cut > 0 || last == next - 1), (0, true));
        // Life goes on behind the cut.
        wal.append(&group(last + 1, 2, 10)).unwrap();
        drop(wal);
        prop_assert_eq!(open(&dir.0, SMALL, 0).1.len() as u64, last + 2);
    }
}
