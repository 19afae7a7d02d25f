//! The language on small hand-written traces: text in, text out, a file per family of operators.

mod conditions;
mod metrics;
mod newest;
mod pipelines;
mod robust;
mod structure;
mod tags;

use model::{AnyValue, KeyValue};
use query::Budget;
use traceql::script::spans;
use traceql::{SearchOptions, SpanMatch, SpansetMatch, TraceMatch, compile, search};

/// Matching spans per trace, newest trace first: `2: 1 3 [count()=2]; 1: 4`. Spansets of a trace are joined by ` / `.
fn check(query: &str, text: &str, expected: &str) {
    assert_eq!(answer(query, text, |s| hex(&s.span_id)), expected, "{query}");
}

/// As `check`, each span with what the answer shows of it: `1{name=a kind=server}`.
fn check_shown(query: &str, text: &str, expected: &str) {
    let show = |s: &SpanMatch| {
        let name = s.name.iter().map(|n| format!("name={n}"));
        let all: Vec<String> = name.chain(s.attributes.iter().map(pair)).collect();
        format!("{}{{{}}}", hex(&s.span_id), all.join(" "))
    };
    assert_eq!(answer(query, text, show), expected, "{query}");
}

fn answer(query: &str, text: &str, show: impl Fn(&SpanMatch) -> String) -> String {
    let source = spans(text).expect("the spans can be read");
    let options = SearchOptions { range: None, limit: 100, spans_per_spanset: 100 };
    let result = compile(query).and_then(|q| search(&q, &options, &source, &Budget::unlimited()));
    let set = |s: &SpansetMatch| {
        let spans: Vec<String> = s.spans.iter().map(&show).collect();
        let attributes: Vec<String> = s.attributes.iter().map(pair).collect();
        if attributes.is_empty() { spans.join(" ") } else { format!("{} [{}]", spans.join(" "), attributes.join(" ")) }
    };
    let trace = |t: &TraceMatch| format!("{}: {}", hex(&t.trace_id), t.spansets.iter().map(set).collect::<Vec<_>>().join(" / "));
    match result {
        Ok(r) => r.traces.iter().map(trace).collect::<Vec<_>>().join("; "),
        Err(e) => format!("error: {e}"),
    }
}

fn pair(kv: &KeyValue) -> String {
    format!("{}={}", kv.key, value(&kv.value))
}

fn value(v: &AnyValue) -> String {
    match v {
        AnyValue::Str(s) => s.clone(),
        AnyValue::Int(i) => i.to_string(),
        AnyValue::Double(d) => format!("{d:?}"),
        AnyValue::Bool(b) => b.to_string(),
        AnyValue::Array(items) => format!("[{}]", items.iter().map(value).collect::<Vec<_>>().join(",")),
        other => format!("{other:?}"),
    }
}

fn hex(id: &[u8]) -> String {
    let text: String = id.iter().map(|b| format!("{b:02x}")).collect();
    text.trim_start_matches('0').into()
}
