//! One alerting rule's alerts: pending, firing, resolved, and when each must be sent.

use std::collections::{BTreeMap, BTreeSet};

use model::{Labels, LabelsBuilder, METRIC_NAME};

use crate::limits::RESOLVED_RETENTION_MS;
use crate::rule::Rule;
use crate::template::{self, Ask};

pub const ALERTS: &str = "ALERTS";
pub const FOR_STATE: &str = "ALERTS_FOR_STATE";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertState {
    Inactive,
    Pending,
    Firing,
}

impl AlertState {
    pub fn as_str(self) -> &'static str {
        match self {
            AlertState::Inactive => "inactive",
            AlertState::Pending => "pending",
            AlertState::Firing => "firing",
        }
    }
}

/// Times are Unix milliseconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    pub state: AlertState,
    pub labels: Labels,
    pub annotations: Labels,
    pub value: f64,
    pub active_at: i64,
    pub fired_at: Option<i64>,
    pub resolved_at: Option<i64>,
    pub keep_firing_since: Option<i64>,
    last_sent_at: Option<i64>,
}

/// An alert as an Alertmanager takes it; times are Unix milliseconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    pub labels: Labels,
    pub annotations: Labels,
    pub starts_at: i64,
    pub ends_at: i64,
    pub generator_url: String,
}

/// What the expansion of labels and annotations looks at.
pub struct Surroundings<'a> {
    pub external_labels: &'a Labels,
    pub external_url: &'a str,
    pub ask: &'a Ask<'a>,
}

/// The alerts of one rule, by their labels.
#[derive(Debug, Default)]
pub struct Alerts {
    pub active: BTreeMap<Labels, Alert>,
    /// ALERTS and ALERTS_FOR_STATE are written only once the past was looked at
    pub restored: bool,
}

impl Alerts {
    /// Takes a result of the rule's expression at `ts`; answers the series to write.
    pub fn update(
        &mut self,
        rule: &Rule,
        hold: (i64, i64),
        annotations: &[(String, String)],
        result: &[promql::Sample],
        (ts, limit): (i64, usize),
        around: &Surroundings<'_>,
    ) -> Result<Vec<(Labels, f64)>, String> {
        let seen = found(rule, annotations, result, ts, around)?;
        let present: BTreeSet<Labels> = seen.keys().cloned().collect();
        for (labels, alert) in seen {
            match self.active.get_mut(&labels) {
                Some(known) if known.state != AlertState::Inactive => {
                    known.value = alert.value;
                    known.annotations = alert.annotations;
                }
                _ => {
                    self.active.insert(labels, alert);
                }
            }
        }
        let (for_ms, keep_ms) = hold;
        let (mut out, mut count) = (vec![], 0);
        let restored = self.restored;
        self.active.retain(|labels, a| {
            if present.contains(labels) {
                a.keep_firing_since = None;
            } else if !a.held(ts, keep_ms) {
                return a.vanish(ts);
            }
            count += 1;
            if a.state == AlertState::Pending && ts.saturating_sub(a.active_at) >= for_ms {
                a.state = AlertState::Firing;
                a.fired_at = Some(ts);
            }
            if restored {
                out.extend(a.series(&rule.name));
            }
            true
        });
        if limit > 0 && count > limit {
            self.active.clear();
            return Err(format!("exceeded limit of {limit} with {count} alerts"));
        }
        Ok(out)
    }

    /// The alerts that must go out now; they count as sent.
    pub fn take_due(&mut self, ts: i64, resend_ms: i64, interval_ms: i64, generator_url: &str) -> Vec<Outgoing> {
        let valid_until = ts.saturating_add(resend_ms.max(interval_ms).saturating_mul(4));
        let due = self.active.values_mut().filter(|a| a.needs_sending(ts, resend_ms));
        due.map(|a| {
            a.last_sent_at = Some(ts);
            Outgoing {
                labels: a.labels.clone(),
                annotations: a.annotations.clone(),
                starts_at: a.fired_at.unwrap_or(a.active_at),
                ends_at: a.resolved_at.unwrap_or(valid_until),
                generator_url: generator_url.to_owned(),
            }
        })
        .collect()
    }

    /// Moves the beginnings of pending alerts to where they were before a restart. `past`: the newest (time, unix seconds) of an alert's
    /// ALERTS_FOR_STATE series.
    pub fn restore(&mut self, rule: &str, ts: i64, for_ms: i64, grace_ms: i64, past: impl Fn(&Labels) -> Option<(i64, f64)>) {
        for a in self.active.values_mut() {
            let Some((down_at, since)) = past(&a.for_state_labels(rule)).filter(|(_, v)| v.is_finite()) else { continue };
            let since = (since * 1e3) as i64;
            let remaining = for_ms.saturating_sub(down_at.saturating_sub(since));
            a.active_at = if remaining <= 0 {
                // It fired before: the next evaluation lets it fire again.
                since
            } else if remaining < grace_ms {
                ts.saturating_add(grace_ms).saturating_sub(for_ms)
            } else {
                since.saturating_add(ts.saturating_sub(down_at))
            };
        }
        self.restored = true;
    }

    /// The worst state of all.
    pub fn state(&self) -> AlertState {
        self.active.values().map(|a| a.state).max().unwrap_or(AlertState::Inactive)
    }
}

/// The alerts that a result means, by labels.
fn found(
    rule: &Rule,
    annotations: &[(String, String)],
    result: &[promql::Sample],
    ts: i64,
    around: &Surroundings<'_>,
) -> Result<BTreeMap<Labels, Alert>, String> {
    let mut out = BTreeMap::new();
    for sample in result {
        let scope = template::Scope {
            name: &rule.name,
            labels: &sample.labels,
            value: template::value(&sample.value),
            external_labels: around.external_labels,
            external_url: around.external_url,
            now_ms: ts,
            ask: around.ask,
        };
        let mut labels = LabelsBuilder::new(&sample.labels);
        labels.remove(METRIC_NAME);
        for (name, text) in &rule.labels {
            // an empty value takes the label away
            match template::expand(text, &scope) {
                v if v.is_empty() => labels.remove(name),
                v => labels.set(name, &v),
            };
        }
        labels.set("alertname", &rule.name);
        let labels = labels.build();
        let annotations = Labels::from_pairs(annotations.iter().map(|(n, t)| (n.clone(), template::expand(t, &scope))));
        let value = match &sample.value {
            promql::SampleValue::Float(f) => *f,
            promql::SampleValue::Histogram(_) => 0.0,
        };
        let alert = Alert {
            state: AlertState::Pending,
            labels: labels.clone(),
            annotations,
            value,
            active_at: ts,
            fired_at: None,
            resolved_at: None,
            keep_firing_since: None,
            last_sent_at: None,
        };
        if out.insert(labels, alert).is_some() {
            return Err("vector contains metrics with the same labelset after applying alert labels".into());
        }
    }
    Ok(out)
}

impl Alert {
    /// Whether an alert whose expression went empty keeps firing.
    fn held(&mut self, ts: i64, keep_ms: i64) -> bool {
        if self.state != AlertState::Firing || keep_ms <= 0 {
            return false;
        }
        let since = *self.keep_firing_since.get_or_insert(ts);
        ts.saturating_sub(since) < keep_ms
    }

    /// Resolves the alert; `false` if it can be forgotten.
    fn vanish(&mut self, ts: i64) -> bool {
        if self.state == AlertState::Pending || self.resolved_at.is_some_and(|r| ts.saturating_sub(r) > RESOLVED_RETENTION_MS) {
            return false;
        }
        if self.state != AlertState::Inactive {
            self.state = AlertState::Inactive;
            self.resolved_at = Some(ts);
        }
        true
    }

    fn needs_sending(&self, ts: i64, resend_ms: i64) -> bool {
        if self.state == AlertState::Pending {
            return false;
        }
        match (self.resolved_at, self.last_sent_at) {
            (_, None) => true,
            // resolved since it was sent
            (Some(resolved), Some(sent)) if resolved > sent => true,
            (_, Some(sent)) => sent.saturating_add(resend_ms) < ts,
        }
    }

    fn for_state_labels(&self, rule: &str) -> Labels {
        LabelsBuilder::new(&self.labels).set(METRIC_NAME, FOR_STATE).set("alertname", rule).build()
    }

    fn series(&self, rule: &str) -> [(Labels, f64); 2] {
        let mut labels = LabelsBuilder::new(&self.labels);
        labels.set(METRIC_NAME, ALERTS).set("alertname", rule).set("alertstate", self.state.as_str());
        let since = self.active_at.div_euclid(1_000) as f64;
        [(labels.build(), 1.0), (self.for_state_labels(rule), since)]
    }
}
