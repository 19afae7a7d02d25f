//! From plain bytes to the store: decode, append, count, and say what was not kept.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use api::{Backend, Outcome, Transport};
use bytes::Bytes;
use model::{Batch, Tenant};
use otlp::{Encoding, Signal};
use store::{Appended, Raw, Reason, Write};

use crate::failure::{Failure, Kind};
use crate::limits::INLINE_DECODE_BYTES;

/// What both protocols share. Cheap to clone.
#[derive(Clone)]
pub struct Receiver {
    pub backend: Arc<Backend>,
    /// bytes of all request bodies held at the moment
    pub in_flight: Arc<AtomicUsize>,
}

/// One request, ready to be decoded.
pub struct Request {
    pub signal: Signal,
    pub encoding: Encoding,
    pub transport: Transport,
    pub tenant: Tenant,
    pub bytes: Bytes,
}

/// The content of `partial_success`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Taken {
    pub rejected: u64,
    pub message: String,
}

/// A decoded request of any signal.
struct Decoded {
    batch: Batch,
    items: u64,
    rejected: u64,
    message: String,
}

impl Receiver {
    pub fn new(backend: Arc<Backend>) -> Receiver {
        Receiver { backend, in_flight: Arc::default() }
    }

    /// Answers once what was good is stored and visible.
    pub async fn take(&self, request: Request) -> Result<Taken, Failure> {
        let received_ns = self.backend.now_ns();
        let decoded = self.decode(&request, received_ns).await?;
        let count = |outcome, items| self.backend.metrics.received(counted_as(request.signal), request.transport, outcome, items);
        count(Outcome::Refused, decoded.rejected);
        let mut taken = Taken { rejected: decoded.rejected, message: decoded.message };
        if decoded.items == 0 {
            return Ok(taken);
        }
        let raw = Raw::Encoded { signal: stored_as(request.signal), encoding: encoded_as(request.encoding), bytes: request.bytes };
        let write = Write { tenant: request.tenant, batch: decoded.batch, raw, received_ns };
        match self.backend.ingest.write(write).await {
            Ok(appended) => {
                let refused = taken.add(&appended).min(decoded.items);
                count(Outcome::Accepted, decoded.items - refused);
                count(Outcome::Refused, refused);
                taken.rejected += refused;
                Ok(taken)
            }
            Err(e) => {
                count(Outcome::Refused, decoded.items);
                Err(e.into())
            }
        }
    }

    /// Long requests are decoded on a thread of their own, so that others are not held up.
    async fn decode(&self, request: &Request, received_ns: u64) -> Result<Decoded, Failure> {
        let (signal, encoding, options) = (request.signal, request.encoding, self.backend.otlp.clone());
        let decoded = if request.bytes.len() <= INLINE_DECODE_BYTES {
            decode(&request.bytes, signal, encoding, &options, received_ns)
        } else {
            let bytes = request.bytes.clone();
            let task = tokio::task::spawn_blocking(move || decode(&bytes, signal, encoding, &options, received_ns));
            task.await.map_err(|e| Failure::busy(format!("decoding was interrupted: {e}")))?
        };
        decoded.map_err(|e| Failure::new(Kind::Bad, e.to_string()))
    }
}

impl Taken {
    /// Adds what the store refused; gives the number of refused rows that were items.
    fn add(&mut self, appended: &Appended) -> u64 {
        let mut refused = 0;
        for r in &appended.rejected {
            // Exemplars are no items, they only ride on one.
            if r.reason != Reason::ExemplarOutOfOrder {
                refused += r.count;
            }
            let separator = if self.message.is_empty() { "" } else { "; " };
            self.message.push_str(&format!("{separator}{} ({} times), e.g. {}", r.reason.as_str(), r.count, r.example));
        }
        refused
    }
}

fn decode(
    bytes: &[u8],
    signal: Signal,
    encoding: Encoding,
    options: &otlp::Options,
    received_ns: u64,
) -> Result<Decoded, otlp::DecodeError> {
    fn of<B>(d: otlp::Decoded<B>, batch: impl FnOnce(B) -> Batch) -> Decoded {
        Decoded { batch: batch(d.batch), items: d.items, rejected: d.rejected, message: d.message }
    }
    Ok(match signal {
        Signal::Metrics => of(otlp::decode_metrics(bytes, encoding, options, received_ns)?, Batch::Metrics),
        Signal::Logs => of(otlp::decode_logs(bytes, encoding, options, received_ns)?, |b| Batch::Logs(b.into())),
        Signal::Traces => of(otlp::decode_traces(bytes, encoding, options, received_ns)?, |b| Batch::Spans(b.into())),
    })
}

fn stored_as(signal: Signal) -> store::Signal {
    match signal {
        Signal::Metrics => store::Signal::Metrics,
        Signal::Logs => store::Signal::Logs,
        Signal::Traces => store::Signal::Traces,
    }
}

fn encoded_as(encoding: Encoding) -> store::Encoding {
    match encoding {
        Encoding::Proto => store::Encoding::OtlpProto,
        Encoding::Json => store::Encoding::OtlpJson,
    }
}

fn counted_as(signal: Signal) -> api::Signal {
    match signal {
        Signal::Metrics => api::Signal::MetricPoints,
        Signal::Logs => api::Signal::LogRecords,
        Signal::Traces => api::Signal::Spans,
    }
}
