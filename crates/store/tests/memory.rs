//! The three signals in a store without a disk: written is visible, snapshots stand still, tenants are apart.

mod common;

use common::*;
use model::{MatchOp, Matcher, Temporality};
use query::{Budget, LabelQuery, LogSource, MetricSource};
use store::{Reason, StoreOptions};

#[test]
fn written_is_visible_and_snapshots_stand_still() {
    let store = memory();
    let me = [tenant("me")];
    let empty = store.snapshot(&me);
    let a = store.append_wait(write_to("me", samples(&[("up job=a", 1000, 1.0), ("up job=b", 1000, 2.0)]))).unwrap();
    assert_eq!((a.sequence, a.stored.samples), (1, 2));
    let one = store.snapshot(&me);
    store.append_wait(write_to("me", samples(&[("up job=a", 2000, 3.0), ("up job=c", 1500, 2.0), ("up job=a", 500, 0.5)]))).unwrap();
    let two = store.snapshot(&me);
    assert_eq!(metrics_text(&empty, &[]), "");
    assert_eq!(metrics_text(&one, &[]), "{__name__=\"up\", job=\"a\"} 1000=1\n{__name__=\"up\", job=\"b\"} 1000=2\n");
    let both =
        "{__name__=\"up\", job=\"a\"} 500=0.5 1000=1 2000=3\n{__name__=\"up\", job=\"b\"} 1000=2\n{__name__=\"up\", job=\"c\"} 1500=2\n";
    assert_eq!(metrics_text(&two, &[]), both);
    let all = LabelQuery { matcher_sets: &[], min_t: i64::MIN, max_t: i64::MAX, limit: 0 };
    assert_eq!(two.label_values("job", &all, &Budget::unlimited()).unwrap(), ["a", "b", "c"]);
    assert_eq!(one.label_values("job", &all, &Budget::unlimited()).unwrap(), ["a", "b"]);
    assert_eq!(two.label_values("job", &LabelQuery { limit: 2, ..all.clone() }, &Budget::unlimited()).unwrap(), ["a", "b"]);
    let late = LabelQuery { min_t: 1200, max_t: 1700, ..all };
    assert_eq!(two.series(&late, &Budget::unlimited()).unwrap().len(), 2, "a has a chunk over the time, c a sample");
}

#[test]
fn duplicates_stay_out_and_are_told() {
    let store = memory();
    let append = |rows: &[(&str, i64, f64)]| store.append_wait(write_to("me", samples(rows))).unwrap();
    append(&[("m", 10, 1.0), ("m", 20, 2.0)]);
    let again = append(&[("m", 10, 1.0), ("m", 20, 2.0)]);
    assert_eq!((again.stored.samples, again.rejected_total()), (0, 0));
    let other = append(&[("m", 10, 7.0), ("m", 20, 7.0), ("m", 30, 3.0)]);
    let reasons: Vec<_> = other.rejected.iter().map(|r| (r.reason, r.count)).collect();
    assert_eq!(reasons, [(Reason::DuplicateOld, 1), (Reason::Duplicate, 1)]);
    assert_eq!(metrics_text(&store.snapshot(&[tenant("me")]), &[]), "{__name__=\"m\"} 10=1 20=2 30=3\n");
}

#[test]
fn out_of_order_windows() {
    let open = |window| {
        let options = StoreOptions { out_of_order_window: Some(std::time::Duration::from_millis(window)), ..StoreOptions::memory() };
        store::Store::open(options, std::sync::Arc::new(store::NativeOnly)).unwrap()
    };
    let rows = samples(&[("m", 1000, 1.0), ("m", 500, 2.0), ("m", 999, 3.0), ("n", 100, 1.0)]);
    let reasons = |window| -> Vec<(Reason, u64)> {
        open(window).append_wait(write_to("me", rows.clone())).unwrap().rejected.iter().map(|r| (r.reason, r.count)).collect()
    };
    assert_eq!(reasons(0), [(Reason::OutOfOrder, 2)]);
    assert_eq!(reasons(100), [(Reason::TooOld, 2)]);
    let store = open(100);
    store.append_wait(write_to("me", samples(&[("m", 1000, 1.0)]))).unwrap();
    store.append_wait(write_to("me", samples(&[("m", 901, 1.0), ("m", 899, 1.0), ("refused", 1, 1.0)]))).unwrap();
    let snapshot = store.snapshot(&[tenant("me")]);
    assert_eq!(metrics_text(&snapshot, &[]), "{__name__=\"m\"} 901=1 1000=1\n");
    let all = LabelQuery { matcher_sets: &[], min_t: i64::MIN, max_t: i64::MAX, limit: 0 };
    assert_eq!(snapshot.label_values("__name__", &all, &Budget::unlimited()).unwrap(), ["m"], "a series without samples is none");
    assert_eq!(store.stats().tenants[0].series, 1);
}

#[test]
fn deltas_add_up() {
    let store = memory();
    let append = |rows: &[(&str, i64, f64)]| store.append_wait(write_to("me", samples_as(rows, Temporality::Delta))).unwrap();
    append(&[("m", 10, 1.0), ("m", 20, 2.0)]);
    append(&[("m", 20, 2.0), ("m", 30, 4.0)]);
    let old = append(&[("m", 15, 4.0)]);
    assert_eq!(old.rejected[0].reason, Reason::DeltaOutOfOrder);
    assert_eq!(metrics_text(&store.snapshot(&[tenant("me")]), &[]), "{__name__=\"m\"} 10=1 20=3 30=7\n");
}

#[test]
fn tenants_are_apart_merged_on_demand_and_dropped() {
    let store = memory();
    for t in ["a", "b"] {
        store.append_wait(write_to(t, samples(&[("m", 1, 1.0)]))).unwrap();
        store.append_wait(write_to(t, lines(&[("s", 1, t, "")]))).unwrap();
        store.append_wait(write_to(t, spans(&[(1, if t == "a" { 1 } else { 2 }, 5, t)]))).unwrap();
    }
    assert_eq!(metrics_text(&store.snapshot(&[tenant("a")]), &[]), "{__name__=\"m\"} 1=1\n");
    assert_eq!(metrics_text(&store.snapshot(&[tenant("c")]), &[]), "");
    let both = store.snapshot(&[tenant("a"), tenant("b")]);
    assert_eq!(metrics_text(&both, &[]), "{__name__=\"m\", __tenant_id__=\"a\"} 1=1\n{__name__=\"m\", __tenant_id__=\"b\"} 1=1\n");
    let only_b = [Matcher::new(MatchOp::Ne, "__tenant_id__", "a").unwrap()];
    assert_eq!(metrics_text(&both, &only_b), "{__name__=\"m\", __tenant_id__=\"b\"} 1=1\n");
    assert_eq!(logs_text(&both, &only_b), "{__name__=\"s\", __tenant_id__=\"b\"} 1 b {}\n");
    assert_eq!(both.streams(&[], LOG_ALL, &Budget::unlimited()).unwrap().len(), 2);
    let q = LabelQuery { matcher_sets: &[], min_t: 0, max_t: 9, limit: 0 };
    assert_eq!(both.label_values("__tenant_id__", &q, &Budget::unlimited()).unwrap(), ["a", "b"]);
    assert_eq!(trace_text(&both, 1).lines().count(), 2);

    store.drop_tenant(&tenant("a")).unwrap();
    assert_eq!(store.tenants(), [tenant("b")]);
    assert_eq!(metrics_text(&store.snapshot(&[tenant("a")]), &[]), "");
    assert_eq!(metrics_text(&both, &only_b).lines().count(), 1, "older snapshots still read");
    store.append_wait(write_to("a", samples(&[("n", 1, 1.0)]))).unwrap();
    assert_eq!(metrics_text(&store.snapshot(&[tenant("a")]), &[]), "{__name__=\"n\"} 1=1\n");
}

#[test]
fn logs_keep_order_and_drop_repeated_entries() {
    let store = memory();
    store.append_wait(write_to("me", lines(&[("s a=1", 5, "x", ""), ("s a=1", 5, "y", "k=v"), ("s a=1", 5, "x", "")]))).unwrap();
    let again = store.append_wait(write_to(
        "me",
        lines(&[("s a=1", 5, "y", "k=v"), ("s a=1", 5, "y", "k=w"), ("s a=1", 3, "z", ""), ("s a=2", 5, "y", "k=v")]),
    ));
    assert_eq!(again.unwrap().stored.lines, 3);
    let snapshot = store.snapshot(&[tenant("me")]);
    let first = "{__name__=\"s\", a=\"1\"}";
    let expect = format!("{first} 3 z {{}}\n{first} 5 x {{}}\n{first} 5 y {{k=v}}\n{first} 5 y {{k=w}}\n");
    assert_eq!(logs_text(&snapshot, &[Matcher::eq("a", "1")]), expect);
    let stats = snapshot.stats(&[Matcher::eq("a", "1")], LOG_ALL, &Budget::unlimited()).unwrap();
    assert_eq!((stats[0].entries, stats[0].line_bytes, stats[0].meta_bytes), (4, 4, 4));
}

#[test]
fn traces_come_together_and_repeated_spans_once() {
    let store = memory();
    store.append_wait(write_to("me", spans(&[(2, 1, 50, "late"), (1, 9, 1, "other")]))).unwrap();
    store.append_wait(write_to("me", spans(&[(2, 2, 10, "early"), (2, 1, 50, "late")]))).unwrap();
    let text = trace_text(&store.snapshot(&[tenant("me")]), 2);
    let heads: Vec<&str> = text.lines().filter_map(|l| l.split(" Some").next()).collect();
    assert_eq!(heads, ["2@10 early", "1@50 late"]);
    assert_eq!(trace_text(&store.snapshot(&[tenant("me")]), 7), "");
}

#[test]
fn live_readers_get_what_is_stored() {
    let store = memory();
    let tail = store.subscribe_logs(&tenant("me"));
    store.append_wait(write_to("me", lines(&[("s", 1, "one", "")]))).unwrap();
    store.append_wait(write_to("me", lines(&[("s", 1, "one", ""), ("s", 2, "two", "")]))).unwrap();
    store.append_wait(write_to("you", lines(&[("s", 1, "one", "")]))).unwrap();
    let got: Vec<String> =
        std::iter::from_fn(|| tail.try_recv()).flat_map(|b| b.body.iter().map(str::to_owned).collect::<Vec<_>>()).collect();
    assert_eq!(got, ["one", "two"]);
    store.close();
    assert!(matches!(tail.recv_timeout(std::time::Duration::from_secs(5)), store::Tail::Closed));
}
