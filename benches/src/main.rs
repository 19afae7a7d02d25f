//! Whole-process benches against a server binary: `cargo run --release -p benches -- --help`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

mod http;
mod ingest;
mod query;
mod server;
mod visible;

#[derive(Parser)]
#[command(
    about = "Whole-process benches of Trefoil",
    after_help = "\
Examples:
  cargo run --release -p benches -- ingest --corpus ../shared/conformance/corpus
  cargo run --release -p benches -- visible --rounds 10000
  cargo run --release -p benches -- query --corpus /tmp/corpus --repeat 9 < queries.txt

A corpus is a folder with metrics.otlp, logs.otlp, traces.otlp: rows of [u32 big-endian length][protobuf Export request].
Exit codes: 0 measured, 1 something failed, 2 wrong usage."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Replay recorded OTLP; CPU seconds per million items, bytes per item on disk, resident memory, restart time
    Ingest(Corpus),
    /// Send, then ask: every answer must hold what was just acknowledged
    Visible {
        #[command(flatten)]
        server: ServerArgs,
        #[arg(long, default_value_t = 10_000)]
        rounds: u64,
    },
    /// Time queries (a line each on standard input: NAME<tab>FACE<tab>PATH) over a replayed corpus
    Query {
        #[command(flatten)]
        corpus: Corpus,
        #[arg(long, default_value_t = 9)]
        repeat: usize,
    },
}

#[derive(Args)]
struct Corpus {
    #[command(flatten)]
    server: ServerArgs,
    /// Folder of the recorded requests
    #[arg(long, value_name = "DIR")]
    corpus: PathBuf,
    /// Signals to replay
    #[arg(long, value_delimiter = ',', default_value = "metrics,logs,traces")]
    signals: Vec<String>,
    /// Connections that send at the same time
    #[arg(long, default_value_t = 2)]
    connections: usize,
}

#[derive(Args)]
struct ServerArgs {
    /// The server binary
    #[arg(long, value_name = "FILE", default_value = "target/release/trefoil")]
    bin: PathBuf,
    /// Further arguments for the server, such as --sync=os
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    arg: Vec<String>,
}

#[expect(clippy::print_stdout, reason = "a command talks to its user")]
fn say(line: &str) {
    println!("{line}");
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Ingest(corpus) => ingest::run(&corpus),
        Command::Visible { server, rounds } => visible::run(&server, rounds),
        Command::Query { corpus, repeat } => query::run(&corpus, repeat),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}
