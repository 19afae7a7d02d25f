//! Nanoseconds per item over a corpus file: `decode_bench FILE [rounds]`; the file's name says the signal.
#![allow(clippy::print_stdout)]

use std::time::Instant;

use otlp::{Encoding, Options};

fn main() {
    let mut args = std::env::args().skip(1);
    let path = args.next().expect("usage: decode_bench FILE [rounds]");
    let rounds: u32 = args.next().map_or(20, |r| r.parse().expect("rounds is a number"));
    let file = std::fs::read(&path).expect("the file can be read");
    let (mut rest, mut requests) = (&file[..], vec![]);
    while let Some((len, tail)) = rest.split_first_chunk::<4>() {
        let (one, tail) = tail.split_at(u32::from_be_bytes(*len) as usize);
        requests.push(one);
        rest = tail;
    }
    let options = Options::default();
    let decode = |bytes: &[u8]| -> u64 {
        if path.contains("metrics") {
            otlp::decode_metrics(bytes, Encoding::Proto, &options, 1).expect("a request").items
        } else if path.contains("logs") {
            otlp::decode_logs(bytes, Encoding::Proto, &options, 1).expect("a request").items
        } else {
            otlp::decode_traces(bytes, Encoding::Proto, &options, 1).expect("a request").items
        }
    };
    for round in ["first", "warm"] {
        let rounds = if round == "first" { 1 } else { rounds };
        let start = Instant::now();
        let items: u64 = (0..rounds).flat_map(|_| requests.iter()).map(|r| decode(r)).sum();
        let took = start.elapsed().as_nanos() as f64;
        let bytes = (file.len() as u32 * rounds) as f64;
        println!("{round}: {items} items, {:.0} ns/item, {:.0} MB/s", took / items.max(1) as f64, bytes / took * 1e3);
    }
}
