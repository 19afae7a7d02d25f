//! Label sets by which samples are gathered.

use model::Labels;

use crate::syntax::ast::Grouping;

/// The labels of a group; no grouping at all is one group.
pub fn group(labels: &Labels, grouping: Option<&Grouping>) -> Labels {
    match grouping {
        None => Labels::empty(),
        Some(g) if g.without => labels.filter(|n, _| !g.labels.iter().any(|l| l == n)),
        Some(g) => labels.filter(|n, _| g.labels.iter().any(|l| l == n)),
    }
}
