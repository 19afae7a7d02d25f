//! Figures of this process from the operating system: memory, CPU, open files.

use std::fs;
use std::time::Duration;

use api::Point;

/// The Collector's process names and Prometheus' `process_*` names.
pub fn collect(uptime: Duration, out: &mut Vec<Point>) {
    out.push(Point::counter("otelcol_process_uptime", "Seconds since the start.", uptime.as_secs_f64()));
    if let Some(rss) = resident_bytes() {
        out.push(Point::gauge("otelcol_process_memory_rss", "Resident memory in bytes.", rss as f64));
        out.push(Point::gauge("process_resident_memory_bytes", "Resident memory in bytes.", rss as f64));
    }
    if let Some(cpu) = cpu_seconds() {
        out.push(Point::counter("otelcol_process_cpu_seconds", "CPU time used.", cpu));
        out.push(Point::counter("process_cpu_seconds_total", "CPU time used.", cpu));
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        out.push(Point::gauge("process_open_fds", "Open files and sockets.", files.count() as f64));
    }
}

/// Resident set of this process; `None` where the system does not tell.
pub fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// User and system time of this process.
fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The command name may hold spaces; the fields are counted after its closing parenthesis.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    // The kernel's USER_HZ is 100 on every Linux that Rust runs on.
    Some(ticks as f64 / 100.0)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn linux_tells() {
        assert!(super::resident_bytes().unwrap() > 100_000);
        assert!(super::cpu_seconds().is_some());
    }
}
