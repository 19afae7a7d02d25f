//! Writes as log records and back: which numbers stand for which signal and encoding.

use std::sync::Arc;

use model::{Batch, MatchOp, Matcher, Tenant};
use wal::{Payload, Record};

use crate::codec::{self, Reader, Writer};
use crate::queue::Pending;
use crate::write::{Decode, Encoding, Raw, Signal, Write};

/// `Record::signal` of a record that is no write.
const CONTROL: u8 = 255;
const DROP_TENANT: u8 = 1;
const END_OF_CHECKPOINT: u8 = 2;
const DELETE_METRICS: u8 = 3;

pub const NATIVE: u8 = 0;
const OTLP_PROTO: u8 = 1;
const OTLP_JSON: u8 = 2;

/// A record understood.
pub enum Entry {
    Write(Tenant, Batch),
    DropTenant(Tenant),
    DeleteMetrics(Tenant, Deletion),
    EndOfCheckpoint,
}

/// Samples to delete: of the series that satisfy one of the sets, in [min_t, max_t] (Unix milliseconds).
pub struct Deletion {
    pub sets: Vec<Vec<Matcher>>,
    pub min_t: i64,
    pub max_t: i64,
}

const OPS: [MatchOp; 4] = [MatchOp::Eq, MatchOp::Ne, MatchOp::Re, MatchOp::Nre];

impl Deletion {
    fn encode(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.signed(self.min_t);
        w.signed(self.max_t);
        w.num(self.sets.len() as u64);
        for set in &self.sets {
            w.num(set.len() as u64);
            for m in set {
                w.byte(OPS.iter().position(|op| *op == m.op).unwrap_or(0) as u8);
                w.text(&m.name);
                w.text(&m.value);
            }
        }
        w.finish()
    }

    fn decode(bytes: &[u8]) -> Result<Deletion, String> {
        let mut r = Reader::new(bytes);
        let (min_t, max_t, n) = (r.signed()?, r.signed()?, r.count()?);
        let sets = r.many(n, |r| {
            let n = r.count()?;
            r.many(n, |r| {
                let op = *OPS.get(r.byte()? as usize).ok_or("unknown matcher")?;
                Matcher::new(op, r.text()?, r.text()?).map_err(|e| e.0)
            })
        })?;
        Ok(Deletion { sets, min_t, max_t })
    }
}

/// What the log will hold of a write; made on the caller's thread, since it may compress or serialise.
pub fn payload(write: &Write) -> Option<Payload> {
    match &write.raw {
        Raw::Encoded { bytes, .. } => Payload::new(bytes),
        Raw::Native => Payload::new(&codec::encode(&write.batch)),
    }
}

/// The record of a waiting write; takes its payload.
pub fn of_write(p: &mut Pending, sequence: u64) -> Record {
    let encoding = match &p.write.raw {
        Raw::Native => NATIVE,
        Raw::Encoded { encoding: Encoding::OtlpProto, .. } => OTLP_PROTO,
        Raw::Encoded { encoding: Encoding::OtlpJson, .. } => OTLP_JSON,
    };
    Record {
        sequence,
        tenant: Arc::from(p.write.tenant.as_str()),
        signal: Signal::of(&p.write.batch) as u8,
        encoding,
        received_ns: p.write.received_ns,
        payload: p.payload.take().unwrap_or_default(),
    }
}

pub fn of_drop(tenant: &Tenant, sequence: u64) -> Record {
    let tenant = Arc::from(tenant.as_str());
    Record { sequence, tenant, signal: CONTROL, encoding: DROP_TENANT, received_ns: 0, payload: Payload::default() }
}

pub fn of_deletion(tenant: &Tenant, d: &Deletion, sequence: u64) -> Record {
    let payload = Payload::new(&d.encode()).unwrap_or_default();
    Record { encoding: DELETE_METRICS, payload, ..of_drop(tenant, sequence) }
}

pub fn end_of_checkpoint() -> Record {
    let tenant = Arc::from(Tenant::anonymous().as_str());
    Record { sequence: 0, tenant, signal: CONTROL, encoding: END_OF_CHECKPOINT, received_ns: 0, payload: Payload::default() }
}

/// An error names what is wrong with a record that is whole but not understood.
pub fn understand(r: &Record, decode: &dyn Decode) -> Result<Entry, String> {
    let tenant = Tenant::new(&r.tenant).map_err(|e| e.to_string())?;
    if r.signal == CONTROL {
        return match r.encoding {
            DROP_TENANT => Ok(Entry::DropTenant(tenant)),
            END_OF_CHECKPOINT => Ok(Entry::EndOfCheckpoint),
            DELETE_METRICS => Ok(Entry::DeleteMetrics(tenant, Deletion::decode(&r.payload.raw()?)?)),
            other => Err(format!("unknown control record {other}")),
        };
    }
    let signal = *Signal::ALL.get(r.signal as usize).ok_or_else(|| format!("unknown signal {}", r.signal))?;
    let raw = r.payload.raw()?;
    let batch = match r.encoding {
        NATIVE => codec::decode(&raw)?,
        OTLP_PROTO => decode.decode(signal, Encoding::OtlpProto, &raw, r.received_ns)?,
        OTLP_JSON => decode.decode(signal, Encoding::OtlpJson, &raw, r.received_ns)?,
        other => return Err(format!("unknown encoding {other}")),
    };
    if Signal::of(&batch) != signal {
        return Err(format!("{} where {} were announced", Signal::of(&batch).as_str(), signal.as_str()));
    }
    Ok(Entry::Write(tenant, batch))
}
