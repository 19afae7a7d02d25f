//! The state machine: a rule file and a series of inputs in, what was written and sent out.

use std::sync::Arc;

use model::{Labels, MetricBatch, is_stale};
use promql::SampleValue;
use promql::script::{Loaded, LoadedSample, MemoryStorage, Storage};
use query::{Budget, MetricSource};

use super::{Context, GroupState, Health, Host};
use crate::rule::Group;

/// Keeps what rules write and tells it as text.
#[derive(Default)]
struct Memory {
    storage: MemoryStorage,
    log: Vec<String>,
}

impl Host for Memory {
    fn source(&self) -> Arc<dyn MetricSource> {
        self.storage.source()
    }

    fn budget(&self) -> Budget {
        Budget::unlimited()
    }

    fn write(&mut self, batch: MetricBatch) -> Result<(), String> {
        for s in &batch.samples {
            let labels = batch.series[s.series as usize].clone();
            let value = if is_stale(s.v) { "stale".into() } else { s.v.to_string() };
            self.log.push(format!("{}@{} {value}", promql::format::labels(&labels), s.t / 1000));
            self.put(labels, s.t, s.v);
        }
        Ok(())
    }
}

impl Memory {
    fn put(&mut self, labels: Labels, t: i64, v: f64) {
        let samples = vec![LoadedSample { t, st: 0, value: SampleValue::Float(v) }];
        self.storage.load(vec![Loaded { labels, samples }]).unwrap();
    }

    fn take(&mut self) -> String {
        std::mem::take(&mut self.log).join("\n")
    }
}

fn group(yaml: &str) -> Group {
    let text = format!("groups:\n- name: g\n{yaml}");
    crate::parse(&text, "f", &promql::Features::default()).unwrap().remove(0)
}

fn up(i: &str) -> Labels {
    Labels::from_pairs([("__name__", "up"), ("i", i)])
}

/// Evaluates at `s` seconds after writing `up{i=...}` values (NaN: none); shows what was written and sent.
#[track_caller]
fn step(g: &mut GroupState, m: &mut Memory, s: i64, values: &[(&str, f64)], expected: &str) {
    let context = Context { external_url: "http://x".into(), ..Context::default() };
    for (i, v) in values {
        m.put(up(i), s * 1000, *v);
    }
    let sent = g.evaluate(s * 1000, m, &context);
    let mut got = m.take();
    for a in sent {
        let (labels, notes) = (promql::format::labels(&a.labels), promql::format::labels(&a.annotations));
        got.push_str(&format!("\nsend {labels} {notes} {}..{} {}", a.starts_at / 1000, a.ends_at / 1000, a.generator_url));
    }
    for r in &g.rules {
        if let Health::Bad(e) = &r.health {
            got.push_str(&format!("\nerror {e}"));
        }
    }
    let trimmed: Vec<&str> = expected.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    assert_eq!(got.trim(), trimmed.join("\n"), "at {s}");
}

#[test]
fn recording_sees_earlier_rules_and_marks_what_vanished() {
    let mut g = GroupState::new(
        group("  query_offset: 10s\n  rules:\n  - {record: a, expr: up > 0, labels: {x: y}}\n  - {record: b, expr: sum(a)}\n"),
        true,
    );
    let mut m = Memory::default();
    m.put(up("1"), 50_000, 1.0);
    m.put(up("2"), 50_000, 2.0);
    step(
        &mut g,
        &mut m,
        60,
        &[],
        "{__name__=\"a\", i=\"1\", x=\"y\"}@50 1\n{__name__=\"a\", i=\"2\", x=\"y\"}@50 2\n{__name__=\"b\"}@50 3",
    );
    m.put(up("2"), 110_000, 0.0);
    step(
        &mut g,
        &mut m,
        120,
        &[],
        "{__name__=\"a\", i=\"1\", x=\"y\"}@110 1\n{__name__=\"a\", i=\"2\", x=\"y\"}@110 stale\n{__name__=\"b\"}@110 1",
    );
    assert_eq!(g.retire(130_000).samples.len(), 2);
}

#[test]
fn limits_and_equal_labels_are_errors() {
    let mut g = GroupState::new(
        group("  limit: 1\n  rules:\n  - {record: a, expr: up}\n  - {record: b, expr: up, labels: {i: z}}\n  - {alert: c, expr: up}\n"),
        false,
    );
    let mut m = Memory::default();
    step(
        &mut g,
        &mut m,
        60,
        &[("1", 1.0), ("2", 1.0)],
        "error exceeded limit of 1 with 2 series
         error vector contains metrics with the same labelset after applying rule labels
         error exceeded limit of 1 with 2 alerts",
    );
    assert!(g.rules[2].alerts.active.is_empty());
}

#[test]
fn alerts_wait_fire_hold_and_resolve() {
    let yaml = "  rules:\n  - alert: Down\n    expr: up == 0\n    for: 2m\n    keep_firing_for: 2m\n    labels: {sev: '{{ $labels.i }}'}\n    annotations: {s: 'is {{ $value }}'}\n";
    let mut g = GroupState::new(group(yaml), false);
    let mut m = Memory::default();
    let alerts = |state: &str, t: i64, v: &str| {
        format!("{{__name__=\"ALERTS\", alertname=\"Down\", alertstate=\"{state}\", i=\"1\", sev=\"1\"}}@{t} {v}")
    };
    let since = |t: i64, v: &str| format!("{{__name__=\"ALERTS_FOR_STATE\", alertname=\"Down\", i=\"1\", sev=\"1\"}}@{t} {v}");
    let send = |from: i64, to: i64| {
        format!("send {{alertname=\"Down\", i=\"1\", sev=\"1\"}} {{s=\"is 0\"}} {from}..{to} http://x/graph?g0.expr=up+%3D%3D+0&g0.tab=1")
    };
    step(&mut g, &mut m, 60, &[("1", 0.0)], &format!("{}\n{}", alerts("pending", 60, "1"), since(60, "60")));
    step(&mut g, &mut m, 120, &[("1", 0.0)], &format!("{}\n{}", alerts("pending", 120, "1"), since(120, "60")));
    step(
        &mut g,
        &mut m,
        180,
        &[("1", 0.0)],
        &format!("{}\n{}\n{}\n{}", alerts("firing", 180, "1"), since(180, "60"), alerts("pending", 180, "stale"), send(180, 420)),
    );
    // sent a minute ago: not due until more than a minute has gone
    step(&mut g, &mut m, 240, &[("1", 1.0)], &format!("{}\n{}", alerts("firing", 240, "1"), since(240, "60")));
    step(&mut g, &mut m, 300, &[], &format!("{}\n{}\n{}", alerts("firing", 300, "1"), since(300, "60"), send(180, 540)));
    step(&mut g, &mut m, 360, &[], &format!("{}\n{}\n{}", alerts("firing", 360, "stale"), since(360, "stale"), send(180, 360)));
    step(&mut g, &mut m, 420, &[], "");
    step(&mut g, &mut m, 480, &[], &send(180, 360));
    step(&mut g, &mut m, 360 + 16 * 60, &[], "");
    assert!(g.rules[0].alerts.active.is_empty());
}

/// A rule of `for: 1h` whose alert began at 0 and was last seen at `down`; the process is back at `back`.
#[track_caller]
fn restored(down: i64, back: i64, active_at: i64) {
    let mut g = GroupState::new(group("  rules:\n  - {alert: D, expr: up == 0, for: 1h}\n"), true);
    let mut m = Memory::default();
    let past = Labels::from_pairs([("__name__", "ALERTS_FOR_STATE"), ("alertname", "D"), ("i", "1")]);
    m.put(past, down * 1000, 0.0);
    for s in [back - 60, back] {
        step(&mut g, &mut m, s, &[("1", 0.0)], "");
    }
    assert_eq!(g.rules[0].alerts.active.values().next().unwrap().active_at / 1000, active_at);
}

#[test]
fn the_past_is_restored() {
    // moved by the time the process was down
    restored(1_200, 1_800, 600);
    // less than the grace of ten minutes was left: fires ten minutes after the start
    restored(3_300, 3_900, 3_900 + 600 - 3_600);
    // it had fired
    restored(3_600, 4_200, 0);
    // seen too long ago
    restored(1_200, 6_000, 5_940);
}
