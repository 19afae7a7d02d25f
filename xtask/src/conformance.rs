//! Runs the upstream suites and the recorded cases, prints `NAME: N passed, N failed` for each, and holds them to the ratchet.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const RATCHET: &str = "conformance.ratchet";
const SUITES: [&str; 3] = ["promqltest", "logqltest", "traceql"];

struct Counted {
    name: String,
    passed: u64,
    failed: u64,
}

/// What to run and how.
struct Plan<'a> {
    root: &'a Path,
    shared: PathBuf,
    show: String,
}

pub fn run(root: &Path, args: &[&str]) -> Result<(), Vec<String>> {
    let update = args.contains(&"--update");
    let show = args.iter().position(|a| *a == "--show").and_then(|i| args.get(i + 1)).map_or("0".to_owned(), |s| s.to_string());
    let mut names: Vec<&str> = args.iter().copied().filter(|a| !a.starts_with("--") && *a != show).collect();
    if names.is_empty() {
        names = vec!["promqltest", "logqltest", "traceql", "cases", "push"];
    }
    let shared = std::env::var_os("TREFOIL_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    if !shared.join("conformance").is_dir() {
        say(&format!("conformance: skipped, {} is missing", shared.join("conformance").display()));
        return Ok(());
    }
    let plan = Plan { root, shared, show };
    let mut counts = vec![];
    for name in names {
        let more = match name {
            suite if SUITES.contains(&suite) => plan.suite(suite),
            "cases" => plan.cases(),
            "push" => plan.push(),
            other => Err(format!("unknown suite {other:?}; known: promqltest logqltest traceql cases push")),
        };
        counts.extend(more.map_err(|e| vec![e])?);
    }
    for c in &counts {
        say(&format!("{}: {} passed, {} failed", c.name, c.passed, c.failed));
    }
    hold(root, &counts, update)
}

#[expect(clippy::print_stdout, reason = "a command talks to its user")]
fn say(line: &str) {
    println!("{line}");
}

/// Compares with the committed counts, which may only rise.
fn hold(root: &Path, counts: &[Counted], update: bool) -> Result<(), Vec<String>> {
    let path = root.join(RATCHET);
    let text = fs::read_to_string(&path).unwrap_or_default();
    let mut committed: BTreeMap<String, u64> =
        text.lines().filter_map(|l| l.split_once(' ')).filter_map(|(n, c)| Some((n.to_owned(), c.trim().parse().ok()?))).collect();
    let mut problems = vec![];
    for c in counts {
        let before = committed.get(&c.name).copied().unwrap_or(0);
        if c.passed < before {
            problems.push(format!("{}: {} passed, but {before} passed before ({RATCHET})", c.name, c.passed));
        } else if update {
            committed.insert(c.name.clone(), c.passed);
        }
    }
    if update {
        let lines: String = committed.iter().map(|(n, c)| format!("{n} {c}\n")).collect();
        fs::write(&path, lines).map_err(|e| vec![format!("{RATCHET}: {e}")])?;
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

impl Plan<'_> {
    /// An upstream suite through `sim`'s runner.
    fn suite(&self, name: &str) -> Result<Vec<Counted>, String> {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(self.root).args(["run", "--quiet", "--package", "sim", "--bin", "suites", "--"]).arg(name);
        cargo.arg("--show").arg(&self.show).env("TREFOIL_SHARED", &self.shared).stderr(Stdio::inherit());
        let out = cargo.output().map_err(|e| format!("cargo: {e}"))?;
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let counts = counted(&text, None);
        if counts.is_empty() {
            return Err(format!("{name}: no line of counts; it printed: {text}"));
        }
        for line in text.lines().filter(|l| counted(l, None).is_empty()) {
            say(line);
        }
        Ok(counts)
    }

    fn cases(&self) -> Result<Vec<Counted>, String> {
        let server = Server::start(self.root)?;
        self.python(&server, &["ingest"], None)?;
        let mut out = vec![];
        for api in ["prometheus", "loki", "tempo"] {
            out.extend(self.python(&server, &["check", "--only", &format!("^{api}")], Some(&format!("cases-{api}")))?);
        }
        let more = self.shared.join("conformance/cases-more");
        out.extend(self.python(&server, &["check", "--cases", &more.display().to_string()], Some("cases-more-loki"))?);
        Ok(out)
    }

    fn push(&self) -> Result<Vec<Counted>, String> {
        let cases = self.shared.join("conformance/cases-push").display().to_string();
        let mut out = vec![];
        for api in ["prometheus", "loki"] {
            let server = Server::start(self.root)?;
            let args = ["check", "--cases", &cases, "--only", &format!("^{api}"), "--threads", "1"];
            out.extend(self.python(&server, &args, Some(&format!("cases-push-{api}")))?);
        }
        Ok(out)
    }

    /// Runs `run.py`; with a name, its closing line is counted under it.
    fn python(&self, server: &Server, args: &[&str], name: Option<&str>) -> Result<Vec<Counted>, String> {
        let mut python = Command::new("python3");
        python.arg(self.shared.join("conformance/run.py")).args(args).args(["--show", &self.show]);
        for (flag, face) in [("--otlp", "otlp_http"), ("--prometheus", "prometheus"), ("--loki", "loki"), ("--tempo", "tempo")] {
            python.arg(flag).arg(format!("http://{}", server.endpoint(face)?));
        }
        let out = python.stderr(Stdio::inherit()).output().map_err(|e| format!("python3: {e}"))?;
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let Some(name) = name else {
            return if out.status.success() { Ok(vec![]) } else { Err(format!("run.py {args:?} failed: {text}")) };
        };
        for line in text.lines().filter(|l| counted(l, Some(name)).is_empty()) {
            say(line);
        }
        let counts = counted(&text, Some(name));
        if counts.is_empty() { Err(format!("{name}: no line of counts in {text}")) } else { Ok(counts) }
    }
}

/// The lines `NAME: N passed, N failed`, or `N passed, N failed` under the name given.
fn counted(text: &str, name: Option<&str>) -> Vec<Counted> {
    text.lines()
        .filter_map(|line| {
            let (head, rest) = match (line.split_once(": "), name) {
                (Some((n, rest)), None) => (n, rest),
                (None, Some(n)) => (n, line),
                _ => return None,
            };
            let (passed, failed) = rest.split_once(" passed, ")?;
            Some(Counted { name: head.to_owned(), passed: passed.parse().ok()?, failed: failed.strip_suffix(" failed")?.parse().ok()? })
        })
        .collect()
}

/// The release binary on free ports, with the settings under which the answers were recorded.
struct Server {
    child: Child,
    endpoints: serde_json::Value,
}

impl Server {
    fn start(root: &Path) -> Result<Server, String> {
        let mut cargo = Command::new(env!("CARGO"));
        let built =
            cargo.current_dir(root).args(["build", "--quiet", "--release", "--package", "trefoil"]).status().map_err(|e| e.to_string())?;
        if !built.success() {
            return Err("the release binary does not build".into());
        }
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let offset = 20_000 + (std::process::id() % 10_000) as u16;
        let mut child = Command::new(target.join("release/trefoil"))
            .args(["serve", "--memory", "--profile", "stock", "--retention", "0", "--enable-admin-api"])
            .args(["--enable-feature", "promql-experimental-functions", "--no-self-scrape", "--port-offset", &offset.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("trefoil: {e}"))?;
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or("no standard output")?;
        BufReader::new(stdout).read_line(&mut line).map_err(|e| e.to_string())?;
        let ready: serde_json::Value = serde_json::from_str(&line).map_err(|e| format!("ready line {line:?}: {e}"))?;
        Ok(Server { child, endpoints: ready["endpoints"].clone() })
    }

    fn endpoint(&self, face: &str) -> Result<&str, String> {
        self.endpoints[face].as_str().ok_or_else(|| format!("the ready line names no {face}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_and_held() {
        let named = counted("noise\npromqltest: 12 passed, 3 failed\n", None);
        assert_eq!((named[0].name.as_str(), named[0].passed, named[0].failed), ("promqltest", 12, 3));
        assert_eq!(counted("FAIL x\n7 passed, 0 failed", Some("cases")).len(), 1);
        let dir = std::env::temp_dir().join(format!("trefoil-ratchet-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        assert!(hold(&dir, &named, true).is_ok());
        assert!(hold(&dir, &[Counted { name: "promqltest".into(), passed: 11, failed: 4 }], false).is_err());
        fs::remove_dir_all(&dir).unwrap();
    }
}
