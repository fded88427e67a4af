//! `flodrama-edge`: see [`flodrama_edge::cli`].

use std::process::ExitCode;

/// Answers are many small allocations; glibc's allocator takes a tenth of their time (`docs/PERFORMANCE.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    flodrama_edge::cli::main()
}
