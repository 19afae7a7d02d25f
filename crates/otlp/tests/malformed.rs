//! Broken requests: cut at every place, with bits turned, or plain noise. Nothing may panic, nothing may be taken for more than it is.

use otlp::{Encoding, Options};
use proptest::prelude::*;

const METRICS: &str = include_str!("data/metrics.json");
const LOGS: &str = include_str!("data/logs.json");
const TRACES: &str = include_str!("data/traces.json");

/// Decodes as each signal; `true` per signal that takes the bytes for a request.
fn decode(bytes: &[u8], encoding: Encoding, options: &Options) -> [bool; 3] {
    [
        otlp::decode_metrics(bytes, encoding, options, 1).is_ok(),
        otlp::decode_logs(bytes, encoding, options, 1).is_ok(),
        otlp::decode_traces(bytes, encoding, options, 1).is_ok(),
    ]
}

/// The protobuf forms of the test data, which hold every field of every message.
fn samples() -> Vec<Vec<u8>> {
    let all = [(METRICS, 0), (LOGS, 1), (TRACES, 2)];
    all.iter()
        .map(|(json, signal)| {
            otlp::json_to_protobuf(json.as_bytes(), [otlp::Signal::Metrics, otlp::Signal::Logs, otlp::Signal::Traces][*signal]).unwrap()
        })
        .collect()
}

fn each_options() -> [Options; 2] {
    [Options::stock(), Options::default()]
}

#[test]
fn the_samples_are_good() {
    for options in each_options() {
        let m = otlp::decode_metrics(METRICS.as_bytes(), Encoding::Json, &options, 1).unwrap();
        assert_eq!((m.items, m.rejected, m.message.as_str()), (7, 0, ""));
        let l = otlp::decode_logs(LOGS.as_bytes(), Encoding::Json, &options, 1).unwrap();
        assert_eq!((l.items, l.rejected, l.message.as_str()), (2, 0, ""));
        let t = otlp::decode_traces(TRACES.as_bytes(), Encoding::Json, &options, 1).unwrap();
        assert_eq!((t.items, t.rejected, t.message.as_str()), (2, 0, ""));
    }
}

#[test]
fn cut_short() {
    for options in each_options() {
        for (signal, bytes) in samples().iter().enumerate() {
            for end in 0..bytes.len() {
                let ok = decode(&bytes[..end], Encoding::Proto, &options);
                // One envelope holds everything, so only the empty request is a whole one.
                assert_eq!(ok[signal], end == 0, "signal {signal} cut at {end} of {}", bytes.len());
            }
        }
        for json in [METRICS, LOGS, TRACES] {
            let json = json.trim_end();
            for end in (0..json.len()).filter(|e| json.is_char_boundary(*e)) {
                assert_eq!(decode(&json.as_bytes()[..end], Encoding::Json, &options), [false; 3], "cut at {end}");
            }
        }
    }
}

#[test]
fn turned_bits() {
    let options = Options::default();
    for (signal, bytes) in samples().iter().enumerate() {
        let mut bad = bytes.clone();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                bad[at] = bytes[at] ^ (1 << bit);
                decode_one(&bad, signal, &options);
            }
            bad[at] = bytes[at];
        }
    }
    for json in [METRICS, LOGS, TRACES] {
        for at in 0..json.len() {
            let mut bad = json.as_bytes().to_vec();
            bad[at] ^= 1 << (at % 8);
            decode(&bad, Encoding::Json, &options);
        }
    }
}

/// Whatever the answer is, there must be one, and items must be counted as they are.
fn decode_one(bytes: &[u8], signal: usize, options: &Options) {
    match signal {
        0 => drop(otlp::decode_metrics(bytes, Encoding::Proto, options, 1)),
        1 => {
            if let Ok(d) = otlp::decode_logs(bytes, Encoding::Proto, options, 1) {
                assert_eq!(d.items as usize, d.batch.len());
            }
        }
        _ => {
            if let Ok(d) = otlp::decode_traces(bytes, Encoding::Proto, options, 1) {
                assert_eq!(d.items as usize, d.batch.len());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn noise(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        decode(&bytes, Encoding::Proto, &Options::stock());
        decode(&bytes, Encoding::Json, &Options::stock());
    }

    #[test]
    fn lengths_that_lie(at in any::<prop::sample::Index>(), byte in any::<u8>(), signal in 0..3usize) {
        let mut bytes = samples().swap_remove(signal);
        let i = at.index(bytes.len());
        bytes.splice(i..i + 1, [byte | 0x80, byte, 0xff, 0x7f]);
        decode(&bytes, Encoding::Proto, &Options::default());
    }
}
