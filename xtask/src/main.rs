//! Developer commands: `cargo xtask tidy`, `cargo xtask conformance`. Run without arguments for the list.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

mod conformance;
mod tidy;

const HELP: &str = "\
Developer commands of Trefoil.

  cargo xtask tidy                    header lines, file lengths, crate dependency rules, leftovers
  cargo xtask tidy --update           lower the file-length ratchet to today's lengths
  cargo xtask conformance [NAME ...]  run suites and recorded cases, compare with conformance.ratchet
      promqltest logqltest traceql    the upstream language suites, in-process over the real store
      cases                           recorded answers over HTTP against the release binary
      push                            cases that write, each API on an empty server
  cargo xtask conformance --update [NAME ...]   raise the ratchet to what passed
  cargo xtask conformance --show N    print up to N failures of each kind

Exit codes: 0 all well, 1 a check failed, 2 wrong usage.
";

/// The repository's root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository").to_path_buf()
}

#[expect(clippy::print_stdout, reason = "a command talks to its user")]
fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["tidy", rest @ ..] => tidy::run(&root(), rest.contains(&"--update")),
        ["conformance", rest @ ..] => conformance::run(&root(), rest),
        [] | ["--help" | "-h" | "help"] => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        [other, ..] => {
            eprintln!("unknown command {other:?}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problems) => {
            for p in &problems {
                eprintln!("error: {p}");
            }
            eprintln!("{} problem(s)", problems.len());
            ExitCode::FAILURE
        }
    }
}
