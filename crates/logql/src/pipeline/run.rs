//! Finding the rows whose stored line passes the filters in front, without splitting what cannot match.

use model::{LogBatch, MatchOp, Matcher};

use super::label_filter::LabelMatcher;
use super::{Pipeline, Step};

/// Equalities that every result must fulfil, such as `| trace_id="…"`, with the codes they have in one batch.
#[derive(Debug, Default)]
pub struct Conditions(Vec<Condition>);

#[derive(Debug)]
struct Condition {
    name: String,
    value: String,
    /// as metadata; `None`: no row of the batch has the pair
    codes: Option<(u32, u32)>,
}

impl Pipeline {
    /// The equalities on stored labels, from the label filters in front. Looked up once per batch.
    pub fn conditions(&self, batch: &LogBatch) -> Conditions {
        let mut matchers = vec![];
        for step in &self.steps {
            match step {
                Step::Label(filter) => equalities(filter, &mut matchers),
                Step::Line(_) => {}
                _ => break,
            }
        }
        let codes = |m: &Matcher| batch.dict.find(&m.name).zip(batch.dict.find(&m.value));
        Conditions(matchers.into_iter().map(|m| Condition { name: m.name.clone(), value: m.value.clone(), codes: codes(m) }).collect())
    }

    /// Appends the rows of `from..to`, all of one stream, that fulfil the conditions and whose line passes the front filters, ascending.
    pub fn select(&self, batch: &LogBatch, conditions: &Conditions, stream: u32, from: usize, to: usize, out: &mut Vec<u32>) {
        let labels = &batch.streams[stream as usize];
        let mut pairs = vec![];
        for c in &conditions.0 {
            match (labels.get(&c.name), c.codes) {
                // metadata of a name that the stream has goes by another name
                (Some(v), _) if v == c.value => {}
                (Some(_), _) | (None, None) => return,
                (None, Some(pair)) => pairs.push(pair),
            }
        }
        if pairs.is_empty() {
            return self.select_lines(batch, from, to, out);
        }
        let has_pairs = |r: &u32| pairs.iter().all(|p| batch.meta_codes(*r as usize).contains(p));
        out.extend((from as u32..to as u32).filter(has_pairs).filter(|r| self.front_matches(batch.body.get(*r as usize))));
    }

    /// A needle is searched over the text of all rows at once; only rows around a hit are looked at.
    fn select_lines(&self, batch: &LogBatch, from: usize, to: usize, out: &mut Vec<u32>) {
        let Some(needle) = self.needle() else {
            let rows = from as u32..to as u32;
            if self.has_front() {
                out.extend(rows.filter(|r| self.front_matches(batch.body.get(*r as usize))));
            } else {
                out.extend(rows);
            }
            return;
        };
        let (text, ends) = (batch.body.text().as_bytes(), batch.body.ends());
        let (mut at, mut row) = (batch.body.start(from), from);
        while row < to {
            let end = ends[to - 1] as usize;
            let Some(hit) = text.get(at..end).and_then(|t| needle.find(t)) else { return };
            at += hit;
            // Hits are mostly near: try a few rows before searching.
            let near = (row + 8).min(to);
            row += ends[row..near].partition_point(|e| *e as usize <= at);
            if row == near {
                row += ends[row..to].partition_point(|e| *e as usize <= at);
            }
            if row >= to {
                return;
            }
            if at + needle.len() > ends[row] as usize {
                // The hit runs over into the next row.
                at += 1;
                continue;
            }
            if self.needle_suffices() || self.front_matches(batch.body.get(row)) {
                out.push(row as u32);
            }
            at = ends[row] as usize;
            row += 1;
        }
    }
}

/// `_extracted` names may belong to metadata that is stored under another name.
fn equalities<'p>(filter: &'p LabelMatcher, out: &mut Vec<&'p Matcher>) {
    match filter {
        LabelMatcher::Match(m)
            if m.op == MatchOp::Eq && !m.value.is_empty() && !m.name.ends_with("_extracted") && !m.name.starts_with("__error") =>
        {
            out.push(m);
        }
        LabelMatcher::And(a, b) => {
            equalities(a, out);
            equalities(b, out);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use model::{Labels, LogBatch, LogBatchBuilder};
    use proptest::prelude::*;

    use crate::pipeline::Pipeline;
    use crate::syntax::{Features, parse_log};

    fn batch(lines: &[String]) -> LogBatch {
        let mut b = LogBatchBuilder::default();
        let s = b.stream(&Labels::from_pairs([("a", "b")]));
        for (i, l) in lines.iter().enumerate() {
            b.push(s, i as i64, l, &[]);
        }
        b.finish()
    }

    proptest! {
        #[test]
        fn finds_what_a_plain_loop_finds(lines in proptest::collection::vec("[abé]{0,5}", 1..60), needle in "[abé]{1,3}", not in "[ab]{1,2}", cut in 0usize..60) {
            let batch = batch(&lines);
            let log = parse_log(&format!("{{a=\"b\"}} |= {needle:?} != {not:?}"), &Features::default()).unwrap();
            let pipeline = Pipeline::compile(&log.stages).unwrap();
            let (from, to) = (cut.min(lines.len()) / 2, lines.len());
            let mut got = vec![];
            pipeline.select(&batch, &pipeline.conditions(&batch), 0, from, to, &mut got);
            let want: Vec<u32> = (from..to).filter(|i| lines[*i].contains(&needle) && !lines[*i].contains(&not)).map(|i| i as u32).collect();
            prop_assert_eq!(got, want);
        }
    }
}
