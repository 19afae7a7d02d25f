//! The body of a push: which format, which encoding, bounded reading and unpacking.

use std::borrow::Cow;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;

use super::header_text;
use crate::error::ApiError;
use crate::limits::MAX_IN_FLIGHT_BYTES;

/// How a push body is written once unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    /// snappy block compressed besides
    Protobuf,
}

impl Format {
    /// JSON by its media type; any other valid type means protobuf, as Loki takes it.
    pub fn of(headers: &HeaderMap) -> Result<Format, ApiError> {
        let text = header_text(headers, header::CONTENT_TYPE);
        match media_type(text) {
            Ok(t) if t == "application/json" => Ok(Format::Json),
            Ok(_) => Ok(Format::Protobuf),
            Err(e) => Err(ApiError::bad(format!("mime: {e}"))),
        }
    }
}

/// The media type in lower case, without its parameters.
fn media_type(text: &str) -> Result<String, &'static str> {
    let token = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
    let (full, parameters) = text.split_once(';').map_or((text, None), |(t, p)| (t.trim(), Some(p)));
    if full.is_empty() {
        return Err("no media type");
    }
    let valid = match full.split_once('/') {
        None => token(full),
        Some((a, b)) => token(a) && token(b),
    };
    if !valid {
        return Err("unexpected content after media subtype");
    }
    let good = |p: &str| p.trim().is_empty() || p.split_once('=').is_some_and(|(n, v)| token(n.trim()) && !v.trim().is_empty());
    if parameters.is_some_and(|p| !p.split(';').all(good)) {
        return Err("invalid media parameter");
    }
    Ok(full.to_ascii_lowercase())
}

/// What is around the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Plain,
    Gzip,
    Deflate,
    Zstd,
    Lz4,
}

impl Encoding {
    /// The encodings of a push; `snappy` says what a protobuf body is anyway.
    pub fn of(headers: &HeaderMap) -> Result<Encoding, ApiError> {
        match header_text(headers, header::CONTENT_ENCODING) {
            "" | "snappy" => Ok(Encoding::Plain),
            "gzip" => Ok(Encoding::Gzip),
            "deflate" => Ok(Encoding::Deflate),
            other => Err(ApiError::bad(format!("Content-Encoding {other:?} not supported"))),
        }
    }

    /// The encodings of an OTLP request.
    pub fn of_otlp(headers: &HeaderMap) -> Result<Encoding, ApiError> {
        match header_text(headers, header::CONTENT_ENCODING) {
            "" | "identity" => Ok(Encoding::Plain),
            "gzip" => Ok(Encoding::Gzip),
            "zstd" => Ok(Encoding::Zstd),
            "lz4" => Ok(Encoding::Lz4),
            other => Err(ApiError::bad(format!("Content-Encoding {other:?} not supported"))),
        }
    }
}

/// The bytes that one request holds, counted among those of all pushes; given back when dropped.
#[derive(Debug, Default)]
pub struct InFlight {
    all: Arc<AtomicUsize>,
    own: usize,
}

impl InFlight {
    pub fn new(all: &Arc<AtomicUsize>) -> InFlight {
        InFlight { all: all.clone(), own: 0 }
    }

    /// Refuses (429) what would hold too much memory at once.
    fn charge(&mut self, bytes: usize) -> Result<(), ApiError> {
        let before = self.all.fetch_add(bytes, Ordering::Relaxed);
        self.own += bytes;
        if before.saturating_add(bytes) > MAX_IN_FLIGHT_BYTES {
            return Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too many pushes at once; send again in a second"));
        }
        Ok(())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.all.fetch_sub(self.own, Ordering::Relaxed);
    }
}

fn too_large(max: usize) -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("request body too large: more than {max} bytes as sent or unpacked; send smaller batches"),
    )
}

/// The whole body as sent, at most `max` bytes.
pub async fn read(mut body: Body, max: usize, in_flight: &mut InFlight) -> Result<Bytes, ApiError> {
    // A declared length saves reading what will be refused.
    if http_body::Body::size_hint(&body).lower() > max as u64 {
        return Err(too_large(max));
    }
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| ApiError::bad(format!("the body cannot be read: {e}")))?;
        let Ok(data) = frame.into_data() else { continue };
        if all.len() + data.len() > max {
            return Err(too_large(max));
        }
        in_flight.charge(data.len())?;
        all.extend_from_slice(&data);
    }
    Ok(all.freeze())
}

/// Undoes the encoding, and the snappy block of protobuf.
pub fn unpack<'a>(
    bytes: &'a [u8],
    format: Format,
    encoding: Encoding,
    max: usize,
    in_flight: &mut InFlight,
) -> Result<Cow<'a, [u8]>, ApiError> {
    let plain = undo(bytes, encoding, max, in_flight)?;
    if format == Format::Json {
        return Ok(plain);
    }
    let bad = |e: snap::Error| ApiError::bad(format!("the body is no snappy block: {e}"));
    let claimed = snap::raw::decompress_len(&plain).map_err(bad)?;
    // A block grows at most about twentyfold: what claims more is no block, whatever its size.
    if claimed > max && claimed / 64 > plain.len() {
        return Err(ApiError::bad("the body is no snappy block: it claims an impossible size"));
    }
    if claimed > max {
        return Err(too_large(max));
    }
    in_flight.charge(claimed)?;
    snap::raw::Decoder::new().decompress_vec(&plain).map(Cow::Owned).map_err(bad)
}

/// Undoes the encoding alone.
pub fn undo<'a>(bytes: &'a [u8], encoding: Encoding, max: usize, in_flight: &mut InFlight) -> Result<Cow<'a, [u8]>, ApiError> {
    match encoding {
        Encoding::Plain => Ok(Cow::Borrowed(bytes)),
        Encoding::Gzip => bounded(flate2::read::MultiGzDecoder::new(bytes), "gzip", max, in_flight),
        Encoding::Deflate => bounded(flate2::read::DeflateDecoder::new(bytes), "deflate", max, in_flight),
        Encoding::Zstd => {
            let decoder = zstd::stream::read::Decoder::new(bytes);
            bounded(decoder.map_err(|e| ApiError::bad(format!("the body is no zstd: {e}")))?, "zstd", max, in_flight)
        }
        Encoding::Lz4 => bounded(lz4_flex::frame::FrameDecoder::new(bytes), "lz4", max, in_flight),
    }
}

fn bounded<'a>(mut decoder: impl Read, name: &str, max: usize, in_flight: &mut InFlight) -> Result<Cow<'a, [u8]>, ApiError> {
    const PIECE: u64 = 256 << 10;
    let mut out = vec![];
    loop {
        let got = decoder.by_ref().take(PIECE).read_to_end(&mut out).map_err(|e| ApiError::bad(format!("the body is no {name}: {e}")))?;
        if got == 0 {
            return Ok(Cow::Owned(out));
        }
        if out.len() > max {
            return Err(too_large(max));
        }
        in_flight.charge(got)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[track_caller]
    fn check_type(header: &str, want: Result<&str, &str>) {
        assert_eq!(media_type(header), want.map(str::to_owned), "{header}");
    }

    #[test]
    fn media_types() {
        check_type("application/json", Ok("application/json"));
        check_type("Application/JSON; charset=utf-8", Ok("application/json"));
        check_type("text", Ok("text"));
        check_type("application/x-protobuf;", Ok("application/x-protobuf"));
        check_type("", Err("no media type"));
        check_type("a/b/c; =", Err("unexpected content after media subtype"));
        check_type("a/b; =x", Err("invalid media parameter"));
    }

    #[test]
    fn every_encoding_is_undone() {
        let text = b"some text, some text".repeat(50);
        let mut gz = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
        gz.write_all(&text).unwrap();
        let mut deflate = flate2::write::DeflateEncoder::new(vec![], flate2::Compression::fast());
        deflate.write_all(&text).unwrap();
        let mut lz4 = lz4_flex::frame::FrameEncoder::new(vec![]);
        lz4.write_all(&text).unwrap();
        for (encoding, bytes) in [
            (Encoding::Plain, text.clone()),
            (Encoding::Gzip, gz.finish().unwrap()),
            (Encoding::Deflate, deflate.finish().unwrap()),
            (Encoding::Zstd, zstd::encode_all(text.as_slice(), 1).unwrap()),
            (Encoding::Lz4, lz4.finish().unwrap()),
        ] {
            assert_eq!(undo(&bytes, encoding, 1_000, &mut InFlight::default()).unwrap().as_ref(), text, "{encoding:?}");
            if encoding != Encoding::Plain {
                let status = |bytes: &[u8], max| undo(bytes, encoding, max, &mut InFlight::default()).unwrap_err().status;
                assert_eq!(status(b"{nonsense", 1_000), StatusCode::BAD_REQUEST, "{encoding:?}");
                assert_eq!(status(&bytes, 999), StatusCode::PAYLOAD_TOO_LARGE, "{encoding:?}");
            }
        }
    }

    #[test]
    fn protobuf_is_a_snappy_block() {
        fn block(bytes: &[u8], max: usize) -> Result<Cow<'_, [u8]>, ApiError> {
            unpack(bytes, Format::Protobuf, Encoding::Plain, max, &mut InFlight::default())
        }
        let packed = snap::raw::Encoder::new().compress_vec(b"abc").unwrap();
        assert_eq!(block(&packed, 3).unwrap().as_ref(), b"abc");
        assert!(block(b"{\"streams\"", 1_000).is_err());
        assert_eq!(block(&packed, 2).unwrap_err().status, StatusCode::PAYLOAD_TOO_LARGE);
        // A block that claims 4 GiB.
        let claim = [0xff, 0xff, 0xff, 0xff, 0x0f, 0];
        assert_eq!(block(&claim, 1_000).unwrap_err().status, StatusCode::BAD_REQUEST);
    }

    #[test]
    fn what_is_in_flight_is_bounded_and_given_back() {
        let all = Arc::new(AtomicUsize::new(0));
        let mut one = InFlight::new(&all);
        assert!(one.charge(MAX_IN_FLIGHT_BYTES).is_ok());
        assert_eq!(InFlight::new(&all).charge(1).unwrap_err().status, StatusCode::TOO_MANY_REQUESTS);
        drop(one);
        assert_eq!(all.load(Ordering::Relaxed), 0);
    }
}
