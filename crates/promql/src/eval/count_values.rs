//! count_values: how many elements have each value.

use model::{Labels, LabelsBuilder, METRIC_NAME};
use query::QueryError;
use rustc_hash::FxHashMap;

use super::column::{ABSENT, Cell, Grid, Row, is_absent};
use super::sort::text;
use super::{Ev, Res, Sink};
use crate::format::{float_plain, is_label_name, quote};
use crate::hist;
use crate::plan::Aggregate;

impl Ev<'_> {
    pub fn count_values(&self, a: &Aggregate, g: &Grid, sink: &mut Sink<'_>) -> Res<()> {
        let label = a.param.as_ref().map_or("", text);
        if !is_label_name(label) {
            return Err(QueryError::Execution(format!("invalid label name {}", quote(label))));
        }
        let mut index: FxHashMap<Labels, usize> = FxHashMap::default();
        let mut counts: Vec<Vec<f64>> = vec![];
        self.stream(&a.inner, g, &mut |row| {
            let mut known: FxHashMap<u64, usize> = FxHashMap::default();
            for i in 0..g.n {
                let at = match row.col.get(i) {
                    Cell::None => continue,
                    Cell::Float(v) => match known.get(&v.to_bits()) {
                        Some(at) => *at,
                        None => {
                            let at = slot(&mut index, &mut counts, group(a, &row, label, &float_plain(v)), g.n);
                            known.insert(v.to_bits(), at);
                            at
                        }
                    },
                    Cell::Hist(h) => slot(&mut index, &mut counts, group(a, &row, label, &hist::text(h)), g.n),
                };
                let count = &mut counts[at][i];
                *count = if is_absent(*count) { 1.0 } else { *count + 1.0 };
            }
            Ok(())
        })?;
        let mut groups: Vec<(usize, Labels)> = index.into_iter().map(|(l, at)| (at, l)).collect();
        groups.sort_by_key(|(at, _)| *at);
        for ((_, labels), vals) in groups.into_iter().zip(counts) {
            sink(Row { labels, ..super::call::unnamed(vals) })?;
        }
        Ok(())
    }
}

fn slot(index: &mut FxHashMap<Labels, usize>, counts: &mut Vec<Vec<f64>>, labels: Labels, n: usize) -> usize {
    *index.entry(labels).or_insert_with(|| {
        counts.push(vec![ABSENT; n]);
        counts.len() - 1
    })
}

/// The group's labels with the value as one of them.
fn group(a: &Aggregate, row: &Row, label: &str, value: &str) -> Labels {
    let labels = LabelsBuilder::new(&row.labels).set(label, value).build();
    let listed = |n: &str| a.grouping.iter().any(|x| x == n);
    if a.without { labels.filter(|n, _| n != METRIC_NAME && !listed(n)) } else { labels.filter(|n, _| n == label || listed(n)) }
}
