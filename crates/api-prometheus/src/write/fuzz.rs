//! Whatever the bytes: the decoders answer, and what they take refers only to series that are there.

use proptest::prelude::*;

use super::{histogram, v1, v2};

/// Bytes that look like protobuf often enough to get deep: keys and lengths of the messages, numbers, noise.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let key = prop::sample::select(vec![0x0a, 0x12, 0x1a, 0x22, 0x2a, 0x09, 0x10, 0x18, 0x42, 0x48, 0x5a, 0x60, 0x82, 0x01]);
    let piece = prop_oneof![4 => key, 4 => 0u8..24, 1 => any::<u8>()];
    prop::collection::vec(piece, 0..400)
}

proptest! {
    #[test]
    fn decoders_take_anything(bytes in bytes()) {
        let _ = histogram::decode(&bytes).map(histogram::Sent::check);
        let rows_fit = |b: &model::MetricBatch| {
            let rows = b.samples.iter().map(|s| s.series).chain(b.histograms.iter().map(|h| h.series)).chain(b.exemplars.iter().map(|e| e.series));
            rows.max().is_none_or(|m| (m as usize) < b.series.len())
        };
        if let Ok(d) = v1::decode(&bytes, i64::MAX) {
            prop_assert!(rows_fit(&d.batch));
        }
        if let Ok(d) = v2::decode(&bytes, i64::MAX) {
            prop_assert!(rows_fit(&d.batch));
        }
    }

    #[test]
    fn times_and_names_take_anything(text in "\\PC{0,30}", numeric in "[-+0-9.eEx_pTZ:]{0,30}") {
        for t in [&text, &numeric] {
            let _ = (crate::time::parse_time(t), crate::time::parse_duration(t), crate::names::unescape(&format!("U__{t}")));
        }
    }
}
