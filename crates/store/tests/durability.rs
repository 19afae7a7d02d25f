//! What a data folder gives back: after a kill, after torn and damaged files, after checkpoints, and when the disk fails.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use common::disk::{Failing, FailingDisk};
use common::*;
use model::{Batch, MatchOp, Matcher, Temporality};
use store::{AppendError, Decode, Encoding, NativeOnly, Raw, Signal, Store, StoreOptions, SyncPolicy, Write};

struct Dir(PathBuf);

impl Dir {
    fn new() -> Dir {
        Dir(host::temp_dir("store").unwrap())
    }

    /// What a kill at this moment would leave behind: everything that was handed to the system.
    fn copy(&self) -> Dir {
        fn copy(from: &Path, to: &Path) {
            fs::create_dir_all(to).unwrap();
            for e in fs::read_dir(from).unwrap().map(Result::unwrap) {
                if e.file_type().unwrap().is_dir() {
                    copy(&e.path(), &to.join(e.file_name()));
                } else {
                    fs::copy(e.path(), to.join(e.file_name())).unwrap();
                }
            }
        }
        let to = Dir::new();
        copy(&self.0, &to.0);
        to
    }

    fn segments(&self) -> Vec<PathBuf> {
        let mut all: Vec<PathBuf> = fs::read_dir(self.0.join("wal")).unwrap().map(|e| e.unwrap().path()).collect();
        all.sort();
        all
    }

    fn options(&self) -> StoreOptions {
        // The tests kill and cut; whether the platters turned makes no difference to them.
        StoreOptions { sync: SyncPolicy::Os, ..StoreOptions::at(&self.0) }
    }

    fn open(&self) -> Store {
        Store::open(self.options(), Arc::new(NativeOnly)).unwrap()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The i-th write of a fixed sequence over all signals.
fn nth(i: i64) -> Write {
    let name = format!("m i={}", i % 3);
    let batch = match i % 4 {
        0 => samples(&[(&name, i * 10, i as f64), (&name, i * 5 + 1, 0.5)]),
        1 => lines(&[(&name, i * 10, &format!("line {i}"), "k=v"), (&name, 7, "late", "")]),
        2 => spans(&[((i % 3) as u8, i as u8, i as u64, "op")]),
        _ => samples_as(&[("d", i * 10, 1.0)], Temporality::Delta),
    };
    write_to(if i % 5 == 0 { "other" } else { "me" }, batch)
}

/// Everything a store shows, as text.
fn all_text(s: &Store) -> String {
    let mut out = String::new();
    for t in ["me", "other"] {
        let snapshot = s.snapshot(&[tenant(t)]);
        out += &format!("== {t}\n{}{}", metrics_text(&snapshot, &[]), logs_text(&snapshot, &[]));
        (0..3).for_each(|trace| out += &trace_text(&snapshot, trace));
    }
    out
}

/// What a store shows after the first n writes.
fn expected(n: i64) -> String {
    let store = memory();
    (0..n).for_each(|i| drop(store.append_wait(nth(i)).unwrap()));
    all_text(&store)
}

#[test]
fn a_killed_store_comes_back_with_everything() {
    let dir = Dir::new();
    let store = dir.open();
    for i in 0..40 {
        store.append_wait(nth(i)).unwrap();
        if i % 13 == 12 {
            let killed = dir.copy();
            assert_eq!(all_text(&killed.open()), expected(i + 1));
            // And again, after what replay itself may have changed.
            assert_eq!(all_text(&killed.open()), expected(i + 1));
        }
    }
    drop(store);
    let store = dir.open();
    assert_eq!(all_text(&store), expected(40));
    assert_eq!((store.stats().replay.records, store.stats().sequence), (40, 40));
    assert_eq!(store.append_wait(nth(40)).unwrap().sequence, 41);
    drop(store);
    assert_eq!(all_text(&dir.open()), expected(41));
}

#[test]
fn a_tail_torn_at_any_byte_leaves_the_writes_before_it() {
    let dir = Dir::new();
    let store = dir.open();
    let mut ends = vec![];
    for i in 0..8 {
        store.append_wait(nth(i)).unwrap();
        ends.push(fs::metadata(&dir.segments()[0]).unwrap().len());
    }
    drop(store);
    let texts: Vec<String> = (0..=8).map(expected).collect();
    let torn = dir.copy();
    let segment = torn.segments()[0].clone();
    let whole = fs::read(&segment).unwrap();
    for cut in 0..=whole.len() {
        // Every cut around the ends of records, each seventh elsewhere.
        let near = ends.iter().any(|e| (cut as i64 - *e as i64).abs() <= 2);
        if !near && cut % 7 != 0 {
            continue;
        }
        fs::write(&segment, &whole[..cut]).unwrap();
        let survivors = ends.iter().filter(|e| **e <= cut as u64).count();
        let store = torn.open();
        assert_eq!(all_text(&store), texts[survivors], "cut at {cut}");
        assert_eq!(store.stats().replay.damaged, 0);
    }
}

#[test]
fn a_flipped_bit_costs_one_write_and_is_told() {
    let dir = Dir::new();
    let store = dir.open();
    for i in 0..6 {
        store.append_wait(write_to("me", lines(&[("s", i, &format!("line {i}"), "")]))).unwrap();
    }
    drop(store);
    let bad = dir.copy();
    let segment = bad.segments()[0].clone();
    let whole = fs::read(&segment).unwrap();
    let record = whole.len() / 6;
    for at in (0..whole.len()).step_by(5) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(&segment, &bytes).unwrap();
        let store = bad.open();
        let text = logs_text(&store.snapshot(&[tenant("me")]), &[]);
        let lost: Vec<i64> = (0..6).filter(|i| !text.contains(&format!("line {i} "))).collect();
        assert_eq!(lost, [(at / record) as i64], "byte {at}");
        let replay = store.stats().replay;
        // In the last record damage cannot be told from a torn tail.
        assert_eq!(replay.damaged + u64::from(replay.torn_bytes > 0), 1);
    }
}

#[test]
fn a_full_log_is_checkpointed_and_trimmed() {
    let dir = Dir::new();
    let options = StoreOptions { wal_bytes: 6_000, segment_bytes: 2_000, ..dir.options() };
    let open = || Store::open(options.clone(), Arc::new(NativeOnly)).unwrap();
    let store = open();
    for i in 0..120 {
        store.append_wait(nth(i)).unwrap();
        assert!(store.stats().wal.bytes <= 6_000);
    }
    assert!(store.stats().checkpoints >= 2);
    assert_eq!(all_text(&store), expected(120));
    let killed = dir.copy();
    drop(store);
    for d in [&dir, &killed] {
        let store = Store::open(StoreOptions { dir: Some(d.0.clone()), ..options.clone() }, Arc::new(NativeOnly)).unwrap();
        assert_eq!(all_text(&store), expected(120));
        assert!(store.stats().replay.checkpoint_records > 0);
        let store = store;
        store.append_wait(nth(120)).unwrap();
        assert_eq!(all_text(&store), expected(121));
    }
    assert_eq!(
        fs::read_dir(&dir.0).unwrap().filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().contains("checkpoint")).count(),
        1
    );
}

#[test]
fn a_damaged_checkpoint_gives_what_is_readable() {
    let dir = Dir::new();
    let store = dir.open();
    (0..40).for_each(|i| drop(store.append_wait(nth(i)).unwrap()));
    store.checkpoint().unwrap();
    drop(store);
    let file = fs::read_dir(&dir.0).unwrap().map(|e| e.unwrap().path()).find(|p| p.extension().is_some_and(|e| e == "ckpt")).unwrap();
    let mut bytes = fs::read(&file).unwrap();
    bytes[30] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let store = dir.open();
    let replay = store.stats().replay;
    assert_eq!(replay.damaged, 1);
    assert!(replay.checkpoint_records >= 2);
    assert!(!store.tenants().is_empty());
}

#[test]
fn a_dropped_tenant_stays_away() {
    let dir = Dir::new();
    let store = dir.open();
    (0..12).for_each(|i| drop(store.append_wait(nth(i)).unwrap()));
    store.drop_tenant(&tenant("me")).unwrap();
    let before = all_text(&store);
    assert!(!before.contains("i=\"1\"") || !before.split("== other").next().unwrap().contains("line"));
    assert_eq!(all_text(&dir.copy().open()), before);
    store.append_wait(nth(1)).unwrap();
    let after = all_text(&store);
    store.checkpoint().unwrap();
    assert_eq!(all_text(&dir.copy().open()), after);
}

#[test]
fn deleted_samples_stay_away() {
    let dir = Dir::new();
    let store = dir.open();
    let rows: Vec<(&str, i64, f64)> = (0..300).flat_map(|t| [("m a=1", t, 1.0), ("m a=2", t, 2.0)]).collect();
    store.append_wait(write_to("me", samples(&rows))).unwrap();
    store.append_wait(write_to("me", samples(&[("m a=1", -5, 3.0), ("n", 1, 1.0)]))).unwrap();
    let delete = |matcher: Matcher, from, to| store.delete_metrics(&tenant("me"), vec![vec![matcher]], from, to).unwrap();
    delete(Matcher::new(MatchOp::Re, "a", "1").unwrap(), 3, 298);
    delete(Matcher::eq("__name__", "n"), i64::MIN, i64::MAX);
    delete(Matcher::eq("a", "2"), 1, 400);
    let expect = "{__name__=\"m\", a=\"1\"} -5=3 0=1 1=1 2=1 299=1\n{__name__=\"m\", a=\"2\"} 0=2\n";
    assert_eq!(metrics_text(&store.snapshot(&[tenant("me")]), &[]), expect);
    assert_eq!((store.stats().tenants[0].series, store.stats().tenants[0].samples), (2, 6));
    let again = dir.copy().open();
    assert_eq!(metrics_text(&again.snapshot(&[tenant("me")]), &[]), expect);
    // Deleted times may be written again, before and behind what is left.
    store.append_wait(write_to("me", samples(&[("m a=1", 10, 7.0), ("m a=2", 400, 7.0), ("m a=1", 299, 8.0)]))).unwrap();
    let expect = "{__name__=\"m\", a=\"1\"} -5=3 0=1 1=1 2=1 10=7 299=1\n{__name__=\"m\", a=\"2\"} 0=2 400=7\n";
    assert_eq!(metrics_text(&store.snapshot(&[tenant("me")]), &[]), expect);
}

#[test]
fn received_bytes_are_decoded_again() {
    /// One line a request, the bytes of the line.
    struct Lines;
    impl Decode for Lines {
        fn decode(&self, signal: Signal, encoding: Encoding, bytes: &[u8], received_ns: u64) -> Result<Batch, String> {
            assert_eq!((signal, encoding), (Signal::Logs, Encoding::OtlpJson));
            let text = std::str::from_utf8(bytes).map_err(|e| e.to_string())?;
            Ok(lines(&[("s", received_ns as i64, text, "")]))
        }
    }
    let dir = Dir::new();
    let open = || Store::open(dir.options(), Arc::new(Lines)).unwrap();
    let store = open();
    for (i, bytes) in [&b"hello"[..], b"\xFF", b"world"].into_iter().enumerate() {
        let raw = Raw::Encoded { signal: Signal::Logs, encoding: Encoding::OtlpJson, bytes: bytes.into() };
        let text = String::from_utf8_lossy(bytes).into_owned();
        let write = Write { tenant: tenant("me"), batch: lines(&[("s", i as i64, &text, "")]), raw, received_ns: i as u64 };
        store.append_wait(write).unwrap();
    }
    drop(store);
    let store = open();
    assert_eq!(logs_text(&store.snapshot(&[tenant("me")]), &[]), "{__name__=\"s\"} 0 hello {}\n{__name__=\"s\"} 2 world {}\n");
    assert_eq!(store.stats().replay.undecodable, 1);
}

fn failing(dir: &Dir) -> (Arc<Failing>, Store) {
    let faults = Arc::new(Failing::default());
    let options = StoreOptions { sync: SyncPolicy::Always, disk: Arc::new(FailingDisk(faults.clone())), ..dir.options() };
    (faults, Store::open(options, Arc::new(NativeOnly)).unwrap())
}

#[test]
fn a_failed_sync_stops_the_acks_and_not_the_queries() {
    let dir = Dir::new();
    let (faults, store) = failing(&dir);
    (0..8).for_each(|i| drop(store.append_wait(nth(i)).unwrap()));
    faults.sync.store(true, Ordering::SeqCst);
    for i in 8..12 {
        assert!(matches!(store.append_wait(nth(i)), Err(AppendError::Failed(_))));
        assert_eq!(all_text(&store), expected(8), "what was not acknowledged is not shown");
    }
    faults.sync.store(false, Ordering::SeqCst);
    assert!(matches!(store.append_wait(nth(12)), Err(AppendError::Failed(_))), "nothing is known about the disk any more");
    assert!(store.stats().broken.is_some() && store.checkpoint().is_err());
    drop(store);
    // The unacknowledged write may be there or not, but nothing else may be wrong.
    let text = all_text(&dir.open());
    assert!(text == expected(8) || text == expected(9));
}

#[test]
fn a_full_disk_is_told_and_passes() {
    let dir = Dir::new();
    let (faults, store) = failing(&dir);
    (0..5).for_each(|i| drop(store.append_wait(nth(i)).unwrap()));
    faults.append.store(true, Ordering::SeqCst);
    assert!(matches!(store.append_wait(nth(5)), Err(AppendError::Busy { .. })));
    assert_eq!(all_text(&store), expected(5));
    faults.append.store(false, Ordering::SeqCst);
    (5..9).for_each(|i| drop(store.append_wait(nth(i)).unwrap()));
    assert_eq!(all_text(&store), expected(9));
    assert_eq!(all_text(&dir.copy().open()), expected(9));
}

#[test]
fn one_process_at_a_time() {
    let dir = Dir::new();
    let store = dir.open();
    let second = Store::open(dir.options(), Arc::new(NativeOnly)).err().unwrap();
    assert!(second.to_string().contains("in use"), "{second}");
    drop(store);
    dir.open();
}
