//! Parses, calls the library, returns the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    fjernprint::cli::run(std::env::args_os())
}
