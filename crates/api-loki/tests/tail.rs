//! Live tail over a real socket: the websocket's client side is written out here, text frames in, text out.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;

/// Serves the router over an empty memory store until the process ends.
fn serve() -> SocketAddr {
    let store = store::Store::open(store::StoreOptions::memory(), Arc::new(store::NativeOnly)).unwrap();
    let settings = api::Settings { profile: api::Profile::Stock, ..api::Settings::default() };
    let app = api_loki::router(api::Backend::new(Arc::new(store), settings, otlp::Options::stock()));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((socket, _)) = listener.accept().await {
                let service = TowerToHyperService::new(app.clone());
                tokio::spawn(async move {
                    let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    _ = builder.serve_connection_with_upgrades(TokioIo::new(socket), service).await;
                });
            }
        });
    });
    addr
}

fn push(addr: SocketAddr, app: &str, lines: &[(i64, &str)]) {
    let values: Vec<String> = lines.iter().map(|(ts, l)| format!("[\"{ts}\",\"{l}\"]")).collect();
    let body = format!(r#"{{"streams":[{{"stream":{{"app":"{app}"}},"values":[{}]}}]}}"#, values.join(","));
    let mut s = TcpStream::connect(addr).unwrap();
    let head = format!(
        "POST /loki/api/v1/push HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    s.write_all(format!("{head}{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    s.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
}

struct Client(BufReader<TcpStream>);

impl Client {
    fn open(addr: SocketAddr, target: &str, more: &str) -> (String, Client) {
        let mut s = TcpStream::connect(addr).unwrap();
        s.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let head = "Host: x\r\nOrigin: http://elsewhere\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        s.write_all(format!("GET {target} HTTP/1.1\r\n{head}{more}\r\n").as_bytes()).unwrap();
        let mut reader = BufReader::new(s);
        let mut status = String::new();
        reader.read_line(&mut status).unwrap();
        let mut line = String::new();
        while reader.read_line(&mut line).unwrap() > 2 {
            line.clear();
        }
        (status.trim_end().to_owned(), Client(reader))
    }

    /// The next text frame; pings are skipped.
    fn text(&mut self) -> String {
        String::from_utf8(self.frame(1)).unwrap()
    }

    /// The payload of the next frame of a kind.
    fn frame(&mut self, opcode: u8) -> Vec<u8> {
        loop {
            let mut head = [0; 2];
            self.0.read_exact(&mut head).unwrap();
            let len = match head[1] & 0x7f {
                126 => {
                    let mut n = [0; 2];
                    self.0.read_exact(&mut n).unwrap();
                    usize::from(u16::from_be_bytes(n))
                }
                n => usize::from(n),
            };
            let mut body = vec![0; len];
            self.0.read_exact(&mut body).unwrap();
            if head[0] & 0xf == opcode {
                return body;
            }
        }
    }
}

#[test]
fn the_past_comes_first_then_every_new_line_that_matches() {
    let addr = serve();
    push(addr, "a", &[(1_000_000_000, "old one"), (2_000_000_000, "old two"), (3_000_000_000, "no match")]);
    let (status, mut tail) =
        Client::open(addr, "/loki/api/v1/tail?start=0&query=%7Bapp%3D%22a%22%7D%7C%3D%22o%22%20!%3D%22match%22%20%7C%20keep%20app", "");
    assert_eq!(status, "HTTP/1.1 101 Switching Protocols");
    assert_eq!(tail.text(), r#"{"streams":[{"stream":{"app":"a"},"values":[["1000000000","old one"],["2000000000","old two"]]}]}"#);
    push(addr, "b", &[(4_000_000_000, "old, of another stream")]);
    push(addr, "a", &[(5_000_000_000, "old no match"), (6_000_000_000, "so new")]);
    assert_eq!(tail.text(), r#"{"streams":[{"stream":{"app":"a"},"values":[["6000000000","so new"]]}]}"#);
}

#[test]
fn labels_by_category_and_bad_requests() {
    let addr = serve();
    push(addr, "a", &[(1_000_000_000, "x")]);
    let flag = "X-Loki-Response-Encoding-Flags: categorize-labels\r\n";
    let (_, mut tail) = Client::open(addr, "/loki/api/v1/tail?start=0&limit=1&query=%7Bapp%3D%22a%22%7D", flag);
    let want = r#"{"streams":[{"stream":{"app":"a","service_name":"a"},"values":[["1000000000","x",{"structuredMetadata":{"detected_level":"unknown"}}]]}],"encodingFlags":["categorize-labels"]}"#;
    assert_eq!(tail.text(), want);
    for bad in ["query=%7B", "query=%7Ba%3D%22b%22%7D&delay_for=9", "query=vector(1)", "query=%7Ba%3D%22b%22%7D&limit=x"] {
        let (status, _) = Client::open(addr, &format!("/loki/api/v1/tail?{bad}"), "");
        assert_eq!(status, "HTTP/1.1 400 Bad Request", "{bad}");
    }
}

#[test]
fn a_close_is_answered() {
    let addr = serve();
    let (_, mut tail) = Client::open(addr, "/loki/api/v1/tail?query=%7Bapp%3D%22a%22%7D", "");
    // Masked with zeros: close, 1000.
    tail.0.get_mut().write_all(&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]).unwrap();
    assert_eq!(tail.frame(8), [0x03, 0xe8]);
}

#[test]
fn tails_of_a_tenant_are_counted() {
    let addr = serve();
    let target = "/loki/api/v1/tail?query=%7Bapp%3D%22a%22%7D";
    let open: Vec<(String, Client)> = (0..10).map(|_| Client::open(addr, target, "")).collect();
    assert!(open.iter().all(|(status, _)| status == "HTTP/1.1 101 Switching Protocols"));
    assert_eq!(Client::open(addr, target, "").0, "HTTP/1.1 400 Bad Request");
    assert_eq!(Client::open(addr, target, "X-Scope-OrgID: other\r\n").0, "HTTP/1.1 101 Switching Protocols");
    drop(open);
    let mut status = String::new();
    for _ in 0..100 {
        status = Client::open(addr, target, "").0;
        if status.contains("101") {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(status, "HTTP/1.1 101 Switching Protocols");
}
