//! Text in (JSON requests), text out (one line per sample), for every kind of metric and both profiles.

use std::fmt::Write;

use crate::{Delta, Encoding, LogSettings, MetricSettings, Options, Promote, Strategy, decode_metrics};

const RESOURCE: &str = r#""resource":{"attributes":[{"key":"service.name","value":{"stringValue":"s"}},{"key":"service.instance.id","value":{"stringValue":"i"}}]}"#;

/// Samples, histograms, exemplars and what was rejected.
fn dump(json: &str, options: &Options) -> String {
    let d = decode_metrics(json.as_bytes(), Encoding::Json, options, 77_000_000).unwrap();
    let (b, mut out) = (&d.batch, String::new());
    let delta = |t| if t == model::Temporality::Delta { " delta" } else { "" };
    for s in &b.samples {
        let v = if model::is_stale(s.v) { "stale".into() } else { s.v.to_string() };
        let _ = writeln!(out, "{} {v} @{} st={}{}", b.series[s.series as usize], s.t, s.st, delta(s.temporality));
    }
    for s in &b.histograms {
        let h = &s.h;
        let _ = write!(
            out,
            "{} schema={} zero={}({}) @{}{}",
            b.series[s.series as usize],
            h.schema,
            h.zero_count,
            h.zero_threshold,
            s.t,
            delta(s.temporality)
        );
        let stale = if h.is_stale() { "stale".to_owned() } else { format!("count={} sum={}", h.count, h.sum) };
        let spans = |s: &[model::BucketSpan]| s.iter().map(|s| format!("{}+{}", s.offset, s.length)).collect::<Vec<_>>();
        let _ = writeln!(
            out,
            " {stale} {:?}{:?} -{:?}{:?} {:?}",
            spans(&h.positive_spans),
            h.positive_buckets,
            spans(&h.negative_spans),
            h.negative_buckets,
            h.custom_values
        );
    }
    for e in &b.exemplars {
        let _ = writeln!(out, "# {} {} {} @{}", b.series[e.series as usize], e.labels, e.v, e.t);
    }
    if d.rejected > 0 || !d.message.is_empty() {
        let _ = writeln!(out, "rejected {}: {}", d.rejected, d.message);
    }
    out
}

fn stock(change: impl FnOnce(&mut MetricSettings)) -> Options {
    let mut settings = MetricSettings::default();
    change(&mut settings);
    Options::new(settings, LogSettings::default())
}

fn check_with(options: &Options, metrics: &str, expected: &str) {
    let json = format!(
        r#"{{"resourceMetrics":[{{{RESOURCE},"scopeMetrics":[{{"scope":{{"name":"sc","version":"1"}},"metrics":[{metrics}]}}]}}]}}"#
    );
    // The second time everything comes from the cache and must be the same.
    for _ in 0..2 {
        assert_eq!(dump(&json, options).trim(), expected.trim());
    }
}

fn check(metrics: &str, expected: &str) {
    check_with(&Options::stock(), metrics, expected);
}

#[test]
fn gauges_and_sums() {
    check(
        r#"{"name":"g","unit":"By","gauge":{"dataPoints":[{"timeUnixNano":"1999999","asInt":"3","attributes":[{"key":"a.b","value":{"stringValue":"x"}},{"key":"e","value":{}}],
             "exemplars":[{"asDouble":1}]},{"asDouble":"NaN"}]}},
           {"name":"c","sum":{"isMonotonic":true,"aggregationTemporality":2,"dataPoints":[{"startTimeUnixNano":"1000000","timeUnixNano":"5000000","asDouble":1.5,
             "exemplars":[{"timeUnixNano":"4000000","asInt":7,"traceId":"0AF7651916CD43DD8448EB211C80319C","spanId":"b7ad6b7169203331","filteredAttributes":[{"key":"w.o","value":{"stringValue":"me"}}]},{"traceId":"00"}]}]}},
           {"name":"u","sum":{"aggregationTemporality":2,"dataPoints":[{"timeUnixNano":"6000000","asInt":-3},{"timeUnixNano":"7000000","flags":1},{"timeUnixNano":"8000000"}]}}"#,
        r#"
{__name__="g_bytes", a_b="x", instance="i", job="s"} 3 @1 st=0
{__name__="g_bytes", instance="i", job="s"} NaN @77 st=0
{__name__="c_total", instance="i", job="s"} 1.5 @5 st=1
{__name__="u", instance="i", job="s"} -3 @6 st=0
{__name__="u", instance="i", job="s"} stale @7 st=0
# {__name__="c_total", instance="i", job="s"} {span_id="b7ad6b7169203331", trace_id="0af7651916cd43dd8448eb211c80319c", w.o="me"} 7 @4
rejected 1: an exemplar with an id of the wrong length was left out; u: a data point has no value"#,
    );
}

#[test]
fn classic_histograms() {
    check(
        r#"{"name":"h","unit":"s","histogram":{"aggregationTemporality":2,"dataPoints":[
             {"timeUnixNano":"1000000","count":"6","sum":9,"bucketCounts":[1,2,3],"explicitBounds":[0.25,1e21],"exemplars":[{"asDouble":0.25},{"asDouble":5},{"asDouble":1e22}]},
             {"timeUnixNano":"2000000","count":"4"},
             {"timeUnixNano":"3000000","flags":1,"sum":0,"bucketCounts":[0,0,0],"explicitBounds":[0.25,1e21]}]}}"#,
        r#"
{__name__="h_seconds_sum", instance="i", job="s"} 9 @1 st=0
{__name__="h_seconds_count", instance="i", job="s"} 6 @1 st=0
{__name__="h_seconds_bucket", instance="i", job="s", le="0.25"} 1 @1 st=0
{__name__="h_seconds_bucket", instance="i", job="s", le="1000000000000000000000"} 3 @1 st=0
{__name__="h_seconds_bucket", instance="i", job="s", le="+Inf"} 6 @1 st=0
{__name__="h_seconds_count", instance="i", job="s"} 4 @2 st=0
{__name__="h_seconds_bucket", instance="i", job="s", le="+Inf"} 4 @2 st=0
{__name__="h_seconds_sum", instance="i", job="s"} stale @3 st=0
{__name__="h_seconds_count", instance="i", job="s"} stale @3 st=0
{__name__="h_seconds_bucket", instance="i", job="s", le="0.25"} stale @3 st=0
{__name__="h_seconds_bucket", instance="i", job="s", le="1000000000000000000000"} stale @3 st=0
{__name__="h_seconds_bucket", instance="i", job="s", le="+Inf"} stale @3 st=0
# {__name__="h_seconds_bucket", instance="i", job="s", le="0.25"} {} 0.25 @1
# {__name__="h_seconds_bucket", instance="i", job="s", le="1000000000000000000000"} {} 5 @1
# {__name__="h_seconds_bucket", instance="i", job="s", le="+Inf"} {} 10000000000000000000000 @1"#,
    );
}

#[test]
fn native_histograms() {
    let metrics = r#"{"name":"e","exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[
        {"timeUnixNano":"1000000","count":"11","sum":30.5,"scale":1,"zeroCount":2,"zeroThreshold":0.5,"positive":{"offset":-1,"bucketCounts":[1,0,2,0,0,0,3]},"negative":{"bucketCounts":[1,2]}},
        {"timeUnixNano":"2000000","count":"6","sum":6,"scale":10,"positive":{"bucketCounts":[1,1,1,1,1,1]}},
        {"timeUnixNano":"3000000","flags":1,"scale":1},
        {"timeUnixNano":"4000000","count":"6","scale":-5},
        {"timeUnixNano":"5000000","count":"6","scale":0}]}}"#;
    let expected = |zero: &str| {
        format!(
            r#"
{{__name__="e", instance="i", job="s"}} schema=1 zero=2({zero}) @1 count=11 sum=30.5 ["0+3", "3+1"][1.0, 0.0, 2.0, 3.0] -["1+2"][1.0, 2.0] []
{{__name__="e", instance="i", job="s"}} schema=8 zero=0(EPS) @2 count=6 sum=6 ["1+2"][4.0, 2.0] -[][] []
{{__name__="e", instance="i", job="s"}} schema=1 zero=0(EPS) @3 stale [][] -[][] []
rejected 2: e: an exponential histogram has scale -5, the coarsest supported is -4; e: a histogram's buckets hold 0 observations, its count says 6"#
        )
        .replace("EPS", &1e-128f64.to_string())
    };
    check(metrics, &expected("EPS"));
    check_with(&stock(|s| s.sender_zero_threshold = true), metrics, &expected("0.5"));
}

#[test]
fn custom_buckets() {
    check_with(
        &stock(|s| s.convert_histograms_to_nhcb = true),
        r#"{"name":"h","histogram":{"aggregationTemporality":2,"dataPoints":[
             {"timeUnixNano":"1000000","count":"5","sum":9,"bucketCounts":[0,2,3],"explicitBounds":[1,2]},
             {"timeUnixNano":"2000000","count":"5","sum":9,"bucketCounts":[0,2,3],"explicitBounds":[2,1]},
             {"timeUnixNano":"3000000","count":"5","sum":9,"bucketCounts":[0,2,3,0],"explicitBounds":[1,2]}]}}"#,
        r#"
{__name__="h", instance="i", job="s"} schema=-53 zero=0(0) @1 count=5 sum=9 ["1+2"][2.0, 3.0] -[][] [1.0, 2.0]
rejected 2: h: a histogram's explicit bounds are not finite and rising; h: a histogram has more bucket counts than buckets"#,
    );
}

#[test]
fn summaries() {
    check(
        r#"{"name":"s","unit":"us","summary":{"dataPoints":[{"timeUnixNano":"1000000","count":"20","sum":100.5,"quantileValues":[{"quantile":0,"value":1},{"quantile":0.5,"value":4.5}]}]}}"#,
        r#"
{__name__="s_microseconds_sum", instance="i", job="s"} 100.5 @1 st=0
{__name__="s_microseconds_count", instance="i", job="s"} 20 @1 st=0
{__name__="s_microseconds", instance="i", job="s", quantile="0"} 1 @1 st=0
{__name__="s_microseconds", instance="i", job="s", quantile="0.5"} 4.5 @1 st=0"#,
    );
}

#[test]
fn temporality() {
    let metrics = r#"{"name":"d","sum":{"isMonotonic":true,"aggregationTemporality":1,"dataPoints":[{"asInt":1,"timeUnixNano":"1000000"},{"asInt":2,"timeUnixNano":"2000000"}]}},
        {"name":"n","sum":{"dataPoints":[{"asInt":1}]}},{"name":"","gauge":{"dataPoints":[{"asInt":1}]}},{"name":"nodata"},{"name":"empty","gauge":{}}"#;
    check(
        metrics,
        "rejected 4: d_total: delta temporality is not supported, send cumulative (2 times); n: the aggregation temporality is not specified; \
         a metric has no name; a metric without data was left out",
    );
    check_with(
        &stock(|s| s.delta = Delta::Accumulate),
        metrics,
        r#"
{__name__="d_total", instance="i", job="s"} 1 @1 st=0 delta
{__name__="d_total", instance="i", job="s"} 2 @2 st=0 delta
rejected 2: n: the aggregation temporality is not specified; a metric has no name; a metric without data was left out"#,
    );
}

#[test]
fn labels_collide_and_are_overridden() {
    let metrics = r#"{"name":"m","gauge":{"dataPoints":[{"asInt":1,"timeUnixNano":"1000000","attributes":[{"key":"a.b","value":{"stringValue":"first"}},{"key":"a_b","value":{"stringValue":"second"}},
        {"key":"a-b","value":{"stringValue":"third"}},{"key":"job","value":{"stringValue":"mine"}},{"key":"__name__","value":{"stringValue":"no"}},{"key":"n","value":{"doubleValue":0.1}},
        {"key":"l","value":{"arrayValue":{"values":[{"stringValue":"x"},{"doubleValue":0.5}]}}}]},
        {"asInt":1,"attributes":[{"key":"___","value":{"stringValue":"x"}}]}]}}"#;
    check(
        metrics,
        r#"
{__name__="m", a_b="third;first;second", instance="i", job="s", l="[\"x\",0.5]", n="0.1"} 1 @1 st=0
rejected 1: m: the attribute name "___" has no character that a label name can have"#,
    );
    check_with(
        &stock(|s| {
            s.strategy = Strategy::NoTranslation;
            s.promote = Promote::AllBut(["service.instance.id".to_owned()].into());
            s.promote_scope_metadata = true;
        }),
        r#"{"name":"m.x","unit":"s","gauge":{"dataPoints":[{"asInt":1,"timeUnixNano":"1000000","attributes":[{"key":"a.b","value":{"stringValue":"1"}}]}]}}"#,
        r#"{__name__="m.x", a.b="1", instance="i", job="s", otel_scope_name="sc", otel_scope_version="1", service.name="s"} 1 @1 st=0"#,
    );
}

#[test]
fn target_info() {
    let resource = |attrs: &str| {
        format!(
            r#"{{"resource":{{"attributes":[{attrs}]}},"scopeMetrics":[{{"metrics":[{{"name":"m","gauge":{{"dataPoints":[{{"asInt":1,"timeUnixNano":"1000000"}},{{"asInt":1,"timeUnixNano":"200000000000"}}]}}}}]}}]}}"#
        )
    };
    let info = |options: &Options, attrs: &str| {
        let json = format!(r#"{{"resourceMetrics":[{},{}]}}"#, resource(attrs), resource(attrs));
        dump(&json, options).lines().filter(|l| l.contains("target_info")).collect::<Vec<_>>().join("\n")
    };
    let attr = |k: &str, v: &str| format!(r#"{{"key":"{k}","value":{{"stringValue":"{v}"}}}}"#);
    let (ns, name, host) = (attr("service.namespace", "n"), attr("service.name", "s"), attr("host.name", "h"));
    assert_eq!(
        info(&Options::stock(), &format!("{ns},{name},{host}")),
        "{__name__=\"target_info\", host_name=\"h\", job=\"n/s\"} 1 @1 st=0\n{__name__=\"target_info\", host_name=\"h\", job=\"n/s\"} 1 @150001 st=0\n\
         {__name__=\"target_info\", host_name=\"h\", job=\"n/s\"} 1 @200000 st=0"
    );
    assert_eq!(info(&Options::stock(), &format!("{ns},{name}")), "");
    assert_eq!(info(&Options::stock(), &host), "");
    let kept = info(&Options::default(), &format!("{ns},{name},{host}"));
    assert!(kept.starts_with(r#"{__name__="target_info", host_name="h", job="n/s", service_name="s", service_namespace="n"}"#), "{kept}");
}

#[test]
fn the_default_profile_promotes() {
    let d = dump(
        r#"{"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"s"}},{"key":"host.name","value":{"stringValue":"h"}},{"key":"x","value":{"stringValue":"y"}}]},
            "scopeMetrics":[{"metrics":[{"name":"m","gauge":{"dataPoints":[{"asInt":1,"timeUnixNano":"1000000","attributes":[{"key":"host.name","value":{"stringValue":"own"}}]},{"asInt":1,"timeUnixNano":"1000000"}]}}]}]}]}"#,
        &Options::default(),
    );
    assert_eq!(d.lines().next(), Some(r#"{__name__="m", host_name="own", job="s", service_name="s"} 1 @1 st=0"#));
    assert_eq!(d.lines().nth(1), Some(r#"{__name__="m", host_name="h", job="s", service_name="s"} 1 @1 st=0"#));
}

#[test]
fn one_series_of_two_scopes_is_one_series() {
    let json = r#"{"resourceMetrics":[{"scopeMetrics":[{"scope":{"name":"a"},"metrics":[{"name":"m","gauge":{"dataPoints":[{"asInt":1,"timeUnixNano":"1000000"}]}}]},
        {"scope":{"name":"b"},"metrics":[{"name":"m","gauge":{"dataPoints":[{"asInt":1,"timeUnixNano":"1000000"}]}}]}]}]}"#;
    let d = decode_metrics(json.as_bytes(), Encoding::Json, &Options::stock(), 1).unwrap();
    assert_eq!((d.batch.series.len(), d.batch.samples.len(), d.batch.metadata.len()), (1, 2, 1));
}
