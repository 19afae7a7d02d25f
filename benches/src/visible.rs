//! From ack to visible: sends one point, asks for it at once, never retries.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::http::{Connection, escape};
use crate::server::{Scratch, Server};
use crate::{ServerArgs, say};

pub fn run(args: &ServerArgs, rounds: u64) -> Result<(), String> {
    let dir = Scratch::new("visible")?;
    let server = Server::start(args, Some(&dir.0))?;
    let mut c = Connection::open(&server.endpoint("otlp_http")?)?;
    let base = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64);
    let (mut sending, mut asking) = (vec![], vec![]);
    for i in 0..rounds {
        let t = base + i;
        let begun = Instant::now();
        let (status, answer) = c.post("/v1/metrics", &gauge(t, i))?;
        if status != 200 {
            return Err(format!("round {i}: {status} {}", String::from_utf8_lossy(&answer)));
        }
        sending.push(begun.elapsed().as_secs_f64() * 1e3);
        let begun = Instant::now();
        let (_, answer) = c.get(&format!("/api/v1/query?query={}&time={}.{:03}", escape("visible_round"), t / 1000, t % 1000))?;
        asking.push(begun.elapsed().as_secs_f64() * 1e3);
        let text = String::from_utf8_lossy(&answer);
        if !text.contains(&format!("\"{i}\"]")) {
            return Err(format!("round {i} was acknowledged but is not visible: {text}"));
        }
    }
    let median = |mut v: Vec<f64>| {
        v.sort_by(f64::total_cmp);
        v[v.len() / 2]
    };
    say(&format!(
        "{rounds} rounds, each visible at once; median {:.2} ms to acknowledge, {:.2} ms to answer",
        median(sending),
        median(asking)
    ));
    Ok(())
}

/// An ExportMetricsServiceRequest with one gauge point, written by hand: this bench needs no protobuf library.
fn gauge(t_ms: u64, value: u64) -> Vec<u8> {
    let field = |number: u8, payload: &[u8]| -> Vec<u8> {
        let mut out = vec![number << 3 | 2];
        let mut n = payload.len();
        while n > 127 {
            out.push((n & 127) as u8 | 128);
            n >>= 7;
        }
        out.push(n as u8);
        out.extend_from_slice(payload);
        out
    };
    let mut point = vec![3 << 3 | 1];
    point.extend_from_slice(&(t_ms * 1_000_000).to_le_bytes());
    point.push(4 << 3 | 1);
    point.extend_from_slice(&(value as f64).to_le_bytes());
    let metric = [field(1, b"visible_round"), field(5, &field(1, &point))].concat();
    field(1, &field(2, &field(2, &metric)))
}
