//! Many callers at once: group commit, full queues and budgets, readers beside the writer, retention.

mod common;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use common::disk::{Failing, FailingDisk};
use common::*;
use host::Clock;
use query::{Budget, LabelQuery, MetricSource};
use store::{AppendError, NativeOnly, Retention, Store, StoreOptions, WhenFull};

fn slow(sync_ms: u64, options: StoreOptions) -> (std::path::PathBuf, Store) {
    let dir = host::temp_dir("pressure").unwrap();
    let faults = Arc::new(Failing::default());
    faults.sync_ms.store(sync_ms, Ordering::SeqCst);
    let options = StoreOptions { dir: Some(dir.clone()), disk: Arc::new(FailingDisk(faults)), ..options };
    (dir, Store::open(options, Arc::new(NativeOnly)).unwrap())
}

#[test]
fn waiting_writes_share_one_sync() {
    let (dir, store) = slow(30, StoreOptions::memory());
    let (send, receive) = channel();
    for i in 0..200 {
        let send = send.clone();
        store.append(write_to("me", samples(&[("m", i, 1.0)])), Box::new(move |r| send.send(r).unwrap()));
    }
    let mut sequences: Vec<u64> = (0..200).map(|_| receive.recv().unwrap().unwrap().sequence).collect();
    assert!(sequences.is_sorted(), "answers come in order");
    sequences.dedup();
    assert_eq!(sequences.len(), 200);
    let stats = store.stats();
    assert!(stats.wal.syncs < 20, "{} syncs", stats.wal.syncs);
    assert_eq!((stats.appends[0], stats.stored.samples, stats.wal.appended_records), (200, 200, 200));
    assert!(stats.append_time[0] >= Duration::from_millis(30));
    drop(store);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_full_queue_is_answered_at_once() {
    let (dir, store) = slow(200, StoreOptions { queue_writes: 4, ..StoreOptions::memory() });
    let (send, receive) = channel();
    for i in 0..30 {
        let send = send.clone();
        store.append(write_to("me", samples(&[("m", i, 1.0)])), Box::new(move |r| send.send(r).unwrap()));
    }
    drop(send);
    let answers: Vec<_> = receive.iter().collect();
    let busy = answers.iter().filter(|a| matches!(a, Err(AppendError::Busy { retry_after, .. }) if !retry_after.is_zero())).count();
    let kept = answers.iter().filter(|a| a.is_ok()).count();
    assert!(busy >= 20 && kept >= 4 && busy + kept == 30, "{busy} busy, {kept} kept");
    assert_eq!(store.stats().refused, busy as u64);
    let text = metrics_text(&store.snapshot(&[tenant("me")]), &[]);
    assert_eq!(text.split(' ').filter(|w| w.ends_with("=1") || w.ends_with("=1\n")).count(), kept, "{text}");
    drop(store);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_used_up_budget_refuses_writes_and_answers_queries() {
    let store = Store::open(StoreOptions { memory_limit: 200_000, ..StoreOptions::memory() }, Arc::new(NativeOnly)).unwrap();
    let mut kept = 0;
    let error = loop {
        let name = format!("m i={kept}");
        match store.append_wait(write_to("me", samples(&[(&name, 1, 1.0)]))) {
            Ok(_) => kept += 1,
            Err(e) => break e,
        }
    };
    assert!(matches!(&error, AppendError::Busy { reason, .. } if reason.contains("200000 bytes")), "{error}");
    assert!((100..2_000).contains(&kept), "{kept} series in 200 kB");
    assert_eq!(metrics_text(&store.snapshot(&[tenant("me")]), &[]).lines().count(), kept);
    let stats = store.stats();
    assert!(stats.memory_bytes > 150_000 && stats.tenants[0].metrics_bytes == stats.memory_bytes);
    // Dropping a tenant gives its memory back.
    store.drop_tenant(&tenant("me")).unwrap();
    store.append_wait(write_to("you", samples(&[("m", 1, 1.0)]))).unwrap();
}

#[test]
fn the_oldest_data_makes_room() {
    let limit = 400_000;
    let options = StoreOptions { memory_limit: limit, when_full: WhenFull::EvictOldest, ..StoreOptions::memory() };
    let store = Store::open(options, Arc::new(NativeOnly)).unwrap();
    for i in 0..3_000i64 {
        let (name, line) = (format!("m i={}", i / 100), format!("line {i} {}", "x".repeat(100)));
        store.append_wait(write_to("me", samples(&[(&name, i, i as f64 / 7.0)]))).unwrap();
        store.append_wait(write_to("me", lines(&[("s", i, &line, "")]))).unwrap();
        store.append_wait(write_to("you", spans(&[(1, i as u8, i as u64, "op"), (2, i as u8, i as u64, &line)]))).unwrap();
    }
    let stats = store.stats();
    assert!(stats.memory_bytes <= limit && stats.memory_bytes > limit / 2, "{} bytes", stats.memory_bytes);
    assert!(stats.evicted.lines > 100 && stats.evicted.spans > 100 && stats.refused == 0, "{:?}", stats.evicted);
    let text = logs_text(&store.snapshot(&[tenant("me")]), &[]);
    assert!(text.contains("line 2999 ") && !text.contains("line 0 "), "the newest stay");
    let held = text.lines().count() as u64;
    assert_eq!((held + stats.evicted.lines, held), (3_000, stats.tenants[0].lines));
    assert!(trace_text(&store.snapshot(&[tenant("you")]), 1).contains("@2999 op"));
}

#[test]
fn readers_see_whole_groups_only() {
    let store = Arc::new(memory());
    let (writers_done, start) = (Arc::new(AtomicU64::new(0)), Arc::new(Barrier::new(2)));
    let (done, go, writer) = (writers_done.clone(), start.clone(), store.clone());
    let thread = std::thread::spawn(move || {
        go.wait();
        for i in 0..400i64 {
            // In order and out of order in turns, always all three series.
            let t = if i % 3 == 2 { i * 10 - 25 } else { i * 10 };
            let rows = [("m a=1", t, 1.0), ("m a=2", t, 1.0), ("m a=3", t, 1.0)];
            writer.append_wait(write_to("me", samples(&rows))).unwrap();
        }
        done.store(1, Ordering::SeqCst);
    });
    start.wait();
    let mut rounds = 0;
    while writers_done.load(Ordering::SeqCst) == 0 || rounds == 0 {
        let snapshot = store.snapshot(&[tenant("me")]);
        let first = metrics_text(&snapshot, &[]);
        let counts: Vec<usize> = first.lines().map(|l| l.split(' ').count()).collect();
        assert!(counts.windows(2).all(|w| w[0] == w[1]), "{first}");
        assert_eq!(metrics_text(&snapshot, &[]), first);
        rounds += 1;
    }
    thread.join().unwrap();
    assert_eq!(metrics_text(&store.snapshot(&[tenant("me")]), &[]).split(' ').filter(|w| w.contains("=1")).count(), 1200);
}

/// A clock that is set by hand.
#[derive(Default)]
struct Hand(AtomicU64);

impl Clock for Hand {
    fn now_ns(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.now_ns())
    }
}

#[test]
fn retention_drops_what_is_old() {
    let clock = Arc::new(Hand::default());
    let hour = 3_600_000_000_000u64;
    clock.0.store(10 * hour, Ordering::SeqCst);
    let options = StoreOptions { retention: Retention::all(Duration::from_secs(3600)), clock: clock.clone(), ..StoreOptions::memory() };
    let store = Store::open(options, Arc::new(NativeOnly)).unwrap();
    let write = |at: u64, name: &str| {
        store.append_wait(write_to("me", samples(&[(name, (at / 1_000_000) as i64, 1.0)]))).unwrap();
        store.append_wait(write_to("me", lines(&[(name, at as i64, name, "")]))).unwrap();
        store.append_wait(write_to("me", spans(&[(1, 1, at, name)]))).unwrap();
    };
    write(10 * hour, "old");
    clock.0.store(11 * hour + hour / 2, Ordering::SeqCst);
    write(11 * hour, "new");
    // Runs behind the writer's round that applied the retention.
    store.drop_tenant(&tenant("nobody")).unwrap();
    let snapshot = store.snapshot(&[tenant("me")]);
    assert_eq!(metrics_text(&snapshot, &[]).matches("__name__").count(), 1);
    assert_eq!(logs_text(&snapshot, &[]).matches("new").count(), 2);
    assert_eq!(logs_text(&snapshot, &[]).matches("old").count(), 0);
    assert_eq!(trace_text(&snapshot, 1).lines().count(), 1);
    let all = LabelQuery { matcher_sets: &[], min_t: i64::MIN, max_t: i64::MAX, limit: 0 };
    assert_eq!(snapshot.label_values("__name__", &all, &Budget::unlimited()).unwrap(), ["new"]);
    let stats = store.stats();
    assert_eq!((stats.expired.samples, stats.expired.lines, stats.expired.spans), (1, 1, 1));
    assert_eq!((stats.tenants[0].series, stats.tenants[0].samples, stats.tenants[0].streams), (1, 1, 1));
}
