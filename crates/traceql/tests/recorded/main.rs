//! Tempo's recorded answers over the corpus, asked of the engine directly: everything but HTTP parameters and their errors.

mod ask;
mod compare;
mod render;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;
use traceql::script::MemorySource;

fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var("TREFOIL_SHARED").unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").into());
    let file = PathBuf::from(root).join(path);
    if !file.exists() {
        eprintln!("skipped: {} is missing", file.display());
        return None;
    }
    Some(file)
}

/// Cases that record an accident of Tempo's, with what is right.
const ACCIDENTS: &[(&str, &str)] = &[("tempo-by/21", "a trace keeps its rootTraceName although the query groups by rootName")];

/// The corpus as one batch per request.
fn corpus(bytes: &[u8]) -> MemorySource {
    let (mut rest, mut batches) = (bytes, vec![]);
    while let Some((head, tail)) = rest.split_first_chunk::<4>() {
        let (body, next) = tail.split_at(u32::from_be_bytes(*head) as usize);
        let decoded = otlp::decode_traces(body, otlp::Encoding::Proto, &otlp::Options::stock(), 0).expect("the corpus decodes");
        batches.push(decoded.batch);
        rest = next;
    }
    MemorySource::new(batches)
}

#[test]
fn recorded_answers() {
    let (Some(cases), Some(traces)) = (shared("conformance/cases/tempo.jsonl"), shared("conformance/corpus/traces.otlp")) else { return };
    let source = corpus(&std::fs::read(traces).expect("the corpus can be read"));
    let only = std::env::var("TRACEQL_ONLY").unwrap_or_default();
    let (mut groups, mut failures) = (BTreeMap::<String, [usize; 2]>::new(), vec![]);
    for line in std::fs::read_to_string(cases).expect("the cases can be read").lines() {
        let case: Value = serde_json::from_str(line).expect("a case is JSON");
        let name = case["name"].as_str().unwrap_or_default();
        if !name.contains(&only) {
            continue;
        }
        if let Some((_, why)) = ACCIDENTS.iter().find(|(n, _)| *n == name) {
            println!("{name} is left out: {why}");
            continue;
        }
        let Some(answer) = ask::ask(&case, &source) else { continue };
        let why = compare::judge(&case, &answer);
        let counts = groups.entry(name.split('/').next().unwrap_or_default().to_owned()).or_default();
        counts[usize::from(why.is_some())] += 1;
        if let Some(why) = why {
            failures.push(format!("{name} {} {}\n    {why}", case["path"], case["params"]));
        }
    }
    for (group, [passed, failed]) in &groups {
        println!("{group}: {passed} of {}", passed + failed);
    }
    let passed: usize = groups.values().map(|c| c[0]).sum();
    println!("recorded: {passed} passed, {} failed", failures.len());
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    assert!(!only.is_empty() || passed > 1_000, "only {passed} cases were asked");
}

/// Texts need not agree, but clients show them: most are Tempo's word for word.
#[test]
fn error_texts() {
    let Some(cases) = shared("conformance/cases/tempo.jsonl") else { return };
    let (mut same, mut other) = (0, vec![]);
    for line in std::fs::read_to_string(cases).expect("the cases can be read").lines() {
        let case: Value = serde_json::from_str(line).expect("a case is JSON");
        let (name, want) = (case["name"].as_str().unwrap_or_default(), case["expect"]["body"].as_str());
        let asked = ["tempo-error-syntax", "tempo-error-metrics-syntax", "tempo-error-validate", "tempo-error-metrics-validate"];
        let (Some(q), Some(want)) = (case["params"]["q"].as_str().filter(|_| asked.iter().any(|a| name.starts_with(a))), want) else {
            continue;
        };
        let got = traceql::compile(q).err().map(|e| e.to_string()).unwrap_or_default();
        match want.strip_prefix("invalid TraceQL query: ").or(want.strip_prefix("compiling query: ")).unwrap_or(want) == got {
            true => same += 1,
            false => other.push(format!("{q}\n    {want}\n    {got}")),
        }
    }
    println!("error texts: {same} as Tempo's, {} not:\n{}", other.len(), other.join("\n"));
    assert!(same >= 130, "only {same} error texts are Tempo's");
}
