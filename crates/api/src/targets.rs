//! Where scraping leaves the state of its targets for the API to read.

use std::sync::{Arc, OnceLock};

use model::{Labels, Metadata};

/// Set once by whoever scrapes; empty in a process that does not scrape.
pub type TargetsSlot = OnceLock<Arc<dyn TargetsView>>;

/// What the API asks about targets. Answers are copies; nothing here blocks for long.
pub trait TargetsView: Send + Sync {
    /// Names of all jobs with a scrape configuration, sorted.
    fn pools(&self) -> Vec<String>;
    /// The job's configuration as YAML, secrets replaced; `None` for an unknown job.
    fn pool_config(&self, pool: &str) -> Option<String>;
    /// Targets being scraped, ordered by pool and URL.
    fn active(&self) -> Vec<ActiveTarget>;
    /// Targets that relabelling dropped, at most as many per pool as `keep_dropped_targets` says.
    fn dropped(&self) -> Vec<DroppedTarget>;
    /// How many targets relabelling dropped, per pool.
    fn dropped_counts(&self) -> Vec<(String, u64)>;
    /// What the families on the targets' newest pages said of themselves.
    fn metadata(&self) -> Vec<TargetMetadata>;
}

/// A target with the outcome of its newest scrape.
#[derive(Debug, Clone)]
pub struct ActiveTarget {
    pub discovered_labels: Labels,
    pub labels: Labels,
    pub pool: String,
    pub url: String,
    /// "" after a success and before the first scrape
    pub last_error: String,
    /// Unix milliseconds, `None` before the first scrape
    pub last_scrape_ms: Option<i64>,
    /// seconds
    pub last_duration: f64,
    pub health: TargetHealth,
    /// as Prometheus writes durations: "1m"
    pub interval: String,
    pub timeout: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TargetHealth {
    #[default]
    Unknown,
    Up,
    Down,
}

impl TargetHealth {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            TargetHealth::Unknown => "unknown",
            TargetHealth::Up => "up",
            TargetHealth::Down => "down",
        }
    }
}

#[derive(Debug, Clone)]
pub struct DroppedTarget {
    pub discovered_labels: Labels,
    pub pool: String,
}

#[derive(Debug, Clone)]
pub struct TargetMetadata {
    /// the target's labels
    pub target: Labels,
    pub metadata: Vec<Metadata>,
}
