//! POST /api/v1/read: raw samples of the selected series, as one message or as a stream of chunk frames.

mod bits;
mod chunks;

use std::sync::Arc;

use api::Backend;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{Request, StatusCode, header};
use model::{Histogram, MatchOp, Matcher, ResetHint};
use prost::Message;
use proto::prometheus as pb;
use query::{Budget, MetricSource, QueryError, Selector, Series, SeriesBuf};
use store::Snapshot;

use crate::error::{self, ApiError, Kind};
use crate::limits::{MAX_READ_SAMPLES, READ_FRAME_BYTES};
use crate::reply::{Encoded, Render};
use crate::write::{body, unsnappy};

const STREAMED: &str = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";

/// Answers a remote-read request.
pub async fn read(backend: Arc<Backend>, request: Request<Body>) -> Response {
    let tenants = match api::read_tenants(request.headers()) {
        Ok(tenants) => tenants,
        Err(e) => return error::text(StatusCode::BAD_REQUEST, &e.to_string()),
    };
    let message = match body(request.into_body()).await.and_then(|b| unsnappy(&b)) {
        Ok(bytes) => pb::ReadRequest::decode(&bytes[..]).map_err(|e| (StatusCode::BAD_REQUEST, e.to_string())),
        Err(e) => Err(e),
    };
    let message = match message {
        Ok(message) => message,
        Err((status, why)) => return error::text(status, &why),
    };
    // The first form in the client's list that is known here; none at all means samples.
    let streamed = message.accepted_response_types.iter().find_map(|t| pb::read_request::ResponseType::try_from(*t).ok());
    let streamed = streamed == Some(pb::read_request::ResponseType::StreamedXorChunks);
    let budget = backend.budget(None);
    let snapshot = backend.snapshot(&tenants);
    let answer = backend.queries.run(&budget, move |budget| {
        let selected = message.queries.iter().map(|q| select(q, &snapshot, budget)).collect::<Result<Vec<_>, _>>()?;
        Ok(if streamed {
            Answer::Stream(Box::new(Encoded::new(Frames::new(selected), false)))
        } else {
            Answer::Whole(samples(&selected, budget)?)
        })
    });
    match answer.await {
        Ok(Answer::Whole(bytes)) => {
            ([(header::CONTENT_TYPE, "application/x-protobuf"), (header::CONTENT_ENCODING, "snappy")], bytes).into_response()
        }
        Ok(Answer::Stream(frames)) => frames.respond(STREAMED),
        Err(e) => {
            let e = ApiError::from(e);
            let status = if e.kind == Kind::BadData { StatusCode::BAD_REQUEST } else { StatusCode::INTERNAL_SERVER_ERROR };
            error::text(status, &e.message)
        }
    }
}

enum Answer {
    Whole(Vec<u8>),
    Stream(Box<Encoded>),
}

/// The series of one query and the range that is wanted of them.
struct Selected {
    series: Vec<Arc<dyn Series>>,
    min_t: i64,
    max_t: i64,
}

fn select(query: &pb::Query, source: &Snapshot, budget: &Budget) -> Result<Selected, QueryError> {
    let matchers = query
        .matchers
        .iter()
        .map(|m| {
            let op = match pb::label_matcher::Type::try_from(m.r#type) {
                Ok(pb::label_matcher::Type::Eq) => MatchOp::Eq,
                Ok(pb::label_matcher::Type::Neq) => MatchOp::Ne,
                Ok(pb::label_matcher::Type::Re) => MatchOp::Re,
                Ok(pb::label_matcher::Type::Nre) => MatchOp::Nre,
                Err(_) => return Err(QueryError::Bad("invalid matcher type".into())),
            };
            Matcher::new(op, m.name.clone(), m.value.clone()).map_err(|e| QueryError::Bad(e.to_string()))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let (min_t, max_t) = (query.start_timestamp_ms, query.end_timestamp_ms);
    Ok(Selected { series: source.select(&Selector { matchers: &matchers, min_t, max_t }, budget)?, min_t, max_t })
}

fn labels(series: &dyn Series) -> Vec<pb::Label> {
    series.labels().iter().map(|(n, v)| pb::Label { name: n.into(), value: v.into() }).collect()
}

fn samples(selected: &[Selected], budget: &Budget) -> Result<Vec<u8>, QueryError> {
    let (mut response, mut buffer, mut total) = (pb::ReadResponse::default(), SeriesBuf::default(), 0u64);
    for one in selected {
        let mut result = pb::QueryResult::default();
        for series in &one.series {
            budget.check()?;
            buffer.clear();
            series.read(one.min_t, one.max_t, &mut buffer)?;
            total += buffer.len() as u64;
            if total > MAX_READ_SAMPLES {
                return Err(QueryError::Bad(format!("exceeded sample limit ({MAX_READ_SAMPLES}); ask for streamed chunks")));
            }
            if buffer.is_empty() {
                continue;
            }
            result.timeseries.push(pb::TimeSeries {
                labels: labels(&**series),
                samples: buffer.ts.iter().zip(&buffer.vals).map(|(t, v)| pb::Sample { value: *v, timestamp: *t }).collect(),
                histograms: buffer.hist_ts.iter().zip(&buffer.hists).map(|(t, h)| histogram(*t, h)).collect(),
                exemplars: vec![],
            });
        }
        response.results.push(result);
    }
    let bytes = response.encode_to_vec();
    snap::raw::Encoder::new().compress_vec(&bytes).map_err(|e| QueryError::Storage(e.to_string()))
}

fn histogram(t: i64, h: &Histogram) -> pb::Histogram {
    let spans = |all: &[model::BucketSpan]| all.iter().map(|s| pb::BucketSpan { offset: s.offset, length: s.length }).collect();
    pb::Histogram {
        count: Some(pb::histogram::Count::CountFloat(h.count)),
        zero_count: Some(pb::histogram::ZeroCount::ZeroCountFloat(h.zero_count)),
        sum: h.sum,
        schema: h.schema,
        zero_threshold: h.zero_threshold,
        negative_spans: spans(&h.negative_spans),
        negative_counts: h.negative_buckets.clone(),
        positive_spans: spans(&h.positive_spans),
        positive_counts: h.positive_buckets.clone(),
        reset_hint: match h.reset_hint {
            ResetHint::Unknown => 0,
            ResetHint::Reset => 1,
            ResetHint::NotReset => 2,
            ResetHint::Gauge => 3,
        },
        timestamp: t,
        custom_values: h.custom_values.clone(),
        ..pb::Histogram::default()
    }
}

/// The streamed form: a frame holds chunks of one series, at most about `READ_FRAME_BYTES`.
struct Frames {
    left: std::vec::IntoIter<(i64, Selected)>,
    current: Option<(i64, Selected, usize)>,
    buffer: SeriesBuf,
}

impl Frames {
    fn new(selected: Vec<Selected>) -> Frames {
        let numbered: Vec<(i64, Selected)> = (0..).zip(selected).collect();
        Frames { left: numbered.into_iter(), current: None, buffer: SeriesBuf::default() }
    }

    /// The next series with its query's number.
    fn series(&mut self) -> Option<(i64, Arc<dyn Series>, i64, i64)> {
        loop {
            if let Some((number, selected, next)) = &mut self.current
                && let Some(series) = selected.series.get(*next)
            {
                *next += 1;
                return Some((*number, series.clone(), selected.min_t, selected.max_t));
            }
            let (number, selected) = self.left.next()?;
            self.current = Some((number, selected, 0));
        }
    }
}

impl Render for Frames {
    fn next(&mut self, out: &mut Vec<u8>) -> bool {
        let Some((query_index, series, min_t, max_t)) = self.series() else { return false };
        self.buffer.clear();
        if let Err(e) = series.read(min_t, max_t, &mut self.buffer) {
            // The status is sent already: a stream that ends early is all that can be said.
            tracing::error!(error = %e, "remote read: a series could not be read, the answer is cut short");
            self.left = vec![].into_iter();
            self.current = None;
            return false;
        }
        let mut all = vec![];
        chunks::floats(&self.buffer.ts, &self.buffer.vals, &mut all);
        chunks::histograms(&self.buffer.hist_ts, &self.buffer.hists, &mut all);
        all.sort_by_key(|c| c.min_time_ms);
        let mut frame = pb::ChunkedReadResponse { chunked_series: vec![], query_index };
        let (mut bytes, mut held) = (0, vec![]);
        for chunk in all {
            bytes += chunk.data.len();
            held.push(chunk);
            if bytes >= READ_FRAME_BYTES {
                frame.chunked_series = vec![pb::ChunkedSeries { labels: labels(&*series), chunks: std::mem::take(&mut held) }];
                push_frame(out, &frame);
                bytes = 0;
            }
        }
        if !held.is_empty() {
            frame.chunked_series = vec![pb::ChunkedSeries { labels: labels(&*series), chunks: held }];
            push_frame(out, &frame);
        }
        true
    }
}

/// Length, CRC-32C (big-endian), message.
fn push_frame(out: &mut Vec<u8>, frame: &pb::ChunkedReadResponse) {
    let bytes = frame.encode_to_vec();
    prost::encoding::encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
    out.extend_from_slice(&bytes);
}
