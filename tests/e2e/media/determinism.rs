//! The same source gives the same bytes, however many children worked on it and however often it was interrupted.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::unfinished::{commits, start, task_file, wait_for};
use super::{generated, transcode};
use crate::support::clip::Clip;
use crate::support::process::Signal;
use crate::support::programs;

#[test]
fn the_number_of_children_does_not_change_a_byte() {
    let bench = Bench::new(300);
    let [one, three] = ["1", "3"].map(|jobs| bench.transcode(jobs, &["--jobs", jobs]));
    assert_same(&one, &three);
}

#[test]
fn an_interrupted_transcode_goes_on_where_it_ended() {
    let bench = Bench::new(600);
    let whole = bench.transcode("whole", &[]);
    let out = bench.folder.path().join("interrupted");
    let running = start(&bench.source, &out, bench.preset());
    wait_for(&running, || (commits(&out, "chunk-").len() >= 2).then_some(()));
    let children = running.descendants();
    let stopped = running.stop(Signal::INT);
    assert_eq!(stopped.status.code(), Some(1));
    assert!(stopped.took < Duration::from_secs(5), "it took {:?}", stopped.took);
    assert_eq!(crate::support::process::alive(&children), [0; 0], "children are left");
    assert!(!out.join("main.m3u8").exists(), "it was not interrupted");

    let first = out.join("video/180p/00001.m4s");
    let written = modified(&first);
    bench.transcode("interrupted", &[]);
    assert_eq!(modified(&first), written, "what was finished was made again");
    assert_same(&whole, &out);
}

/// Encoders read memory that they never wrote (x264's MB-tree by AVX-512 does): the same work on the same machine then
/// gives other bytes from one run to the next. The C library fills new memory with what `MALLOC_PERTURB_` says.
#[test]
fn what_memory_held_before_does_not_change_a_byte() {
    let folder = tempfile::tempdir().expect("folder");
    // 60 and 26 macroblocks wide, the smallest in its preset's ladder: no multiple of what a vector holds.
    let clip = Clip { size: (960, 540), display: (960, 540), frames: 120, ..generated::open_gop() };
    let source = clip.make(folder.path());
    for preset in &shipped_presets() {
        let task = chunk_task(&source, &folder.path().join(format!("{preset}-begun")), preset);
        let [one, other] = ["1", "85"].map(|filler| {
            let out = folder.path().join(format!("{preset}-{filler}"));
            // A child may write where it is told to, and nowhere else: the folder is there before it.
            std::fs::create_dir(&out).expect("a folder");
            let task = with_out(&task, &out);
            let file = folder.path().join("task.json");
            std::fs::write(&file, task.to_string()).expect("a task");
            let done = Command::new(programs::worker())
                .arg("media-child")
                .arg(&file)
                .current_dir(folder.path())
                .env_clear()
                .envs([("MALLOC_PERTURB_", filler), ("SVT_LOG", "1")])
                .stdin(File::open(&source).expect("the clip"))
                .output()
                .expect("the worker starts");
            assert!(done.status.success(), "{preset}: {}", String::from_utf8_lossy(&done.stdout));
            out
        });
        assert!(files(&one).len() > 4, "{preset}: there is nothing to compare");
        assert_same(&one, &other);
    }
}

fn shipped_presets() -> Vec<String> {
    let files = std::fs::read_dir(programs::repository().join("presets")).expect("presets").flatten();
    let names = files.filter_map(|file| Some(file.file_name().to_str()?.strip_suffix(".toml")?.to_owned()));
    let presets: Vec<String> = names.filter(|name| name != "families").collect();
    assert!(presets.len() >= 4, "{presets:?}");
    presets
}

/// What the child of the first chunk of a job is told, confinement and task.
fn chunk_task(source: &Path, out: &Path, preset: &str) -> Value {
    let running = start(source, out, preset);
    // It may be read before it is whole.
    let task = wait_for(&running, || serde_json::from_slice::<Value>(&task_file(out, "chunk-0000")?).ok());
    running.stop(Signal::KILL);
    task
}

fn with_out(task: &Value, out: &Path) -> Value {
    let mut task = task.clone();
    task["task"]["chunk"]["out"] = out.to_str().expect("a plain path").into();
    task
}

/// A clip, and a preset whose chunks are short.
struct Bench {
    folder: tempfile::TempDir,
    source: PathBuf,
    preset: PathBuf,
}

impl Bench {
    fn new(frames: u32) -> Bench {
        let folder = tempfile::tempdir().expect("folder");
        let source = Clip { frames, ..generated::open_gop() }.make(folder.path());
        let shipped = std::fs::read_to_string(programs::repository().join("presets/web-h264.toml"));
        let short = shipped.expect("the shipped preset").replace("segment_gops = 3", "segment_gops = 1");
        let short = short.replace("chunk_segments = 2", "chunk_segments = 1");
        let preset = folder.path().join("short.toml");
        std::fs::write(&preset, short).expect("preset");
        Bench { folder, source, preset }
    }

    fn transcode(&self, name: &str, more: &[&str]) -> PathBuf {
        let out = self.folder.path().join(name);
        let tree = transcode(&self.source, &out, &[&["--preset", self.preset()], more].concat());
        let segments = tree.videos()[0].media.segments.len();
        assert!(segments >= 6, "{segments} segments are too few chunks to tell");
        out
    }

    fn preset(&self) -> &str {
        self.preset.to_str().expect("a plain path")
    }
}

fn modified(path: &Path) -> SystemTime {
    std::fs::metadata(path).and_then(|file| file.modified()).expect("a finished segment")
}

/// The report says what the work cost, which differs; nothing else may.
pub fn assert_same(one: &Path, other: &Path) {
    let (one, other) = (files(one), files(other));
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    for (path, bytes) in one.iter().filter(|(path, _)| path.as_path() != Path::new("report.json")) {
        assert!(other[path] == *bytes, "{} differs", path.display());
    }
}

fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).expect("below the root").to_owned();
                found.insert(name, std::fs::read(&path).expect("a file"));
            }
        }
    }
    found
}
