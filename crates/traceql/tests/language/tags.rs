//! Names and values of attributes, and the filter of a trace by id.

use query::{Budget, SpanSource};
use traceql::script::spans;
use traceql::{TagOptions, TagScope, compile, filter_spans, parse_attribute, tag_names, tag_values, tag_values_v1};

const THINGS: &str = r#"
1/1 a "get" 0+10 span.code=200 span.f=1 span.tags=["x","y"] resource.zone="eu" scope="lib" instrumentation.tier=2
1/2<1 b "put" 1+10 span.code="text" span.f=2.0 event:e1@1 event.size=1 event:e2@2 event.key="k" link:ab/1 link.hops=2
--
2/1 - "late" 5000+10 span.code=404 span.mixed=[1,"a"] span.ok=true kind=server
"#;

fn options(filter: &str) -> TagOptions {
    TagOptions { filter: Some(filter.to_owned()), ..TagOptions::default() }
}

fn check_names(scope: TagScope, o: &TagOptions, expected: &str) {
    let found = tag_names(&[scope], o, &spans(THINGS).expect("spans"), &Budget::unlimited()).expect("an answer");
    assert_eq!(found.iter().flat_map(|s| s.tags.clone()).collect::<Vec<_>>().join(" "), expected, "{scope:?} {o:?}");
}

fn check_values(tag: &str, o: &TagOptions, expected: &str) {
    let found =
        tag_values(&parse_attribute(tag).expect("a tag"), o, &spans(THINGS).expect("spans"), &Budget::unlimited()).expect("an answer");
    let all: Vec<String> = found.iter().map(|v| format!("{}:{}", v.kind, v.value)).collect();
    assert_eq!(all.join(" "), expected, "{tag} {o:?}");
}

#[test]
fn names() {
    let all = TagOptions::default();
    check_names(TagScope::Span, &all, "code f mixed ok tags");
    check_names(TagScope::Resource, &all, "service.name zone");
    check_names(TagScope::Event, &all, "key size");
    check_names(TagScope::Link, &all, "hops");
    check_names(TagScope::Instrumentation, &all, "tier");
    check_names(TagScope::Span, &options("{ name = \"get\" }"), "code f tags");
    check_names(TagScope::Resource, &options("{ name = \"get\" } | count() > 9"), "service.name zone");
    check_names(TagScope::Event, &options("{ event:name = \"e2\" }"), "key");
    check_names(TagScope::Span, &options("{ traceDuration > 10ms }"), "code f tags");
    check_names(TagScope::Span, &options("not a query"), "code f mixed ok tags");
    check_names(TagScope::Span, &TagOptions { range: Some((4_000_000_000, 6_000_000_000)), ..all.clone() }, "code mixed ok");
    check_names(TagScope::Span, &TagOptions { range: Some((7_000_000_000, 8_000_000_000)), ..all.clone() }, "");
    let cut =
        tag_names(&[TagScope::Span], &TagOptions { limit: 2, ..all }, &spans(THINGS).expect("spans"), &Budget::unlimited()).expect("names");
    assert_eq!(cut[0].tags.len(), 2);
}

#[test]
fn values() {
    let all = TagOptions::default();
    check_values("span.code", &all, "int:200 int:404 string:text");
    check_values(".code", &options("{ name != \"late\" }"), "int:200 string:text");
    check_values("span.f", &all, "float:2.0 int:1");
    check_values("span.tags", &all, "string:x string:y");
    check_values("span.mixed", &all, "");
    check_values("span.ok", &all, "bool:true");
    check_values("resource.service.name", &all, "string:a string:b");
    check_values("resource.service.name", &options("{ span.code = 200 }"), "string:a");
    check_values("name", &all, "string:get string:late string:put");
    check_values("rootName", &all, "string:get string:late");
    check_values("rootName", &options("{ name = \"put\" }"), "string:get");
    check_values("event:name", &all, "string:e1 string:e2");
    check_values("event:name", &options("{ event.size = 1 }"), "string:e1");
    check_values("event.key", &all, "string:k");
    check_values("link.hops", &all, "int:2");
    check_values(".tier", &all, "int:2");
    check_values("instrumentation:name", &all, "string: string:lib");
    check_values("status", &all, "keyword:error keyword:ok keyword:unset");
    check_values("duration", &all, "");
    check_values("trace:id", &all, "");
}

#[test]
fn values_of_the_older_api() {
    let source = spans(THINGS).expect("spans");
    let ask = |name: &str| tag_values_v1(name, &TagOptions::default(), &source, &Budget::unlimited()).expect("an answer").join(" ");
    assert_eq!(ask("code"), "200 404 text");
    assert_eq!(ask("service.name"), "a b");
    assert_eq!(ask("root.name"), "get late");
    assert_eq!(ask("status.code"), "error ok unset");
}

#[test]
fn one_trace_filtered() {
    let source = spans(THINGS).expect("spans");
    let mut id = [0; 16];
    id[15] = 1;
    let trace = source.trace(&id, &Budget::unlimited()).expect("a trace");
    let pass = |q: &str| filter_spans(&compile(q).expect("a query"), &trace);
    assert_eq!(pass("{ span.code = 200 }"), Ok(vec![true, false]));
    assert!(pass("{ } | count() > 1").is_err() && pass("{ traceDuration > 1s }").is_err() && pass("{ } > { }").is_err());
}
