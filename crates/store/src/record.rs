//! Writes as log records and back: which numbers stand for which signal and encoding.

use std::sync::Arc;

use model::{Batch, Tenant};
use wal::{Payload, Record};

use crate::codec;
use crate::queue::Pending;
use crate::write::{Decode, Encoding, Raw, Signal, Write};

/// `Record::signal` of a record that is no write.
const CONTROL: u8 = 255;
const DROP_TENANT: u8 = 1;
const END_OF_CHECKPOINT: u8 = 2;

pub const NATIVE: u8 = 0;
const OTLP_PROTO: u8 = 1;
const OTLP_JSON: u8 = 2;

/// A record understood.
pub enum Entry {
    Write(Tenant, Batch),
    DropTenant(Tenant),
    EndOfCheckpoint,
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
