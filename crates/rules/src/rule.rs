//! What a rule file says, after its checks.

use promql::Expr;

use crate::template::query_escape;

/// A group: rules that run one after another at the same times, each seeing what the earlier ones wrote.
#[derive(Debug, Clone)]
pub struct Group {
    pub name: String,
    /// the file it stands in, as the configuration names it
    pub file: String,
    /// `None`: the server's evaluation interval
    pub interval_ms: Option<i64>,
    /// `None`: the server's rule_query_offset
    pub query_offset_ms: Option<i64>,
    /// most results of a rule, 0 = any number
    pub limit: usize,
    pub rules: Vec<Rule>,
}

/// A recording or an alerting rule. Labels are the group's with the rule's over them, sorted by name.
#[derive(Debug, Clone)]
pub struct Rule {
    pub kind: Kind,
    /// the metric that is recorded, or the alert's name
    pub name: String,
    pub expr: Expr,
    /// the expression as it prints
    pub query: String,
    pub labels: Vec<(String, String)>,
}

impl Rule {
    /// The link to the expression in the query page.
    pub fn table_link(&self, external_url: &str) -> String {
        format!("{}/graph?g0.expr={}&g0.tab=1", external_url.trim_end_matches('/'), query_escape(&self.query))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Recording,
    Alerting {
        for_ms: i64,
        keep_firing_for_ms: i64,
        /// sorted by name
        annotations: Vec<(String, String)>,
    },
}
