//! The protobuf format: length-delimited MetricFamily messages.

use std::sync::Arc;

use model::{BucketSpan, Histogram, Labels, METRIC_NAME, Metadata, MetricKind, ResetHint};
use prost::Message;
use proto::io::prometheus::client as pb;

use crate::cursor::fail;
use crate::limits::MAX_FAMILY_BYTES;
use crate::number::canonical;
use crate::{Page, Row, ScrapeError, ScrapedExemplar, Value};

pub fn parse(mut body: &[u8]) -> Result<Page, ScrapeError> {
    let mut page = Page::default();
    while !body.is_empty() {
        let length =
            prost::decode_length_delimiter(&mut body).map_err(|e| ScrapeError::Parse(format!("invalid length of a metric family: {e}")))?;
        if length > MAX_FAMILY_BYTES || length > body.len() {
            return fail(format!("a metric family of {length} bytes does not fit the page"));
        }
        let (one, rest) = body.split_at(length);
        let family = pb::MetricFamily::decode(one).map_err(|e| ScrapeError::Parse(format!("invalid metric family: {e}")))?;
        body = rest;
        take(&family, &mut page)?;
    }
    Ok(page)
}

fn take(f: &pb::MetricFamily, page: &mut Page) -> Result<(), ScrapeError> {
    if f.name.is_empty() {
        return fail("metric family without a name");
    }
    let kind = match f.r#type() {
        pb::MetricType::Counter => MetricKind::Counter,
        pb::MetricType::Gauge => MetricKind::Gauge,
        pb::MetricType::Summary => MetricKind::Summary,
        pb::MetricType::Untyped => MetricKind::Unknown,
        pb::MetricType::Histogram => MetricKind::Histogram,
        pb::MetricType::GaugeHistogram => MetricKind::GaugeHistogram,
    };
    page.metadata.push(Metadata { metric: f.name.as_str().into(), kind, help: f.help.as_str().into(), unit: f.unit.as_str().into() });
    for m in &f.metric {
        let timestamp = (m.timestamp_ms != 0).then_some(m.timestamp_ms);
        let mut out = Rows { page, metric: m, name: &f.name, timestamp, start: 0 };
        match kind {
            MetricKind::Counter => {
                let c = m.counter.clone().unwrap_or_default();
                out.start = start_ms(c.created_timestamp.as_ref());
                out.float("", None, c.value, c.exemplar.as_ref())?;
            }
            MetricKind::Gauge => out.float("", None, m.gauge.unwrap_or_default().value, None)?,
            MetricKind::Summary => out.summary(&m.summary.clone().unwrap_or_default())?,
            MetricKind::Histogram | MetricKind::GaugeHistogram => {
                out.histogram(&m.histogram.clone().unwrap_or_default(), kind == MetricKind::GaugeHistogram)?;
            }
            _ => out.float("", None, m.untyped.unwrap_or_default().value, None)?,
        }
    }
    Ok(())
}

/// Adds the rows of one metric.
struct Rows<'a> {
    page: &'a mut Page,
    metric: &'a pb::Metric,
    name: &'a str,
    timestamp: Option<i64>,
    start: i64,
}

impl Rows<'_> {
    fn labels(&self, suffix: &str, extra: Option<(&str, String)>) -> Result<Labels, ScrapeError> {
        let own = self.metric.label.iter().map(|l| (l.name.clone(), l.value.clone()));
        let more = [(METRIC_NAME.to_owned(), format!("{}{suffix}", self.name))].into_iter().chain(extra.map(|(n, v)| (n.to_owned(), v)));
        let mut pairs: Vec<(String, String)> = own.chain(more).collect();
        pairs.sort();
        if let Some(w) = pairs.windows(2).find(|w| w[0].0 == w[1].0) {
            return Err(ScrapeError::Sample(format!("label name {:?} is not unique: invalid sample", w[0].0)));
        }
        Ok(Labels::from_sorted(pairs.iter().filter(|(_, v)| !v.is_empty()).map(|(n, v)| (n.as_str(), v.as_str()))))
    }

    fn float(&mut self, suffix: &str, extra: Option<(&str, String)>, v: f64, exemplar: Option<&pb::Exemplar>) -> Result<(), ScrapeError> {
        let labels = self.labels(suffix, extra)?;
        let exemplars = exemplar.map(exemplar_of).into_iter().collect();
        self.page.rows.push(Row { labels, value: Value::Float(v), timestamp: self.timestamp, start: self.start, exemplars });
        Ok(())
    }

    fn summary(&mut self, s: &pb::Summary) -> Result<(), ScrapeError> {
        self.start = start_ms(s.created_timestamp.as_ref());
        for q in &s.quantile {
            self.float("", Some(("quantile", canonical(q.quantile))), q.value, None)?;
        }
        self.float("_sum", None, s.sample_sum, None)?;
        self.float("_count", None, s.sample_count as f64, None)
    }

    /// A native histogram where it has native parts, else the classic series.
    fn histogram(&mut self, h: &pb::Histogram, gauge: bool) -> Result<(), ScrapeError> {
        self.start = start_ms(h.created_timestamp.as_ref());
        let native = !h.positive_span.is_empty()
            || !h.negative_span.is_empty()
            || h.zero_threshold > 0.0
            || h.zero_count > 0
            || h.zero_count_float > 0.0;
        if native {
            let labels = self.labels("", None)?;
            let exemplars = h.exemplars.iter().chain(h.bucket.iter().filter_map(|b| b.exemplar.as_ref())).map(exemplar_of).collect();
            let value = Value::Histogram(Arc::new(native_histogram(h, gauge)?));
            self.page.rows.push(Row { labels, value, timestamp: self.timestamp, start: self.start, exemplars });
            return Ok(());
        }
        let count = if h.sample_count_float > 0.0 { h.sample_count_float } else { h.sample_count as f64 };
        let mut infinite = false;
        for b in &h.bucket {
            let n = if b.cumulative_count_float > 0.0 { b.cumulative_count_float } else { b.cumulative_count as f64 };
            infinite |= b.upper_bound == f64::INFINITY;
            self.float("_bucket", Some(("le", canonical(b.upper_bound))), n, b.exemplar.as_ref())?;
        }
        if !infinite {
            self.float("_bucket", Some(("le", "+Inf".to_owned())), count, None)?;
        }
        self.float("_sum", None, h.sample_sum, None)?;
        self.float("_count", None, count, None)
    }
}

fn native_histogram(h: &pb::Histogram, gauge: bool) -> Result<Histogram, ScrapeError> {
    let spans = |all: &[pb::BucketSpan]| all.iter().map(|s| BucketSpan { offset: s.offset, length: s.length }).collect::<Vec<_>>();
    // Float counts are absolute, integer counts are deltas from bucket to bucket.
    let buckets = |counts: &[f64], deltas: &[i64]| {
        if !counts.is_empty() {
            return counts.to_vec();
        }
        let mut at = 0i64;
        deltas
            .iter()
            .map(|d| {
                at = at.wrapping_add(*d);
                at as f64
            })
            .collect()
    };
    let or = |float: f64, int: u64| if float > 0.0 { float } else { int as f64 };
    let out = Histogram {
        reset_hint: if gauge { ResetHint::Gauge } else { ResetHint::Unknown },
        schema: h.schema,
        zero_threshold: h.zero_threshold,
        zero_count: or(h.zero_count_float, h.zero_count),
        count: or(h.sample_count_float, h.sample_count),
        sum: h.sample_sum,
        positive_spans: spans(&h.positive_span),
        negative_spans: spans(&h.negative_span),
        positive_buckets: buckets(&h.positive_count, &h.positive_delta),
        negative_buckets: buckets(&h.negative_count, &h.negative_delta),
        custom_values: vec![],
    };
    if !(-4..=8).contains(&out.schema) {
        return Err(ScrapeError::Sample(format!("histogram schema {} is not between -4 and 8", out.schema)));
    }
    let fits = |spans: &[BucketSpan], n: usize| spans.iter().map(|s| u64::from(s.length)).sum::<u64>() == n as u64;
    if !fits(&out.positive_spans, out.positive_buckets.len()) || !fits(&out.negative_spans, out.negative_buckets.len()) {
        return Err(ScrapeError::Sample("histogram spans and buckets do not match".to_owned()));
    }
    Ok(out)
}

fn exemplar_of(e: &pb::Exemplar) -> ScrapedExemplar {
    ScrapedExemplar {
        labels: Labels::from_pairs(e.label.iter().map(|l| (l.name.as_str(), l.value.as_str()))),
        value: e.value,
        timestamp: e.timestamp.as_ref().map(millis),
    }
}

fn start_ms(t: Option<&prost_types::Timestamp>) -> i64 {
    t.map_or(0, millis)
}

fn millis(t: &prost_types::Timestamp) -> i64 {
    t.seconds.saturating_mul(1000).saturating_add(i64::from(t.nanos) / 1_000_000)
}
