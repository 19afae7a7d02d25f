//! What the process counts of itself: plain atomics, gathered as points for `/metrics` and for the process' own store.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The three signals in the Collector's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    Spans,
    MetricPoints,
    LogRecords,
}

impl Signal {
    pub const ALL: [Signal; 3] = [Signal::Spans, Signal::MetricPoints, Signal::LogRecords];

    pub fn as_str(self) -> &'static str {
        match self {
            Signal::Spans => "spans",
            Signal::MetricPoints => "metric_points",
            Signal::LogRecords => "log_records",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Grpc,
    Http,
}

impl Transport {
    pub const ALL: [Transport; 2] = [Transport::Grpc, Transport::Http];

    pub fn as_str(self) -> &'static str {
        match self {
            Transport::Grpc => "grpc",
            Transport::Http => "http",
        }
    }
}

/// What became of received items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Accepted,
    /// not taken for a reason of ours (full queue) or theirs (bad data)
    Refused,
    /// taken but lost inside
    Failed,
}

impl Outcome {
    pub const ALL: [Outcome; 3] = [Outcome::Accepted, Outcome::Refused, Outcome::Failed];

    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Accepted => "accepted",
            Outcome::Refused => "refused",
            Outcome::Failed => "failed",
        }
    }
}

/// The query faces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    Prometheus,
    Loki,
    Tempo,
}

impl Face {
    pub const ALL: [Face; 3] = [Face::Prometheus, Face::Loki, Face::Tempo];

    pub fn as_str(self) -> &'static str {
        match self {
            Face::Prometheus => "prometheus",
            Face::Loki => "loki",
            Face::Tempo => "tempo",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PointKind {
    Counter,
    Gauge,
}

/// One value of one series of ours.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    pub name: String,
    pub kind: PointKind,
    pub help: &'static str,
    pub labels: Vec<(&'static str, String)>,
    pub value: f64,
}

impl Point {
    pub fn counter(name: impl Into<String>, help: &'static str, value: f64) -> Point {
        Point { name: name.into(), kind: PointKind::Counter, help, labels: vec![], value }
    }

    pub fn gauge(name: impl Into<String>, help: &'static str, value: f64) -> Point {
        Point { kind: PointKind::Gauge, ..Point::counter(name, help, value) }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Point {
        self.labels.push((name, value.into()));
        self
    }
}

/// Counters that request handlers bump.
#[derive(Debug, Default)]
pub struct SelfMetrics {
    /// by signal, transport, outcome
    received: [[[AtomicU64; 3]; 2]; 3],
    /// by face: queries answered, queries failed, microseconds spent
    queries: [[AtomicU64; 3]; 3],
    /// requests that a handler's bug ended
    panics: AtomicU64,
    /// spans that the metrics generator had no room for
    generator_skipped: AtomicU64,
}

impl SelfMetrics {
    pub fn received(&self, signal: Signal, transport: Transport, outcome: Outcome, items: u64) {
        self.received[signal as usize][transport as usize][outcome as usize].fetch_add(items, Ordering::Relaxed);
    }

    pub fn query(&self, face: Face, ok: bool, took: Duration) {
        let q = &self.queries[face as usize];
        q[usize::from(!ok)].fetch_add(1, Ordering::Relaxed);
        q[2].fetch_add(took.as_micros() as u64, Ordering::Relaxed);
    }

    pub fn generator_skipped(&self, spans: u64) {
        self.generator_skipped.fetch_add(spans, Ordering::Relaxed);
    }

    pub fn panicked(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    /// The Collector's receiver names (no `_total`, as its own default reader shows them) and our query counters.
    pub fn collect(&self, out: &mut Vec<Point>) {
        for s in Signal::ALL {
            for o in Outcome::ALL {
                for t in Transport::ALL {
                    let v = self.received[s as usize][t as usize][o as usize].load(Ordering::Relaxed);
                    let name = format!("otelcol_receiver_{}_{}", o.as_str(), s.as_str());
                    out.push(
                        Point::counter(name, "Items by what the receiver made of them.", v as f64)
                            .with("receiver", "otlp")
                            .with("transport", t.as_str()),
                    );
                }
            }
        }
        for f in Face::ALL {
            let [ok, failed, micros] = &self.queries[f as usize];
            for (outcome, n) in [("success", ok), ("error", failed)] {
                let p = Point::counter("trefoil_queries_total", "Queries answered, by API and outcome.", n.load(Ordering::Relaxed) as f64);
                out.push(p.with("api", f.as_str()).with("outcome", outcome));
            }
            let seconds = micros.load(Ordering::Relaxed) as f64 / 1e6;
            out.push(Point::counter("trefoil_query_seconds_total", "Time spent on queries.", seconds).with("api", f.as_str()));
        }
        let skipped = self.generator_skipped.load(Ordering::Relaxed) as f64;
        out.push(Point::counter(
            "trefoil_generator_skipped_spans_total",
            "Spans left out of the generated metrics for lack of room.",
            skipped,
        ));
        out.push(Point::counter("trefoil_panics_total", "Requests ended by a bug of ours.", self.panics.load(Ordering::Relaxed) as f64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_reach_their_series() {
        let m = SelfMetrics::default();
        m.received(Signal::Spans, Transport::Grpc, Outcome::Accepted, 7);
        m.query(Face::Loki, false, Duration::from_millis(5));
        let mut all = vec![];
        m.collect(&mut all);
        let find = |name: &str, label: &str| all.iter().find(|p| p.name == name && p.labels.iter().any(|l| l.1 == label)).map(|p| p.value);
        assert_eq!(find("otelcol_receiver_accepted_spans", "grpc"), Some(7.0));
        assert_eq!(find("otelcol_receiver_accepted_spans", "http"), Some(0.0));
        assert_eq!(find("trefoil_query_seconds_total", "loki"), Some(0.005));
    }
}
