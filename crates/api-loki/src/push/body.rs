//! The body of a push: which format, which encoding, bounded reading and unpacking.

use std::borrow::Cow;
use std::io::Read;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::header_text;
use crate::error::ApiError;
use crate::limits::{MAX_PUSH_BYTES, MAX_PUSH_DECODED_BYTES};

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

/// The whole body as sent.
pub async fn read(body: Body) -> Result<Bytes, ApiError> {
    match Limited::new(body, MAX_PUSH_BYTES).collect().await {
        Ok(b) => Ok(b.to_bytes()),
        Err(e) if e.is::<LengthLimitError>() => Err(too_large()),
        Err(e) => Err(ApiError::bad(format!("the body cannot be read: {e}"))),
    }
}

fn too_large() -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("request body too large: at most {MAX_PUSH_BYTES} bytes as sent, {MAX_PUSH_DECODED_BYTES} unpacked"),
    )
}

/// Undoes the encoding, and the snappy block of protobuf.
pub fn unpack(bytes: &[u8], format: Format, encoding: Encoding) -> Result<Cow<'_, [u8]>, ApiError> {
    let plain = undo(bytes, encoding)?;
    if format == Format::Json {
        return Ok(plain);
    }
    let bad = |e: snap::Error| ApiError::bad(format!("the body is no snappy block: {e}"));
    let claimed = snap::raw::decompress_len(&plain).map_err(bad)?;
    // A block grows at most about twentyfold: what claims more is no block, whatever its size.
    if claimed > MAX_PUSH_DECODED_BYTES && claimed / 64 > plain.len() {
        return Err(ApiError::bad("the body is no snappy block: it claims an impossible size"));
    }
    if claimed > MAX_PUSH_DECODED_BYTES {
        return Err(too_large());
    }
    snap::raw::Decoder::new().decompress_vec(&plain).map(Cow::Owned).map_err(bad)
}

/// Undoes the encoding alone.
pub fn undo(bytes: &[u8], encoding: Encoding) -> Result<Cow<'_, [u8]>, ApiError> {
    match encoding {
        Encoding::Plain => Ok(Cow::Borrowed(bytes)),
        Encoding::Gzip => bounded(flate2::read::MultiGzDecoder::new(bytes), "gzip"),
        Encoding::Deflate => bounded(flate2::read::DeflateDecoder::new(bytes), "deflate"),
        Encoding::Zstd => {
            let decoder = zstd::stream::read::Decoder::new(bytes);
            bounded(decoder.map_err(|e| ApiError::bad(format!("the body is no zstd: {e}")))?, "zstd")
        }
        Encoding::Lz4 => bounded(lz4_flex::frame::FrameDecoder::new(bytes), "lz4"),
    }
}

fn bounded<'a>(decoder: impl Read, name: &str) -> Result<Cow<'a, [u8]>, ApiError> {
    let mut out = vec![];
    let limit = MAX_PUSH_DECODED_BYTES as u64 + 1;
    decoder.take(limit).read_to_end(&mut out).map_err(|e| ApiError::bad(format!("the body is no {name}: {e}")))?;
    if out.len() as u64 >= limit { Err(too_large()) } else { Ok(Cow::Owned(out)) }
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
            assert_eq!(undo(&bytes, encoding).unwrap().as_ref(), text, "{encoding:?}");
            if encoding != Encoding::Plain {
                assert_eq!(undo(b"{nonsense", encoding).unwrap_err().status, StatusCode::BAD_REQUEST, "{encoding:?}");
            }
        }
    }

    #[test]
    fn protobuf_is_a_snappy_block() {
        let packed = snap::raw::Encoder::new().compress_vec(b"abc").unwrap();
        assert_eq!(unpack(&packed, Format::Protobuf, Encoding::Plain).unwrap().as_ref(), b"abc");
        assert!(unpack(b"{\"streams\"", Format::Protobuf, Encoding::Plain).is_err());
        // A block that claims 4 GiB.
        let claim = [0xff, 0xff, 0xff, 0xff, 0x0f, 0];
        assert_eq!(unpack(&claim, Format::Protobuf, Encoding::Plain).unwrap_err().status, StatusCode::BAD_REQUEST);
    }
}
