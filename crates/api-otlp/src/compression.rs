//! Undoes the content encodings that OTLP senders use, never to more bytes than allowed.

use std::io::Read;

use bytes::Bytes;

use crate::body::InFlight;
use crate::failure::{Failure, Kind};

/// A content encoding (HTTP) or message encoding (gRPC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    Identity,
    Gzip,
    Zstd,
    /// zlib, or raw deflate as some clients send under this name
    Deflate,
    /// one block, or the framed format where the bytes begin so
    Snappy,
    SnappyFramed,
    Lz4,
}

impl Compression {
    /// `None` = unknown.
    pub fn parse(name: &str) -> Option<Compression> {
        Some(match name.trim().to_ascii_lowercase().as_str() {
            "" | "identity" | "none" => Compression::Identity,
            "gzip" | "x-gzip" => Compression::Gzip,
            "zstd" => Compression::Zstd,
            "deflate" | "zlib" => Compression::Deflate,
            "snappy" => Compression::Snappy,
            "x-snappy-framed" => Compression::SnappyFramed,
            "lz4" => Compression::Lz4,
            _ => return None,
        })
    }

    /// The plain bytes; what they take beyond the wire's is charged to `in_flight`.
    pub fn undo(self, bytes: Bytes, max: usize, in_flight: &mut InFlight) -> Result<Bytes, Failure> {
        match self {
            Compression::Identity => Ok(bytes),
            Compression::Gzip => read_all(flate2::read::MultiGzDecoder::new(&*bytes), "gzip", max, in_flight),
            Compression::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::new(&*bytes).map_err(|e| broken("zstd", &e))?;
                // The window is held besides the output, so it is bounded too (128 MiB is what the command line tool takes).
                decoder.window_log_max(27).map_err(|e| broken("zstd", &e))?;
                read_all(decoder, "zstd", max, in_flight)
            }
            // A zlib header's first two bytes are a multiple of 31 and name method 8.
            Compression::Deflate => match bytes.first_chunk::<2>() {
                Some([a, b]) if a & 0x0f == 8 && u16::from_be_bytes([*a, *b]) % 31 == 0 => {
                    read_all(flate2::read::ZlibDecoder::new(&*bytes), "deflate", max, in_flight)
                }
                _ => read_all(flate2::read::DeflateDecoder::new(&*bytes), "deflate", max, in_flight),
            },
            Compression::Snappy if !bytes.starts_with(b"\xff\x06\x00\x00sNaPpY") => snappy_block(&bytes, max, in_flight),
            Compression::Snappy | Compression::SnappyFramed => read_all(snap::read::FrameDecoder::new(&*bytes), "snappy", max, in_flight),
            Compression::Lz4 => read_all(lz4_flex::frame::FrameDecoder::new(&*bytes), "lz4", max, in_flight),
        }
    }
}

/// The declared length is checked before anything is allocated.
fn snappy_block(bytes: &[u8], max: usize, in_flight: &mut InFlight) -> Result<Bytes, Failure> {
    let len = snap::raw::decompress_len(bytes).map_err(|e| broken("snappy", &e))?;
    if len > max {
        return Err(too_large(max));
    }
    in_flight.charge(len)?;
    snap::raw::Decoder::new().decompress_vec(bytes).map(Bytes::from).map_err(|e| broken("snappy", &e))
}

/// Reads in growing steps; stops at the limit, and where too much is in flight already.
fn read_all(reader: impl Read, name: &str, max: usize, in_flight: &mut InFlight) -> Result<Bytes, Failure> {
    const STEP: u64 = 1 << 20;
    let (mut reader, mut out) = (reader, Vec::new());
    loop {
        let before = out.len();
        reader.by_ref().take(STEP).read_to_end(&mut out).map_err(|e| broken(name, &e))?;
        let read = out.len() - before;
        if out.len() > max {
            return Err(too_large(max));
        }
        if read == 0 {
            return Ok(out.into());
        }
        in_flight.charge(read)?;
    }
}

fn broken(name: &str, e: &dyn std::fmt::Display) -> Failure {
    Failure::new(Kind::Bad, format!("the body is not valid {name}: {e}"))
}

pub fn too_large(max: usize) -> Failure {
    Failure::new(Kind::TooLarge, format!("the request is larger than {max} bytes after decompression; send smaller batches"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const TEXT: &[u8] = &[b'x'; 10_000];

    fn packed() -> Vec<(&'static str, Vec<u8>)> {
        let gzip = |text: &[u8]| {
            let mut w = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
            w.write_all(text).unwrap();
            w.finish().unwrap()
        };
        let mut zlib = flate2::write::ZlibEncoder::new(vec![], flate2::Compression::fast());
        zlib.write_all(TEXT).unwrap();
        let mut raw = flate2::write::DeflateEncoder::new(vec![], flate2::Compression::fast());
        raw.write_all(TEXT).unwrap();
        let mut framed = snap::write::FrameEncoder::new(vec![]);
        framed.write_all(TEXT).unwrap();
        let framed = framed.into_inner().unwrap();
        let mut lz4 = lz4_flex::frame::FrameEncoder::new(vec![]);
        lz4.write_all(TEXT).unwrap();
        vec![
            ("", TEXT.to_vec()),
            ("identity", TEXT.to_vec()),
            ("GZIP", gzip(TEXT)),
            ("gzip", [gzip(&TEXT[..400]), gzip(&TEXT[400..])].concat()),
            ("zstd", zstd::encode_all(TEXT, 1).unwrap()),
            ("deflate", zlib.finish().unwrap()),
            ("zlib", raw.finish().unwrap()),
            ("snappy", snap::raw::Encoder::new().compress_vec(TEXT).unwrap()),
            ("snappy", framed.clone()),
            ("x-snappy-framed", framed),
            ("lz4", lz4.finish().unwrap()),
        ]
    }

    fn undo(name: &str, bytes: &[u8], max: usize) -> Result<Bytes, Kind> {
        let compression = Compression::parse(name).expect("a known name");
        compression.undo(Bytes::copy_from_slice(bytes), max, &mut InFlight::default()).map_err(|f| f.kind)
    }

    #[test]
    fn every_encoding_comes_back() {
        for (name, bytes) in packed() {
            assert_eq!(undo(name, &bytes, TEXT.len()).as_deref(), Ok(TEXT), "{name}");
        }
        assert_eq!(Compression::parse("br"), None);
    }

    #[test]
    fn bombs_and_noise() {
        for (name, bytes) in packed().into_iter().skip(2) {
            assert_eq!(undo(name, &bytes, TEXT.len() - 1), Err(Kind::TooLarge), "{name}");
            assert_eq!(undo(name, b"no such thing", 1 << 20), Err(Kind::Bad), "{name}");
            assert_eq!(undo(name, &bytes[..bytes.len() / 2], 1 << 20), Err(Kind::Bad), "{name}");
        }
        // A block that declares 4 GiB in six bytes.
        assert_eq!(undo("snappy", &[0xff, 0xff, 0xff, 0xff, 0x0f, 0], 1 << 20), Err(Kind::TooLarge));
    }
}
