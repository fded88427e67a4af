//! The stand-ins as a program of their own, without worker and edge: for tests that kill either side.

fn main() -> std::process::ExitCode {
    flodrama_local_aws::program::main()
}
