//! A transcode that runs, and what it has left in its work folder so far.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::process::Process;
use crate::support::programs;

/// Starts `flodrama-worker transcode` with one child at a time.
pub fn start(source: &Path, out: &Path, preset: &str) -> Process {
    let scratch = scratch(out);
    std::fs::create_dir_all(&scratch).expect("a folder");
    Process::start(&programs::worker(), |command| {
        command
            .env("TMPDIR", scratch)
            .arg("transcode")
            .arg(source)
            .arg(out)
            .args(["--jobs", "1", "--preset", preset]);
    })
}

/// What `what` gives as soon as it gives something.
pub fn wait_for<T>(running: &Process, mut what: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = what() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "it did not come so far:\n{}", running.said());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A file of the task at work: a worker that is killed leaves it behind.
pub fn task_file(out: &Path, task: &str) -> Option<Vec<u8>> {
    let file = format!("{task}.task.json");
    entries(&scratch(out)).into_iter().find_map(|folder| std::fs::read(folder.join(&file)).ok())
}

/// Where a worker keeps what its children are told.
fn scratch(out: &Path) -> PathBuf {
    out.with_extension("scratch")
}

/// Commits of the tasks whose names begin so.
pub fn commits(out: &Path, begin: &str) -> Vec<PathBuf> {
    let Some(work) = work_folder(out) else { return Vec::new() };
    let is_asked = |path: &PathBuf| name(path).starts_with(begin) && name(path).ends_with(".json");
    entries(&work.join("commits")).into_iter().filter(is_asked).collect()
}

/// Its name is a hash behind a point.
fn work_folder(out: &Path) -> Option<PathBuf> {
    entries(out).into_iter().find(|path| name(path).starts_with('.'))
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
