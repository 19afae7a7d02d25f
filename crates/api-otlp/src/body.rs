//! Reads request bodies to a limit, and counts the bytes of all bodies in flight.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;

use crate::failure::{Failure, Kind};
use crate::limits::MAX_IN_FLIGHT_BYTES;

/// The bytes that one request holds; they are given back when it is dropped.
#[derive(Debug, Default)]
pub struct InFlight {
    all: Arc<AtomicUsize>,
    own: usize,
}

impl InFlight {
    pub fn new(all: &Arc<AtomicUsize>) -> InFlight {
        InFlight { all: all.clone(), own: 0 }
    }

    pub fn charge(&mut self, bytes: usize) -> Result<(), Failure> {
        let before = self.all.fetch_add(bytes, Ordering::Relaxed);
        self.own += bytes;
        if before.saturating_add(bytes) > MAX_IN_FLIGHT_BYTES {
            return Err(Failure::busy("too many requests at once"));
        }
        Ok(())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.all.fetch_sub(self.own, Ordering::Relaxed);
    }
}

/// The whole body, if it has at most `max` bytes.
pub async fn read(body: Body, max: usize, in_flight: &mut InFlight) -> Result<Bytes, Failure> {
    let too_large = || Failure::new(Kind::TooLarge, format!("the request is larger than {max} bytes; send smaller batches"));
    // A declared length saves reading what will be refused.
    if http_body::Body::size_hint(&body).lower() > max as u64 {
        return Err(too_large());
    }
    let (mut body, mut first, mut rest) = (body, Bytes::new(), BytesMut::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| Failure::new(Kind::Bad, format!("the body could not be read: {e}")))?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + rest.len() + data.len() > max {
            return Err(too_large());
        }
        in_flight.charge(data.len())?;
        // Most bodies come in one piece and need no copy.
        if first.is_empty() && rest.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&first);
                first = Bytes::new();
            }
            rest.extend_from_slice(&data);
        }
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}
