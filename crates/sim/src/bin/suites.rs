//! `suites [NAME ...] [--show N]`: runs upstream suites over the real store and prints `NAME: N passed, N failed`.

use std::process::ExitCode;

use sim::{Outcome, logql_suite, promql_suite, traceql_suite};

#[expect(clippy::print_stdout, reason = "a command talks to its user")]
fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let show = args.iter().position(|a| a == "--show").and_then(|i| args.get(i + 1)).and_then(|n| n.parse().ok()).unwrap_or(0);
    let named: Vec<&str> = args.iter().map(String::as_str).filter(|a| ["promqltest", "logqltest", "traceql"].contains(a)).collect();
    let names = if named.is_empty() { vec!["promqltest", "logqltest", "traceql"] } else { named };
    for name in names {
        match outcomes(name) {
            Ok(all) if all.is_empty() => println!("skipped {name}: the shared data is missing"),
            Ok(all) => {
                for (name, o) in all {
                    for f in o.failures.iter().take(show) {
                        println!("FAIL {f}");
                    }
                    println!("{name}: {} passed, {} failed", o.passed, o.failures.len());
                }
            }
            Err(e) => {
                eprintln!("error: {e}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

/// The counts of a suite by name; none where its data is missing.
fn outcomes(name: &str) -> Result<Vec<(&str, Outcome)>, String> {
    Ok(match name {
        "promqltest" => promql_suite::run_all()?
            .map_or_else(Vec::new, |(evals, variants)| vec![("promqltest", evals), ("promqltest-variants", variants)]),
        "logqltest" => logql_suite::run_all()?.map_or_else(Vec::new, |o| vec![("logqltest", o)]),
        _ => traceql_suite::run_all()?.map_or_else(Vec::new, |o| vec![("traceql", o)]),
    })
}
