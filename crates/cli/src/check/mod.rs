//! `check`: a presentation in a folder or behind a URL against the HLS rules.

mod web;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use flodrama_hls::check::{self, RULES, Report, Source};
use flodrama_worker::folder::Folder;
use tokio::runtime::Handle;

use web::Web;

/// What multivariant playlists are called, the likeliest first.
const NAMES: &[&str] = &["main.m3u8", "master.m3u8", "index.m3u8", "playlist.m3u8", "manifest.m3u8"];

pub async fn run(target: &str, json: bool) -> anyhow::Result<ExitCode> {
    let target = target.to_owned();
    let handle = Handle::current();
    // The rules read synchronously, so they get a thread of their own.
    let report = tokio::task::spawn_blocking(move || read(&target, handle)).await??;
    if json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("{report}");
    }
    Ok(if report.is_publishable() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints every rule, as Markdown.
pub fn rules() {
    print!("{}", table());
}

fn table() -> String {
    let mut out = String::from("| rule | level | source | how to mend it |\n|---|---|---|---|\n");
    for rule in RULES {
        let _ = writeln!(out, "| `{}` | {} | {} | {} |", rule.id, rule.level, rule.source, rule.mend);
    }
    out
}

fn read(target: &str, handle: Handle) -> anyhow::Result<Report> {
    if target.starts_with("http://") || target.starts_with("https://") {
        let web = Web::open(target, handle)?;
        return report(web.shown(), web.root(), &web);
    }
    let (root, name) = find(target)?;
    report(target, &name, &Folder { root, texts: BTreeMap::new() })
}

fn report(target: &str, root: &str, source: &dyn Source) -> anyhow::Result<Report> {
    let begin = source.read_at(root, 0, check::HEAD_BYTES)?.unwrap_or_default();
    let begin = String::from_utf8_lossy(&begin);
    // A playlist with a fault in its first line is one still.
    if !begin.contains("#EXT") {
        let first = begin.trim_start().lines().next().unwrap_or_default();
        let first: String = first.chars().filter(|c| !c.is_control()).take(40).collect();
        let begins =
            if first.is_empty() { "is empty".to_owned() } else { format!("begins with \"{first}\"") };
        bail!("{target} is no HLS playlist: it {begins}.");
    }
    Ok(check::check(root, source)?)
}

/// The folder of a presentation and its playlist's name, from the path of either.
fn find(target: &str) -> anyhow::Result<(PathBuf, String)> {
    let path = Path::new(target);
    if path.is_file() {
        let name = path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        let Some(name) = name else { bail!("{target}: the playlist's name must be plain text.") };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        return Ok((folder.unwrap_or(Path::new(".")).to_owned(), name));
    }
    if !path.is_dir() {
        bail!("{target}: there is no such folder or playlist.");
    }
    if let Some(name) = NAMES.iter().find(|name| path.join(name).is_file()) {
        return Ok((path.to_owned(), (*name).to_owned()));
    }
    let names = std::fs::read_dir(path)?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut playlists: Vec<String> = names.filter(|name| name.ends_with(".m3u8")).collect();
    playlists.sort();
    match playlists.len() {
        0 => bail!("{target}: there is no playlist (.m3u8) in this folder."),
        1 => Ok((path.to_owned(), playlists.remove(0))),
        _ => bail!("{target}: there are several playlists; name the one to check: {}.", playlists.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page that lists the rules is the list.
    #[test]
    fn the_page_of_rules_lists_them_all() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/CHECK.md");
        let page = std::fs::read_to_string(page).expect("docs/CHECK.md");
        assert!(page.contains(&table()), "docs/CHECK.md differs from `flodrama check --rules`:\n{}", table());
    }

    #[test]
    fn playlists_are_found_by_folder_or_by_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name).to_str().expect("plain").to_owned();
        let here = folder.path().to_str().expect("plain");
        assert!(find(here).expect_err("empty").to_string().contains("no playlist"));
        std::fs::write(at("b.m3u8"), "").expect("a file");
        assert_eq!(find(here).expect("one").1, "b.m3u8");
        std::fs::write(at("a.m3u8"), "").expect("a file");
        assert!(find(here).expect_err("two").to_string().contains("a.m3u8, b.m3u8"));
        std::fs::write(at("master.m3u8"), "").expect("a file");
        assert_eq!(find(here).expect("by its usual name").1, "master.m3u8");
        assert_eq!(find(&at("a.m3u8")).expect("by name"), (folder.path().to_owned(), "a.m3u8".to_owned()));
        assert!(find(&at("none")).expect_err("none").to_string().contains("no such"));
    }
}
