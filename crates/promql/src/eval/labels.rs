//! label_replace and label_join.

use model::{LabelsBuilder, METRIC_NAME, re2};
use query::QueryError;

use super::column::{Grid, Row, merge_rows};
use super::sort::text;
use super::{Ev, Res, Sink};
use crate::format::is_label_name;
use crate::plan::Node;

impl Ev<'_> {
    pub fn label_replace(&self, args: &[Node], g: &Grid, sink: &mut Sink<'_>) -> Res<()> {
        let [_, dst, replacement, src, pattern] = args else { return Ok(()) };
        let (dst, replacement, src, pattern) = (text(dst), text(replacement), text(src), text(pattern));
        let regex = re2::Anchored::new(pattern)
            .map_err(|_| QueryError::Execution(format!("invalid regular expression in label_replace(): {pattern}")))?;
        if !is_label_name(dst) {
            return Err(QueryError::Execution(format!("invalid destination label name in label_replace(): {dst}")));
        }
        self.relabel(&args[0], g, sink, dst, |row| {
            let captures = regex.regex().captures(row.labels.value(src))?;
            let mut value = String::new();
            captures.expand(replacement, &mut value);
            Some(value)
        })
    }

    pub fn label_join(&self, args: &[Node], g: &Grid, sink: &mut Sink<'_>) -> Res<()> {
        let [_, dst, separator, sources @ ..] = args else { return Ok(()) };
        let (dst, separator) = (text(dst), text(separator));
        if let Some(bad) = sources.iter().map(text).find(|s| !is_label_name(s)) {
            return Err(QueryError::Execution(format!("invalid source label name in label_join(): {bad}")));
        }
        if !is_label_name(dst) {
            return Err(QueryError::Execution(format!("invalid destination label name in label_join(): {dst}")));
        }
        self.relabel(&args[0], g, sink, dst, |row| {
            let values: Vec<&str> = sources.iter().map(|s| row.labels.value(text(s))).collect();
            Some(values.join(separator))
        })
    }

    /// Sets one label of every row to what `value` gives; rows of equal labels are joined.
    fn relabel(&self, inner: &Node, g: &Grid, sink: &mut Sink<'_>, dst: &str, value: impl Fn(&Row) -> Option<String>) -> Res<()> {
        let mut rows = self.collect(inner, g)?;
        self.release(&rows);
        for row in &mut rows {
            if let Some(v) = value(row) {
                row.labels = LabelsBuilder::new(&row.labels).set(dst, &v).build();
                // A name that was set on purpose stays.
                row.drop_name &= dst != METRIC_NAME;
            }
        }
        merge_rows(rows)?.into_iter().try_for_each(sink)
    }
}
