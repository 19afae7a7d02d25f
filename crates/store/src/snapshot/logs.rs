//! `LogSource` of a snapshot.

use model::{Labels, LogBatch, Matcher};
use query::{Budget, Direction, LogPart, LogRange, LogSource, QueryError, StreamStats};

use super::Snapshot;
use super::tagging::{tag_batch, tag_labels};
use crate::logs::sort_for;

impl LogSource for Snapshot {
    fn scan(
        &self,
        matchers: &[Matcher],
        range: LogRange,
        direction: Direction,
        budget: &Budget,
        each: &mut dyn FnMut(&LogPart) -> Result<bool, QueryError>,
    ) -> Result<(), QueryError> {
        let asked = self.asked(&[matchers.to_vec()]);
        if let ([one], false) = (&asked[..], self.tagged) {
            return one.view.logs.scan(matchers, range, direction, budget, each);
        }
        let mut parts: Vec<(Option<&str>, LogPart)> = vec![];
        for a in &asked {
            for set in &a.sets {
                parts.extend(a.view.logs.select(set, range, direction).into_iter().map(|p| (a.tag, p)));
            }
        }
        fn batch<'p>(p: &'p (Option<&str>, LogPart)) -> &'p LogBatch {
            &p.1.batch
        }
        sort_for(&mut parts, direction, batch);
        for (tag, mut part) in parts {
            budget.check()?;
            if let Some(tenant) = tag {
                part.batch = tag_batch(&part.batch, tenant);
            }
            if !each(&part)? {
                break;
            }
        }
        Ok(())
    }

    fn streams(&self, matcher_sets: &[Vec<Matcher>], range: LogRange, budget: &Budget) -> Result<Vec<Labels>, QueryError> {
        let mut out = vec![];
        for a in self.asked(matcher_sets) {
            let found = a.view.logs.streams(&a.sets, range, budget)?;
            out.extend(found.into_iter().map(|l| a.tag.map_or(l.clone(), |t| tag_labels(&l, t))));
        }
        out.sort();
        out.dedup();
        Ok(out)
    }

    fn stats(&self, matchers: &[Matcher], range: LogRange, budget: &Budget) -> Result<Vec<StreamStats>, QueryError> {
        let mut out = vec![];
        for a in self.asked(&[matchers.to_vec()]) {
            for set in &a.sets {
                for mut s in a.view.logs.stats(set, range, budget)? {
                    if let Some(t) = a.tag {
                        s.labels = tag_labels(&s.labels, t);
                    }
                    out.push(s);
                }
            }
        }
        out.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(out)
    }
}
