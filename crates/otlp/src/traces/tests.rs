//! What is rejected, cut and kept of spans.

use crate::{Encoding, Options, TraceSettings, decode_traces, json_to_protobuf};

fn request(spans: &str) -> String {
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#)
}

#[test]
fn bad_spans_are_counted_and_named() {
    let id = "0af7651916cd43dd8448eb211c80319c";
    let json = request(&format!(
        r#"{{"traceId":"{id}","spanId":"b7ad6b7169203331","name":"good","kind":9,"status":{{"code":7}}}},{{"name":"none"}},{{"traceId":"00ff"}},
           {{"traceId":"{id}","spanId":"ff"}},{{"traceId":"{id}","parentSpanId":"ff"}},{{"traceId":"00000000000000000000000000000000"}},
           {{"traceId":"{id}","links":[{{"traceId":"ff"}},{{"traceId":"{id}"}}]}}"#
    ));
    let d = decode_traces(json.as_bytes(), Encoding::Json, &Options::default(), 1).unwrap();
    assert_eq!((d.items, d.rejected, d.batch.len(), d.batch.links.row.len()), (2, 5, 2, 1));
    assert_eq!((d.batch.kind[0], d.batch.status[0]), (0, 0));
    assert_eq!(
        d.message,
        "a span has no trace_id (2 times); a span's trace_id is not 16 bytes long; a span's span_id is not 8 bytes long; \
         a span's parent_span_id is not 8 bytes long; a link with an id of the wrong length was left out"
    );
}

#[test]
fn long_attributes_are_cut_on_request() {
    let text = "ü".repeat(2_000);
    let json = request(&format!(
        r#"{{"traceId":"0af7651916cd43dd8448eb211c80319c","attributes":[{{"key":"k","value":{{"stringValue":"{text}"}}}}],"events":[{{"attributes":[{{"key":"k","value":{{"stringValue":"{text}"}}}}]}}]}}"#
    ));
    for (options, len) in [
        (Options::default(), 4_000),
        (Options::stock(), 2_048),
        (Options::default().with_traces(TraceSettings { max_attribute_bytes: Some(2_049) }), 2_048),
    ] {
        let b = decode_traces(json.as_bytes(), Encoding::Json, &options, 1).unwrap().batch;
        for columns in [&b.attrs, &b.events.attrs] {
            assert_eq!(b.gather(columns, 0)[0].value.as_str().map(str::len), Some(len));
        }
    }
}

#[test]
fn old_senders_and_any_order_of_fields() {
    let span = r#"{"traceId":"0af7651916cd43dd8448eb211c80319c","name":"x"}"#;
    let old = format!(
        r#"{{"resourceSpans":[{{"instrumentationLibrarySpans":[{{"spans":[{span}],"instrumentationLibrary":{{"name":"lib","version":"2"}}}}],"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"s"}}}}]}}}}]}}"#
    );
    let proto = json_to_protobuf(old.as_bytes(), crate::Signal::Traces).unwrap();
    let d = decode_traces(&proto, Encoding::Proto, &Options::default(), 1).unwrap();
    assert_eq!((d.items, d.batch.scope(0).name.as_str(), d.batch.resource(0).service_name()), (1, "lib", Some("s")));
    // Where scopes are known the old field is not looked at.
    let both = format!(
        r#"{{"resourceSpans":[{{"instrumentationLibrarySpans":[{{"spans":[{span}]}}],"scopeSpans":[{{"spans":[{span},{span}]}}]}}]}}"#
    );
    assert_eq!(decode_traces(both.as_bytes(), Encoding::Json, &Options::default(), 1).unwrap().items, 2);
}

#[test]
fn empty_requests() {
    for json in ["{}", r#"{"resourceSpans":[]}"#, r#"{"resourceSpans":[{"resource":{},"scopeSpans":[{}]}]}"#] {
        let d = decode_traces(json.as_bytes(), Encoding::Json, &Options::default(), 1).unwrap();
        assert_eq!((d.items, d.rejected, d.message.as_str()), (0, 0, ""), "{json}");
    }
}
