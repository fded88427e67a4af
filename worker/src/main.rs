//! The worker's binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    flodrama_worker::cli::main()
}
