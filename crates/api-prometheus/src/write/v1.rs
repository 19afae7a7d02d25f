//! Remote write 1.0: `prometheus.WriteRequest` straight into a batch. Series that are no series are skipped, one bad sample refuses all.

use std::sync::Arc;

use model::{Exemplar, HistogramSample, Metadata, MetricBatch, MetricKind, Sample, Temporality};

use super::histogram;
use super::labels::{self, Pairs};
use crate::limits::{MAX_LABELS, MAX_WRITE_EXEMPLARS, MAX_WRITE_HISTOGRAMS, MAX_WRITE_SAMPLES};
use crate::wire::{BadWire, Fields, Value, room};

/// What a request became.
#[derive(Debug, Default)]
pub struct Decoded {
    pub batch: MetricBatch,
    /// samples of series that were skipped because their labels are unusable
    pub skipped: u64,
}

/// Reads the (decompressed) message. `latest` is the latest acceptable sample time in Unix milliseconds.
pub fn decode(bytes: &[u8], latest: i64) -> Result<Decoded, String> {
    let mut decoded = Decoded::default();
    for field in Fields(bytes) {
        match field.map_err(text)? {
            (1, v) => series(v.bytes().map_err(text)?, latest, &mut decoded)?,
            (3, v) => decoded.batch.metadata.extend(metadata(v.bytes().map_err(text)?).map_err(text)?),
            _ => {}
        }
    }
    Ok(decoded)
}

fn text(e: BadWire) -> String {
    e.to_string()
}

fn series(bytes: &[u8], latest: i64, out: &mut Decoded) -> Result<(), String> {
    let mut pairs: Pairs<'_> = Vec::with_capacity(16);
    let batch = &mut out.batch;
    let (samples, histograms, exemplars) = (batch.samples.len(), batch.histograms.len(), batch.exemplars.len());
    let series = batch.series.len() as u32;
    for field in Fields(bytes) {
        let (number, value) = field.map_err(text)?;
        match number {
            1 => {
                room(&pairs, MAX_LABELS).map_err(text)?;
                pairs.push(pair(value).map_err(text)?);
            }
            2 => {
                room(&batch.samples, MAX_WRITE_SAMPLES).map_err(text)?;
                batch.samples.push(sample(value, series).map_err(text)?);
            }
            3 => {
                room(&batch.exemplars, MAX_WRITE_EXEMPLARS).map_err(text)?;
                batch.exemplars.extend(exemplar(value, series).map_err(text)?);
            }
            4 => {
                room(&batch.histograms, MAX_WRITE_HISTOGRAMS).map_err(text)?;
                let sent = histogram::decode(value.bytes().map_err(text)?).map_err(text)?;
                let (t, st) = (sent.time, sent.start);
                let h = Arc::new(sent.check()?);
                batch.histograms.push(HistogramSample { series, t, st, h, temporality: Temporality::AsIs });
            }
            _ => {}
        }
    }
    match labels::build(&mut pairs) {
        Ok(labels) => batch.series.push(labels),
        Err(_) => {
            out.skipped += (batch.samples.len() - samples + batch.histograms.len() - histograms) as u64;
            batch.samples.truncate(samples);
            batch.histograms.truncate(histograms);
            batch.exemplars.truncate(exemplars);
            return Ok(());
        }
    }
    let times = batch.samples[samples..].iter().map(|s| s.t).chain(batch.histograms[histograms..].iter().map(|h| h.t));
    if times.max().is_some_and(|t| t > latest) {
        return Err("out of bounds".into());
    }
    Ok(())
}

/// A label: name and value as they stand.
pub fn pair<'a>(value: Value<'a>) -> Result<(&'a [u8], &'a [u8]), BadWire> {
    let (mut name, mut text) = (&[][..], &[][..]);
    for field in Fields(value.bytes()?) {
        match field? {
            (1, v) => name = v.bytes()?,
            (2, v) => text = v.bytes()?,
            _ => {}
        }
    }
    Ok((name, text))
}

fn sample(value: Value<'_>, series: u32) -> Result<Sample, BadWire> {
    let mut s = Sample { series, t: 0, v: 0.0, st: 0, temporality: Temporality::AsIs };
    for field in Fields(value.bytes()?) {
        match field? {
            (1, v) => s.v = v.double()?,
            (2, v) => s.t = v.int64()?,
            _ => {}
        }
    }
    Ok(s)
}

fn exemplar(value: Value<'_>, series: u32) -> Result<Option<Exemplar>, BadWire> {
    let (mut pairs, mut v, mut t) = (vec![], 0.0, 0);
    for field in Fields(value.bytes()?) {
        match field? {
            (1, label) => {
                room(&pairs, MAX_LABELS)?;
                pairs.push(pair(label)?);
            }
            (2, value) => v = value.double()?,
            (3, value) => t = value.int64()?,
            _ => {}
        }
    }
    Ok(labels::build_exemplar(&pairs).filter(super::exemplar_fits).map(|labels| Exemplar { series, t, v, labels }))
}

/// `None` for families without a name.
fn metadata(bytes: &[u8]) -> Result<Option<Metadata>, BadWire> {
    let (mut code, mut name, mut help, mut unit) = (0, &[][..], &[][..], &[][..]);
    for field in Fields(bytes) {
        match field? {
            (1, v) => code = v.varint()?,
            (2, v) => name = v.bytes()?,
            (4, v) => help = v.bytes()?,
            (5, v) => unit = v.bytes()?,
            _ => {}
        }
    }
    let text = |b: &[u8]| String::from_utf8_lossy(b).as_ref().into();
    Ok((!name.is_empty()).then(|| Metadata { metric: text(name), kind: kind(code), help: text(help), unit: text(unit) }))
}

/// The metric type of either version's enumeration.
pub fn kind(code: u64) -> MetricKind {
    match code {
        1 => MetricKind::Counter,
        2 => MetricKind::Gauge,
        3 => MetricKind::Histogram,
        4 => MetricKind::GaugeHistogram,
        5 => MetricKind::Summary,
        6 => MetricKind::Info,
        7 => MetricKind::StateSet,
        _ => MetricKind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use proto::prometheus as pb;

    use super::*;

    fn series(labels: &[(&str, &str)], samples: &[(i64, f64)]) -> pb::TimeSeries {
        pb::TimeSeries {
            labels: labels.iter().map(|(n, v)| pb::Label { name: (*n).into(), value: (*v).into() }).collect(),
            samples: samples.iter().map(|(t, v)| pb::Sample { timestamp: *t, value: *v }).collect(),
            ..pb::TimeSeries::default()
        }
    }

    #[test]
    fn a_request_becomes_a_batch() {
        let mut first = series(&[("job", "j"), ("__name__", "m")], &[(1, 1.5), (2, -2.5)]);
        first.exemplars.push(pb::Exemplar {
            labels: vec![pb::Label { name: "trace_id".into(), value: "t".into() }],
            value: 0.5,
            timestamp: 1,
        });
        let request = pb::WriteRequest {
            timeseries: vec![first, series(&[("job", "nameless")], &[(1, 1.0)]), series(&[("__name__", "n")], &[(3, 4.0)])],
            metadata: vec![pb::MetricMetadata { r#type: 1, metric_family_name: "m".into(), help: "h".into(), unit: "u".into() }],
        };
        let d = decode(&request.encode_to_vec(), 100).unwrap();
        let shown: Vec<String> = d.batch.series.iter().map(|l| l.to_string()).collect();
        assert_eq!(shown, [r#"{__name__="m", job="j"}"#, r#"{__name__="n"}"#]);
        let rows: Vec<_> = d.batch.samples.iter().map(|s| (s.series, s.t, s.v)).collect();
        assert_eq!(rows, [(0, 1, 1.5), (0, 2, -2.5), (1, 3, 4.0)]);
        assert_eq!((d.skipped, d.batch.exemplars.len(), d.batch.metadata[0].kind), (1, 1, MetricKind::Counter));
    }

    #[test]
    fn refusals() {
        let late = pb::WriteRequest { timeseries: vec![series(&[("__name__", "m")], &[(101, 1.0)])], metadata: vec![] };
        assert_eq!(decode(&late.encode_to_vec(), 100).unwrap_err(), "out of bounds");
        assert_eq!(decode(&[0x0a, 5, 1], 100).unwrap_err(), "proto: unexpected EOF");
    }
}
