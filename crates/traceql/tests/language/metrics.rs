//! Metrics queries: functions, by(), second stages, math, exemplars, compare().

use query::Budget;
use traceql::script::spans;
use traceql::{MetricsOptions, MetricsResult, compile, query_instant, query_range};

use super::pair;

/// Starts at 1 s, 1.5 s, 2 s (an edge), 2.001 s and 4 s.
const LOAD: &str = r#"
1/1 a "get" 1000+100 span.n=1 kind=server
1/2<1 a "put" 1500+300 span.n=3
--
2/1 b "get" 2000+200 status=error kind=server
2/2<1 b "get" 2001+1 span.n=10 span.f=0.5
3/1 a "get" 4000+400 kind=server
"#;

fn ask(query: &str, instant: bool) -> Result<MetricsResult, query::QueryError> {
    let source = spans(LOAD).expect("the spans can be read");
    let options = MetricsOptions { start: 1_000_000_000, end: 4_000_000_000, step: 1_000_000_000, exemplars: 0, max_series: 0 };
    let run = if instant { query_instant } else { query_range };
    run(&compile(query)?, &options, &source, &Budget::unlimited())
}

/// Series as `{labels} second:value ...`, one line each; an instant has its value only.
fn check(query: &str, expected: &str) {
    let text = match ask(query, false) {
        Ok(r) => text(&r, |t, v| format!("{}:{v}", t / 1000)),
        Err(e) => format!("error: {e}"),
    };
    assert_eq!(text, expected, "{query}");
}

fn check_instant(query: &str, expected: &str) {
    let text = ask(query, true).map_or_else(|e| format!("error: {e}"), |r| text(&r, |_, v| v.to_string()));
    assert_eq!(text, expected, "{query}");
}

fn text(r: &MetricsResult, sample: impl Fn(i64, f64) -> String) -> String {
    let series = r.series.iter().map(|s| {
        let labels: Vec<String> = s.labels.iter().map(pair).collect();
        let samples: Vec<String> = s.samples.iter().map(|(t, v)| sample(*t, *v)).collect();
        format!("{{{}}} {}", labels.join(","), samples.join(" "))
    });
    series.collect::<Vec<_>>().join("\n")
}

#[test]
fn counts() {
    check("{ } | count_over_time()", "{__name__=count_over_time} 1:1 2:2 3:1 4:1");
    check("{ } | rate()", "{__name__=rate} 1:1 2:2 3:1 4:1");
    check("{ status = error } | rate()", "{__name__=rate} 1:0 2:1 3:0 4:0");
    check("{ name = \"nosuch\" } | rate()", "{__name__=rate} 1:0 2:0 3:0 4:0");
    check("{ name = \"nosuch\" } | rate() by(name)", "");
    check_instant("{ } | count_over_time()", "{__name__=count_over_time} 5");
    check_instant("{ } | rate()", "{__name__=rate} 1.6666666666666667");
}

#[test]
fn groups() {
    check(
        "{ } | count_over_time() by(resource.service.name)",
        "{resource.service.name=a} 1:1 2:1 3:0 4:1\n{resource.service.name=b} 1:0 2:1 3:1 4:0",
    );
    check("{ } | count_over_time() by(span:kind)", "{kind=server} 1:1 2:1 3:0 4:1\n{kind=unspecified} 1:0 2:1 3:1 4:0");
    check_instant("{ } | count_over_time() by(span.n, span.f)", "{span.n=1} 1\n{span.n=3} 1\n{span.n=nil} 2\n{span.n=10,span.f=0.5} 1");
    check_instant("{ } | count_over_time() by(rootName)", "{rootName=get} 5");
    check_instant("{ } | count_over_time() by(span:childCount)", "{span:childCount=0} 3\n{span:childCount=1} 2");
}

#[test]
fn values() {
    check("{ } | sum_over_time(span.n)", "{__name__=sum_over_time} 1:1 2:3 3:10");
    check("{ } | max_over_time(duration)", "{__name__=max_over_time} 1:0.1 2:0.3 3:0.001 4:0.4");
    check("{ } | min_over_time(span.nosuch)", "");
    check_instant("{ } | avg_over_time(span.n)", "{__name__=avg_over_time} 4.666666666666667");
    check_instant("{ } | max_over_time(traceDuration)", "{__name__=max_over_time} 0.8");
    check_instant("{ kind = server } | histogram_over_time(span.n)", "");
    check_instant("{ } | histogram_over_time(span.n)", "{__bucket=4.0} 1\n{__bucket=16.0} 1");
    check("{ span.n = 10 } | quantile_over_time(span.n, .5, 1)", "{p=0.5} 1:0 2:0 3:16 4:0\n{p=1.0} 1:0 2:0 3:16 4:0");
    check_instant("{ } | quantile_over_time(duration, .5)", "{p=0.5} 0.268435456");
}

#[test]
fn structure_and_stages() {
    check("{ kind = server } > { } | count_over_time()", "{__name__=count_over_time} 1:0 2:1 3:1 4:0");
    check("{ } | count() > 1 | count_over_time()", "{__name__=count_over_time} 1:1 2:2 3:1 4:0");
    check("{ } | { name = \"put\" } | count_over_time()", "{__name__=count_over_time} 1:0 2:1 3:0 4:0");
}

#[test]
fn second_stages() {
    check("{ } | rate() by(name) | topk(1)", "{name=get} 1:1 2:1 3:1 4:1");
    check("{ } | rate() by(name) | bottomk(1)", "{name=get} 2:1\n{name=put} 1:0 3:0 4:0");
    check("{ } | rate() > 1", "{__name__=rate} 2:2");
    check("{ } | rate() > 0 < 2", "{__name__=rate} 1:1 3:1 4:1");
    check("{ } | max_over_time(duration) >= 300ms", "{__name__=max_over_time} 2:0.3 4:0.4");
    check("{ } | rate() > 5", "");
}

#[test]
fn math() {
    check("({ status = error } | rate()) / ({ } | rate())", "{__name__=(rate / rate)} 1:0 2:0.5 3:0 4:0");
    check("({ } | rate() by(name)) * 2 - 1", "{name=get} 1:1 2:1 3:1 4:1\n{name=put} 1:-1 2:1 3:-1 4:-1");
    check("1 / ({ name = \"put\" } | rate())", "{__name__=rate} 2:1");
    check("({ } | rate() by(name)) / ({ } | rate())", "{name=get} 1:1 2:0.5 3:1 4:1\n{name=put} 1:0 2:0.5 3:0 4:0");
    check("({ } | rate() by(name)) + ({ name = \"put\" } | rate() by(name))", "{name=put} 1:0 2:2 3:0 4:0");
    check("({ } | rate() by(name)) + ({ } | rate() by(kind))", "");
    check("(({ } | rate()) + ({ } | rate())) / ({ } | count_over_time())", "{__name__=((rate + rate) / count_over_time)} 1:2 2:2 3:2 4:2");
}

#[test]
fn comparing_a_selection() {
    let only = |query: &str, key: &str| {
        let r = ask(query, true).expect("an answer");
        let kept: Vec<_> = r.series.into_iter().filter(|s| s.label(key).is_some()).collect();
        text(&MetricsResult { series: kept, ..MetricsResult::default() }, |_, v| v.to_string())
    };
    assert_eq!(
        only("{ } | compare({ resource.service.name = \"b\" })", "name"),
        "{__meta_type=baseline,name=get} 2\n{__meta_type=baseline,name=put} 1\n{__meta_type=baseline_total,name=nil} 3\n\
         {__meta_type=selection,name=get} 2\n{__meta_type=selection_total,name=nil} 2"
    );
    assert_eq!(
        only("{ } | compare({ true }, 1, 1, 2000000000)", "span.n"),
        "{__meta_type=baseline,span.n=10} 1\n{__meta_type=baseline_total,span.n=nil} 1\n\
         {__meta_type=selection,span.n=1} 1\n{__meta_type=selection_total,span.n=nil} 2"
    );
    assert_eq!(
        only("{ } | compare({ true })", "resource.service.name"),
        "{__meta_type=selection,resource.service.name=a} 3\n{__meta_type=selection,resource.service.name=b} 2\n{__meta_type=selection_total,resource.service.name=nil} 5"
    );
}

#[test]
fn exemplars_and_limits() {
    let source = spans(LOAD).expect("spans");
    let options = MetricsOptions { start: 1_000_000_000, end: 4_000_000_000, step: 1_000_000_000, exemplars: 10, max_series: 1 };
    let ask = |q: &str| query_range(&compile(q).expect("a query"), &options, &source, &Budget::unlimited()).expect("an answer");
    let r = ask("{ } | max_over_time(duration)");
    let e = &r.series[0].exemplars;
    assert_eq!(e.len(), 3, "one per trace");
    assert_eq!(
        (e[0].labels.iter().map(pair).collect::<Vec<_>>().join(" "), e[0].value, e[0].timestamp_ms),
        ("trace:id=2 duration=200ms".into(), 0.2, 2000)
    );
    assert!(ask("{ } | rate() with(exemplars=false)").series[0].exemplars.is_empty());
    assert_eq!(ask("{ } | rate() with(exemplars=1)").series[0].exemplars.len(), 1);
    let cut = ask("{ } | rate() by(name)");
    assert!(cut.series.len() == 1 && cut.partial.is_some_and(|p| p.contains("(the limit)")));
    let zero = MetricsOptions { step: 0, ..options.clone() };
    assert!(query_range(&compile("{ } | rate()").unwrap(), &zero, &source, &Budget::unlimited()).is_err());
}
