//! The story of one job, top to bottom: probe, analyse, plan, encode, package, prove. Publishing is the caller's next step.

mod analyse;
mod claims;
mod encode;
mod ledger;
mod package;
pub mod preview;
mod proof;
mod report;
pub mod reuse;
mod sessions;
pub mod share;
pub mod sidecars;
mod sound;
pub mod status;
mod subtitles;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use flodrama_asset::document::AssetDocument;
use flodrama_asset::{PublishedFile, SourceRef};
use flodrama_media::fault::Fault;
use flodrama_media::task::{JumpsTask, Limits, Output, Task};
use flodrama_media::{Jump, LOOKED_AT, SourceInfo, may_be_transport_stream};
use tokio::io::AsyncReadExt;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use analyse::measure;
pub use ledger::{Commit, Ledger, published};
pub use proof::Proof;
use share::Share;
use sidecars::Sidecar;
use status::{Sender, Status, enter};

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
    /// How others take part; nobody does where the tree stays in a folder.
    pub share: Option<Share>,
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
    /// Paths below the tree of the media, which is in the bucket, with sizes in bytes.
    pub media: Vec<(String, u64)>,
    /// What was checked.
    pub proof: Proof,
    /// CPU seconds of all media children.
    pub cpu_seconds: f64,
    /// The largest resident memory of one child, in MiB.
    pub peak_child_mib: u64,
}

/// A job that knows its source.
struct Planned {
    /// It reads the source on one clock.
    job: Job,
    source: SourceInfo,
    plan: Plan,
    /// Commits of samples.
    samples: BTreeMap<String, Commit>,
}

impl Job {
    /// Runs the job. Cancelling ends it within a moment; what was committed stays committed.
    pub async fn run(&self, status: &Sender, cancel: &CancellationToken) -> Result<Proven> {
        self.until(cancel, Box::pin(self.story(status))).await
    }

    /// Encodes chunks of a job that another worker has. Gives how many; none at all where that worker executes another
    /// plan than we would.
    pub async fn help(&self, cancel: &CancellationToken) -> Result<Option<usize>> {
        let work = async {
            let Some(share) = &self.share else { return Ok(None) };
            // Who has the upload says how far it is.
            let (status, _) = watch::channel(Status::at("probe", 0.0));
            let Planned { job, source, plan, .. } = self.plan(&status).await?;
            if !share.has_plan(&plan).await? {
                return Ok(None);
            }
            tokio::select! {
                chunks = encode::help(&job, share, &source, &plan, &status) => chunks.map(Some),
                () = share.unwanted() => Ok(Some(0)),
            }
        };
        self.until(cancel, Box::pin(work)).await
    }

    /// Whatever ends the work, claims that it leaves are taken back.
    async fn until<T>(&self, cancel: &CancellationToken, work: impl Future<Output = Result<T>>) -> Result<T> {
        let outcome = tokio::select! {
            outcome = work => outcome,
            () = cancel.cancelled() => Err(JobError::interrupted()),
        };
        if let Some(share) = &self.share {
            share.claims.release().await;
        }
        outcome
    }

    /// What a task reads: the source, or a subtitle file beside it.
    fn input_of(&self, task: &NamedTask) -> Result<&Path> {
        let Some(name) = task.sidecar() else { return Ok(&self.input) };
        let sidecar = self.sidecars.iter().find(|s| s.name == name);
        sidecar.map(|s| s.path.as_path()).ok_or_else(|| JobError::internal("subtitle file", name))
    }

    /// What the source is, what will be made of it, and what this follows from.
    async fn plan(&self, status: &Sender) -> Result<Planned> {
        tokio::fs::create_dir_all(&self.tree).await.map_err(|e| JobError::io("tree", &e))?;
        enter(status, "probe", 3.0);
        let (input, source) = probe(&self.children, &self.input, &self.sidecars, &self.limits).await?;
        let job = Job { input, ..self.clone() };
        let samples = analyse::analyse(&job, &source, status).await?;
        let complexity = analyse::complexity(&samples);
        let plan = self.choice.plan(&source, complexity.as_ref(), &self.preset);
        Ok(Planned { job, source, plan, samples })
    }

    async fn story(&self, status: &Sender) -> Result<Proven> {
        let Planned { job, source, plan, samples } = self.plan(status).await?;
        let mut commits = encode::encode(&job, &source, &plan, status).await?;

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
        let report = report::report(self.upload.as_ref(), &source, &plan, &commits, &renditions, &proof);
        let (cpu_seconds, peak_child_mib) = (report.cpu_seconds, report.peak_child_mib);
        let report = serde_json::to_string_pretty(&report).map_err(|e| JobError::internal("report", e))?;
        let mut files = Vec::new();
        for (path, text) in package.files.iter().chain([(&PublishedFile::Report.to_string(), &report)]) {
            write(&self.tree, path, text).await?;
            files.push(path.clone());
        }
        let media = sizes(commits.values().flat_map(Commit::files), &self.tree).await?;
        Ok(Proven { plan, asset: package.asset, files, media, proof, cpu_seconds, peak_child_mib })
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
    let mut file = tokio::fs::File::open(input).await.map_err(failed)?.take(LOOKED_AT);
    file.read_to_end(&mut begin).await.map_err(failed)?;
    if !may_be_transport_stream(&begin) {
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

async fn sizes(paths: impl Iterator<Item = String>, tree: &Path) -> Result<Vec<(String, u64)>> {
    let mut sizes = Vec::new();
    for path in paths {
        let file = tokio::fs::metadata(tree.join(&path)).await.map_err(|e| JobError::io("tree", &e))?;
        sizes.push((path, file.len()));
    }
    Ok(sizes)
}

async fn write(tree: &Path, path: &str, text: &str) -> Result<()> {
    let path = tree.join(path);
    if let Some(folder) = path.parent() {
        tokio::fs::create_dir_all(folder).await.map_err(|e| JobError::io("tree", &e))?;
    }
    tokio::fs::write(&path, text).await.map_err(|e| JobError::io("tree", &e))
}
