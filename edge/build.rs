//! Embeds the player page: every page file of `web/`, and the one file of hls.js that it loads.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

const EXTENSIONS: [&str; 4] = ["css", "html", "js", "svg"];

fn main() {
    let web = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("web");
    let hls = web.join("node_modules/hls.js/dist/hls.min.js");
    println!("cargo::rerun-if-changed={}", web.display());
    println!("cargo::rerun-if-changed={}", hls.display());
    if !hls.is_file() {
        println!("cargo::error=hls.js is not there: run scripts/setup (npm ci in edge/web)");
        return;
    }
    let mut files = page_files(&web);
    files.push(hls);
    let mut code = String::from("&[\n");
    for file in files {
        let name = file.file_name().expect("a file").to_string_lossy();
        writeln!(code, "    ({name:?}, include_bytes!({:?})),", file.display().to_string())
            .expect("a string");
    }
    code.push_str("]\n");
    let out = Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("web.rs");
    fs::write(out, code).expect("OUT_DIR takes files");
}

/// The page's own files, in name order so that the build is the same everywhere.
fn page_files(web: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(web).expect("edge/web is part of the source");
    let paths = entries.map(|entry| entry.expect("edge/web can be listed").path());
    let is_page =
        |path: &PathBuf| path.extension().is_some_and(|e| EXTENSIONS.iter().any(|known| e == *known));
    let mut files: Vec<PathBuf> = paths.filter(is_page).collect();
    files.sort();
    files
}
