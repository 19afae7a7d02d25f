//! Live tailing: a log query over batches as they arrive.

use model::{Labels, LogBatch, Matcher};
use query::QueryError;

use crate::logs::Entry;
use crate::pipeline::{Pipeline, Row, Wanted};
use crate::syntax::ast::LogExpr;

/// A compiled log query that is fed batch by batch. Share it between threads as it is.
#[derive(Debug)]
pub struct LiveQuery {
    matchers: Vec<Matcher>,
    pipeline: Pipeline,
}

impl LiveQuery {
    /// `now` (Unix nanoseconds) is what the template function of that name answers.
    pub fn new(expr: &LogExpr, now: i64) -> Result<LiveQuery, QueryError> {
        let pipeline = Pipeline::compile_at(&expr.stages, now).map_err(QueryError::Bad)?;
        Ok(LiveQuery { matchers: expr.matchers.clone(), pipeline })
    }

    /// The batch's lines that pass, stream by stream in order of time, with times of `since` (Unix nanoseconds) or later.
    pub fn entries(&self, batch: &LogBatch, since: i64, each: &mut dyn FnMut(Entry)) {
        let wanted = Wanted::All;
        let mut rows = vec![];
        let conditions = self.pipeline.conditions(batch);
        for (stream, from, to) in batch.runs() {
            let labels: &Labels = &batch.streams[stream as usize];
            if !self.matchers.iter().all(|m| m.matches_labels(labels)) {
                continue;
            }
            let from = from + batch.ts[from..to].partition_point(|t| *t < since);
            rows.clear();
            self.pipeline.select(batch, &conditions, stream, from, to, &mut rows);
            let mut row = Row::new(labels, &wanted);
            for r in &rows {
                row.load(batch, *r as usize);
                if self.pipeline.run_steps(&mut row) {
                    let (stream, metadata, parsed) = row.categories();
                    each(Entry { ts: row.ts, line: row.line().to_owned(), stream, metadata, parsed });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::{Features, parse_log};
    use model::LogBatchBuilder;

    #[test]
    fn yields_what_passes() {
        let mut b = LogBatchBuilder::default();
        let (a, c) = (b.stream(&Labels::from_pairs([("app", "a")])), b.stream(&Labels::from_pairs([("app", "c")])));
        b.push(a, 1, "level=warn early", &[]);
        b.push(a, 5, "level=warn x", &[]);
        b.push(a, 6, "level=info x", &[]);
        b.push(c, 7, "level=warn x", &[]);
        let expr = parse_log(r#"{app="a"} |= "level" | logfmt level | level="warn""#, &Features::default()).unwrap();
        let mut got = vec![];
        LiveQuery::new(&expr, 0).unwrap().entries(&b.finish(), 2, &mut |e| got.push(format!("{} {}", e.ts, e.flat())));
        assert_eq!(got, [r#"5 {app="a", level="warn"}"#]);
    }
}
