//! The command line: what can be said, with examples, and which code answers it.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub mod check;
pub mod client;
pub mod generate;
pub mod query;
pub mod rulefiles;
pub mod serve;

/// One process that takes OpenTelemetry and answers Prometheus, Loki and Tempo queries.
///
/// Without a command it serves: OTLP on 4317 (gRPC) and 4318 (HTTP), the Prometheus API on 9090, Loki on 3100, Tempo on 3200.
#[derive(Debug, Parser)]
#[command(name = "trefoil", version, args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

const EXAMPLES: &str = "\
Examples:
  trefoil                               serve on the well-known ports, data in ./trefoil-data
  trefoil --memory --port 0             serve everything on one free port, nothing on disk
  trefoil demo                          serve, and send mock telemetry of a crypto-trading shop
  trefoil query promql 'up' --url http://127.0.0.1:9090
  trefoil check trefoil.yaml

Exit codes: 0 success (also after SIGTERM), 1 failure, 2 wrong usage.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Take telemetry and answer queries (the default)
    Serve(ServeArgs),
    /// Send mock telemetry of a crypto-trading shop to any OTLP endpoint
    Generate(generate::GenerateArgs),
    /// Serve and generate at once
    Demo(DemoArgs),
    /// Ask a running server in one of the three languages
    Query(query::QueryArgs),
    /// Validate a configuration file, or rule files, without starting
    Check(check::CheckArgs),
    /// Run unit tests of rules
    Test(rulefiles::TestArgs),
}

#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Folder of the data [default: trefoil-data]
    #[arg(long, value_name = "DIR", conflicts_with = "memory")]
    pub data: Option<PathBuf>,
    /// Keep everything in memory, write nothing to disk
    #[arg(long)]
    pub memory: bool,
    /// Address to listen on [default: 127.0.0.1]
    #[arg(long, value_name = "IP")]
    pub bind: Option<IpAddr>,
    /// Serve everything on this one port (0: any free one) instead of the well-known ports
    #[arg(long, value_name = "N", conflicts_with = "port_offset")]
    pub port: Option<u16>,
    /// Add this to every well-known port [default: 0]
    #[arg(long, value_name = "N")]
    pub port_offset: Option<u16>,
    /// Configuration file (YAML)
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// When a write is safe: always (before the answer), interval=100ms, os (the system decides) [default: always]
    #[arg(long, value_name = "POLICY")]
    pub sync: Option<String>,
    /// Whose defaults apply: the all-in-one stack's (default), or those that Prometheus, Loki and Tempo ship (stock)
    #[arg(long, value_name = "PROFILE")]
    pub profile: Option<ProfileArg>,
    /// How long data is kept: 0 (for ever) or a duration such as 15d or 12h [default: 0]
    #[arg(long, value_name = "DURATION")]
    pub retention: Option<String>,
    /// Most memory that stored data may take, such as 512MiB; beyond it the oldest data goes [default: 1GiB]
    #[arg(long, value_name = "BYTES")]
    pub memory_limit: Option<String>,
    /// Switch on a feature by Prometheus' name; may be repeated or comma-separated
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub enable_feature: Vec<String>,
    /// Answer Prometheus' admin endpoints
    #[arg(long)]
    pub enable_admin_api: bool,
    /// Do not write the process' own figures into its store (they stay on 8888)
    #[arg(long)]
    pub no_self_scrape: bool,
    /// What is logged to standard error: error, warn, info, debug, or per module (info,store=debug)
    #[arg(long, value_name = "FILTER", default_value = "warn")]
    pub log: String,
}

#[derive(Debug, Clone, Args)]
struct DemoArgs {
    #[command(flatten)]
    serve: ServeArgs,
    #[command(flatten)]
    load: generate::Load,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProfileArg {
    Default,
    Stock,
}

/// Parses the command line and runs it to its end.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        None => serve::run(cli.serve, None),
        Some(Command::Serve(args)) => serve::run(args, None),
        Some(Command::Demo(args)) => serve::run(args.serve, Some(args.load)),
        Some(Command::Generate(args)) => generate::run(args),
        Some(Command::Query(args)) => query::run(args),
        Some(Command::Check(args)) => check::run(args),
        Some(Command::Test(args)) => rulefiles::test(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serve_is_the_default() {
        let cli = Cli::parse_from(["trefoil", "--memory", "--port", "0", "--enable-feature", "a,b", "--enable-feature=c"]);
        assert!(cli.command.is_none() && cli.serve.memory);
        assert_eq!(cli.serve.enable_feature, ["a", "b", "c"]);
        assert!(Cli::try_parse_from(["trefoil", "--memory", "--data", "x"]).is_err());
    }
}
