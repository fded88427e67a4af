//! The media child: one task from a file, the source on standard input, events on standard output, confined to that
//! before libav is called.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ffmpeg_next as ffmpeg;

use crate::confine::{self, Confined};
use crate::error::{MediaError, Result, Step};
use crate::task::{Assignment, Event, Output, SegmentWritten, Task, TrackWritten};

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
    end(begin(task_file).and_then(|ready| {
        // Where the worker died before it could take this child along, nobody reads: without a look the child would
        // outlive it.
        send(&Event::Progress(0))?;
        ready.run()
    }))
}

/// Says how a task ended, and gives the process's exit code.
pub fn end(outcome: std::result::Result<Output, MediaError>) -> i32 {
    let failed = outcome.is_err();
    let event = match outcome {
        Ok(output) => Event::Done(Box::new(output)),
        Err(e) => Event::Failed(e),
    };
    // Where nobody reads, nobody is left to tell.
    if send(&event).is_err() {
        return 1;
    }
    i32::from(failed)
}

/// A child that is confined and has not begun yet.
pub struct Ready {
    /// Its work.
    pub task: Task,
    confined: Confined,
    usage: Usage,
}

/// Reads the task at `task_file` and confines this process to it. The first thing that a child does, while it has one
/// thread.
///
/// # Errors
/// `Config` where this machine cannot confine it as asked.
pub fn begin(task_file: &Path) -> std::result::Result<Ready, MediaError> {
    crate::sys::close_inherited().map_err(|e| MediaError::io("inherited descriptors", &e))?;
    let json = std::fs::read(task_file).map_err(|e| MediaError::io("task file", &e))?;
    let Assignment { confinement, task } = serde_json::from_slice(&json).step("task file")?;
    let usage = Usage::open();
    let confined = confine::apply(&confinement, &task)?;
    Ok(Ready { task, confined, usage })
}

impl Ready {
    /// Runs the task.
    ///
    /// # Errors
    /// What is wrong with the source, or with this machine.
    pub fn run(self) -> std::result::Result<Output, MediaError> {
        let Ready { task, confined, mut usage } = self;
        let report = &Reporter::default();
        run(task, confined, report, &mut usage).map_err(MediaError::out_of_memory)
    }
}

fn run(task: Task, confined: Confined, report: &Reporter, usage: &mut Usage) -> Result<Output> {
    ffmpeg::init().step("libav")?;
    ffmpeg::log::set_level(ffmpeg::log::Level::Error);
    Ok(match task {
        Task::Jumps(task) => Output::Jumps(crate::jumps::run(&task, source()?, report)?),
        Task::Probe(limits) => Output::Source(Box::new(crate::probe::run(&limits, source()?, report)?)),
        Task::Sample(task) => {
            let mut sampled = crate::sample::run(&task, source()?, report)?;
            (sampled.cpu_ms, sampled.peak_kib) = usage.read();
            Output::Sampled(sampled)
        }
        Task::Chunk(task) => {
            let mut written = crate::chunk::run(&task, source()?, report)?;
            (written.cpu_ms, written.peak_kib) = usage.read();
            Output::Written(written)
        }
        Task::Audio(task) => {
            let mut written = crate::audio::run(&task, source()?, report)?;
            (written.cpu_ms, written.peak_kib) = usage.read();
            Output::Written(written)
        }
        Task::Sidecar => Output::Sidecar(crate::subtitles::look(source()?, report)?),
        Task::Subtitles(task) => {
            let _ = rustix::process::nice(BESIDE_NICENESS);
            let mut written = crate::subtitles::run(&task, source()?, report)?;
            (written.cpu_ms, written.peak_kib) = usage.read();
            Output::Subtitles(written)
        }
        Task::Stills(task) => {
            let mut written = crate::stills::run(&task, source()?, report)?;
            (written.cpu_ms, written.peak_kib) = usage.read();
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
        Task::Confine => Output::Confined(confined),
    })
}

/// Standard input, as the file that the parent opened for reading.
fn source() -> Result<File> {
    let owned = io::stdin().as_fd().try_clone_to_owned().map_err(|e| MediaError::io("source", &e))?;
    Ok(File::from(owned))
}

/// What the kernel counts of this process. Opened before the child is confined, which hides the files.
struct Usage {
    stat: Option<File>,
    status: Option<File>,
}

impl Usage {
    /// Opens both; where the kernel does not say, nothing is counted.
    fn open() -> Usage {
        Usage { stat: File::open("/proc/self/stat").ok(), status: File::open("/proc/self/status").ok() }
    }

    /// CPU milliseconds and peak resident KiB; 0 where the kernel does not say.
    fn read(&mut self) -> (u64, u64) {
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
        let cpu = text(&mut self.stat).and_then(ticks).unwrap_or(0) * 10;
        (cpu, text(&mut self.status).and_then(peak).unwrap_or(0))
    }
}

fn text(file: &mut Option<File>) -> Option<String> {
    io::read_to_string(file.as_mut()?).ok()
}

/// Prints events, one JSON object a line. Threads share it.
#[derive(Default)]
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
        send(&Event::Progress(done))
    }

    /// Says that a rendition's initialisation section is on disk.
    pub fn track(&self, track: &TrackWritten) -> Result<()> {
        send(&Event::Track(track.clone()))
    }

    /// Says that a segment is complete.
    pub fn segment(&self, segment: SegmentWritten) -> Result<()> {
        send(&Event::Segment(segment))
    }
}

fn send(event: &Event) -> Result<()> {
    let mut line = serde_json::to_vec(event).step("event")?;
    line.push(b'\n');
    io::stdout().lock().write_all(&line).map_err(|e| MediaError::io("event", &e))
}
