//! The checks that keep the house legible: header lines, file lengths, who may use whom, nothing left undone.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Above this a file is refused.
const MAX_LINES: usize = 1_000;
/// Above this a file must stand in the ratchet, which may only shrink.
const ASK_ABOVE: usize = 600;
const RATCHET: &str = "xtask/long-files.txt";

/// Which of our crates a crate may use (the design's table). Listed = allowed; anything else is refused.
const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("host", &[]),
    ("proto", &[]),
    ("query", &["model"]),
    ("otlp", &["model", "proto"]),
    ("wal", &["host"]),
    ("store", &["model", "host", "wal", "query"]),
    ("promql", &["model", "query"]),
    ("gotemplate", &[]),
    ("logql", &["model", "query", "gotemplate"]),
    ("traceql", &["model", "query"]),
    ("pipeline", &["model"]),
    ("exposition", &["model", "proto"]),
    ("scrape", &["model", "exposition"]),
    ("rules", &["model", "query", "promql", "gotemplate"]),
    ("api", &["model", "otlp", "query", "store"]),
    ("api-otlp", &["model", "proto", "otlp", "pipeline", "store", "api"]),
    ("api-prometheus", &["model", "proto", "otlp", "pipeline", "query", "store", "promql", "api"]),
    ("api-loki", &["model", "proto", "otlp", "pipeline", "query", "store", "logql", "api"]),
    ("api-tempo", &["model", "proto", "otlp", "pipeline", "query", "store", "traceql", "api"]),
    ("trefoil", &["*"]),
    ("sim", &["*"]),
    ("benches", &["*"]),
    ("xtask", &[]),
];

/// What a crate must not know: libraries it may not depend on.
const MUST_NOT_KNOW: &[(&str, &[&str])] = &[
    ("model", &["tokio", "serde", "serde_json", "arrow", "parquet", "prost", "http", "axum"]),
    ("host", &["prost", "arrow", "serde"]),
    ("otlp", &["tokio", "axum", "hyper", "tonic"]),
    ("wal", &["tokio", "prost", "serde"]),
    ("query", &["tokio", "arrow", "parquet", "serde"]),
    ("store", &["tokio", "axum", "http", "prost", "tonic", "serde_json"]),
    ("gotemplate", &["tokio", "serde", "serde_json", "jiff", "regex"]),
    ("promql", &["tokio", "serde", "serde_json", "axum"]),
    ("logql", &["tokio", "axum"]),
    ("traceql", &["tokio", "serde_json", "axum"]),
    ("rules", &["tokio", "hyper", "http", "axum", "store"]),
];

pub fn run(root: &Path, update: bool) -> Result<(), Vec<String>> {
    let mut problems = vec![];
    let files = rust_files(root);
    let mut lengths = BTreeMap::new();
    for file in &files {
        let name = file.strip_prefix(root).unwrap_or(file).display().to_string();
        match fs::read_to_string(file) {
            Ok(text) => {
                check_file(&name, &text, &mut problems);
                lengths.insert(name, text.lines().count());
            }
            Err(e) => problems.push(format!("{name}: {e}")),
        }
    }
    if update {
        let long: String = lengths.iter().filter(|(_, n)| **n > ASK_ABOVE).map(|(f, n)| format!("{n} {f}\n")).collect();
        if let Err(e) = fs::write(root.join(RATCHET), long) {
            problems.push(format!("{RATCHET}: {e}"));
        }
    }
    check_lengths(&lengths, &fs::read_to_string(root.join(RATCHET)).unwrap_or_default(), &mut problems);
    check_crates(root, &mut problems);
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn rust_files(root: &Path) -> Vec<PathBuf> {
    let mut out = vec![];
    let mut open = vec![root.join("crates"), root.join("benches"), root.join("xtask")];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() && path.file_name().is_some_and(|n| n != "target") {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                out.push(path);
            }
        }
    }
    out.sort();
    out
}

fn check_file(name: &str, text: &str, problems: &mut Vec<String>) {
    if !text.starts_with("//! ") {
        problems.push(format!("{name}: open with one line `//! ...` that says what the file is"));
    }
    // Spelt in two parts, so that this file does not find itself.
    for left in [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("#[ig", "nore"), concat!("todo", "!("), concat!("unimpl", "emented!(")]
    {
        if let Some(line) = text.lines().position(|l| l.contains(left)) {
            problems.push(format!("{name}:{}: {left} is left undone", line + 1));
        }
    }
}

fn check_lengths(lengths: &BTreeMap<String, usize>, ratchet: &str, problems: &mut Vec<String>) {
    let allowed: BTreeMap<&str, usize> =
        ratchet.lines().filter_map(|l| l.split_once(' ')).filter_map(|(n, f)| Some((f, n.parse().ok()?))).collect();
    for (file, n) in lengths {
        let most = allowed.get(file.as_str()).copied().unwrap_or(ASK_ABOVE);
        if *n > MAX_LINES {
            problems.push(format!("{file}: {n} lines; more than {MAX_LINES} are refused, split it by what it is about"));
        } else if *n > most {
            problems.push(format!("{file}: {n} lines, allowed {most}; split it, or defend the new length in {RATCHET}"));
        }
    }
}

fn check_crates(root: &Path, problems: &mut Vec<String>) {
    let mut manifests: Vec<PathBuf> =
        fs::read_dir(root.join("crates")).into_iter().flatten().flatten().map(|e| e.path().join("Cargo.toml")).collect();
    manifests.push(root.join("xtask/Cargo.toml"));
    manifests.push(root.join("benches/Cargo.toml"));
    let ours: Vec<&str> = MAY_USE.iter().map(|(n, _)| *n).collect();
    for path in manifests {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let name = text.lines().find_map(|l| l.strip_prefix("name = \"")).and_then(|r| r.split('"').next()).unwrap_or("?").to_owned();
        let Some((_, may)) = MAY_USE.iter().find(|(n, _)| *n == name) else {
            problems.push(format!("crate {name}: give it a row in xtask/src/tidy.rs (and in ARCHITECTURE.md)"));
            continue;
        };
        let unknown = MUST_NOT_KNOW.iter().find(|(n, _)| *n == name).map_or(&[][..], |(_, l)| *l);
        for dep in dependencies(&text) {
            if ours.contains(&dep.as_str()) && !may.contains(&"*") && !may.contains(&dep.as_str()) {
                problems.push(format!("crate {name} uses {dep}, which the design does not allow"));
            }
            if unknown.contains(&dep.as_str()) {
                problems.push(format!("crate {name} must not know {dep}"));
            }
        }
    }
}

/// The names under `[dependencies]` (what tests use besides is free).
fn dependencies(manifest: &str) -> Vec<String> {
    let mut inside = false;
    let mut out = vec![];
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.trim() == "[dependencies]";
        } else if inside && let Some(name) = line.split(['.', ' ', '=']).next().filter(|n| !n.is_empty() && !n.starts_with('#')) {
            out.push(name.to_owned());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        if let Err(problems) = run(&crate::root(), false) {
            panic!("{}", problems.join("\n"));
        }
    }

    #[test]
    fn finds_what_is_wrong() {
        let mut p = vec![];
        check_file("a.rs", "fn main() {}", &mut p);
        check_file("b.rs", concat!("//! b\n// TO", "DO"), &mut p);
        check_lengths(
            &BTreeMap::from([("c.rs".to_owned(), 700), ("d.rs".to_owned(), 1001), ("e.rs".to_owned(), 700)]),
            "700 e.rs\n",
            &mut p,
        );
        assert_eq!(p.len(), 4, "{p:?}");
        assert_eq!(dependencies("[dependencies]\nmodel.workspace = true\nx = \"1\"\n\n[dev-dependencies]\ny = \"1\"\n"), ["model", "x"]);
    }
}
