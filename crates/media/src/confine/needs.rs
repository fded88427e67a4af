//! What each kind of task must be able to touch, and no more.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::task::Task;

/// What a task must be able to touch.
#[derive(Debug, Default)]
pub struct Needs {
    /// Folder where it writes new files and folders, which it never reads or removes.
    pub out: Option<PathBuf>,
    /// Folders whose files it reads.
    pub reads: BTreeSet<PathBuf>,
    /// Files that it has open at a time, beside the usual few.
    pub files: u64,
    /// True where it writes files at all, scratch files in its own folder among them.
    pub writes: bool,
    /// True where one of them may be as large as the source.
    pub copies: bool,
    /// True where it encodes pictures, which takes memory.
    pub encodes: bool,
    /// True where it works on a device, whose driver needs much more.
    pub device: bool,
    /// True where the driver may make folders in the task's own, for what it compiles: a trial reads nothing that anybody
    /// uploaded.
    pub compiles: bool,
}

/// What `task` needs.
pub fn of(task: &Task) -> Needs {
    let writes_to = |out: &Path| Needs { out: Some(out.to_owned()), writes: true, ..Needs::default() };
    match task {
        Task::Probe(_) | Task::Sidecar | Task::Confine => Needs::default(),
        Task::Jumps(jumps) => Needs { copies: true, ..writes_to(&jumps.out) },
        Task::Sample(_) => Needs { writes: true, encodes: true, ..Needs::default() },
        Task::Chunk(chunk) => Needs { encodes: true, device: task.is_on_device(), ..writes_to(&chunk.out) },
        Task::Audio(audio) => writes_to(&audio.out),
        Task::Subtitles(subtitles) => writes_to(&subtitles.out),
        Task::Stills(stills) => {
            Needs { encodes: true, ..reading(writes_to(&stills.out), stills.trick.iter()) }
        }
        Task::Verify(tasks) => {
            let most = tasks.iter().map(|task| task.files.len()).max().unwrap_or(0);
            let needs = reading(Needs::default(), tasks.iter().flat_map(|task| &task.files));
            Needs { files: most as u64, ..needs }
        }
        Task::TryEncoder(_) => {
            let device = task.is_on_device();
            Needs { writes: true, encodes: true, device, compiles: device, ..Needs::default() }
        }
    }
}

fn reading<'a>(mut needs: Needs, files: impl Iterator<Item = &'a PathBuf>) -> Needs {
    let mut count = 0;
    for file in files {
        count += 1;
        needs.reads.extend(file.parent().map(Path::to_owned));
    }
    needs.files = count;
    needs
}
