//! Successful answers: the envelope around `data`, rendered block by block as the connection takes it, gzip on request.

use std::collections::VecDeque;
use std::io::Write;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderValue, StatusCode, header};
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::json;
use crate::limits::{CHUNK_BYTES, MIN_GZIP_BYTES};

/// Something that writes itself in pieces.
pub trait Render: Send + 'static {
    /// Appends about `CHUNK_BYTES` to `out`; false once nothing is left.
    fn next(&mut self, out: &mut Vec<u8>) -> bool;
}

/// The `data` of an answer and what is said beside it.
pub struct Reply {
    data: Data,
    warnings: Vec<String>,
    infos: Vec<String>,
}

enum Data {
    Whole(Vec<u8>),
    Pieces(Box<dyn Render>),
}

impl Reply {
    /// `data` as finished JSON.
    pub fn json(data: Vec<u8>) -> Reply {
        Reply { data: Data::Whole(data), warnings: vec![], infos: vec![] }
    }

    /// `data` written by the function.
    pub fn write(write: impl FnOnce(&mut Vec<u8>)) -> Reply {
        let mut out = Vec::new();
        write(&mut out);
        Reply::json(out)
    }

    pub fn pieces(data: impl Render) -> Reply {
        Reply { data: Data::Pieces(Box::new(data)), warnings: vec![], infos: vec![] }
    }

    pub fn with_notes(mut self, warnings: Vec<String>, infos: Vec<String>) -> Reply {
        self.warnings = warnings;
        self.infos = infos;
        self
    }

    pub fn warn(mut self, warning: impl Into<String>) -> Reply {
        self.warnings.push(warning.into());
        self
    }

    /// The body. The first block is rendered here, so call it on the query pool where the answer may be large.
    pub fn encode(self, gzip: bool) -> Encoded {
        let mut tail = Vec::new();
        for (key, notes) in [("warnings", &self.warnings), ("infos", &self.infos)] {
            if !notes.is_empty() {
                json::push_key(&mut tail, key);
                json::push_strs(&mut tail, notes.iter().map(String::as_str));
            }
        }
        tail.push(b'}');
        const HEAD: &[u8] = b"{\"status\":\"success\",\"data\":";
        let envelope = match self.data {
            Data::Whole(data) => {
                let mut whole = Vec::with_capacity(HEAD.len() + data.len() + tail.len());
                whole.extend_from_slice(HEAD);
                whole.extend_from_slice(&data);
                whole.extend_from_slice(&tail);
                Envelope { head: whole, data: None, tail: vec![] }
            }
            Data::Pieces(data) => Envelope { head: HEAD.to_vec(), data: Some(data), tail },
        };
        Encoded::new(envelope, gzip)
    }
}

struct Envelope {
    head: Vec<u8>,
    data: Option<Box<dyn Render>>,
    tail: Vec<u8>,
}

impl Render for Envelope {
    fn next(&mut self, out: &mut Vec<u8>) -> bool {
        out.append(&mut self.head);
        if let Some(data) = &mut self.data {
            if data.next(out) {
                return true;
            }
            self.data = None;
        }
        out.append(&mut self.tail);
        false
    }
}

/// A rendered body: the first block is there, further ones follow on demand.
pub struct Encoded {
    ready: VecDeque<Bytes>,
    rest: Option<Box<dyn Render>>,
    gzip: Option<GzEncoder<Vec<u8>>>,
    gzipped: bool,
}

impl Encoded {
    pub fn new(mut render: impl Render, gzip: bool) -> Encoded {
        let mut block = Vec::with_capacity(1024);
        let more = render.next(&mut block);
        let gzipped = gzip && (more || block.len() >= MIN_GZIP_BYTES);
        let mut body =
            Encoded { ready: VecDeque::new(), rest: None, gzip: gzipped.then(|| GzEncoder::new(Vec::new(), Compression::fast())), gzipped };
        body.take(block, more);
        if more {
            body.rest = Some(Box::new(render));
        }
        body
    }

    fn take(&mut self, block: Vec<u8>, more: bool) {
        let Some(gzip) = &mut self.gzip else {
            self.ready.push_back(block.into());
            return;
        };
        // Writing into memory does not fail.
        let _ = gzip.write_all(&block);
        let ready = if more { std::mem::take(gzip.get_mut()) } else { self.gzip.take().and_then(|g| g.finish().ok()).unwrap_or_default() };
        if !ready.is_empty() {
            self.ready.push_back(ready.into());
        }
    }

    fn block(&mut self) -> Option<Bytes> {
        while self.ready.is_empty() {
            let rest = self.rest.as_mut()?;
            let mut block = Vec::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 4);
            let more = rest.next(&mut block);
            if !more {
                self.rest = None;
            }
            self.take(block, more);
        }
        self.ready.pop_front()
    }

    /// The whole body at once, for tests and small answers.
    #[cfg(test)]
    pub fn collect(mut self) -> Vec<u8> {
        std::iter::from_fn(|| self.block()).flatten().collect()
    }

    pub fn respond(self, content_type: &'static str) -> Response {
        let gzipped = self.gzipped;
        let mut response = (StatusCode::OK, Body::new(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        if gzipped {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

impl HttpBody for Encoded {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(self.get_mut().block().map(|b| Ok(Frame::data(b))))
    }

    fn is_end_stream(&self) -> bool {
        self.ready.is_empty() && self.rest.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.rest.is_some() { SizeHint::default() } else { SizeHint::with_exact(self.ready.iter().map(|b| b.len() as u64).sum()) }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    struct Count(u32);

    impl Render for Count {
        fn next(&mut self, out: &mut Vec<u8>) -> bool {
            out.extend_from_slice(if self.0 == 3 { b"[" } else { b"," });
            out.extend(std::iter::repeat_n(b'7', 2000));
            self.0 -= 1;
            if self.0 == 0 {
                out.push(b']');
            }
            self.0 > 0
        }
    }

    #[test]
    fn the_envelope_closes_around_pieces() {
        let seven = "7".repeat(2000);
        let want = format!("{{\"status\":\"success\",\"data\":[{seven},{seven},{seven}],\"warnings\":[\"w\"],\"infos\":[\"i\"]}}");
        let reply = || Reply::pieces(Count(3)).with_notes(vec!["w".into()], vec!["i".into()]);
        assert_eq!(String::from_utf8(reply().encode(false).collect()).unwrap(), want);
        let mut text = String::new();
        flate2::read::GzDecoder::new(&reply().encode(true).collect()[..]).read_to_string(&mut text).unwrap();
        assert_eq!(text, want);
    }

    #[test]
    fn small_answers_are_whole_and_plain() {
        let encoded = Reply::json(b"[]".to_vec()).encode(true);
        assert_eq!((encoded.size_hint().exact(), encoded.gzipped), (Some(30), false));
        assert_eq!(encoded.collect(), b"{\"status\":\"success\",\"data\":[]}");
    }
}
