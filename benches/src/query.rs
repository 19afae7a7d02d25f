//! Times queries over a replayed corpus: median of several runs, the first one apart as cold.

use std::io::BufRead;
use std::time::Instant;

use crate::http::Connection;
use crate::server::{Scratch, Server};
use crate::{Corpus, ingest, say};

pub fn run(corpus: &Corpus, repeat: usize) -> Result<(), String> {
    let dir = Scratch::new("query")?;
    let server = Server::start(&corpus.server, Some(&dir.0))?;
    for signal in &corpus.signals {
        ingest::replay(corpus, &server, signal)?;
    }
    say(&format!("{:.1} MB resident after ingest", server.resident_mb()));
    say("query                          first ms  median ms  bytes of the answer");
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|e| e.to_string())?;
        let [name, face, path] = line.split('\t').collect::<Vec<_>>()[..] else { continue };
        let mut c = Connection::open(&server.endpoint(face)?)?;
        let (mut times, mut size) = (vec![], 0);
        for _ in 0..repeat.max(1) {
            let begun = Instant::now();
            let (status, answer) = c.get(path)?;
            if status != 200 {
                return Err(format!("{name}: {status} {}", String::from_utf8_lossy(&answer)));
            }
            times.push(begun.elapsed().as_secs_f64() * 1e3);
            size = answer.len();
        }
        let first = times[0];
        times.sort_by(f64::total_cmp);
        say(&format!("{name:30} {first:8.2}  {:9.2}  {size:10}", times[times.len() / 2]));
    }
    say(&format!("{:.1} MB resident after the queries", server.resident_mb()));
    Ok(())
}
