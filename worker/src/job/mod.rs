//! The story of one job, top to bottom: probe, analyse, plan, encode, package, prove. Publishing is the caller's next step.

mod analyse;
mod encode;
mod ledger;
mod package;
pub mod preview;
mod proof;
mod report;
pub mod reuse;
mod sessions;
pub mod sidecars;
mod sound;
pub mod status;
mod subtitles;

use std::path::{Path, PathBuf};

use flodrama_asset::document::AssetDocument;
use flodrama_asset::{ErrorKind, PublishedFile, SourceRef};
use flodrama_media::fault::Fault;
use flodrama_media::task::{JumpsTask, Limits, Output, Task};
use flodrama_media::{Jump, SourceInfo, jumps};
use tokio::io::AsyncReadExt;
use tokio_util::sync::CancellationToken;

pub use analyse::measure;
pub use ledger::{Commit, Ledger, published};
pub use proof::Proof;
use sidecars::Sidecar;
use status::{Sender, enter};

use crate::child::Children;
use crate::error::{JobError, Result};
use crate::family::Choice;
use crate::plan::tasks::NamedTask;
use crate::plan::{Plan, Preset};

/// Everything that a job needs.
#[derive(Clone, Debug)]
pub struct Job {
    /// The source, on this machine.
    pub input: PathBuf,
    /// Subtitle files beside it.
    pub sidecars: Vec<Sidecar>,
    /// Folder that receives the published tree.
    pub tree: PathBuf,
    /// What is finished, and where finished files go.
    pub ledger: Ledger,
    /// The preset.
    pub preset: Preset,
    /// The encoder family.
    pub choice: Choice,
    /// Encoders open on a device at a time, at most.
    pub device_sessions: u32,
    /// What a source may be at most.
    pub limits: Limits,
    /// Children at a time.
    pub slots: usize,
    /// How children are started.
    pub children: Children,
    /// The upload, if it was one.
    pub upload: Option<SourceRef>,
    /// Title where the file has none.
    pub fallback_title: String,
}

/// A proven tree: everything is in place but the texts of `files`, which are in the tree and not yet in the bucket.
#[derive(Clone, Debug)]
pub struct Proven {
    /// The plan that was executed.
    pub plan: Plan,
    /// `asset.json`.
    pub asset: AssetDocument,
    /// Paths below the tree that remain to be published: playlists, documents.
    pub files: Vec<String>,
    /// What was checked.
    pub proof: Proof,
    /// CPU seconds of all media children.
    pub cpu_seconds: f64,
    /// The largest resident memory of one child, in MiB.
    pub peak_child_mib: u64,
}

impl Job {
    /// Runs the job. Cancelling ends it within a moment; what was committed stays committed.
    pub async fn run(&self, status: &Sender, cancel: &CancellationToken) -> Result<Proven> {
        tokio::select! {
            outcome = self.story(status) => outcome,
            () = cancel.cancelled() => {
                Err(JobError::new(ErrorKind::Cancelled, "Processing was interrupted and will go on later."))
            }
        }
    }

    /// What a task reads: the source, or a subtitle file beside it.
    fn input_of(&self, task: &NamedTask) -> Result<&Path> {
        let Some(name) = task.sidecar() else { return Ok(&self.input) };
        let sidecar = self.sidecars.iter().find(|s| s.name == name);
        sidecar.map(|s| s.path.as_path()).ok_or_else(|| JobError::internal("subtitle file", name))
    }

    async fn story(&self, status: &Sender) -> Result<Proven> {
        tokio::fs::create_dir_all(&self.tree).await.map_err(|e| JobError::io("tree", &e))?;
        enter(status, "probe", 3.0);
        let (input, source) = probe(&self.children, &self.input, &self.sidecars, &self.limits).await?;
        Job { input, ..self.clone() }.make(&source, status).await
    }

    /// What comes of a source that is known.
    async fn make(&self, source: &SourceInfo, status: &Sender) -> Result<Proven> {
        let samples = analyse::analyse(self, source, status).await?;
        let complexity = analyse::complexity(&samples);
        let plan = self.choice.plan(source, complexity.as_ref(), &self.preset);
        let mut commits = encode::encode(self, source, &plan, status).await?;

        enter(status, "package", 92.0);
        for commit in commits.values() {
            self.ledger.restore(commit, &self.tree).await?;
        }
        let renditions = package::Renditions::join(&plan, &commits).map_err(|e| match plan.device {
            // Chunks of a device that do not fit together are its fault: the processor's always do.
            Some(_) => JobError { fault: Some(Fault::Unsupported), ..e },
            None => e,
        })?;
        let title = source.title.as_deref().unwrap_or(&self.fallback_title);
        let package = package::package(&plan, &renditions, title)?;

        enter(status, "proof", 94.0);
        let proof = proof::prove(&plan, &renditions, &package, &self.tree, &self.children).await?;
        commits.extend(samples);
        let report = report::report(self.upload.as_ref(), source, &plan, &commits, &renditions, &proof);
        let (cpu_seconds, peak_child_mib) = (report.cpu_seconds, report.peak_child_mib);
        let report = serde_json::to_string_pretty(&report).map_err(|e| JobError::internal("report", e))?;
        let mut files = Vec::new();
        for (path, text) in package.files.iter().chain([(&PublishedFile::Report.to_string(), &report)]) {
            write(&self.tree, path, text).await?;
            files.push(path.clone());
        }
        Ok(Proven { plan, asset: package.asset, files, proof, cpu_seconds, peak_child_mib })
    }
}

/// Says what a file is, and what the subtitle files beside it hold. Gives the file that tasks read: another one where a
/// clock jumps in this.
pub async fn probe(
    children: &Children,
    input: &Path,
    sidecars: &[Sidecar],
    limits: &Limits,
) -> Result<(PathBuf, SourceInfo)> {
    let (input, jumps) = one_clock(children, input).await?;
    let mut source = match children.run("probe", &Task::Probe(*limits), Some(&input), |_| {}).await?.output {
        Output::Source(source) => *source,
        other => return Err(JobError::internal("probe", format_args!("unexpected answer {other:?}"))),
    };
    source.sidecars = sidecars::look(children, sidecars).await?;
    source.jumps = jumps;
    Ok((input, source))
}

/// The file itself, or a copy on one clock beside the children's files.
async fn one_clock(children: &Children, input: &Path) -> Result<(PathBuf, Vec<Jump>)> {
    let failed = |e: std::io::Error| JobError::io("source", &e);
    let mut begin = Vec::new();
    let mut file = tokio::fs::File::open(input).await.map_err(failed)?.take(jumps::LOOKED_AT);
    file.read_to_end(&mut begin).await.map_err(failed)?;
    if !jumps::may_be_transport_stream(&begin) {
        return Ok((input.to_owned(), Vec::new()));
    }
    let task = JumpsTask { out: children.scratch.join("one-clock") };
    tokio::fs::create_dir_all(&task.out).await.map_err(failed)?;
    match children.run("jumps", &Task::Jumps(task.clone()), Some(input), |_| {}).await?.output {
        Output::Jumps(jumps) if jumps.is_empty() => Ok((input.to_owned(), jumps)),
        Output::Jumps(jumps) => Ok((task.out.join(JumpsTask::FILE), jumps)),
        other => Err(JobError::internal("jumps", format_args!("unexpected answer {other:?}"))),
    }
}

async fn write(tree: &Path, path: &str, text: &str) -> Result<()> {
    let path = tree.join(path);
    if let Some(folder) = path.parent() {
        tokio::fs::create_dir_all(folder).await.map_err(|e| JobError::io("tree", &e))?;
    }
    tokio::fs::write(&path, text).await.map_err(|e| JobError::io("tree", &e))
}
