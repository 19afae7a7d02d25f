//! What the rule evaluator shows to the faces: groups, rules and alerts as plain values. Times are Unix milliseconds.

use std::time::Duration;

use model::Labels;

/// Set by the process when rules are configured; see `Backend::rules`.
pub trait RulesView: Send + Sync {
    /// Every group in the order of the files, with the state after its last evaluation.
    fn groups(&self) -> Vec<RuleGroupView>;

    /// Where alerts are posted: the URLs of the Alertmanagers.
    fn alertmanagers(&self) -> Vec<String>;
}

#[derive(Debug, Clone)]
pub struct RuleGroupView {
    pub name: String,
    pub file: String,
    pub interval: Duration,
    /// 0 = none
    pub limit: usize,
    pub evaluation_time: Duration,
    /// `None` before the first evaluation
    pub last_evaluation_ms: Option<i64>,
    pub rules: Vec<RuleView>,
}

#[derive(Debug, Clone)]
pub struct RuleView {
    pub name: String,
    /// the expression as it prints
    pub query: String,
    pub labels: Labels,
    /// `ok`, `err` or `unknown`
    pub health: &'static str,
    /// empty: none
    pub last_error: String,
    pub evaluation_time: Duration,
    pub last_evaluation_ms: Option<i64>,
    /// `None`: a recording rule
    pub alerting: Option<AlertingView>,
}

#[derive(Debug, Clone)]
pub struct AlertingView {
    /// `inactive`, `pending`, `firing`, or `unknown` before the first evaluation
    pub state: &'static str,
    pub hold: Duration,
    pub keep_firing_for: Duration,
    pub annotations: Labels,
    /// pending and firing ones; resolved ones are left out
    pub alerts: Vec<AlertView>,
}

#[derive(Debug, Clone)]
pub struct AlertView {
    pub labels: Labels,
    pub annotations: Labels,
    /// `pending` or `firing`
    pub state: &'static str,
    pub active_at_ms: i64,
    pub keep_firing_since_ms: Option<i64>,
    pub value: f64,
}
