//! The house rules that a machine can hold us to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::process::run;
use crate::support::programs::repository;

const MAX_LINES: usize = 500;
const MAX_MAIN_LINES: usize = 20;

#[test]
fn arrows_point_down_only() {
    let crates = Crates::read();
    for (from, never) in [
        ("flodrama-worker", &["flodrama-edge", "flodrama-local-aws", "s3s"][..]),
        ("flodrama-edge", &["flodrama-worker", "flodrama-local-aws", "s3s", "flodrama-media", "ffmpeg-next"]),
        ("flodrama-media", &["tokio", "aws-sdk-s3", "flodrama-store", "flodrama-hls"]),
        ("flodrama-hls", &["tokio", "aws-sdk-s3", "flodrama-store", "flodrama-media"]),
        ("flodrama-asset", &["tokio", "aws-sdk-s3", "flodrama-hls", "flodrama-store", "flodrama-media"]),
        ("flodrama-store", &["flodrama-hls", "flodrama-media"]),
        ("flodrama-local-aws", &["flodrama-edge", "flodrama-worker", "flodrama-media"]),
    ] {
        let reached = crates.reached_from(from);
        for name in never {
            assert!(!reached.contains(*name), "{from} reaches {name}");
        }
    }
    assert!(crates.reached_from("flodrama-worker").contains("ffmpeg-next"), "the graph is read right");
}

#[test]
fn libav_is_named_in_the_media_crate_alone() {
    for file in rust_files() {
        // This file names what it looks for.
        if file.starts_with("crates/media/src") || file == this() {
            continue;
        }
        let text = read(&file);
        for name in ["ffmpeg_next", "ffmpeg_sys"] {
            assert!(!text.contains(name), "{} names {name}", file.display());
        }
    }
}

/// What reads untrusted bytes is reached through a media child alone, which confines itself first.
#[test]
fn sources_are_opened_in_one_place_and_by_children_alone() {
    let media = Path::new("crates/media/src");
    let places = [
        ("avformat_open_input", &["sys.rs"][..]),
        ("input_from_stream", &[]),
        ("format::input(", &[]),
        ("open_input(", &["input.rs", "sys.rs"]),
        // Of a source; of what an encoder of ours gives.
        ("Context::from_parameters", &["input.rs", "encoder.rs"]),
        ("confine::apply", &["child.rs"]),
    ];
    for file in rust_files().into_iter().filter(|file| file.starts_with(media)) {
        let text = read(&file);
        for (call, rooms) in places {
            let is_room = rooms.iter().any(|room| file == media.join(room));
            let calls = text.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(call));
            assert!(!calls || is_room, "{} has {call}", file.display());
        }
    }
    // What the crate shows: nothing that runs libav but the child.
    let shown: Vec<String> = read(&media.join("lib.rs"))
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod "))
        .map(|name| name.trim_end_matches(';').to_owned())
        .collect();
    assert_eq!(shown, ["child", "confine", "fault", "task"]);
    for file in rust_files() {
        let is_room =
            file.starts_with("crates/media") || file == Path::new("worker/src/cli.rs") || file == this();
        assert!(is_room || !read(&file).contains("child::main("), "{} is a media child", file.display());
    }
}

#[test]
fn unsafe_code_has_one_room_and_says_why_it_is_sound() {
    let sys = Path::new("crates/media/src/sys.rs");
    // Written so that this file keeps the rule too.
    let word = concat!("un", "safe");
    let openings = ["{", "fn", "impl", "extern"].map(|what| format!("{word} {what}"));
    for file in rust_files() {
        let text = read(&file);
        let lines: Vec<&str> = text.lines().collect();
        for (i, line) in lines.iter().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if !openings.iter().any(|opening| code.contains(opening)) {
                continue;
            }
            assert_eq!(file, sys, "unsafe code at line {}", i + 1);
            let above = lines[..i].iter().rev().take_while(|line| line.trim_start().starts_with("//"));
            let said = above.chain([line]).any(|line| line.contains("SAFETY"));
            assert!(said, "{}:{} has no SAFETY line", file.display(), i + 1);
        }
    }
}

#[test]
fn settings_are_read_in_one_place_of_each_program() {
    for file in rust_files() {
        let name = file.to_str().expect("plain names");
        let reads_settings = name.contains("/config.rs") || name.contains("/config/");
        let is_test = name.contains("/tests/") || name.starts_with("tests/") || name.ends_with("build.rs");
        if reads_settings || is_test {
            continue;
        }
        for call in ["env::var(", "env::var_os(", "env::vars(", "env::vars_os("] {
            assert!(!production(&read(&file)).contains(call), "{name} reads the environment");
        }
    }
}

#[test]
fn files_are_small() {
    for file in rust_files() {
        let lines = read(&file).lines().count();
        let most = if file.ends_with("main.rs") && file.parent().is_some_and(|p| p.ends_with("src")) {
            MAX_MAIN_LINES
        } else {
            MAX_LINES
        };
        assert!(lines <= most, "{} has {lines} lines, at most {most}", file.display());
    }
}

#[test]
fn nothing_is_left_for_later() {
    // Written so that this file keeps the rule too.
    let forbidden = [
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("#[", "ignore"),
        concat!("cfg(feature", " = \"local\")"),
    ];
    for file in rust_files() {
        let text = read(&file);
        for words in forbidden {
            assert!(!text.contains(words), "{} has {words}", file.display());
        }
    }
}

#[test]
fn links_in_documents_lead_somewhere() {
    let mut count = 0;
    for file in files().into_iter().filter(|file| file.extension().is_some_and(|e| e == "md")) {
        let folder = repository().join(&file).parent().expect("a folder").to_owned();
        for target in links(&read(&file)) {
            let path = target.split('#').next().unwrap_or_default();
            if path.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            assert!(folder.join(path).exists(), "{}: {target} leads nowhere", file.display());
            count += 1;
        }
    }
    println!("{count} links");
}

/// Each row of docs/INPUTS.md ends with its tests.
#[test]
fn every_kind_of_input_has_its_test() {
    rows_end_with_tests("docs/INPUTS.md", "| input", 30);
}

/// So does each row of docs/RELIABILITY.md.
#[test]
fn every_requirement_of_jobs_has_its_test() {
    rows_end_with_tests("docs/RELIABILITY.md", "| requirement", 15);
}

/// The table of a page, whose head begins so, has more than `least` rows, and each names tests that there are.
fn rows_end_with_tests(page: &str, head: &str, least: usize) {
    let names: BTreeSet<String> = rust_files()
        .iter()
        .flat_map(|file| {
            let text = read(file);
            let names = text.lines().filter_map(|line| line.trim().split("fn ").nth(1)?.split('(').next());
            names.map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    let page = read(Path::new(page));
    // The tables with that head; a page may have others.
    let mut is_in_table = false;
    let rows = page.lines().filter(|line| {
        is_in_table = line.starts_with(head) || is_in_table && line.starts_with('|');
        is_in_table && line.starts_with("| ") && !line.starts_with(head)
    });
    let rows: Vec<&str> = rows.collect();
    assert!(rows.len() > least, "the table is read right");
    for row in rows {
        let tests = row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default();
        let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "no test: {row}");
        for name in named {
            assert!(names.contains(name), "there is no test {name}: {row}");
        }
    }
}

#[test]
fn lock_files_name_no_place_to_download_from() {
    for file in files().into_iter().filter(|file| file.ends_with("package-lock.json")) {
        let lock: Value = serde_json::from_str(&read(&file)).expect("a lock file");
        for (name, package) in lock["packages"].as_object().expect("packages") {
            assert!(package.get("resolved").is_none(), "{}: {name} names a host", file.display());
            assert!(
                name.is_empty() || package["integrity"].is_string(),
                "{}: {name} has no hash",
                file.display()
            );
        }
    }
}

/// The part above the unit tests.
fn production(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or_default()
}

/// Targets of `[text](target)` outside of code blocks.
fn links(markdown: &str) -> Vec<String> {
    let prose: String = markdown.split("```").step_by(2).collect();
    let ends = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    ends.map(|(target, _)| target.split_whitespace().next().unwrap_or_default().to_owned()).collect()
}

/// Files that are tracked, or new and not ignored, relative to the root.
fn files() -> Vec<PathBuf> {
    let listed = Command::new("git")
        // A checkout that another user made is as good.
        .args(["-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(repository())
        .output()
        .expect("git runs");
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let names = String::from_utf8(listed.stdout).expect("plain names");
    // A file that was removed and not yet committed is still listed.
    names.lines().map(PathBuf::from).filter(|file| repository().join(file).is_file()).collect()
}

fn rust_files() -> Vec<PathBuf> {
    let found: Vec<PathBuf> =
        files().into_iter().filter(|f| f.extension().is_some_and(|e| e == "rs")).collect();
    assert!(found.len() > 100, "{} files are not the whole repository", found.len());
    found
}

fn this() -> &'static Path {
    Path::new("tests/e2e/repo_rules.rs")
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(repository().join(file)).expect("text")
}

/// Who needs whom, in production and in build scripts, of what is built on this machine.
struct Crates {
    needs: BTreeMap<String, Vec<String>>,
    names: BTreeMap<String, String>,
}

impl Crates {
    fn read() -> Crates {
        let manifest = repository().join("Cargo.toml");
        let manifest = manifest.to_str().expect("a plain path");
        // Of this platform alone: what others need is not on this machine.
        let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let args = ["metadata", "--format-version=1", "--offline", "--filter-platform", &platform];
        let args = args.into_iter().chain(["--manifest-path", manifest]);
        let done = run(env!("CARGO"), args);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        let found: Value = serde_json::from_slice(&done.stdout).expect("JSON");
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let list = |value: &Value| value.as_array().cloned().expect("a list");
        let names = list(&found["packages"]).iter().map(|p| (text(&p["id"]), text(&p["name"]))).collect();
        let in_production = |dep: &&Value| list(&dep["dep_kinds"]).iter().any(|kind| kind["kind"] != "dev");
        let needs = |node: &Value| {
            let deps = list(&node["deps"]);
            (text(&node["id"]), deps.iter().filter(in_production).map(|dep| text(&dep["pkg"])).collect())
        };
        Crates { needs: list(&found["resolve"]["nodes"]).iter().map(needs).collect(), names }
    }

    fn reached_from(&self, name: &str) -> BTreeSet<&str> {
        let start = self.names.iter().find(|(_, n)| *n == name).expect(name).0;
        let mut open = vec![start];
        let mut seen = BTreeSet::new();
        while let Some(id) = open.pop() {
            if seen.insert(id) {
                open.extend(&self.needs[id]);
            }
        }
        seen.iter().map(|id| self.names[*id].as_str()).collect()
    }
}
