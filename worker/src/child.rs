//! Runs media tasks in child processes: no credentials, no environment, the source as a read-only descriptor, a folder of
//! their own. Children confine themselves before they begin; what they say is not believed without a look.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use flodrama_asset::{ErrorKind, PublishedFile};
use flodrama_media::MediaError;
use flodrama_media::child::ARGUMENT;
use flodrama_media::confine::{Confined, Confinement};
use flodrama_media::task::{Assignment, Event, Output, SegmentWritten, Task, TrackWritten};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::compiled::Compiled;
use crate::error::{JobError, Result};

/// What a child says last is what matters: this much of its standard error is kept.
const STDERR_KEPT: usize = 4096;
/// A line longer than this is no event of ours.
const MAX_EVENT: u64 = 64 << 20;

/// How often a machine is asked what it can.
const CONFINE_TRIES: u32 = 3;

/// How Rust says that memory ran out, before it aborts.
const NO_MEMORY: &str = "memory allocation of";

/// How children are started.
#[derive(Clone, Debug)]
pub struct Children {
    /// The binary, which becomes a media child by its first argument.
    pub program: PathBuf,
    /// Folder for task files, and for folders of children.
    pub scratch: PathBuf,
    /// A child that says nothing for so long is ended.
    pub stall_after: Duration,
    /// A child that is not done after so long is ended, whatever it says.
    pub end_after: Duration,
    /// What a child may use.
    pub confinement: Confinement,
    /// For children on a device.
    pub compiled: Compiled,
}

/// What a finished child gave.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The last word.
    pub output: Output,
    /// Segments that it wrote, in the order in which it wrote them.
    pub segments: Vec<SegmentWritten>,
    /// Of a trial on a device.
    pub compiled: Compiled,
}

/// What a child says while it works.
#[derive(Clone, Copy, Debug)]
pub enum Heard<'a> {
    /// So many of the task's own units are done.
    Progress(u64),
    /// A rendition's initialisation section is on disk.
    Track(&'a TrackWritten),
    /// A segment is complete on disk.
    Segment(&'a SegmentWritten),
}

impl Children {
    /// Runs `task` with `source` as its standard input, if it needs one. `hear` is told at once what the child says.
    /// Dropping the future kills the child.
    pub async fn run(
        &self,
        name: &str,
        task: &Task,
        source: Option<&Path>,
        mut hear: impl FnMut(Heard<'_>),
    ) -> Result<Finished> {
        let task_file = self.scratch.join(format!("{name}.task.json"));
        let assignment = Assignment { confinement: self.confinement, task: task.clone() };
        let json = serde_json::to_vec(&assignment).map_err(|e| JobError::internal("task", e))?;
        tokio::fs::write(&task_file, json).await.map_err(|e| JobError::io("task file", &e))?;
        let stdin = match source {
            Some(path) => Stdio::from(File::open(path).map_err(|e| JobError::io("open source", &e))?),
            None => Stdio::null(),
        };
        let folder = tempfile::Builder::new().prefix(&format!("{name}-")).tempdir_in(&self.scratch);
        let folder = folder.map_err(|e| JobError::io("scratch", &e))?;
        let compiled = folder.path().join(Compiled::FOLDER);
        if task.is_on_device() {
            self.compiled.write(&compiled).map_err(|e| JobError::io("compiled", &e))?;
        }
        let mut child = Command::new(&self.program)
            .arg(ARGUMENT)
            .arg(&task_file)
            .env_clear()
            .envs(task.is_on_device().then_some((Compiled::VARIABLE, &compiled)))
            // Errors alone: SVT-AV1 would print a banner for every GOP, where failures are looked for.
            .env("SVT_LOG", "1")
            .current_dir(&folder)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C at a terminal is for the worker to handle, which then ends its children.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| JobError::io("start media child", &e))?;
        let stderr = child.stderr.take().map(keep_end);
        let listening = self.listen(name, &mut child, &mut hear);
        let outcome = match tokio::time::timeout(self.end_after, listening).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let message = "Processing took longer than a job may take and was ended.";
                let detail = format!("{name}: not done after {} s", self.end_after.as_secs());
                Err(JobError::new(ErrorKind::Stalled, message).detail(detail))
            }
        };
        if outcome.is_err() {
            // It may have stalled; a dead process is not an error here.
            let _ = child.start_kill();
        }
        let status = child.wait().await.map_err(|e| JobError::io("wait for media child", &e))?;
        let said = match stderr {
            Some(task) => task.await.unwrap_or_default(),
            None => String::new(),
        };
        // Left behind only where the worker dies; the scratch folder goes with the job.
        let _ = tokio::fs::remove_file(&task_file).await;
        match outcome? {
            Some(Ok(mut finished)) => {
                if task.is_on_device() && source.is_none() {
                    // Without it the next child compiles again.
                    finished.compiled = Compiled::read(&compiled).unwrap_or_default();
                }
                Ok(finished)
            }
            Some(Err(failure)) => Err(JobError::from(with_stderr(failure, &said))),
            None => Err(died(name, status, &said)),
        }
    }

    /// What holds a child on this machine.
    ///
    /// # Errors
    /// `Config` where it is asked for more than this machine can.
    pub async fn confined(&self) -> Result<Confined> {
        let mut asked = self.run("confine", &Task::Confine, None, |_| {}).await;
        // A child that was killed says nothing of the machine.
        for _ in 1..CONFINE_TRIES {
            if !matches!(&asked, Err(e) if e.kind != ErrorKind::Config) {
                break;
            }
            asked = self.run("confine", &Task::Confine, None, |_| {}).await;
        }
        match asked?.output {
            Output::Confined(confined) => Ok(confined),
            other => Err(JobError::internal("confine", format_args!("unexpected answer {other:?}"))),
        }
    }

    /// Reads events until the child's last word; `None` where it ended without one.
    async fn listen(
        &self,
        name: &str,
        child: &mut Child,
        hear: &mut impl FnMut(Heard<'_>),
    ) -> Result<Option<std::result::Result<Finished, MediaError>>> {
        let Some(stdout) = child.stdout.take() else {
            return Err(JobError::internal(name, "no pipe to the media child"));
        };
        let mut lines = BufReader::new(stdout.take(MAX_EVENT)).lines();
        let mut segments = Vec::new();
        loop {
            let line = match tokio::time::timeout(self.stall_after, lines.next_line()).await {
                Ok(line) => line.map_err(|e| JobError::io("read media child", &e))?,
                Err(_) => {
                    let message = "Processing stopped making progress and was ended.";
                    return Err(JobError::new(ErrorKind::Stalled, message)
                        .detail(format_args!("{name}: silent for {} s", self.stall_after.as_secs())));
                }
            };
            let Some(line) = line else { return Ok(None) };
            let event = serde_json::from_str(&line).map_err(|e| JobError::internal(name, e))?;
            if let Some(path) = stray(&event) {
                return Err(JobError::internal(
                    name,
                    format_args!("'{path}' is no file of a published tree"),
                ));
            }
            match event {
                Event::Progress(done) => hear(Heard::Progress(done)),
                Event::Track(track) => hear(Heard::Track(&track)),
                Event::Segment(segment) => {
                    hear(Heard::Segment(&segment));
                    segments.push(segment);
                }
                Event::Done(output) => {
                    return Ok(Some(Ok(Finished {
                        output: *output,
                        segments,
                        compiled: Compiled::default(),
                    })));
                }
                Event::Failed(e) => return Ok(Some(Err(e))),
            }
        }
    }
}

/// A path that a child says and that leads out of the tree, or to nothing that is published: what is read and uploaded by
/// it is this process's to decide.
fn stray(event: &Event) -> Option<&str> {
    let is_stray = |path: &&str| PublishedFile::parse(path).is_none();
    match event {
        Event::Segment(segment) => Some(segment.path.as_str()).filter(is_stray),
        Event::Done(output) => match output.as_ref() {
            Output::Stills(stills) => stills.files.iter().map(|(path, _)| path.as_str()).find(is_stray),
            Output::Subtitles(subtitles) => {
                subtitles.file.iter().map(|(path, _)| path.as_str()).find(is_stray)
            }
            _ => None,
        },
        Event::Progress(_) | Event::Track(_) | Event::Failed(_) => None,
    }
}

/// What it means that a child ended without a word.
fn died(name: &str, status: ExitStatus, said: &str) -> JobError {
    use rustix::process::Signal;
    let signal = status.signal().unwrap_or(0);
    let is = |one: Signal| signal == one.as_raw();
    let detail = format!("{name}: the media child ended without a result ({status}): {said}");
    if is(Signal::XCPU) {
        let message = "The file takes more computing time than a job may use.";
        return JobError::new(ErrorKind::OverLimit, message).detail(detail);
    }
    if is(Signal::ABORT) && said.contains(NO_MEMORY) {
        let message = "The file needs more memory than a job may use.";
        return JobError::new(ErrorKind::OverLimit, message).detail(detail);
    }
    if is(Signal::SYS) {
        let message = "Processing was ended because the file made it try what no video needs.";
        return JobError::new(ErrorKind::Internal, message).detail(format_args!("sandbox: {detail}"));
    }
    if signal != 0 && !is(Signal::KILL) {
        let message = "The program that reads the file broke down over it.";
        return JobError::new(ErrorKind::Internal, message).detail(detail);
    }
    JobError::internal(name, detail)
}

/// Drains a child's standard error, so that it never blocks on it, and keeps the end.
fn keep_end(mut stderr: tokio::process::ChildStderr) -> tokio::task::JoinHandle<String> {
    tokio::spawn(async move {
        let mut kept = Vec::new();
        let mut buffer = [0; 1024];
        while let Ok(n @ 1..) = stderr.read(&mut buffer).await {
            kept.extend_from_slice(&buffer[..n]);
            if kept.len() > 2 * STDERR_KEPT {
                kept.drain(..kept.len() - STDERR_KEPT);
            }
        }
        let start = kept.len().saturating_sub(STDERR_KEPT);
        String::from_utf8_lossy(&kept[start..]).trim().to_owned()
    })
}

fn with_stderr(mut failure: MediaError, said: &str) -> MediaError {
    if !said.is_empty() {
        failure.detail = format!("{}; libav: {said}", failure.detail);
    }
    failure
}
