//! What must hold for any query: it prints to text that parses to the same, and nothing panics.

use promql::script::{Command, MemoryStorage, Storage, parse};
use promql::{Features, Options, SampleValue, Value as Answer};
use proptest::prelude::*;
use query::{Budget, BudgetLimits, TimeGrid};

fn durations() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("5m".to_owned()),
        Just("1h30m".to_owned()),
        Just("30".to_owned()),
        Just("step() + 1m".to_owned()),
        Just("max_of(1m, 30s) * 2".to_owned()),
        Just("(1m)".to_owned()),
    ]
}

fn modifiers() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just(" offset 1m".to_owned()),
        Just(" offset -30s".to_owned()),
        Just(" @ 60".to_owned()),
        Just(" @ start() offset 10s".to_owned()),
        Just(" offset -(step() + 1s)".to_owned()),
    ]
}

fn selectors() -> impl Strategy<Value = String> {
    let name = prop_oneof![Just("c_total"), Just("g"), Just("h"), Just("sum"), Just("{\"g\"}"), Just("b_bucket"), Just("{l=~\"1|2\"}")];
    (name, modifiers()).prop_map(|(n, m)| format!("{n}{m}"))
}

fn ranges(inner: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    prop_oneof![
        (prop_oneof![Just("c_total"), Just("g"), Just("h")], durations(), modifiers()).prop_map(|(n, d, m)| format!("{n}[{d}]{m}")),
        (inner, durations(), modifiers()).prop_map(|(e, d, m)| format!("({e})[{d}:1m]{m}")),
    ]
}

/// Texts of instant vectors.
fn vectors() -> impl Strategy<Value = String> {
    selectors().prop_recursive(4, 24, 3, |inner| {
        let range_function = prop_oneof![
            Just("rate"),
            Just("irate"),
            Just("delta"),
            Just("sum_over_time"),
            Just("avg_over_time"),
            Just("last_over_time"),
            Just("changes"),
            Just("resets"),
            Just("deriv"),
            Just("absent_over_time"),
            Just("stddev_over_time"),
        ];
        let function = prop_oneof![
            Just("abs"),
            Just("-"),
            Just("timestamp"),
            Just("sort"),
            Just("histogram_count"),
            Just("histogram_stddev"),
            Just("absent"),
            Just("day_of_week"),
            Just("histogram_quantile(0.5, "),
            Just("round"),
        ];
        let aggregation = prop_oneof![
            Just("sum by (l) ("),
            Just("avg without (l) ("),
            Just("topk(1, "),
            Just("quantile(0.3, "),
            Just("count_values(\"v\", "),
            Just("limit_ratio(0.5, "),
            Just("stddev("),
            Just("max("),
        ];
        let operator = prop_oneof![
            Just("+"),
            Just("- on (l)"),
            Just("* ignoring (l) group_left ()"),
            Just("> bool"),
            Just("=="),
            Just("and"),
            Just("or on (l)"),
            Just("unless"),
            Just("/ fill (1)"),
            Just("^"),
            Just("% on (l) group_right (m) fill_left (2)"),
            Just("atan2"),
        ];
        prop_oneof![
            (range_function, ranges(inner.clone())).prop_map(|(f, r)| format!("{f}({r})")),
            (function, inner.clone()).prop_map(|(f, e)| match f {
                "-" => format!("-{e}"),
                f if f.ends_with(' ') => format!("{f}{e})"),
                f => format!("{f}({e})"),
            }),
            (aggregation, inner.clone()).prop_map(|(a, e)| format!("{a}{e})")),
            (operator, inner.clone(), inner.clone()).prop_map(|(o, a, b)| format!("({a} {o} {b})")),
            (inner, prop_oneof![Just("* 2"), Just("> 1"), Just("</ 1.5"), Just("^ scalar(g)"), Just("== bool time()")])
                .prop_map(|(e, o)| format!("({e}) {o}")),
        ]
    })
}

fn storage() -> MemoryStorage {
    let script = "load 1m\n  c_total{l=\"1\"} 0+5x5 1+2x4\n  c_total{l=\"2\"} 1 _ stale 4 NaN 6\n  g{l=\"1\"} 3 -1 Inf 2\n  g 1x10\n  \
                  h{l=\"1\"} {{schema:1 count:4 sum:3 z_bucket:1 z_bucket_w:0.01 buckets:[1 2]}}x5 4 5\n  \
                  h{l=\"2\"} {{schema:-53 count:3 sum:4 custom_values:[1 2] buckets:[1 2]}}x8\n  \
                  b_bucket{le=\"1\"} 1+1x9\n  b_bucket{le=\"+Inf\"} 2+1x9\n  sum{l=\"1\",m=\"x\"} 7x9\n";
    let mut storage = MemoryStorage::default();
    for command in parse(script).expect("a good script") {
        if let Command::Load(l) = command {
            storage.load(l.series).expect("a good load");
        }
    }
    storage
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn printed_queries_parse_to_the_same(query in vectors()) {
        let features = Features::all();
        if let Ok(e) = promql::parse(&query, &features) {
            let text = e.to_string();
            for printed in [text.clone(), promql::pretty(&e)] {
                let again = promql::parse(&printed, &features);
                prop_assert_eq!(again.map(|e| e.to_string()), Ok(text.clone()), "{} became {}", query, printed);
            }
        }
    }

    #[test]
    fn evaluation_never_panics(query in vectors(), delayed in any::<bool>(), t in -100_000i64..800_000) {
        let features = Features { delayed_name_removal: delayed, ..Features::all() };
        let options = Options { features, ..Options::default() };
        let (storage, budget) = (storage(), Budget::new(BudgetLimits { samples: 100_000, ..BudgetLimits::default() }));
        if let Ok(e) = promql::parse(&query, &features) {
            let _ = promql::instant(&e, t, &*storage.source(), &options, &budget);
            let _ = promql::range(&e, TimeGrid { start: t, end: t + 300_000, step: 70_000 }, &*storage.source(), &options, &budget);
        }
    }

    #[test]
    fn a_range_is_its_instants(query in vectors(), start in 0i64..400_000) {
        // These mean something else in a range query.
        if query.contains("step()") || query.contains("start()") {
            return Ok(());
        }
        let options = Options { features: Features::all(), ..Options::default() };
        let (source, budget) = (storage().source(), Budget::unlimited());
        let Ok(e) = promql::parse(&query, &options.features) else { return Ok(()) };
        let grid = TimeGrid { start, end: start + 280_000, step: 70_000 };
        let Ok(range) = promql::range(&e, grid, &*source, &options, &budget) else { return Ok(()) };
        let Answer::Matrix(range) = range.value else { panic!("a matrix") };
        for t in grid.iter() {
            let Ok(instant) = promql::instant(&e, t, &*source, &options, &budget) else { continue };
            let Answer::Vector(instant) = instant.value else { panic!("a vector") };
            let mut want: Vec<String> = instant.iter().map(|s| format!("{} {:?}", s.labels, s.value)).collect();
            let floats = range.iter().flat_map(|s| s.floats.iter().filter(|f| f.0 == t).map(|f| (&s.labels, SampleValue::Float(f.1))));
            let hists = range.iter().flat_map(|s| s.histograms.iter().filter(|h| h.0 == t).map(|h| (&s.labels, SampleValue::Histogram(h.1.clone()))));
            let mut got: Vec<String> = floats.chain(hists).map(|(l, v)| format!("{l} {v:?}")).collect();
            want.sort();
            got.sort();
            prop_assert_eq!(got, want, "{} at {}", query, t);
        }
    }

    #[test]
    fn any_text_is_parsed_or_refused(text in "\\PC{0,40}") {
        let _ = promql::parse(&text, &Features::all());
        let _ = promql::parse_selector(&text);
    }

    #[test]
    fn texts_of_words_are_parsed_or_refused(words in proptest::collection::vec(
        prop_oneof![
            Just("sum"), Just("by"), Just("("), Just(")"), Just("{"), Just("}"), Just("["), Just("]"), Just(":"), Just("5m"), Just("1"), Just("@"),
            Just("offset"), Just("foo"), Just("rate"), Just("+"), Just("-"), Just("^"), Just("on"), Just("group_left"), Just("bool"), Just("and"),
            Just("\"s\""), Just("="), Just("=~"), Just(","), Just("step"), Just("start"), Just("anchored"), Just("fill"), Just("</"), Just("0x"),
        ], 0..25)) {
        let features = Features::all();
        if let Ok(e) = promql::parse(&words.join(" "), &features) {
            prop_assert!(promql::parse(&e.to_string(), &features).is_ok(), "{}", e);
        }
    }
}
