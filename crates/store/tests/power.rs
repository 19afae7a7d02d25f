//! Power cuts at any moment, from a seed: what was acknowledged is there, once; what was not may be; nothing else is.

mod common;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use common::fake_disk::FakeDisk;
use common::*;
use host::RealRandom;
use model::Temporality;
use store::{NativeOnly, Store, StoreOptions, Write};

/// One write in the life of a simulation: a line, a sample and a span of the same number, each in a write of its own.
fn nth(n: u64) -> Write {
    let (id, t) = (n / 3, n as i64);
    match n % 3 {
        0 => write_to("me", lines(&[("s", t % 17, &format!("n{n}"), "")])),
        1 => write_to("me", samples_as(&[(&format!("m n={n}"), t, 1.0)], Temporality::AsIs)),
        _ => write_to("me", spans(&[(1, (id % 200) as u8, n, "op")])),
    }
}

/// The numbers of the writes that a store shows, each as often as it does.
fn shown(store: &Store) -> Vec<u64> {
    let s = store.snapshot(&[tenant("me")]);
    let between = |line: &str, start: &str, end: char| line.split_once(start).and_then(|(_, rest)| rest.split_once(end)?.0.parse().ok());
    let mut out: Vec<u64> = logs_text(&s, &[]).lines().filter_map(|l| between(l, " n", ' ')).collect();
    out.extend(metrics_text(&s, &[]).lines().filter_map(|l| between(l, "n=\"", '"')));
    out.extend(trace_text(&s, 1).lines().filter_map(|l| between(l, "@", ' ')));
    out.sort();
    out
}

fn simulate(seed: u64) {
    let random = RealRandom::seeded(seed);
    let mut disk = FakeDisk::default();
    let (mut sent, acked) = (0u64, Arc::new(Mutex::new(BTreeSet::new())));
    for life in 0..4 {
        let options = StoreOptions {
            disk: Arc::new(disk.clone()),
            random: Arc::new(RealRandom::seeded(seed + life)),
            wal_bytes: 4_000,
            segment_bytes: 700,
            ..StoreOptions::at("/data")
        };
        let store = Store::open(options, Arc::new(NativeOnly)).unwrap();
        let found = shown(&store);
        let set: BTreeSet<u64> = found.iter().copied().collect();
        assert_eq!(set.len(), found.len(), "seed {seed}, life {life}: something is there twice");
        assert!(set.iter().all(|n| *n < sent), "seed {seed}, life {life}: something that was never sent");
        let lost: Vec<u64> = acked.lock().unwrap().difference(&set).copied().collect();
        assert!(lost.is_empty(), "seed {seed}, life {life}: acknowledged and lost: {lost:?} of {sent}");
        for _ in 0..below(&random, 40) {
            match below(&random, 24) {
                0 => drop(store.checkpoint()),
                1 => disk.fail(false, true),
                2 if life == 2 => disk.fail(true, false),
                3..6 => disk.fail(false, false),
                step => {
                    let (n, acked) = (sent, acked.clone());
                    sent += 1;
                    let wait = step % 2 == 0;
                    let (send, receive) = std::sync::mpsc::channel();
                    store.append(
                        nth(n),
                        Box::new(move |r| {
                            if r.is_ok() {
                                acked.lock().unwrap().insert(n);
                            }
                            let _ = send.send(());
                        }),
                    );
                    if wait {
                        let _ = receive.recv();
                    }
                }
            }
        }
        // The writer may be in the middle of a group here.
        let promised = acked.lock().unwrap().clone();
        disk = disk.after_power_cut(&random);
        drop(store);
        // Answers that the old process gave after the cut do not count.
        *acked.lock().unwrap() = promised;
    }
}

#[test]
fn acknowledged_is_kept_over_power_cuts() {
    for seed in 0..150 {
        simulate(seed);
    }
}
