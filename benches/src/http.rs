//! A minimal HTTP/1.1 client over one kept connection, so that the client's own cost stays small and even.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

pub struct Connection {
    reader: BufReader<TcpStream>,
    host: String,
}

impl Connection {
    pub fn open(address: &str) -> Result<Connection, String> {
        let stream = TcpStream::connect(address).map_err(|e| format!("{address}: {e}"))?;
        stream.set_nodelay(true).map_err(|e| e.to_string())?;
        Ok(Connection { reader: BufReader::with_capacity(1 << 16, stream), host: address.to_owned() })
    }

    pub fn post(&mut self, path: &str, body: &[u8]) -> Result<(u16, Vec<u8>), String> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-protobuf\r\nContent-Length: {}\r\n\r\n",
            self.host,
            body.len()
        );
        self.send(head.as_bytes(), body)
    }

    pub fn get(&mut self, path: &str) -> Result<(u16, Vec<u8>), String> {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host);
        self.send(head.as_bytes(), &[])
    }

    fn send(&mut self, head: &[u8], body: &[u8]) -> Result<(u16, Vec<u8>), String> {
        let stream = self.reader.get_mut();
        stream.write_all(head).and_then(|()| stream.write_all(body)).map_err(|e| format!("send: {e}"))?;
        self.receive().map_err(|e| format!("receive: {e}"))
    }

    fn receive(&mut self) -> std::io::Result<(u16, Vec<u8>)> {
        let mut line = String::new();
        self.reader.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
        let (mut length, mut chunked) = (0usize, false);
        loop {
            line.clear();
            self.reader.read_line(&mut line)?;
            let lower = line.trim().to_ascii_lowercase();
            if lower.is_empty() {
                break;
            }
            if let Some(n) = lower.strip_prefix("content-length:") {
                length = n.trim().parse().unwrap_or(0);
            }
            chunked |= lower.starts_with("transfer-encoding:") && lower.ends_with("chunked");
        }
        let mut body = vec![];
        if !chunked {
            body.resize(length, 0);
            self.reader.read_exact(&mut body)?;
            return Ok((status, body));
        }
        loop {
            line.clear();
            self.reader.read_line(&mut line)?;
            let n = usize::from_str_radix(line.trim(), 16).unwrap_or(0);
            let at = body.len();
            body.resize(at + n, 0);
            self.reader.read_exact(&mut body[at..])?;
            line.clear();
            self.reader.read_line(&mut line)?;
            if n == 0 {
                return Ok((status, body));
            }
        }
    }
}

/// Escapes a query parameter.
pub fn escape(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}
