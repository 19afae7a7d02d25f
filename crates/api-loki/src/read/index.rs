//! index/stats, index/volume, index/volume_range, index/shards: how much there is.

use std::fmt::Write;
use std::sync::Arc;

use api::Params;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::Request;
use model::{LogBatch, Matcher};
use query::{Budget, Direction, LogRange, LogSource, QueryError};

use crate::error::ApiError;
use crate::face::{Ask, Face, json_answer, selector};
use crate::json;
use crate::limits::{DEFAULT_VOLUMES, MAX_VOLUMES};
use crate::params::{Bounds, bounds, count, query_text, step};
use crate::stats::Stats;

use super::volume::{Aggregate, Grouping, Volume, add_up, bytes};

const MS: i64 = 1_000_000;

/// /loki/api/v1/index/stats
pub async fn stats(State(face): State<Arc<Face>>, req: Request<Body>) -> Result<Response, ApiError> {
    let ask = Ask::read(&face, req).await?;
    let matchers = selector(query_text(&ask.params)?)?;
    let b = bounds(&ask.params, ask.now)?;
    let all = ask.run(&ask.budget(), move |source, budget| source.stats(&matchers, range(b), budget)).await?;
    let (entries, size): (u64, u64) = all.iter().fold((0, 0), |(n, s), x| (n + x.entries, s + bytes(x)));
    Ok(json_answer(format!(r#"{{"streams":{0},"chunks":{0},"bytes":{size},"entries":{entries}}}"#, all.len())))
}

/// /loki/api/v1/index/shards: one shard, since one process needs no more.
pub async fn shards(State(face): State<Arc<Face>>, req: Request<Body>) -> Result<Response, ApiError> {
    let ask = Ask::read(&face, req).await?;
    if ask.params.given("targetBytesPerShard").is_none() {
        return Err(ApiError::bad("targetBytesPerShard is a required parameter"));
    }
    let matchers = selector(query_text(&ask.params)?)?;
    let b = bounds(&ask.params, ask.now)?;
    let all = ask.run(&ask.budget(), move |source, budget| source.stats(&matchers, range(b), budget)).await?;
    let (entries, size): (u64, u64) = all.iter().fold((0, 0), |(n, s), x| (n + x.entries, s + bytes(x)));
    let stats = format!(r#"{{"streams":{0},"chunks":{0},"bytes":{size},"entries":{entries}}}"#, all.len());
    let whole = format!(r#"{{"bounds":{{"min":0,"max":{}}},"stats":{stats}}}"#, u64::MAX);
    Ok(json_answer(format!(r#"{{"shards":[{whole}],"statistics":{{}}}}"#)))
}

/// /loki/api/v1/index/volume
pub async fn volume(State(face): State<Arc<Face>>, req: Request<Body>) -> Result<Response, ApiError> {
    let ask = Ask::read(&face, req).await?;
    let b = bounds(&ask.params, ask.now)?;
    answer(&ask, b, None).await
}

/// /loki/api/v1/index/volume_range
pub async fn volume_range(State(face): State<Arc<Face>>, req: Request<Body>) -> Result<Response, ApiError> {
    let ask = Ask::read(&face, req).await?;
    let b = bounds(&ask.params, ask.now)?;
    let step = step(&ask.params, b)?;
    answer(&ask, b, Some(step)).await
}

async fn answer(ask: &Ask, b: Bounds, step: Option<i64>) -> Result<Response, ApiError> {
    let matchers = selector(query_text(&ask.params)?)?;
    let limit = count(&ask.params, &["limit"], DEFAULT_VOLUMES)?;
    let grouping = grouping(&ask.params, &matchers)?;
    let budget = ask.budget();
    let buckets = Buckets { bounds: b, step };
    let all = ask
        .run(&budget, move |source, budget| {
            let parts = match step {
                None => source.stats(&matchers, range(b), budget)?.iter().map(|s| (s.labels.clone(), 0, bytes(s))).collect(),
                Some(_) => per_bucket(source, &matchers, &buckets, budget)?,
            };
            let all = add_up(parts.iter().map(|(l, i, n)| (l, *i, *n)), &grouping, limit);
            if all.len() > MAX_VOLUMES {
                return Err(QueryError::Bad(format!("the query hit the max number of series limit (limit: {MAX_VOLUMES} series)")));
            }
            Ok(all)
        })
        .await?;
    let stats = Stats::of(&budget, all.len() as u64, ask.started.elapsed());
    Ok(json_answer(render(&all, &buckets, &stats)))
}

fn grouping(p: &Params, matchers: &[Matcher]) -> Result<Grouping, ApiError> {
    let by = match p.given("aggregateBy") {
        None | Some("series") => Aggregate::Series,
        Some("labels") => Aggregate::Labels,
        Some(_) => return Err(ApiError::bad("invalid aggregation option")),
    };
    Ok(Grouping::new(by, p.get("targetLabels").unwrap_or(""), matchers))
}

/// Both ends of the range count here.
fn range(b: Bounds) -> LogRange {
    LogRange { start: b.start, end: b.end.saturating_add(1) }
}

/// The time range cut at the step's multiples.
#[derive(Debug, Clone, Copy)]
struct Buckets {
    bounds: Bounds,
    step: Option<i64>,
}

impl Buckets {
    fn of(&self, ts: i64) -> usize {
        let Some(step) = self.step else { return 0 };
        // A line at the very end belongs to the last bucket, not to one of its own.
        let ts = ts.min(self.bounds.end.saturating_sub(1)).max(self.bounds.start);
        usize::try_from(ts.div_euclid(step) - self.bounds.start.div_euclid(step)).unwrap_or(0)
    }

    /// A bucket's samples stand 1 ms before its end, those of the last one at the range's end.
    fn stamp(&self, i: usize) -> i64 {
        let Some(step) = self.step else { return self.bounds.end };
        let first = self.bounds.start.div_euclid(step);
        let end = first.saturating_add(i64::try_from(i).unwrap_or(i64::MAX)).saturating_add(1).saturating_mul(step);
        if end >= self.bounds.end { self.bounds.end } else { end.saturating_sub(MS) }
    }
}

type Part = (model::Labels, usize, u64);

fn per_bucket(source: &dyn LogSource, matchers: &[Matcher], buckets: &Buckets, budget: &Budget) -> Result<Vec<Part>, QueryError> {
    let mut sums: rustc_hash::FxHashMap<(model::Labels, usize), u64> = Default::default();
    let range = range(buckets.bounds);
    source.scan(matchers, range, Direction::Forward, budget, &mut |part| {
        for (stream, from, to) in part.runs(range) {
            let labels = &part.batch.streams[stream as usize];
            let mut at = from;
            while at < to {
                let i = buckets.of(part.batch.ts[at]);
                let end = at + part.batch.ts[at..to].partition_point(|t| buckets.of(*t) == i);
                let size: u64 = (at..end).map(|row| row_bytes(&part.batch, row)).sum();
                *sums.entry((labels.clone(), i)).or_insert(0) += size;
                at = end.max(at + 1);
            }
            budget.count_read((to - from) as u64, 0);
        }
        Ok(true)
    })?;
    Ok(sums.into_iter().map(|((l, i), n)| (l, i, n)).collect())
}

fn row_bytes(batch: &LogBatch, row: usize) -> u64 {
    let meta: usize = batch.meta(row).map(|(n, v)| n.len() + v.len()).sum();
    (batch.body.get(row).len() + meta) as u64
}

/// A vector, unless one of the series has several samples.
fn render(all: &[Volume], buckets: &Buckets, stats: &Stats) -> String {
    let matrix = all.iter().any(|v| v.buckets.len() > 1);
    let mut out = String::from("{\"status\":\"success\",\"data\":{\"resultType\":");
    out.push_str(if matrix { "\"matrix\"" } else { "\"vector\"" });
    out.push_str(",\"result\":");
    json::array(&mut out, all, |out, v| {
        out.push_str("{\"metric\":");
        json::object(out, v.labels.iter());
        let sample = |out: &mut String, (i, n): (&usize, &u64)| {
            out.push('[');
            json::seconds(out, buckets.stamp(*i).div_euclid(MS));
            _ = write!(out, ",\"{n}\"]");
        };
        if matrix {
            out.push_str(",\"values\":");
            json::array(out, &v.buckets, sample);
        } else {
            out.push_str(",\"value\":");
            v.buckets.iter().take(1).for_each(|s| sample(out, s));
        }
        out.push('}');
    });
    out.push_str(",\"stats\":");
    stats.write(&mut out);
    out.push_str("}}");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_end_before_the_steps_multiples_and_at_the_end() {
        let s = 1_000 * MS;
        let b = Buckets { bounds: Bounds { start: 1_768_471_200 * s, end: 1_768_473_000 * s }, step: Some(600 * s) };
        let stamps: Vec<i64> = (0..3).map(|i| b.stamp(i) / MS).collect();
        assert_eq!(stamps, [1_768_471_799_999, 1_768_472_399_999, 1_768_473_000_000]);
        assert_eq!((b.of(1_768_471_200 * s), b.of(1_768_471_800 * s), b.of(1_768_473_000 * s)), (0, 1, 2));
        let odd = Buckets { bounds: Bounds { start: 1_768_471_100 * s, end: 1_768_471_900 * s }, step: Some(600 * s) };
        assert_eq!(
            (odd.of(1_768_471_199 * s), odd.of(1_768_471_899 * s), odd.stamp(0) / MS, odd.stamp(2) / MS),
            (0, 2, 1_768_471_199_999, 1_768_471_900_000)
        );
    }
}
