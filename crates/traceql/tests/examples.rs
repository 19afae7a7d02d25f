//! Tempo's own example queries: which parse, which are refused by the check, which are unsupported.

use std::collections::BTreeMap;
use std::path::PathBuf;

use traceql::{CheckError, check, parse};

fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var("TREFOIL_SHARED").unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").into());
    let file = PathBuf::from(root).join(path);
    if !file.exists() {
        eprintln!("skipped: {} is missing", file.display());
        return None;
    }
    Some(file)
}

/// Why the query does not belong to the class.
fn wrong(class: &str, text: &str) -> Option<String> {
    let parsed = match parse(text) {
        Ok(q) => q,
        Err(e) => return (class != "parse_fails").then(|| e.to_string()),
    };
    if class != "parse_fails" {
        let printed = parsed.to_string();
        match parse(&printed) {
            Ok(again) if again == parsed => {}
            other => return Some(format!("printed as {printed}, which reads as {other:?}")),
        }
    }
    match (class, check(&parsed)) {
        ("parse_fails", _) => Some(format!("parses: {parsed}")),
        ("valid", Ok(())) => None,
        ("validate_fails", Err(CheckError::Invalid(_))) => None,
        ("unsupported", Err(CheckError::Unsupported(_))) => None,
        (_, other) => Some(format!("check says {other:?}")),
    }
}

#[test]
fn examples() {
    let Some(file) = shared("conformance/traceql/test_examples.yaml") else { return };
    let text = std::fs::read_to_string(file).expect("the examples can be read");
    let all: BTreeMap<String, Option<Vec<String>>> = serde_yaml_ng::from_str(&text).expect("the examples are YAML");
    let (mut passed, mut failures) = (0, vec![]);
    for (class, queries) in &all {
        for q in queries.iter().flatten() {
            match wrong(class, q) {
                None => passed += 1,
                Some(why) => failures.push(format!("{class}: {q}\n    {why}")),
            }
        }
    }
    println!("traceql: {passed} passed, {} failed", failures.len());
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    assert!(passed > 400, "only {passed} examples were found");
}
