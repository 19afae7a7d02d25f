//! Nothing panics, and what is printed reads back as the same tree.

use proptest::prelude::*;
use query::Budget;
use traceql::script::spans;
use traceql::{SearchOptions, check, compile, parse, search};

const DATA: &str = "1/1 a \"x\" 0+10 kind=server span.a=1 span.b=\"t\"\n1/2<1 a \"y\" 1+5 span.a=2 status=error event:e@1 event.k=3";

/// Pieces that make many queries readable and many nearly so.
fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "{",
        "}",
        "(",
        ")",
        " && ",
        " || ",
        " > ",
        " >> ",
        " !~ ",
        " &> ",
        " | ",
        " = ",
        " != ",
        " =~ ",
        " + ",
        " - ",
        " * ",
        " / ",
        " ^ ",
        "!",
        "-",
        "span.a",
        ".b",
        "event.k",
        "parent.x",
        "name",
        "kind",
        "status",
        "duration",
        "nestedSetParent",
        "traceDuration",
        "server",
        "error",
        "nil",
        "true",
        "1",
        "2.5",
        "10ms",
        "`t`",
        "\"t.*\"",
        "{ }",
        "{ span.a = 1 }",
        "{ true }",
        "count()",
        "max(span.a)",
        "by(name)",
        "coalesce()",
        "select(span.a)",
        "rate()",
        "quantile_over_time(duration, .5)",
        "compare({ status = error })",
        "topk(2)",
        " by(name)",
        " with(a=1)",
        ",",
    ])
}

fn leaf() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "span.a",
        ".\"q u\"",
        "resource.x",
        "event.k",
        "link.l",
        "instrumentation.i",
        "name",
        "status",
        "kind",
        "duration",
        "span:childCount",
        "1",
        "minInt",
        "2.5",
        "10ms",
        "`t`",
        "\"a`b\"",
        "true",
        "nil",
        "ok",
        "server",
        "parent.span.x",
        "statusMessage",
    ])
    .prop_map(str::to_owned)
}

fn expression() -> impl Strategy<Value = String> {
    leaf().prop_recursive(5, 40, 2, |inner| {
        let op = prop::sample::select(vec!["&&", "||", "=", "!=", "<", ">=", "=~", "+", "-", "*", "/", "%", "^"]);
        prop_oneof![
            (inner.clone(), op, inner.clone()).prop_map(|(l, o, r)| format!("{l} {o} {r}")),
            inner.clone().prop_map(|e| format!("({e})")),
            inner.clone().prop_map(|e| format!("!{e}")),
            inner.prop_map(|e| format!("-({e})")),
        ]
    })
}

fn prints_back(text: &str) {
    let Ok(q) = parse(text) else { return };
    let printed = q.to_string();
    assert_eq!(parse(&printed).as_ref(), Ok(&q), "{text} printed as {printed}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn pieces_never_panic(pieces in prop::collection::vec(piece(), 1..14)) {
        let text = pieces.concat();
        prints_back(&text);
        if let Ok(q) = compile(&text) {
            let options = SearchOptions { range: None, limit: 5, spans_per_spanset: 5 };
            let _ = search(&q, &options, &spans(DATA).expect("spans"), &Budget::unlimited());
        }
    }

    #[test]
    fn expressions_print_back(e in expression()) {
        let text = format!("{{ {e} }}");
        prints_back(&text);
        if let Ok(q) = parse(&text) {
            let _ = check(&q);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,60}") {
        prints_back(&text);
    }
}

#[test]
fn deep_and_long_queries_are_refused_and_do_not_overflow() {
    for text in ["(".repeat(100_000), format!("{{ {}true }}", "!".repeat(100_000)), format!("{{ {} }}", "-".repeat(100_000))] {
        assert!(parse(&text).is_err());
    }
    let chain = |n: usize| format!("{{ {} }}", vec!["span.a = 1"; n].join(" || "));
    let long = compile(&chain(450)).expect("450 alternatives are fine");
    let options = SearchOptions { range: None, limit: 5, spans_per_spanset: 5 };
    assert_eq!(search(&long, &options, &spans(DATA).expect("spans"), &Budget::unlimited()).expect("an answer").traces.len(), 1);
    let sum = format!("{{ {} = 900 }}", vec!["span.a"; 900].join(" + "));
    prints_back(&sum);
    let q = compile(&sum).expect("900 summands are fine");
    assert_eq!(search(&q, &options, &spans(DATA).expect("spans"), &Budget::unlimited()).expect("an answer").traces.len(), 1);
    let nested = format!("{}{{ {}span.a{} = 1 }}{}", "(".repeat(30), "(".repeat(60), ")".repeat(60), ")".repeat(30));
    assert!(parse(&nested).is_err() && parse(&format!("{{ {}span.a{} = 1 }}", "(".repeat(60), ")".repeat(60))).is_ok());
    assert!(parse(&chain(5_000)).is_err());
    assert!(parse(&"a".repeat(200_000)).is_err());
    let pipes = format!("{{ }}{}", " | { }".repeat(5_000));
    let _ = compile(&pipes);
}
