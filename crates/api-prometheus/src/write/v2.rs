//! Remote write 2.0: `io.prometheus.write.v2.Request`, whose texts are references into a table. What is bad is left out and named.

use std::sync::Arc;

use model::{Exemplar, HistogramSample, Labels, Metadata, MetricBatch, MetricKind, Sample, Temporality};

use super::labels::{self, BadLabels, Pairs};
use super::{histogram, v1};
use crate::limits::{MAX_ERROR_LINES, MAX_LABELS, MAX_SYMBOLS, MAX_WRITE_EXEMPLARS, MAX_WRITE_HISTOGRAMS, MAX_WRITE_SAMPLES};
use crate::wire::{BadWire, Fields, Value, room};

/// What a request became: the good rows, and a line for each bad series or sample.
#[derive(Debug, Default)]
pub struct Decoded {
    pub batch: MetricBatch,
    pub errors: Vec<String>,
    /// errors beyond the lines that are kept
    more: usize,
}

impl Decoded {
    fn refuse(&mut self, why: String) {
        if self.errors.len() < MAX_ERROR_LINES { self.errors.push(why) } else { self.more += 1 }
    }
}

/// Reads the (decompressed) message. `latest` is the latest acceptable sample time in Unix milliseconds.
pub fn decode(bytes: &[u8], latest: i64) -> Result<Decoded, BadWire> {
    // The table may stand behind the series, so it is read first.
    let mut symbols: Vec<&[u8]> = vec![];
    for field in Fields(bytes) {
        if let (4, v) = field? {
            room(&symbols, MAX_SYMBOLS)?;
            symbols.push(v.bytes()?);
        }
    }
    let mut reader = Reader { symbols, latest, out: Decoded::default() };
    for field in Fields(bytes) {
        if let (5, v) = field? {
            reader.series(v.bytes()?)?;
        }
    }
    if reader.out.more > 0 {
        let more = format!("{} more errors", reader.out.more);
        reader.out.errors.push(more);
    }
    Ok(reader.out)
}

struct Reader<'a> {
    symbols: Vec<&'a [u8]>,
    latest: i64,
    out: Decoded,
}

impl<'a> Reader<'a> {
    fn series(&mut self, bytes: &'a [u8]) -> Result<(), BadWire> {
        let mut refs: Vec<u64> = Vec::with_capacity(32);
        let (mut rows, mut metadata, mut start) = (0usize, None, 0);
        for field in Fields(bytes) {
            match field? {
                (1, v) => v.varints(|r| push_ref(&mut refs, r))?,
                (2 | 3, _) => rows += 1,
                (5, v) => metadata = Some(v),
                // Senders of early drafts give the start time once per series.
                (6, v) => start = v.int64()?,
                _ => {}
            }
        }
        let Some(labels) = self.labels(&refs, rows) else { return Ok(()) };
        if let Some(m) = metadata {
            self.metadata(&labels, m)?;
        }
        let series = self.out.batch.series.len() as u32;
        self.out.batch.series.push(labels.clone());
        for field in Fields(bytes) {
            match field? {
                (2, v) => self.sample(v, series, start, &labels)?,
                (3, v) => self.histogram(v, series, start, &labels)?,
                (4, v) => self.exemplar(v, series, &labels)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// The label set; `None` after the reason was noted.
    fn labels(&mut self, refs: &[u64], rows: usize) -> Option<Labels> {
        let refuse = |out: &mut Decoded, why: String| {
            out.refuse(why);
            None
        };
        let mut pairs = match self.pairs(refs) {
            Ok(pairs) => pairs,
            Err(why) => return refuse(&mut self.out, format!("parsing labels for series {}: {why}", list(refs))),
        };
        match labels::build(&mut pairs) {
            Ok(_) if rows == 0 => refuse(
                &mut self.out,
                format!("TimeSeries must contain at least one sample or histogram for series {}", labels::show(&pairs)),
            ),
            Ok(labels) => Some(labels),
            Err(BadLabels::Invalid(all)) => refuse(&mut self.out, format!("invalid metric name or labels, got {all}")),
            Err(BadLabels::Twice(name, all)) => {
                refuse(&mut self.out, format!("invalid labels for series, labels {all}, duplicated label {name}"))
            }
        }
    }

    fn pairs(&self, refs: &[u64]) -> Result<Pairs<'a>, String> {
        let (whole, rest) = refs.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(format!("invalid labelRefs length {}", refs.len()));
        }
        let symbol = |r: u64| usize::try_from(r).ok().and_then(|r| self.symbols.get(r)).copied();
        whole
            .iter()
            .enumerate()
            .map(|(i, [name, value])| {
                symbol(*name).zip(symbol(*value)).ok_or_else(|| {
                    let (n, v, size) = (2 * i, 2 * i + 1, self.symbols.len());
                    format!("labelRefs {n} (name) = {name} or {v} (value) = {value} outside of symbols table (size {size})")
                })
            })
            .collect()
    }

    fn sample(&mut self, value: Value<'a>, series: u32, start: i64, labels: &Labels) -> Result<(), BadWire> {
        let mut s = Sample { series, t: 0, v: 0.0, st: start, temporality: Temporality::AsIs };
        for field in Fields(value.bytes()?) {
            match field? {
                (1, v) => s.v = v.double()?,
                (2, v) => s.t = v.int64()?,
                (3, v) => s.st = v.int64()?,
                _ => {}
            }
        }
        room(&self.out.batch.samples, MAX_WRITE_SAMPLES)?;
        if self.in_bounds(s.t, labels) {
            self.out.batch.samples.push(s);
        }
        Ok(())
    }

    fn histogram(&mut self, value: Value<'a>, series: u32, start: i64, labels: &Labels) -> Result<(), BadWire> {
        room(&self.out.batch.histograms, MAX_WRITE_HISTOGRAMS)?;
        let sent = histogram::decode(value.bytes()?)?;
        let (t, st) = (sent.time, if sent.start == 0 { start } else { sent.start });
        match sent.check() {
            Ok(h) if self.in_bounds(t, labels) => {
                self.out.batch.histograms.push(HistogramSample { series, t, st, h: Arc::new(h), temporality: Temporality::AsIs });
            }
            Ok(_) => {}
            Err(why) => self.out.refuse(format!("{why} for series {}", promql::format::labels(labels))),
        }
        Ok(())
    }

    fn in_bounds(&mut self, t: i64, labels: &Labels) -> bool {
        if t > self.latest {
            self.out.refuse(format!("out of bounds for series {}", promql::format::labels(labels)));
        }
        t <= self.latest
    }

    fn exemplar(&mut self, value: Value<'a>, series: u32, labels: &Labels) -> Result<(), BadWire> {
        room(&self.out.batch.exemplars, MAX_WRITE_EXEMPLARS)?;
        let (mut refs, mut v, mut t) = (vec![], 0.0, 0);
        for field in Fields(value.bytes()?) {
            match field? {
                (1, r) => r.varints(|r| push_ref(&mut refs, r))?,
                (2, value) => v = value.double()?,
                (3, value) => t = value.int64()?,
                _ => {}
            }
        }
        match self.pairs(&refs) {
            Ok(pairs) => {
                let found = labels::build_exemplar(&pairs).filter(super::exemplar_fits);
                self.out.batch.exemplars.extend(found.map(|labels| Exemplar { series, t, v, labels }));
            }
            Err(why) => self.out.refuse(format!("parsing exemplar for series {}: {why}", promql::format::labels(labels))),
        }
        Ok(())
    }

    /// Metadata comes with every series; it is kept once per family.
    fn metadata(&mut self, labels: &Labels, value: Value<'a>) -> Result<(), BadWire> {
        let (mut code, mut help, mut unit) = (0, 0, 0);
        for field in Fields(value.bytes()?) {
            match field? {
                (1, v) => code = v.varint()?,
                (3, v) => help = v.varint()?,
                (4, v) => unit = v.varint()?,
                _ => {}
            }
        }
        let text = |r: u64| usize::try_from(r).ok().and_then(|r| self.symbols.get(r)).map_or("".into(), |b| String::from_utf8_lossy(b));
        let (kind, help, unit) = (v1::kind(code), text(help), text(unit));
        let name = family(labels.metric_name().unwrap_or_default(), kind);
        if kind == MetricKind::Unknown && help.is_empty() && unit.is_empty() {
            return Ok(());
        }
        if self.out.batch.metadata.last().is_none_or(|last| &*last.metric != name) {
            let metadata = Metadata { metric: name.into(), kind, help: help.as_ref().into(), unit: unit.as_ref().into() };
            self.out.batch.metadata.push(metadata);
        }
        Ok(())
    }
}

fn push_ref(refs: &mut Vec<u64>, r: u64) -> Result<(), BadWire> {
    room(refs, 2 * MAX_LABELS)?;
    refs.push(r);
    Ok(())
}

/// The name under which a classic histogram's or summary's parts are one family.
fn family(name: &str, kind: MetricKind) -> &str {
    if !matches!(kind, MetricKind::Histogram | MetricKind::GaugeHistogram | MetricKind::Summary) {
        return name;
    }
    ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

/// `[1 2 99]`
fn list(refs: &[u64]) -> String {
    format!("[{}]", refs.iter().map(u64::to_string).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use proto::io::prometheus::write::v2 as pb;

    use super::*;

    fn request(series: Vec<pb::TimeSeries>) -> Decoded {
        let symbols = ["", "__name__", "m", "job", "j", "trace_id", "help"].map(String::from).to_vec();
        decode(&pb::Request { symbols, timeseries: series }.encode_to_vec(), 100).unwrap()
    }

    fn series(refs: &[u32], samples: &[(i64, f64)]) -> pb::TimeSeries {
        let samples = samples.iter().map(|(t, v)| pb::Sample { timestamp: *t, value: *v, start_timestamp: 0 }).collect();
        pb::TimeSeries { labels_refs: refs.to_vec(), samples, ..pb::TimeSeries::default() }
    }

    #[test]
    fn the_good_is_kept_and_the_bad_is_named() {
        let mut with_more = series(&[3, 4, 1, 2], &[(1, 1.5)]);
        with_more.exemplars.push(pb::Exemplar { labels_refs: vec![5, 4], value: 0.5, timestamp: 1 });
        with_more.metadata = Some(pb::Metadata { r#type: 1, help_ref: 6, unit_ref: 0 });
        let d = request(vec![
            with_more,
            series(&[3, 4], &[(1, 1.0)]),
            series(&[1, 2, 3, 4, 3, 4], &[(1, 1.0)]),
            series(&[1, 2], &[]),
            series(&[1, 2, 3], &[(1, 1.0)]),
            series(&[1, 99], &[(1, 1.0)]),
            series(&[1, 2], &[(101, 1.0), (2, 2.0)]),
        ]);
        assert_eq!(
            d.errors,
            [
                r#"invalid metric name or labels, got {job="j"}"#,
                r#"invalid labels for series, labels {__name__="m", job="j", job="j"}, duplicated label job"#,
                r#"TimeSeries must contain at least one sample or histogram for series {__name__="m"}"#,
                "parsing labels for series [1 2 3]: invalid labelRefs length 3",
                "parsing labels for series [1 99]: labelRefs 0 (name) = 1 or 1 (value) = 99 outside of symbols table (size 7)",
                r#"out of bounds for series {__name__="m"}"#,
            ]
        );
        let rows: Vec<_> = d.batch.samples.iter().map(|s| (s.series, s.t, s.v)).collect();
        assert_eq!(rows, [(0, 1, 1.5), (1, 2, 2.0)]);
        assert_eq!((d.batch.exemplars.len(), &*d.batch.metadata[0].metric, &*d.batch.metadata[0].help), (1, "m", "help"));
    }

    #[test]
    fn a_start_time_of_the_series_stands_in() {
        let mut s = series(&[1, 2], &[(50, 1.0), (60, 2.0)]);
        s.created_timestamp = 40;
        s.samples[1].start_timestamp = 55;
        assert_eq!(request(vec![s]).batch.samples.iter().map(|s| s.st).collect::<Vec<_>>(), [40, 55]);
    }

    #[test]
    fn families() {
        assert_eq!(family("a_bucket", MetricKind::Histogram), "a");
        assert_eq!(family("a_count", MetricKind::Counter), "a_count");
    }
}
