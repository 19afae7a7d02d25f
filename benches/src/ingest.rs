//! Replays recorded OTLP over HTTP and reports what the server spent on it.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::http::Connection;
use crate::server::{Scratch, Server};
use crate::{Corpus, say};

pub fn run(corpus: &Corpus) -> Result<(), String> {
    let dir = Scratch::new("ingest")?;
    let idle = Server::start(&corpus.server, Some(&dir.0))?;
    say(&format!("empty folder: ready in {:.1} ms, {:.1} MB resident", idle.ready_in.as_secs_f64() * 1e3, idle.resident_mb()));
    idle.kill();
    say("signal    items    requests  wall s  CPU s per million items  MB resident  bytes on disk per item");
    for signal in &corpus.signals {
        let dir = Scratch::new(signal)?;
        let server = Server::start(&corpus.server, Some(&dir.0))?;
        let (before, begun) = (server.cpu(), Instant::now());
        let requests = replay(corpus, &server, signal)?;
        let (wall, cpu) = (begun.elapsed().as_secs_f64(), server.cpu() - before);
        let items = accepted(&server, signal)?;
        let per_million = cpu / items as f64 * 1e6;
        let (resident, disk) = (server.resident_mb(), dir.bytes() as f64 / items as f64);
        say(&format!("{signal:8} {items:8} {requests:8}  {wall:7.2}  {per_million:23.2}  {resident:11.1}  {disk:10.1}"));
        server.kill();
        let again = Server::start(&corpus.server, Some(&dir.0))?;
        say(&format!(
            "{signal:8} restart after kill -9: ready in {:.0} ms, {:.1} MB resident",
            again.ready_in.as_secs_f64() * 1e3,
            again.resident_mb()
        ));
    }
    Ok(())
}

/// Sends every request of a signal; any answer but 200 ends the bench.
pub fn replay(corpus: &Corpus, server: &Server, signal: &str) -> Result<usize, String> {
    let requests = read(&corpus.corpus.join(format!("{signal}.otlp")))?;
    let (next, address, path) = (AtomicUsize::new(0), server.endpoint("otlp_http")?, format!("/v1/{signal}"));
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..corpus.connections.max(1))
            .map(|_| {
                scope.spawn(|| {
                    let mut c = Connection::open(&address)?;
                    while let Some(body) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                        match c.post(&path, body)? {
                            (200, _) => {}
                            (status, answer) => return Err(format!("{path}: {status} {}", String::from_utf8_lossy(&answer))),
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        senders.into_iter().try_for_each(|s| s.join().map_err(|_| "a sender failed".to_owned())?)
    })?;
    Ok(requests.len())
}

/// The rows [u32 big-endian length][bytes] of a file.
fn read(path: &Path) -> Result<Vec<Vec<u8>>, String> {
    let bytes = fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let (mut out, mut rest) = (vec![], bytes.as_slice());
    while let Some((head, tail)) = rest.split_first_chunk::<4>() {
        let n = u32::from_be_bytes(*head) as usize;
        let (one, next) = tail.split_at_checked(n).ok_or_else(|| format!("{}: cut short", path.display()))?;
        out.push(one.to_vec());
        rest = next;
    }
    Ok(out)
}

/// What the server's own metrics say it accepted.
fn accepted(server: &Server, signal: &str) -> Result<u64, String> {
    let name = match signal {
        "metrics" => "otelcol_receiver_accepted_metric_points",
        "logs" => "otelcol_receiver_accepted_log_records",
        _ => "otelcol_receiver_accepted_spans",
    };
    let stored = if signal == "metrics" { "trefoil_store_samples_appended_total" } else { name };
    // On one port `/metrics` belongs to the Prometheus face, which shows the same figures.
    let (status, body) = Connection::open(&server.endpoint("metrics")?)?.get("/metrics")?;
    let text = String::from_utf8_lossy(&body).into_owned();
    let sum = |name: &str| -> f64 {
        text.lines().filter(|l| l.starts_with(name)).filter_map(|l| l.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
    };
    match (status, sum(stored)) {
        (200, n) if n > 0.0 => Ok(n as u64),
        _ => Err(format!("the server does not say how many {signal} it accepted ({status})")),
    }
}
