//! The store's own bytes for the three batch kinds: what the log and checkpoints hold where no OTLP request exists.
//!
//! ```text
//! version u8 = 1 | kind u8 (0 metrics, 1 logs, 2 spans) | columns, one after the other
//! ```
//! Whole numbers are varints, signed ones and differences zigzag varints, floats eight little-endian bytes, texts length and bytes.
//! Decoding checks every index, so that what comes out is as sound as what a decoder of requests builds.

mod bytes;
mod logs;
mod metrics;
mod spans;

use model::Batch;

pub use bytes::{Read, Reader, Writer};

const VERSION: u8 = 1;

pub fn encode(batch: &Batch) -> Vec<u8> {
    let mut w = Writer::default();
    w.byte(VERSION);
    match batch {
        Batch::Metrics(m) => {
            w.byte(0);
            metrics::encode(m, &mut w);
        }
        Batch::Logs(l) => {
            w.byte(1);
            logs::encode(l, &mut w);
        }
        Batch::Spans(s) => {
            w.byte(2);
            spans::encode(s, &mut w);
        }
    }
    w.finish()
}

/// An error names the first thing that is wrong.
pub fn decode(bytes: &[u8]) -> Result<Batch, String> {
    let mut r = Reader::new(bytes);
    match r.byte()? {
        VERSION => {}
        other => return Err(format!("batch version {other} was written by a newer program")),
    }
    let batch = match r.byte()? {
        0 => Batch::Metrics(metrics::decode(&mut r)?),
        1 => Batch::Logs(std::sync::Arc::new(logs::decode(&mut r)?)),
        2 => Batch::Spans(std::sync::Arc::new(spans::decode(&mut r)?)),
        other => return Err(format!("unknown batch kind {other}")),
    };
    match r.left() {
        0 => Ok(batch),
        n => Err(format!("{n} bytes too many")),
    }
}

#[cfg(test)]
mod tests;
