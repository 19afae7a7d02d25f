//! /status/tsdb and /status/tsdb/blocks: where the series are.

use model::{Labels, METRIC_NAME};
use query::{LabelQuery, MetricSource};
use rustc_hash::FxHashMap;

use crate::call::{Answer, Call};
use crate::error::ApiError;
use crate::json::{push_key, push_list, push_str};
use crate::limits::{DEFAULT_TSDB_ENTRIES, MAX_TSDB_ENTRIES};
use crate::number::push_int;
use crate::reply::Reply;
use crate::time::{MAX_TIME_MS, MIN_TIME_MS};

/// Counts by name, highest first.
type Table = Vec<(String, u64)>;

/// Cardinality tables over all series.
pub async fn status(call: Call) -> Answer {
    let limit = match call.params.get("limit") {
        "" => DEFAULT_TSDB_ENTRIES,
        text => text.parse::<usize>().ok().filter(|n| *n > 0).ok_or_else(|| ApiError::bad("limit must be a positive number"))?,
    };
    if limit > MAX_TSDB_ENTRIES {
        return Err(ApiError::bad(format!("limit must not exceed {MAX_TSDB_ENTRIES}")));
    }
    call.read(None, move |_, source, budget| {
        let all = LabelQuery { matcher_sets: &[], min_t: MIN_TIME_MS, max_t: MAX_TIME_MS, limit: 0 };
        let series = source.series(&all, budget)?;
        let tables = tables(&series, limit);
        let newest = source.max_time().unwrap_or(0);
        Ok(Reply::write(|out| {
            out.push(b'{');
            push_key(out, "headStats");
            out.push(b'{');
            let numbers = [("numSeries", series.len() as i64), ("numLabelPairs", tables.pairs as i64), ("chunkCount", series.len() as i64)];
            for (key, value) in numbers.into_iter().chain([("minTime", 0), ("maxTime", newest)]) {
                push_key(out, key);
                push_int(out, value);
            }
            out.push(b'}');
            push_table(out, "seriesCountByMetricName", &tables.by_metric);
            push_table(out, "labelValueCountByLabelName", &tables.values_by_label);
            push_table(out, "memoryInBytesByLabelName", &tables.bytes_by_label);
            push_table(out, "seriesCountByLabelValuePair", &tables.by_pair);
            out.push(b'}');
        }))
    })
    .await
}

fn push_table(out: &mut Vec<u8>, key: &str, table: &Table) {
    push_key(out, key);
    push_list(out, table, |out, (name, value)| {
        out.push(b'{');
        push_key(out, "name");
        push_str(out, name);
        push_key(out, "value");
        push_int(out, *value as i64);
        out.push(b'}');
    });
}

struct Tables {
    pairs: usize,
    by_metric: Table,
    values_by_label: Table,
    bytes_by_label: Table,
    by_pair: Table,
}

fn tables(series: &[Labels], limit: usize) -> Tables {
    let mut by_pair: FxHashMap<(&str, &str), u64> = FxHashMap::default();
    let mut bytes: FxHashMap<&str, u64> = FxHashMap::default();
    for (name, value) in series.iter().flat_map(Labels::iter) {
        *by_pair.entry((name, value)).or_default() += 1;
        *bytes.entry(name).or_default() += (name.len() + value.len()) as u64;
    }
    let mut values: FxHashMap<&str, u64> = FxHashMap::default();
    by_pair.keys().for_each(|(name, _)| *values.entry(name).or_default() += 1);
    let by_metric = by_pair.iter().filter(|((name, _), _)| *name == METRIC_NAME).map(|((_, metric), n)| ((*metric).to_owned(), *n));
    Tables {
        pairs: by_pair.len(),
        by_metric: top(by_metric, limit),
        values_by_label: top(values.iter().map(|(k, v)| ((*k).to_owned(), *v)), limit),
        bytes_by_label: top(bytes.iter().map(|(k, v)| ((*k).to_owned(), *v)), limit),
        by_pair: top(by_pair.iter().map(|((n, v), count)| (format!("{n}={v}"), *count)), limit),
    }
}

/// The highest `limit` entries; equals in the order of their names.
fn top(entries: impl Iterator<Item = (String, u64)>, limit: usize) -> Table {
    let mut all: Table = entries.collect();
    all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    all.truncate(limit);
    all
}

/// Blocks on disk in Prometheus' form: there are none, our own blocks are another format.
pub async fn blocks(call: Call) -> Answer {
    call.reply(Reply::json(br#"{"blocks":[]}"#.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counting() {
        let series = [
            Labels::from_pairs([(METRIC_NAME, "m"), ("job", "a")]),
            Labels::from_pairs([(METRIC_NAME, "m"), ("job", "b")]),
            Labels::from_pairs([(METRIC_NAME, "n"), ("job", "b")]),
        ];
        let t = tables(&series, 2);
        let own = |all: &[(&str, u64)]| all.iter().map(|(n, c)| ((*n).to_owned(), *c)).collect::<Table>();
        assert_eq!(t.by_metric, own(&[("m", 2), ("n", 1)]));
        assert_eq!(t.values_by_label, own(&[("__name__", 2), ("job", 2)]));
        assert_eq!(t.by_pair, own(&[("__name__=m", 2), ("job=b", 2)]));
        assert_eq!(t.pairs, 4);
    }
}
