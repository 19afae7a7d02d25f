//! `trefoil check FILE`: validates a configuration without starting anything.

use std::path::PathBuf;

use clap::{Args, Parser};

use super::ServeArgs;
use crate::config::Config;

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  trefoil check trefoil.yaml\n  trefoil check trefoil.yaml --json\n\nExit codes: 0 the file is good, 1 it is not."
)]
pub struct CheckArgs {
    /// The configuration file
    file: PathBuf,
    /// Print the verdict as JSON
    #[arg(long)]
    json: bool,
}

/// The flags' defaults, which a check assumes.
#[derive(Parser)]
struct NoFlags {
    #[command(flatten)]
    serve: ServeArgs,
}

#[expect(clippy::print_stdout, reason = "a command talks to its user")]
pub fn run(args: CheckArgs) -> Result<(), String> {
    let mut serve = NoFlags::parse_from(["trefoil"]).serve;
    serve.config = Some(args.file.clone());
    let verdict = Config::load(&serve).map_err(|e| e.to_string());
    if args.json {
        let error = verdict.as_ref().err();
        println!("{}", serde_json::json!({ "file": args.file, "valid": error.is_none(), "error": error }));
    } else if verdict.is_ok() {
        println!("{}: the configuration is good", args.file.display());
    }
    verdict.map(|_| ())
}
