//! A small HTTP client for the commands that talk to a server.

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// Bytes of an answer that a command reads.
const MAX_ANSWER: usize = 256 << 20;

#[derive(Clone)]
pub struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Http {
    /// HTTP/1.1 with connections kept alive.
    pub fn http1() -> Http {
        Http { client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// HTTP/2 without TLS, as gRPC needs it.
    pub fn h2c() -> Http {
        Http { client: Client::builder(TokioExecutor::new()).http2_only(true).build_http() }
    }

    /// Sends and reads the whole answer: status, headers, body, trailers.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer, String> {
        let to = request.uri().to_string();
        let response = self.client.request(request).await.map_err(|e| format!("{to}: {}", root_cause(&e)))?;
        let (parts, body) = response.into_parts();
        let collected = Limited::new(body, MAX_ANSWER).collect().await.map_err(|e| format!("{to}: {e}"))?;
        let trailers = collected.trailers().cloned().unwrap_or_default();
        Ok(Answer { status: parts.status, headers: parts.headers, body: collected.to_bytes(), trailers })
    }

    pub async fn get(&self, url: &str, headers: &[(&str, String)]) -> Result<Answer, String> {
        let mut request = Request::builder().method(Method::GET).uri(url);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        self.send(request.body(Full::default()).map_err(|e| format!("{url}: {e}"))?).await
    }
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: http::HeaderMap,
    pub body: Bytes,
    pub trailers: http::HeaderMap,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn root_cause(e: &dyn std::error::Error) -> String {
    let mut at = e;
    while let Some(next) = at.source() {
        at = next;
    }
    at.to_string()
}

/// Escapes a query parameter's value.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 3);
    for b in text.bytes() {
        match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(b)),
            _ => out.push_str(&format!("%{b:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn escapes_what_urls_reserve() {
        assert_eq!(super::escape("a{b=\"c\"} +1"), "a%7Bb%3D%22c%22%7D%20%2B1");
    }
}
