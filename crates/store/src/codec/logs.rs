//! Log batches in bytes.

use model::{LogBatch, StrColumn};

use super::bytes::{Read, Reader, Writer};

pub fn encode(b: &LogBatch, w: &mut Writer) {
    w.num(b.streams.len() as u64);
    b.streams.iter().for_each(|l| w.labels(l));
    w.dict(&b.dict);
    w.num(b.len() as u64);
    w.deltas(b.stream.iter().map(|s| i64::from(*s)));
    w.deltas(b.ts.iter().copied());
    b.body.iter().for_each(|line| w.text(line));
    for row in 0..b.len() {
        let pairs = b.meta_codes(row);
        w.num(pairs.len() as u64);
        w.column(pairs.iter().flat_map(|(n, v)| [u64::from(*n), u64::from(*v)]));
    }
}

pub fn decode(r: &mut Reader<'_>) -> Read<LogBatch> {
    let n = r.count()?;
    let streams = r.many(n, Reader::labels)?;
    let dict = r.dict()?;
    let n = r.count()?;
    let (stream, ts) = (r.owners(n, streams.len())?, r.deltas(n)?);
    if stream.windows(2).zip(ts.windows(2)).any(|(s, t)| s[0] == s[1] && t[0] > t[1]) {
        return Err("times of a stream are not in order".into());
    }
    let mut body = StrColumn::default();
    for _ in 0..n {
        body.push(r.text()?);
    }
    let (mut meta, mut meta_ends) = (vec![], Vec::with_capacity(n));
    for _ in 0..n {
        for _ in 0..r.count()? {
            meta.push((r.index(dict.len())?, r.index(dict.len())?));
        }
        meta_ends.push(meta.len() as u32);
    }
    let (min_ts, max_ts) = (ts.iter().copied().min().unwrap_or(0), ts.iter().copied().max().unwrap_or(0));
    Ok(LogBatch { streams, stream, ts, body, meta_ends, meta, dict, min_ts, max_ts })
}
