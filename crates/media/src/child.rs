//! The media child: one task from a file, the source on standard input, events on standard output.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ffmpeg_next as ffmpeg;

use crate::error::{MediaError, Result, Step};
use crate::task::{Event, Output, SegmentWritten, Task, TrackWritten};

/// Of tasks that run beside the chunks: a quarter of a core's time beside one that wants it all, which is enough to stay
/// ahead of video, however fast.
pub const BESIDE_NICENESS: i32 = 5;

/// The first argument that makes a binary a media child; the second is the path of the task.
pub const ARGUMENT: &str = "media-child";

/// Progress lines at most this often: the parent shows them to people.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// Runs the task at `task_file` and gives the process's exit code: 0 done, 1 failed. The last line on standard output
/// says which, and why.
pub fn main(task_file: &Path) -> i32 {
    // A child of a dead worker would only burn a core.
    if let Err(e) = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL)) {
        eprintln!("parent death signal: {e}");
    }
    let reporter = Reporter { last: Mutex::new(None) };
    // Where the worker died before that call, nobody reads: without a look this child would outlive it.
    let outcome = reporter.send(&Event::Progress(0)).and_then(|()| run(task_file, &reporter));
    let failed = outcome.is_err();
    let event = match outcome {
        Ok(output) => Event::Done(Box::new(output)),
        Err(e) => Event::Failed(e),
    };
    // Where nobody reads, nobody is left to tell.
    if reporter.send(&event).is_err() {
        return 1;
    }
    i32::from(failed)
}

fn run(task_file: &Path, report: &Reporter) -> Result<Output> {
    let json = std::fs::read(task_file).map_err(|e| MediaError::io("task file", &e))?;
    let task: Task = serde_json::from_slice(&json).step("task file")?;
    ffmpeg::init().step("libav")?;
    ffmpeg::log::set_level(ffmpeg::log::Level::Error);
    Ok(match task {
        Task::Jumps(task) => Output::Jumps(crate::jumps::run(&task, source()?)?),
        Task::Probe(limits) => Output::Source(Box::new(crate::probe::run(&limits, source()?)?)),
        Task::Sample(task) => {
            let mut sampled = crate::sample::run(&task, source()?, report)?;
            (sampled.cpu_ms, sampled.peak_kib) = usage();
            Output::Sampled(sampled)
        }
        Task::Chunk(task) => {
            let mut written = crate::chunk::run(&task, source()?, report)?;
            (written.cpu_ms, written.peak_kib) = usage();
            Output::Written(written)
        }
        Task::Audio(task) => {
            let mut written = crate::audio::run(&task, source()?, report)?;
            (written.cpu_ms, written.peak_kib) = usage();
            Output::Written(written)
        }
        Task::Sidecar => Output::Sidecar(crate::subtitles::look(source()?, report)?),
        Task::Subtitles(task) => {
            let _ = rustix::process::nice(BESIDE_NICENESS);
            let mut written = crate::subtitles::run(&task, source()?, report)?;
            (written.cpu_ms, written.peak_kib) = usage();
            Output::Subtitles(written)
        }
        Task::Stills(task) => {
            let mut written = crate::stills::run(&task, source()?, report)?;
            (written.cpu_ms, written.peak_kib) = usage();
            Output::Stills(written)
        }
        Task::Verify(tasks) => {
            let mut verified = Vec::new();
            for (task, done) in tasks.iter().zip(1..) {
                verified.push(crate::verify::run(task)?);
                report.progress(done)?;
            }
            Output::Verified(verified)
        }
        Task::TryEncoder(task) => Output::Tried(crate::trial::run(&task)?),
    })
}

/// Standard input, as the file that the parent opened for reading.
fn source() -> Result<File> {
    let owned = io::stdin().as_fd().try_clone_to_owned().map_err(|e| MediaError::io("source", &e))?;
    Ok(File::from(owned))
}

/// CPU milliseconds and peak resident KiB of this process, as the kernel counts them; 0 where it does not say.
fn usage() -> (u64, u64) {
    let ticks = |stat: String| {
        // Fields behind the command, which may itself hold spaces and parentheses: utime and stime are the 12th and 13th.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
    };
    let peak = |status: String| {
        let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?.to_owned();
        line.split_whitespace().next()?.parse().ok()
    };
    // Linux counts these in hundredths of a second for user space, on every architecture.
    let cpu = std::fs::read_to_string("/proc/self/stat").ok().and_then(ticks).unwrap_or(0) * 10;
    (cpu, std::fs::read_to_string("/proc/self/status").ok().and_then(peak).unwrap_or(0))
}

/// Prints events, one JSON object a line. Threads share it.
pub struct Reporter {
    last: Mutex<Option<Instant>>,
}

impl Reporter {
    /// Says that `done` units are done, now and then.
    pub fn progress(&self, done: u64) -> Result<()> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|at| at.elapsed() < PROGRESS_EVERY) {
            return Ok(());
        }
        *last = Some(Instant::now());
        self.send(&Event::Progress(done))
    }

    /// Says that a rendition's initialisation section is on disk.
    pub fn track(&self, track: &TrackWritten) -> Result<()> {
        self.send(&Event::Track(track.clone()))
    }

    /// Says that a segment is complete.
    pub fn segment(&self, segment: SegmentWritten) -> Result<()> {
        self.send(&Event::Segment(segment))
    }

    fn send(&self, event: &Event) -> Result<()> {
        let mut line = serde_json::to_vec(event).step("event")?;
        line.push(b'\n');
        io::stdout().lock().write_all(&line).map_err(|e| MediaError::io("event", &e))
    }
}
