//! What metrics say of themselves: the few newest differing descriptions of each metric.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::Metadata;

use crate::limits;

#[derive(Default)]
pub struct MetadataTable {
    /// newest first
    metrics: BTreeMap<Arc<str>, Vec<Metadata>>,
    bytes: usize,
}

impl MetadataTable {
    pub fn put(&mut self, m: Metadata) {
        if let Some(all) = self.metrics.get_mut(&m.metric) {
            if all.first() == Some(&m) {
                return;
            }
            match all.iter().position(|old| *old == m) {
                Some(i) => drop(all.remove(i)),
                None => self.bytes += size(&m),
            }
            all.insert(0, m);
            if let Some(old) = all.get(limits::METADATA_PER_METRIC) {
                self.bytes = self.bytes.saturating_sub(size(old));
                all.truncate(limits::METADATA_PER_METRIC);
            }
        } else if self.metrics.len() < limits::METADATA_METRICS {
            self.bytes += size(&m);
            self.metrics.insert(m.metric.clone(), vec![m]);
        }
    }

    /// Whether `put` would change nothing: asked under a read lock before a write lock is taken.
    pub fn is_newest(&self, m: &Metadata) -> bool {
        self.metrics.get(&m.metric).is_some_and(|all| all.first() == Some(m))
    }

    pub fn get(&self, metric: Option<&str>) -> Vec<Metadata> {
        match metric {
            Some(name) => self.metrics.get(name).cloned().unwrap_or_default(),
            None => self.metrics.values().flatten().cloned().collect(),
        }
    }

    pub fn heap_size(&self) -> usize {
        self.bytes
    }
}

fn size(m: &Metadata) -> usize {
    m.metric.len() + m.help.len() + m.unit.len() + 160
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::MetricKind;

    #[test]
    fn newest_first_each_once_and_bounded() {
        let m = |help: &str| Metadata { metric: "m".into(), kind: MetricKind::Gauge, help: help.into(), unit: "".into() };
        let mut t = MetadataTable::default();
        for help in ["a", "b", "a", "c", "d", "e"] {
            t.put(m(help));
        }
        let helps: Vec<_> = t.get(Some("m")).iter().map(|m| m.help.to_string()).collect();
        assert_eq!(helps, ["e", "d", "c", "a"]);
        assert_eq!(t.bytes, 4 * size(&m("a")));
        assert!(t.is_newest(&m("e")) && !t.is_newest(&m("d")));
        assert!(t.get(Some("x")).is_empty());
    }
}
