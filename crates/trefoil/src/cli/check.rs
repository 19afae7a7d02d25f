//! `trefoil check FILE`: validates a configuration without starting anything; `trefoil check rules FILE...` validates rule files.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::{ServeArgs, rulefiles};
use crate::config::Config;
use crate::serve::{rules, scrape};

#[derive(Debug, Clone, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  trefoil check trefoil.yaml\n  trefoil check trefoil.yaml --json\n  trefoil check rules alerts.yaml\n\nExit codes: 0 the file is good, 1 it is not."
)]
pub struct CheckArgs {
    #[command(subcommand)]
    what: Option<What>,
    /// The configuration file
    #[arg(required = true)]
    file: Option<PathBuf>,
    /// Print the verdict as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Subcommand)]
enum What {
    /// Files of recording and alerting rules in Prometheus' format
    Rules(rulefiles::RulesArgs),
}

/// The flags' defaults, which a check assumes.
#[derive(Parser)]
struct NoFlags {
    #[command(flatten)]
    serve: ServeArgs,
}

#[expect(clippy::print_stdout, reason = "a command talks to its user")]
pub fn run(args: CheckArgs) -> Result<(), String> {
    if let Some(What::Rules(rules)) = &args.what {
        return rulefiles::check(rules);
    }
    let file = args.file.unwrap_or_default();
    let mut serve = NoFlags::parse_from(["trefoil"]).serve;
    serve.config = Some(file.clone());
    // The rule files that the configuration names belong to it, and so does what it scrapes.
    let verdict = Config::load(&serve).and_then(|c| rules::load(&c).map(|_| c)).map_err(|e| e.to_string()).and_then(|c| scrape::parse(&c));
    if args.json {
        let error = verdict.as_ref().err();
        println!("{}", serde_json::json!({ "file": file, "valid": error.is_none(), "error": error }));
    } else if verdict.is_ok() {
        println!("{}: the configuration is good", file.display());
    }
    verdict.map(|_| ())
}
