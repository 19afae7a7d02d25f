//! Our own scripts, and the upstream suite where it is at hand.

use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::testing::Memory;

struct InMemory(Memory);

impl Backend for InMemory {
    fn clear(&mut self) {
        self.0 = Memory::default();
    }

    /// Several batches, overlapping in time, as a store would hold them.
    fn load(&mut self, lines: &[Line]) {
        for third in 0..3 {
            let part: Vec<Line> = lines.iter().skip(third).step_by(3).cloned().collect();
            if !part.is_empty() {
                self.0.push(Arc::new(batch(&part)));
            }
        }
    }

    fn source(&self) -> Box<dyn LogSource + '_> {
        Box::new(self.0.clone())
    }
}

fn run_folder(folder: &PathBuf) -> Report {
    let mut all = Report::default();
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "logqltest")) {
        let text = std::fs::read_to_string(file).unwrap();
        all.merge(run(&file.file_name().unwrap().to_string_lossy(), &text, &mut InMemory(Memory::default())));
    }
    all
}

#[track_caller]
fn all_pass(report: &Report) {
    #[allow(clippy::print_stdout)]
    {
        println!("{}", report.summary());
    }
    let shown: Vec<&str> = report.failures.iter().take(40).map(String::as_str).collect();
    assert!(report.failures.is_empty() && report.passed > 0, "{}\n{}", report.summary(), shown.join("\n"));
}

#[test]
fn own_scripts() {
    all_pass(&run_folder(&PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata"))));
}

#[test]
fn upstream_suite() {
    let shared = std::env::var("TREFOIL_SHARED").unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").into());
    let folder = PathBuf::from(shared).join("conformance/logqltest");
    if !folder.exists() {
        #[allow(clippy::print_stdout)]
        {
            println!("skipped: {} is not there", folder.display());
        }
        return;
    }
    all_pass(&run_folder(&folder));
}

#[test]
fn a_wrong_expectation_fails() {
    let script = "clear\nload\n  {a=\"b\"} \"x\" @ 1s [repeat every 1s for 3]\neval instant at 5s count_over_time({a=\"b\"}[5s])\n  {a=\"b\"} 4\neval range from 2s to 4s step 1s count_over_time({a=\"b\"}[5s])\n  {a=\"b\"} 2+1x1 3\n";
    let report = run("x", script, &mut InMemory(Memory::default()));
    assert_eq!(report.summary(), "logqltest: 1 passed, 1 failed");
}
