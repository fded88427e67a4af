//! One moto server for all checks of this process.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

/// Where moto listens. It is started by the first who asks, and ends with this process.
pub fn endpoint() -> &'static str {
    static ENDPOINT: LazyLock<String> = LazyLock::new(start);
    &ENDPOINT
}

#[expect(clippy::zombie_processes, reason = "it ends after this process, which cannot wait for it then")]
fn start() -> String {
    // The shell's `read` ends when the pipe to this process closes, however this process ends.
    let script = r#""$0" -H 127.0.0.1 -p 0 2>&1 & moto=$!; read -r _; kill $moto"#;
    let mut guard = Command::new("sh")
        .args(["-c", script])
        .arg(program())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("sh runs");
    // Kept open for as long as this process lives.
    std::mem::forget(guard.stdin.take());
    let mut output = BufReader::new(guard.stdout.take().expect("piped")).lines();
    let endpoint = output
        .by_ref()
        .map_while(Result::ok)
        .find_map(|line| line.split_once("Running on ").map(|(_, url)| url.trim().to_owned()))
        .expect("moto_server says where it listens");
    // Read on, or moto would block on a full pipe.
    std::thread::spawn(move || output.for_each(drop));
    endpoint
}

fn program() -> PathBuf {
    if let Some(named) = std::env::var_os("FLODRAMA_MOTO_SERVER") {
        return named.into();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let repository = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/peers/moto/bin");
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.push(repository);
    let found =
        folders.into_iter().map(|folder| folder.join("moto_server")).find(|program| program.is_file());
    found.expect(
        "moto_server is not installed: run scripts/setup --tests, or name the program in FLODRAMA_MOTO_SERVER",
    )
}
