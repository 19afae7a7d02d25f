//! Remote read: what was written comes back in both forms.

use http_body_util::BodyExt;
use prost::Message;
use proto::prometheus as pb;

use crate::Server;
use crate::server::snappy;

fn request(types: &[i32]) -> pb::ReadRequest {
    let matcher = |name: &str, value: &str| pb::LabelMatcher { r#type: 0, name: name.into(), value: value.into() };
    let query = pb::Query {
        start_timestamp_ms: 0,
        end_timestamp_ms: 20_000,
        matchers: vec![matcher("__name__", "m"), matcher("job", "a")],
        hints: None,
    };
    pb::ReadRequest { queries: vec![query], accepted_response_types: types.to_vec() }
}

#[tokio::test]
async fn samples() {
    let s = Server::seeded().await;
    let response = s.post("/api/v1/read", &[("content-encoding", "snappy")], snappy(&request(&[]))).await;
    assert_eq!(response.headers()["content-encoding"], "snappy");
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let bytes = snap::raw::Decoder::new().decompress_vec(&bytes).unwrap();
    let read = pb::ReadResponse::decode(&bytes[..]).unwrap();
    let rows: Vec<_> = read.results[0].timeseries[0].samples.iter().map(|s| (s.timestamp, s.value)).collect();
    assert_eq!(rows, [(0, 1.0), (15_000, 2.0)]);
    assert_eq!(s.post("/api/v1/read", &[], b"junk".to_vec()).await.status(), 400);
}

#[tokio::test]
async fn frames_of_chunks() {
    let s = Server::seeded().await;
    let response = s.post("/api/v1/read", &[], snappy(&request(&[1]))).await;
    assert_eq!(response.headers()["content-type"], "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse");
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let mut rest = &bytes[..];
    let length = prost::encoding::decode_varint(&mut rest).unwrap() as usize;
    let (crc, message) = rest.split_at(4);
    assert_eq!(message.len(), length);
    assert_eq!(crc, crc32c::crc32c(message).to_be_bytes());
    let frame = pb::ChunkedReadResponse::decode(message).unwrap();
    let chunk = &frame.chunked_series[0].chunks[0];
    assert_eq!((chunk.min_time_ms, chunk.max_time_ms, chunk.r#type), (0, 15_000, 1));
    // Two samples; time 0; 1.0; 15,000 as a varint; then 2.0 against 1.0: new window, one leading zero, eleven significant bits.
    let want = [&[0u8, 2, 0], &1f64.to_bits().to_be_bytes()[..], &[0x98, 0x75], &[0b1100_0010, 0b0101_1111, 0b1111_1111]].concat();
    assert_eq!(chunk.data, want);
}
