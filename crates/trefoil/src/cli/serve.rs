//! `trefoil serve` (also without a command) and `trefoil demo`.

use std::io::Write;

use tracing_subscriber::EnvFilter;

use super::ServeArgs;
use super::generate::Load;
use crate::config::Config;
use crate::mock;
use crate::serve;

/// Serves until SIGTERM or SIGINT; with a load, sends mock telemetry to itself meanwhile.
pub fn run(args: ServeArgs, load: Option<Load>) -> Result<(), String> {
    let filter = EnvFilter::try_new(&args.log).map_err(|e| format!("--log {:?}: {e}", args.log))?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let config = Config::load(&args).map_err(|e| e.to_string())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|e| format!("cannot start threads: {e}"))?;
    runtime.block_on(async {
        let running = serve::start(config).await.map_err(|e| e.to_string())?;
        announce(&running.ready_line())?;
        let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).map_err(|e| e.to_string())?;
        let generator = load.map(|load| {
            let target = running.endpoints.iter().find(|(n, _)| *n == "otlp_http").map_or_else(String::new, |(_, a)| format!("http://{a}"));
            tokio::spawn(async move {
                if let Err(e) = mock::send(&load.plan(), &target, mock::Protocol::HttpProtobuf, |_| {}).await {
                    tracing::error!(error = %e, "mock telemetry stopped");
                }
            })
        });
        tokio::select! {
            _ = term.recv() => {}
            r = tokio::signal::ctrl_c() => r.map_err(|e| e.to_string())?,
        }
        if let Some(g) = generator {
            g.abort();
        }
        running.stop().await;
        Ok(())
    })
}

/// Programs that start us wait for this line, so it must leave at once and whole.
fn announce(line: &str) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|e| format!("cannot write the ready line: {e}"))
}
