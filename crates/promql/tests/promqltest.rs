//! The promqltest suite: upstream's files where they are at hand, and scripts of our own.

#![allow(clippy::print_stdout)] // The counts and failures are what one runs it for.

use std::path::{Path, PathBuf};

use promql::script::{MemoryStorage, run_with};
use promql::{Features, Options};

fn shared() -> PathBuf {
    match std::env::var_os("TREFOIL_SHARED") {
        Some(dir) => dir.into(),
        None => concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").into(),
    }
}

/// Runs every `.test` file of a folder and prints what failed.
fn run_folder(dir: &Path, options: &Options) -> Option<usize> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir).ok()?.filter_map(|e| e.ok().map(|e| e.path())).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "test"));
    files.sort();
    let only = std::env::var("PROMQLTEST_ONLY").unwrap_or_default();
    let (mut evals, mut variants) = ((0, 0), (0, 0));
    for file in files.iter().filter(|f| f.to_string_lossy().contains(&only)) {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let text = std::fs::read_to_string(file).expect("a readable script");
        let report = run_with(&text, &mut MemoryStorage::default(), options);
        let report = match report {
            Ok(r) => r,
            Err(e) => {
                println!("FAIL {name}: {e}");
                evals.1 += 1;
                continue;
            }
        };
        for f in report.failures() {
            println!(
                "FAIL {name}:{} {}: {}\n     {}",
                f.line,
                if f.variant { "(variant)" } else { "" },
                f.query,
                f.result.as_ref().unwrap_err()
            );
        }
        let (e, v) = (report.counts(false), report.counts(true));
        println!("{name}: {} passed, {} failed; variants {} passed, {} failed", e.0, e.1, v.0, v.1);
        evals = (evals.0 + e.0, evals.1 + e.1);
        variants = (variants.0 + v.0, variants.1 + v.1);
    }
    println!("promqltest: {} passed, {} failed (variants: {} passed, {} failed)", evals.0, evals.1, variants.0, variants.1);
    assert!(evals.0 > 0, "no evaluation in {}", dir.display());
    Some(evals.1 + variants.1)
}

#[test]
fn upstream_suite() {
    let dir = shared().join("conformance/promqltest");
    let options = Options { features: Features::all(), ..Options::default() };
    match run_folder(&dir, &options) {
        None => println!("skipped: {} is not there", dir.display()),
        Some(failed) => assert_eq!(failed, 0),
    }
}

fn own(folder: &str, features: Features) {
    let dir = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata")).join(folder);
    let options = Options { features, ..Options::default() };
    assert_eq!(run_folder(&dir, &options), Some(0));
}

#[test]
fn own_scripts_with_default_features() {
    own("default", Features::default());
}

#[test]
fn own_scripts_with_all_features() {
    own("all", Features::all());
}
