//! Batches come back from their bytes as they were; damaged bytes are refused or decode to something sound, and never panic.

use std::sync::Arc;

use model::*;
use proptest::prelude::*;

use super::*;

fn any_labels() -> impl Strategy<Value = Labels> {
    proptest::collection::vec(("[a-z]{1,5}", "[a-zé]{0,8}"), 0..5).prop_map(Labels::from_pairs)
}

fn any_float() -> impl Strategy<Value = f64> {
    prop_oneof![any::<u64>().prop_map(f64::from_bits), (0u32..1000).prop_map(f64::from), Just(-0.0)]
}

fn any_histogram() -> impl Strategy<Value = Histogram> {
    let spans = || proptest::collection::vec((any::<i32>(), any::<u32>()).prop_map(|(offset, length)| BucketSpan { offset, length }), 0..3);
    let floats = || proptest::collection::vec(any_float(), 0..5);
    (any::<i8>(), any_float(), any_float(), spans(), spans(), floats(), floats(), floats()).prop_map(
        |(schema, a, b, ps, ns, pb, nb, cv)| Histogram {
            reset_hint: ResetHint::NotReset,
            schema: i32::from(schema),
            zero_threshold: a,
            zero_count: b,
            count: a,
            sum: b,
            positive_spans: ps,
            negative_spans: ns,
            positive_buckets: pb,
            negative_buckets: nb,
            custom_values: cv,
        },
    )
}

fn any_metrics() -> impl Strategy<Value = Batch> {
    let sample = (0u32..4, any::<i64>(), any_float(), any::<i64>(), any::<bool>());
    let histogram = (0u32..4, any::<i64>(), any_histogram());
    let exemplar = (0u32..4, any::<i64>(), any_float(), any_labels());
    (
        proptest::collection::vec(any_labels(), 4),
        proptest::collection::vec(sample, 0..20),
        proptest::collection::vec(histogram, 0..4),
        proptest::collection::vec(exemplar, 0..4),
        proptest::collection::vec(("[a-z]{1,4}", ".{0,9}"), 0..3),
    )
        .prop_map(|(series, samples, histograms, exemplars, metadata)| {
            let temporality = |delta| if delta { Temporality::Delta } else { Temporality::AsIs };
            Batch::Metrics(MetricBatch {
                series,
                samples: samples
                    .into_iter()
                    .map(|(series, t, v, st, d)| Sample { series, t, v, st, temporality: temporality(d) })
                    .collect(),
                histograms: histograms
                    .into_iter()
                    .map(|(series, t, h)| HistogramSample { series, t, st: 1, h: Arc::new(h), temporality: Temporality::Delta })
                    .collect(),
                exemplars: exemplars.into_iter().map(|(series, t, v, labels)| Exemplar { series, t, v, labels }).collect(),
                metadata: metadata
                    .into_iter()
                    .map(|(m, h)| Metadata { metric: m.into(), kind: MetricKind::Counter, help: h.into(), unit: "s".into() })
                    .collect(),
            })
        })
}

fn any_logs() -> impl Strategy<Value = Batch> {
    let row = (0usize..3, any::<i64>(), ".{0,20}", proptest::collection::vec(("[a-c]", "[x-z]{0,2}"), 0..3));
    (proptest::collection::vec(any_labels(), 3), proptest::collection::vec(row, 0..20)).prop_map(|(streams, rows)| {
        let mut b = LogBatchBuilder::default();
        for (s, t, line, meta) in rows {
            let s = b.stream(&streams[s]);
            let meta: Vec<(u32, u32)> = meta.iter().map(|(n, v)| (b.dict().code(n), b.dict().code(v))).collect();
            b.push(s, t, &line, &meta);
        }
        Batch::Logs(Arc::new(b.finish()))
    })
}

pub fn any_value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        Just(AnyValue::Empty),
        ".{0,5}".prop_map(AnyValue::Str),
        any::<bool>().prop_map(AnyValue::Bool),
        any::<i64>().prop_map(AnyValue::Int),
        any_float().prop_map(AnyValue::Double),
        proptest::collection::vec(any::<u8>(), 0..5).prop_map(AnyValue::Bytes),
    ];
    leaf.prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(AnyValue::Array),
            proptest::collection::vec(("[a-c]", inner), 0..3)
                .prop_map(|kv| AnyValue::Map(kv.into_iter().map(|(k, v)| KeyValue::new(k, v)).collect())),
        ]
    })
}

fn any_spans() -> impl Strategy<Value = Batch> {
    let row = (any::<[u8; 8]>(), any::<u64>(), any::<u64>(), any_value(), proptest::collection::vec(any_value(), 0..3));
    proptest::collection::vec(row, 0..12).prop_map(|rows| {
        let mut b = SpanBatchBuilder::default();
        for (id, start, end, value, events) in rows {
            let resource = b.resource(Resource { attrs: vec![KeyValue::new("r", value.clone())], ..Resource::default() });
            let scope = b.scope(Scope { name: "s".into(), dropped_attributes: 3, ..Scope::default() });
            let (name, key) = (b.dict().code("name"), b.dict().code("key"));
            let (kind, flags, dropped_links) = (id[0] % 6, u32::MAX, 7);
            b.span(SpanHead {
                trace_id: [id[0]; 16],
                span_id: id,
                start,
                end,
                kind,
                name,
                flags,
                dropped_links,
                resource,
                scope,
                ..SpanHead::default()
            });
            b.attr(key, value.clone());
            for v in events {
                b.event(end, key, 1);
                b.event_attr(name, v.clone());
                b.link([id[1]; 16], id, key, 2, 3);
                b.link_attr(key, v);
            }
        }
        Batch::Spans(Arc::new(b.finish()))
    })
}

fn any_batch() -> impl Strategy<Value = Batch> {
    prop_oneof![any_metrics(), any_logs(), any_spans()]
}

proptest! {
    #[test]
    fn batches_come_back(batch in any_batch()) {
        let bytes = encode(&batch);
        let back = decode(&bytes).unwrap();
        prop_assert_eq!(format!("{:?}", batch), format!("{:?}", back));
        prop_assert_eq!(encode(&back), bytes);
    }

    #[test]
    fn damage_is_no_panic(batch in any_batch(), at in any::<proptest::sample::Index>(), to in any::<u8>(), cut in any::<proptest::sample::Index>()) {
        let mut bytes = encode(&batch);
        prop_assert!(decode(&bytes[..cut.index(bytes.len())]).is_err());
        let at = at.index(bytes.len());
        bytes[at] = to;
        if let Ok(batch) = decode(&bytes) {
            // What is accepted can be encoded again, so all its indices are sound.
            encode(&batch);
        }
    }
}
