//! `trefoil generate`: mock telemetry to any OTLP endpoint.

use std::io::{IsTerminal, Write};

use clap::{Args, ValueEnum};

use crate::config::parse_duration;
use crate::mock::{self, Plan, Progress, Protocol};

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  trefoil generate                                        endless, 5 orders a second, to http://127.0.0.1:4318
  trefoil generate --rate 50 --duration 5m --seed 7       the same telemetry for the same seed
  trefoil generate --endpoint http://127.0.0.1:4317 --protocol grpc

Exit codes: 0 all was accepted, 1 the endpoint refused or went away, 2 wrong usage.")]
pub struct GenerateArgs {
    /// OTLP endpoint [default: http://127.0.0.1:4318, or :4317 for grpc]
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    #[arg(long, value_enum, default_value_t = ProtocolArg::HttpProtobuf)]
    protocol: ProtocolArg,
    #[command(flatten)]
    load: Load,
    /// Print the totals as JSON at the end
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ProtocolArg {
    Grpc,
    HttpProtobuf,
}

/// How much to send.
#[derive(Debug, Clone, Args)]
pub struct Load {
    /// Orders (traces) a second
    #[arg(long, value_name = "N", default_value_t = 5.0)]
    rate: f64,
    /// How long, such as 30s or 5m; 0 = until stopped
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = duration)]
    duration: std::time::Duration,
    /// The same seed makes the same orders
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

fn duration(text: &str) -> Result<std::time::Duration, String> {
    parse_duration("--duration", text).map_err(|e| e.to_string())
}

impl Load {
    pub fn plan(&self) -> Plan {
        Plan { rate: self.rate.clamp(0.01, 100_000.0), duration: self.duration, seed: self.seed }
    }
}

pub fn run(args: GenerateArgs) -> Result<(), String> {
    let (protocol, default) = match args.protocol {
        ProtocolArg::Grpc => (Protocol::Grpc, "http://127.0.0.1:4317"),
        ProtocolArg::HttpProtobuf => (Protocol::HttpProtobuf, "http://127.0.0.1:4318"),
    };
    let endpoint = args.endpoint.as_deref().unwrap_or(default).trim_end_matches('/').to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    let shows = std::io::stderr().is_terminal();
    let plan = args.load.plan();
    let total = runtime.block_on(async {
        tokio::select! {
            r = mock::send(&plan, &endpoint, protocol, |p| if shows { show(p) }) => r,
            _ = tokio::signal::ctrl_c() => Err("stopped".to_owned()),
        }
    })?;
    if shows {
        eprintln!();
    }
    report(&total, args.json);
    Ok(())
}

fn show(p: &Progress) {
    let _ = write!(std::io::stderr(), "\r{} traces, {} spans, {} lines, {} points sent", p.traces, p.spans, p.lines, p.points);
}

#[expect(clippy::print_stdout, reason = "a command talks to its user")]
fn report(p: &Progress, json: bool) {
    if json {
        println!(
            "{}",
            serde_json::json!({ "traces": p.traces, "spans": p.spans, "lines": p.lines, "points": p.points, "requests": p.requests })
        );
    } else {
        println!("sent {} traces ({} spans), {} lines, {} metric points in {} requests", p.traces, p.spans, p.lines, p.points, p.requests);
    }
}
