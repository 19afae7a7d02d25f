//! The `trefoil` binary: everything it does is in the library.

fn main() -> std::process::ExitCode {
    trefoil::cli::main()
}
