//! The answer is always the newest N by the traces' starts, whatever the order of batches and wherever the spans of a trace lie.

use query::{Budget, SpanSource};
use traceql::script::{MemorySource, spans};
use traceql::{SearchOptions, TagSearch, compile, search, search_tags};

fn ids(source: &MemorySource, query: &str, limit: usize, range: Option<(u64, u64)>) -> Vec<u8> {
    let options = SearchOptions { range, limit, spans_per_spanset: 3 };
    let found = search(&compile(query).expect("a query"), &options, source, &Budget::unlimited()).expect("an answer");
    found.traces.iter().map(|t| t.trace_id[15]).collect()
}

/// Trace n has its root at a time of its own and a late child; both lie in different batches.
fn scattered(traces: u64) -> MemorySource {
    let (mut roots, mut children) = (vec![], vec![]);
    for n in 1..=traces {
        let start = (n * 7919) % 1000;
        roots.push(format!("{n:x}/1 a \"root\" {start}+5"));
        children.push(format!("{n:x}/2<1 a \"late\" {}+5 span.n={n}", start + 400 - (n * 31) % 300));
    }
    let batches: Vec<String> = roots.chunks(7).chain(children.chunks(5)).map(|c| c.join("\n")).collect();
    spans(&batches.join("\n--\n")).expect("the spans can be read")
}

#[test]
fn newest_first_across_batches() {
    let source = scattered(60);
    for query in
        ["{ }", "{ name = \"late\" }", "{ name = \"root\" } > { name = \"late\" }", "{ span.n % 3 = 1 }", "{ traceDuration > 250ms }"]
    {
        let all = ids(&source, query, 1000, None);
        assert!(all.len() > 5, "{query} finds {}", all.len());
        for limit in [1, 2, 5, 19] {
            assert_eq!(ids(&source, query, limit, None), all[..limit.min(all.len())], "{query} limit {limit}");
        }
    }
    let start = |id: &u8| {
        let mut full = [0; 16];
        full[15] = *id;
        source.trace(&full, &Budget::unlimited()).expect("a trace").spans.iter().map(|s| s.batch.start[s.row as usize]).min()
    };
    let starts: Vec<_> = ids(&source, "{ }", 1000, None).iter().map(start).collect();
    assert!(starts.is_sorted_by(|a, b| a >= b) && starts.len() == 60);
}

#[test]
fn the_range_is_about_traces() {
    let source = spans("1/1 a \"x\" 0+10\n--\n1/2<1 a \"y\" 500+10\n2/1 a \"x\" 2000+1").expect("spans");
    let ms = |n: u64| n * 1_000_000;
    assert_eq!(ids(&source, "{ name = \"x\" }", 10, Some((ms(100), ms(200)))), [1], "the trace overlaps although no span does");
    assert_eq!(ids(&source, "{ name = \"y\" }", 10, Some((0, ms(1)))), [1]);
    assert_eq!(ids(&source, "{ name = \"x\" }", 10, Some((ms(510), ms(511)))), [1], "both ends are included");
    assert!(ids(&source, "{ name = \"x\" }", 10, Some((ms(511), ms(600)))).is_empty());
    assert_eq!(ids(&source, "{ }", 10, None), [2, 1]);
    assert!(ids(&source, "{ false }", 10, None).is_empty());
}

#[test]
fn metadata_is_of_the_whole_trace() {
    let source =
        spans("1/2<1 ledger \"y\" 10+30 status=error\n--\n1/1 gateway \"x\" 5+10\n1/3<1 ledger \"z\" 12+1\n2/5<9 ledger \"y\" 1+1")
            .expect("spans");
    let options = SearchOptions { range: None, limit: 10, spans_per_spanset: 1 };
    let found = search(&compile("{ resource.service.name = \"ledger\" }").unwrap(), &options, &source, &Budget::unlimited()).unwrap();
    let t = &found.traces[0];
    assert_eq!((t.root_service.as_str(), t.root_name.as_str(), t.start, t.duration_ns), ("gateway", "x", 5_000_000, 35_000_000));
    assert_eq!(
        t.service_stats.iter().map(|(k, s)| (k.as_str(), s.spans, s.errors)).collect::<Vec<_>>(),
        [("gateway", 1, 0), ("ledger", 2, 1)]
    );
    assert_eq!((t.spansets[0].spans.len(), t.spansets[0].matched), (1, 2), "spans are cut, the count is not");
    assert_eq!((found.traces[1].root_service.as_str(), found.traces[1].root_name.as_str()), (traceql::ROOT_MISSING, ""));
}

#[test]
fn search_by_tags() {
    let source = spans("1/1 gateway \"GET /x\" 0+10 span.user=\"u1\" span.http.status_code=404\n1/2<1 ledger \"append\" 1+2 status=error span.ok=true\n2/1 ledger \"append\" 100+50").expect("spans");
    let options = SearchOptions { range: None, limit: 10, spans_per_spanset: 3 };
    let find = |tags: &str, min: Option<u64>, max: Option<u64>| {
        let q = TagSearch::parse(tags, min, max).expect("tags");
        let found = search_tags(&q, &options, &source, &Budget::unlimited()).expect("an answer");
        assert!(found.traces.iter().all(|t| t.spansets.is_empty() && t.service_stats.is_empty()));
        found.traces.iter().map(|t| t.trace_id[15]).collect::<Vec<_>>()
    };
    assert_eq!(find("service.name=edgy", None, None), [0u8; 0]);
    assert_eq!(find("service.name=ledge", None, None), [2, 1], "a part of the name is enough");
    assert_eq!(find("service.name=Ledger", None, None), [0u8; 0], "case counts");
    assert_eq!(find("user=u1 service.name=ledger", None, None), [1], "tags may be met by different spans");
    assert_eq!(find("user=u", None, None), [0u8; 0]);
    assert_eq!(find("status.code=error name=app", None, None), [1]);
    assert_eq!(find("http.status_code=404", None, None), [1]);
    assert_eq!(find("ok=true", None, None), [0u8; 0], "only texts are compared");
    assert_eq!(find("root.name=GET", None, None), [1]);
    assert_eq!(find("", Some(20_000_000), None), [2]);
    assert_eq!(find("", None, Some(20_000_000)), [1]);
}
