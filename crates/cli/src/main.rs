//! `flodrama`: the whole stack on loopback, and the commands of editors and operators.

mod access;
mod bar;
mod check;
mod cli;
mod clients;
mod config;
mod gc;
mod play;
mod redrive;
mod rollback;
mod status;
mod up;
mod upload;

fn main() -> std::process::ExitCode {
    cli::main()
}
