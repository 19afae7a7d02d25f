//! `label_format`: renames labels and sets them from templates.

use super::line_format::RowData;
use super::row::{ERROR, LineError, Row};
use crate::syntax::ast::{FormatValue, LabelFormat};
use crate::template::Template;

#[derive(Debug)]
enum Source {
    Rename(String),
    Template(Template),
}

#[derive(Debug)]
pub struct LabelFormatter {
    formats: Vec<(String, Source)>,
    now: i64,
}

impl LabelFormatter {
    pub fn new(all: &[LabelFormat], now: i64) -> Result<LabelFormatter, String> {
        let mut formats: Vec<(String, Source)> = vec![];
        for f in all {
            if f.target == ERROR {
                return Err(format!("{} cannot be formatted", f.target));
            }
            if formats.iter().any(|(t, _)| *t == f.target) {
                return Err(format!("multiple label name '{}' not allowed in a single format operation", f.target));
            }
            let source = match &f.value {
                FormatValue::Rename(from) => Source::Rename(from.clone()),
                FormatValue::Template(t) => {
                    Source::Template(Template::new("label", t).map_err(|e| format!("invalid template for label '{}': {e}", f.target))?)
                }
            };
            formats.push((f.target.clone(), source));
        }
        Ok(LabelFormatter { formats, now })
    }

    /// One after another: a later format sees what an earlier one set.
    pub fn run(&self, row: &mut Row<'_>) {
        for (target, source) in &self.formats {
            match source {
                Source::Rename(from) => {
                    if let Some(value) = row.get(from).map(str::to_owned) {
                        row.remove(from);
                        row.set(target, &value);
                    }
                }
                Source::Template(t) => {
                    let mut out = String::new();
                    match t.execute(&RowData(row), self.now, &mut out) {
                        Ok(()) => row.set(target, &out),
                        Err(details) => row.fail(LineError::Template, &details),
                    }
                }
            }
        }
    }

    pub fn names(&self) -> Option<Vec<String>> {
        let mut out = vec![];
        for (_, source) in &self.formats {
            match source {
                Source::Rename(from) => out.push(from.clone()),
                Source::Template(t) => out.extend(t.labels_read()?),
            }
        }
        Some(out)
    }
}
