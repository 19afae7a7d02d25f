//! Turns logged OTLP requests into batches again when the store replays its log.

use model::Batch;
use otlp::{Encoding, Options};
use store::{Decode, Signal};

pub struct OtlpDecoder {
    options: Options,
}

impl OtlpDecoder {
    pub fn new(options: Options) -> OtlpDecoder {
        OtlpDecoder { options }
    }
}

impl Decode for OtlpDecoder {
    fn decode(&self, signal: Signal, encoding: store::Encoding, bytes: &[u8], received_ns: u64) -> Result<Batch, String> {
        let encoding = match encoding {
            store::Encoding::OtlpProto => Encoding::Proto,
            store::Encoding::OtlpJson => Encoding::Json,
        };
        let o = &self.options;
        let batch = match signal {
            Signal::Metrics => otlp::decode_metrics(bytes, encoding, o, received_ns).map(|d| Batch::Metrics(d.batch)),
            Signal::Logs => otlp::decode_logs(bytes, encoding, o, received_ns).map(|d| Batch::Logs(d.batch.into())),
            Signal::Traces => otlp::decode_traces(bytes, encoding, o, received_ns).map(|d| Batch::Spans(d.batch.into())),
        };
        batch.map_err(|e| e.to_string())
    }
}
