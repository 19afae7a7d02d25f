//! One record and its bytes.
//!
//! ```text
//! magic u32 | length u32 of the body | crc32c u32 of salt, length and body | body
//! body: sequence u64 | received_ns u64 | raw length u32 | signal u8 | encoding u8 | flags u8 | tenant length u8 | tenant | payload
//! ```
//! All numbers are little-endian. The salt is the segment's: bytes that somebody sends as a payload can never pass for a record.

use std::sync::Arc;

use crate::limits;

pub const MAGIC: [u8; 4] = [0xF1, b'T', b'R', 0xA7];
/// magic, length, crc
pub const HEAD: usize = 12;
/// of the body before the tenant
const FIXED: usize = 24;

const FLAG_LZ4: u8 = 1;
const FLAG_END_OF_GROUP: u8 = 2;

/// One record; the log does not know what signal, encoding and payload mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// ascending from record to record
    pub sequence: u64,
    /// at most 255 bytes
    pub tenant: Arc<str>,
    pub signal: u8,
    pub encoding: u8,
    /// Unix nanoseconds
    pub received_ns: u64,
    pub payload: Payload,
}

/// Bytes, compressed when large. Making one costs the compression, so make it before the writer's turn.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Payload {
    bytes: Vec<u8>,
    raw_len: u32,
    compressed: bool,
}

impl Payload {
    /// `None` for more than 4 GiB.
    pub fn new(raw: &[u8]) -> Option<Payload> {
        let raw_len = u32::try_from(raw.len()).ok()?;
        if raw.len() > limits::COMPRESS_BYTES {
            let bytes = lz4_flex::block::compress(raw);
            if bytes.len() < raw.len() {
                return Some(Payload { bytes, raw_len, compressed: true });
            }
        }
        Some(Payload { bytes: raw.to_vec(), raw_len, compressed: false })
    }

    /// The bytes as they were given.
    pub fn raw(&self) -> Result<std::borrow::Cow<'_, [u8]>, String> {
        if !self.compressed {
            return Ok(self.bytes.as_slice().into());
        }
        let raw = lz4_flex::block::decompress(&self.bytes, self.raw_len as usize).map_err(|e| format!("lz4: {e}"))?;
        if raw.len() != self.raw_len as usize {
            return Err(format!("lz4: {} bytes instead of {}", raw.len(), self.raw_len));
        }
        Ok(raw.into())
    }

    /// As stored.
    pub fn stored_len(&self) -> usize {
        self.bytes.len()
    }
}

impl Record {
    /// Appends the record's bytes; `end` marks the last record of a group.
    pub fn encode(&self, salt: u32, end: bool, out: &mut Vec<u8>) {
        let tenant = &self.tenant.as_bytes()[..self.tenant.len().min(255)];
        let length = (FIXED + tenant.len() + self.payload.bytes.len()) as u32;
        out.extend(MAGIC);
        out.extend(length.to_le_bytes());
        let crc_at = out.len();
        out.extend([0; 4]);
        let body = out.len();
        out.extend(self.sequence.to_le_bytes());
        out.extend(self.received_ns.to_le_bytes());
        out.extend(self.payload.raw_len.to_le_bytes());
        let flags = if self.payload.compressed { FLAG_LZ4 } else { 0 } | if end { FLAG_END_OF_GROUP } else { 0 };
        out.extend([self.signal, self.encoding, flags, tenant.len() as u8]);
        out.extend(tenant);
        out.extend(&self.payload.bytes);
        let crc = checksum(salt, length, &out[body..]);
        out[crc_at..body].copy_from_slice(&crc.to_le_bytes());
    }

    /// The record at the start of `bytes`, whether it ends a group, and its length; `None` if there is no whole, valid record.
    pub fn decode(salt: u32, bytes: &[u8]) -> Option<(Record, bool, usize)> {
        let head = bytes.get(..HEAD)?;
        if head[..4] != MAGIC {
            return None;
        }
        let (length, crc) = (u32_at(head, 4)?, u32_at(head, 8)?);
        if length as usize > limits::RECORD_BYTES {
            return None;
        }
        let end = HEAD + length as usize;
        let body = bytes.get(HEAD..end)?;
        if body.len() < FIXED || checksum(salt, length, body) != crc {
            return None;
        }
        let (flags, tenant_end) = (body[22], FIXED + body[23] as usize);
        let tenant = std::str::from_utf8(body.get(FIXED..tenant_end)?).ok()?;
        let record = Record {
            sequence: u64_at(body, 0)?,
            received_ns: u64_at(body, 8)?,
            tenant: tenant.into(),
            signal: body[20],
            encoding: body[21],
            payload: Payload { bytes: body.get(tenant_end..)?.to_vec(), raw_len: u32_at(body, 16)?, compressed: flags & FLAG_LZ4 != 0 },
        };
        Some((record, flags & FLAG_END_OF_GROUP != 0, end))
    }
}

fn checksum(salt: u32, length: u32, body: &[u8]) -> u32 {
    let start = crc32c::crc32c_append(crc32c::crc32c(&salt.to_le_bytes()), &length.to_le_bytes());
    crc32c::crc32c_append(start, body)
}

fn u32_at(b: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(b.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(b: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(b.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(sequence: u64, tenant: &str, raw: &[u8]) -> Record {
        let payload = Payload::new(raw).unwrap();
        Record { sequence, tenant: tenant.into(), signal: 1, encoding: 2, received_ns: 77, payload }
    }

    proptest! {
        #[test]
        fn records_come_back(sequence in any::<u64>(), tenant in "[a-z]{0,20}", raw in proptest::collection::vec(any::<u8>(), 0..200), times in 1usize..100, end in any::<bool>(), salt in any::<u32>()) {
            let raw = raw.repeat(times);
            let r = record(sequence, &tenant, &raw);
            let mut bytes = vec![];
            r.encode(salt, end, &mut bytes);
            let (back, ended, len) = Record::decode(salt, &bytes).unwrap();
            prop_assert_eq!(&back, &r);
            prop_assert_eq!((ended, len), (end, bytes.len()));
            let got = back.payload.raw().unwrap();
            prop_assert_eq!(got.as_ref(), raw.as_slice());
            prop_assert!(Record::decode(salt ^ 1, &bytes).is_none());
        }

        #[test]
        fn no_flipped_bit_and_no_cut_passes(raw in proptest::collection::vec(any::<u8>(), 0..60), bit in any::<proptest::sample::Index>()) {
            let mut bytes = vec![];
            record(5, "t", &raw).encode(9, true, &mut bytes);
            for cut in 0..bytes.len() {
                prop_assert!(Record::decode(9, &bytes[..cut]).is_none());
            }
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(Record::decode(9, &bytes).is_none());
        }
    }

    #[test]
    fn large_payloads_are_compressed() {
        let p = Payload::new(&vec![7; 100_000]).unwrap();
        assert!(p.stored_len() < 1_000);
        assert_eq!(p.raw().unwrap().len(), 100_000);
    }
}
