//! Property tests: nothing panics, whatever is asked over whatever lines; what is printed means the same.

use std::sync::Arc;

use model::{Labels, LogBatchBuilder};
use proptest::prelude::*;
use query::{Budget, Direction, LogRange};

use crate::testing::Memory;
use crate::{Expr, Features, LogOptions, MetricOptions, eval_logs, eval_metric, format_query, parse, parse_selector};

const ALL: Features = Features { extensions: true };

fn stage() -> impl Strategy<Value = String> {
    let fixed = [
        "|= \"a\"",
        "!= \"b\" or \"c\"",
        "|~ \"[a-c]+\"",
        "!~ \"a|b\"",
        "|> \"<_>a<_>\"",
        "!> \"a\"",
        "|= ip(\"10.0.0.0/8\")",
        "| json",
        "| json a=\"b.c[0]\", d",
        "| logfmt",
        "| logfmt --strict",
        "| logfmt --keep-empty a, b=\"c\"",
        "| pattern \"<a> <b>=<c>\"",
        "| regexp \"(?P<a>[a-z]*)=(?P<b>.*)\"",
        "| unpack",
        "| xml",
        "| csv \"a,_,b\"",
        "| decolorize",
        "| line_format \"{{.a}} {{__line__ | trunc 5}}\"",
        "| line_format \"{{ range $k, $v := fromJson __line__ }}{{ $k }}{{ end }}\"",
        "| label_format a=b, c=\"{{ substr 1 3 .a }}\"",
        "| drop a, b=\"x\"",
        "| keep a, meta, b=~\"x.*\"",
        "| a=\"x\" or b!=\"y\"",
        "| a > 5",
        "| b <= 5ms and a != 3KB",
        "| a = ip(\"1.2.3.4\")",
        "| __error__=\"\"",
    ];
    proptest::sample::select(fixed.to_vec()).prop_map(str::to_owned)
}

fn metric(log: &str, kind: usize) -> String {
    match kind {
        0 => format!("count_over_time({log} [5s])"),
        1 => format!("sum by (a) (rate({log} [3s] offset 1s))"),
        2 => format!("sum(bytes_over_time({log} [5s]))"),
        3 => format!("topk(2, max_over_time({log} | unwrap a [5s]))"),
        4 => format!("quantile_over_time(0.5, {log} | unwrap duration(a) | __error__=\"\" [5s]) by (b)"),
        5 => format!("absent_over_time({log} [5s]) or vector(0)"),
        6 => format!("rate_counter({log} | unwrap bytes(a) [5s]) / 0"),
        _ => format!("label_replace(avg_over_time({log} | unwrap a [5s]), \"x\", \"$1\", \"b\", \"(.*)\") * on (x) vector(1)"),
    }
}

fn memory(lines: &[(i64, String)]) -> Memory {
    let mut memory = Memory::default();
    for chunk in lines.chunks(4) {
        let mut b = LogBatchBuilder::default();
        for (i, (ts, line)) in chunk.iter().enumerate() {
            let s = b.stream(&Labels::from_pairs([("app", if i % 2 == 0 { "x" } else { "y" })]));
            let pair = (b.dict().code(if i == 3 { "app" } else { "meta" }), b.dict().code(line));
            b.push(s, *ts * 1_000_000_000, line, &[pair]);
        }
        memory.push(Arc::new(b.finish()));
    }
    memory
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~é\u{1b}\n]{0,30}",
        "([a-d]=[\"a-z0-9]{0,4} ?){0,5}",
        "\\{(\"[a-d]\": ?(\"[a-z\\\\\"]{0,3}\"|[0-9.]{1,3}|\\{\"b\":[0-9]\\}|\\[1,2\\]|null),?){0,4}\\}?",
        "<[a-c]( x=\"1\")?>[a-z&;]{0,5}(</[a-c]>)?",
        "[a-z0-9\",]{0,15}",
    ]
}

#[test]
fn the_longest_chain_is_evaluated_and_printed() {
    let text = vec!["sum(count_over_time({app=\"x\"}[5s]))"; 251].join(" + ");
    let Ok(Expr::Metric(m)) = parse(&text, &ALL) else { panic!("it must parse") };
    let result = eval_metric(&m, &MetricOptions::instant(2_000_000_000), &memory(&[(1, "a".into())]), &Budget::unlimited()).unwrap();
    assert!(matches!(result.value, crate::Value::Vector(v) if v[0].value == 251.0));
    assert!(format_query(&text, &ALL).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_pipeline_over_any_lines(
        stages in proptest::collection::vec(stage(), 0..5),
        lines in proptest::collection::vec((0i64..20, line()), 0..12),
        kind in 0usize..8,
        limit in 0usize..4,
        backward: bool,
    ) {
        let text = format!("{{app=~\".+\"}} {}", stages.join(" "));
        let memory = memory(&lines);
        let Ok(Expr::Log(log)) = parse(&text, &ALL) else { panic!("{text} must parse") };
        let direction = if backward { Direction::Backward } else { Direction::Forward };
        let options = LogOptions { range: LogRange { start: 0, end: i64::MAX }, direction, limit, interval: 0, now: 0 };
        let limited = eval_logs(&log, &options, &memory, &Budget::unlimited()).unwrap();
        let all = eval_logs(&log, &LogOptions { limit: 0, ..options }, &memory, &Budget::unlimited()).unwrap();
        let most = if limit == 0 { all.entries.len() } else { limit.min(all.entries.len()) };
        prop_assert_eq!(&limited.entries, &all.entries[..most]);
        let Ok(Expr::Metric(m)) = parse(&metric(&text, kind), &ALL) else { panic!("{text} must parse") };
        let _ = eval_metric(&m, &MetricOptions::instant(20_000_000_000), &memory, &Budget::unlimited());
        let _ = eval_metric(&m, &MetricOptions::range(0, 20_000_000_000, 3_000_000_000), &memory, &Budget::unlimited());
    }

    #[test]
    fn printing_keeps_the_meaning(stages in proptest::collection::vec(stage(), 0..8), kind in 0usize..8) {
        let log = format!("{{app=~\".+\"}} {}", stages.join(" "));
        for text in [metric(&log, kind), log] {
            let first = parse(&text, &ALL).unwrap();
            let printed = first.to_string();
            prop_assert_eq!(&parse(&printed, &ALL).unwrap(), &first);
            prop_assert_eq!(&parse(&format_query(&text, &ALL).unwrap(), &ALL).unwrap(), &first);
        }
    }

    #[test]
    fn counts_are_those_of_a_plain_loop(
        times in proptest::collection::vec((0i64..60, 0usize..4), 0..80),
        start in 0i64..40, steps in 0i64..6, step in 1i64..9, range in 1i64..20, offset in -5i64..5,
    ) {
        let lines: Vec<(i64, String)> = times.iter().enumerate().map(|(i, (t, n))| (*t, format!("{i}{}", "x".repeat(*n)))).collect();
        let mut memory = Memory::default();
        for chunk in lines.chunks(40) {
            let mut b = LogBatchBuilder::default();
            let s = b.stream(&Labels::from_pairs([("app", "x")]));
            chunk.iter().for_each(|(t, l)| b.push(s, *t * 1_000_000_000, l, &[]));
            memory.push(Arc::new(b.finish()));
        }
        let options = MetricOptions::range(start * 1_000_000_000, (start + steps * step) * 1_000_000_000, step * 1_000_000_000);
        for (function, filter, size) in [("count_over_time", "", false), ("bytes_over_time", "", true), ("count_over_time", "|= \"x\"", false)] {
            let Ok(Expr::Metric(m)) = parse(&format!("{function}({{app=\"x\"}} {filter} [{range}s] offset {offset}s)"), &ALL) else { panic!("must parse") };
            let got = eval_metric(&m, &options, &memory, &Budget::unlimited()).unwrap().value;
            let mut want = vec![];
            for at in (0..=steps).map(|i| start + i * step) {
                let inside = |t: i64| t > at - offset - range && t <= at - offset;
                let hits: Vec<&String> = lines.iter().filter(|(t, l)| inside(*t) && (filter.is_empty() || l.contains('x'))).map(|l| &l.1).collect();
                let value = if size { hits.iter().map(|l| l.len()).sum() } else { hits.len() };
                want.extend((!hits.is_empty()).then_some((at * 1_000_000_000, value as f64)));
            }
            let points = match got { crate::Value::Matrix(m) => m.into_iter().next().map(|s| s.points).unwrap_or_default(), other => panic!("{other:?}") };
            prop_assert_eq!(points, want);
        }
    }

    #[test]
    fn no_text_panics(text in "([{}()=!~|><,.^%*/+\\-\\[\\]\"'`#\\\\ ]|by|sum|rate|json|unwrap|ip|or|offset|on|5m|1.5|a|é|\\{a=\"b\"\\}|\\[5m\\]){0,25}") {
        let _ = parse(&text, &ALL);
        let _ = parse_selector(&text);
    }

    #[test]
    fn no_template_panics(body in "([{}()|.$:=,\"'`/* \\-]|\\{\\{|\\}\\}|if|end|else|range|with|define|template|break|\\.a|\\$x|printf|index|5|a|é){0,25}") {
        let text = format!("{{app=\"x\"}} | line_format {}", crate::units::go_quote(&body));
        if let Ok(Expr::Log(log)) = parse(&text, &ALL) {
            let options = LogOptions { range: LogRange { start: 0, end: i64::MAX }, direction: Direction::Forward, limit: 5, interval: 0, now: 0 };
            let lines = memory(&[(1, "{\"a\":[1,2]}".into())]);
            prop_assert!(eval_logs(&log, &options, &lines, &Budget::unlimited()).is_ok());
        }
    }
}
