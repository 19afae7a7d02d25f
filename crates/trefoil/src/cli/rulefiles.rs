//! `trefoil check rules FILE...` and `trefoil test rules FILE...`: rule files validated, and promtool's unit tests of rules.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use promql::Features;

use crate::serve::rules::files;

#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  trefoil test rules tests.yaml\n\nExit codes: 0 every test passes, 1 one does not.")]
pub struct TestArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Clone, Subcommand)]
enum What {
    /// Unit tests of recording and alerting rules, in promtool's format
    Rules(RulesArgs),
}

#[derive(Debug, Clone, Args)]
pub struct RulesArgs {
    /// The files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Switch on a feature of the language by Prometheus' name; may be repeated or comma-separated
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    enable_feature: Vec<String>,
}

impl RulesArgs {
    fn features(&self) -> Features {
        Features::from_flags(&self.enable_feature)
    }
}

/// Validates rule files; every bad one is told.
#[expect(clippy::print_stdout, reason = "a command talks to its user")]
pub fn check(args: &RulesArgs) -> Result<(), String> {
    let mut bad = vec![];
    for file in &args.files {
        match read(file).and_then(|text| rules::parse(&text, &file.display().to_string(), &args.features()).map_err(|e| e.to_string())) {
            Ok(groups) => println!("{}: {} rules found", file.display(), groups.iter().map(|g| g.rules.len()).sum::<usize>()),
            Err(e) => bad.push(e),
        }
    }
    if bad.is_empty() { Ok(()) } else { Err(bad.join("\nerror: ")) }
}

/// Runs the unit tests of rule files.
#[expect(clippy::print_stdout, reason = "a command talks to its user")]
pub fn test(args: &TestArgs) -> Result<(), String> {
    let What::Rules(args) = &args.what;
    let mut failed = 0;
    for file in &args.files {
        let base = file.parent().unwrap_or(Path::new(""));
        let read_rules = |pattern: &str| {
            let found = files(base, &[pattern.to_owned()]).map_err(|e| e.to_string())?;
            found.iter().map(|f| Ok((f.display().to_string(), read(f)?))).collect()
        };
        let report =
            rules::unit::run(&read(file)?, &file.display().to_string(), &read_rules, &args.features()).map_err(|e| e.to_string())?;
        for f in &report.failures {
            println!("  FAILED: {f}");
        }
        failed += report.failures.len();
        println!("{}: {} tests, {} expectations not met", file.display(), report.tests, report.failures.len());
    }
    if failed == 0 { Ok(()) } else { Err(format!("{failed} expectations not met")) }
}

fn read(file: &Path) -> Result<String, String> {
    std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))
}
