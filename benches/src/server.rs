//! The server under test as a child process, and what the operating system says of it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::ServerArgs;

pub struct Server {
    child: Child,
    endpoints: serde_json::Value,
    /// from fork to the ready line
    pub ready_in: Duration,
}

impl Server {
    /// Starts it on one free port, on a folder or in memory.
    pub fn start(args: &ServerArgs, data: Option<&Path>) -> Result<Server, String> {
        let mut command = Command::new(&args.bin);
        command.args(["serve", "--port", "0", "--no-self-scrape"]).args(&args.arg).stdout(Stdio::piped());
        match data {
            Some(dir) => command.arg("--data").arg(dir),
            None => command.arg("--memory"),
        };
        let begun = Instant::now();
        let mut child = command.spawn().map_err(|e| format!("{}: {e}; build it with cargo build --release", args.bin.display()))?;
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or("no standard output")?;
        BufReader::new(stdout).read_line(&mut line).map_err(|e| e.to_string())?;
        let ready_in = begun.elapsed();
        let ready: serde_json::Value = serde_json::from_str(&line).map_err(|e| format!("ready line {line:?}: {e}"))?;
        Ok(Server { child, endpoints: ready["endpoints"].clone(), ready_in })
    }

    pub fn endpoint(&self, face: &str) -> Result<String, String> {
        self.endpoints[face].as_str().map(str::to_owned).ok_or_else(|| format!("the ready line names no {face}"))
    }

    /// User and system seconds so far.
    pub fn cpu(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
        let ticks = |i: usize| fields.get(i).and_then(|t| t.parse::<f64>().ok()).unwrap_or(0.0);
        (ticks(11) + ticks(12)) / 100.0
    }

    /// Resident megabytes now.
    pub fn resident_mb(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let kib = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).and_then(|l| l.split_whitespace().next()?.parse::<f64>().ok());
        kib.unwrap_or(0.0) * 1024.0 / 1e6
    }

    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder that goes away with the value.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Result<Scratch, String> {
        let dir = std::env::temp_dir().join(format!("trefoil-bench-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
        Ok(Scratch(dir))
    }

    /// Bytes of all files below.
    pub fn bytes(&self) -> u64 {
        fn below(dir: &Path) -> u64 {
            let entries = fs::read_dir(dir).into_iter().flatten().flatten();
            entries.map(|e| if e.path().is_dir() { below(&e.path()) } else { e.metadata().map_or(0, |m| m.len()) }).sum()
        }
        below(&self.0)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
