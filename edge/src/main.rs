//! `flodrama-edge`: see [`flodrama_edge::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    flodrama_edge::cli::main()
}
