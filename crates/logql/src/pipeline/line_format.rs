//! `line_format`: a template as the new line.

use super::row::{LineError, Row};
use crate::template::{Data, Template};

/// A row as templates see it.
pub struct RowData<'r, 'b>(pub &'r Row<'b>);

impl Data for RowData<'_, '_> {
    fn label(&self, name: &str) -> Option<&str> {
        self.0.get(name)
    }

    fn labels(&self) -> Vec<(&str, &str)> {
        let mut all: Vec<(&str, &str)> = self.0.labels().collect();
        all.sort_unstable();
        all
    }

    fn line(&self) -> &str {
        self.0.line()
    }

    fn timestamp(&self) -> i64 {
        self.0.ts
    }
}

#[derive(Debug)]
pub struct LineFormat {
    template: Template,
    now: i64,
}

impl LineFormat {
    pub fn new(source: &str, now: i64) -> Result<LineFormat, String> {
        let template = Template::new("line", source).map_err(|e| format!("invalid line template: {e}"))?;
        Ok(LineFormat { template, now })
    }

    /// A failing template leaves the line as it was.
    pub fn run(&self, row: &mut Row<'_>) {
        if let Some(text) = self.template.constant() {
            return row.set_line(text);
        }
        let mut out = String::new();
        match self.template.execute(&RowData(row), self.now, &mut out) {
            Ok(()) => row.set_line(&out),
            Err(details) => row.fail(LineError::Template, &details),
        }
    }

    pub fn names(&self) -> Option<Vec<String>> {
        self.template.labels_read()
    }
}
