//! `transcode`: the published tree of a local file, in a folder.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flodrama_asset::{ErrorKind, PreviewFile, PublishedFile, SourceRef, Version};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::inspect::{Asked, children, readable};
use crate::child::Children;
use crate::config::Local;
use crate::error::JobError;
use crate::family::Choice;
use crate::job::sidecars::{self, Sidecar};
use crate::job::status::Status;
use crate::job::{Job, Ledger, Proven, preview};
use crate::plan::Preset;

const CLEAR_TRIES: u32 = 10;
const CLEAR_PAUSE: Duration = Duration::from_millis(200);

pub async fn run(
    input: &Path,
    out_dir: &Path,
    asked: &Asked,
    jobs: Option<usize>,
    local: &Local,
    json: bool,
) -> anyhow::Result<()> {
    readable(input)?;
    let (preset, choice) = asked.resolve(local).await?;
    // Children work in a folder of their own, where a relative path would lead elsewhere.
    let out_dir = &std::path::absolute(out_dir).map_err(|e| JobError::io("output folder", &e))?;
    let sidecars = sidecars::beside(input)?;
    let work = work_folder(input, &sidecars, out_dir, &preset, &choice)?;
    // Not below the output folder, where children may write: none must reach what another one is told.
    let scratch = tempfile::Builder::new().prefix("flodrama-").tempdir();
    let scratch = scratch.map_err(|e| JobError::io("scratch", &e))?;
    let job = Job {
        input: input.to_owned(),
        sidecars,
        tree: out_dir.to_owned(),
        ledger: Ledger::Folder(work.clone()),
        children: Children { compiled: choice.compiled.clone(), ..children(scratch.path(), local)? },
        preset,
        choice,
        device_sessions: local.work.device_sessions,
        limits: local.limits,
        slots: jobs.unwrap_or_else(|| local.work.slots()),
        share: None,
        upload: None,
        fallback_title: crate::title::from_key(&input.to_string_lossy()),
    };
    let (sender, receiver) = watch::channel(Status::at("probe", 0.0));
    let (ended, ()) = tokio::join!(
        async {
            let ended = to_the_end(job, work, &sender).await;
            drop(sender);
            ended
        },
        show(receiver, out_dir, json),
    );
    let (outcome, work) = ended;
    // What was interrupted goes on from where it is, its preview too. Otherwise the episode is there, or will not be.
    let interrupted = matches!(&outcome, Err(e) if e.kind == ErrorKind::Cancelled);
    let removed = if interrupted { Ok(()) } else { preview::remove(out_dir).await };
    let proven = outcome?;
    removed?;
    std::fs::remove_dir_all(&work).map_err(|e| JobError::io("work folder", &e))?;
    say_done(&proven, out_dir, json)
}

/// Runs the job; on the processor from its start, where a device failed in the middle. Gives the last work folder.
async fn to_the_end(
    mut job: Job,
    mut work: PathBuf,
    sender: &watch::Sender<Status>,
) -> (Result<Proven, JobError>, PathBuf) {
    let cancel = CancellationToken::new();
    loop {
        if let Err(e) = std::fs::create_dir_all(&work) {
            return (Err(JobError::io("output folder", &e)), work);
        }
        let outcome = tokio::select! {
            outcome = job.run(sender, &cancel) => outcome,
            () = super::stop_signal() => {
                let message = "Interrupted. The same command goes on where this one ended.";
                Err(JobError::new(ErrorKind::Cancelled, message))
            }
        };
        let Some(next) = outcome.as_ref().err().and_then(|e| job.choice.after(e, &job.preset)) else {
            return (outcome, work);
        };
        eprintln!("{}", next.left().unwrap_or_default());
        let anew = clear(&job.tree, &work)
            .await
            .and_then(|()| work_folder(&job.input, &job.sidecars, &job.tree, &job.preset, &next));
        match anew {
            Ok(folder) => {
                job.ledger = Ledger::Folder(folder.clone());
                (job.choice, work) = (next, folder);
            }
            Err(e) => return (Err(e), work),
        }
    }
}

/// Takes away what a device left: a rendition is never mixed from two families. Children that were ended with the job
/// may still write for a moment, so it waits for that, and tries again.
async fn clear(out_dir: &Path, work: &Path) -> Result<(), JobError> {
    let made =
        ["video", "trick", "audio", "subs", "thumbs", "poster", "preview"].map(|name| out_dir.join(name));
    let mut outcome = Ok(());
    for _ in 0..CLEAR_TRIES {
        tokio::time::sleep(CLEAR_PAUSE).await;
        outcome = made.iter().map(PathBuf::as_path).chain([work]).try_for_each(|folder| {
            match std::fs::remove_dir_all(folder) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(JobError::io("output folder", &e)),
                _ => Ok(()),
            }
        });
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// Where commits are kept until the tree is complete: named for the very content, files beside it, preset and family, so that an
/// interrupted run of another source is never taken for one of this.
fn work_folder(
    input: &Path,
    sidecars: &[Sidecar],
    out_dir: &Path,
    preset: &Preset,
    choice: &Choice,
) -> Result<PathBuf, JobError> {
    let file = std::fs::metadata(input).map_err(|e| JobError::io("input", &e))?;
    let modified = file.modified().ok().and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
    let source = SourceRef {
        bucket: String::new(),
        key: input.to_string_lossy().into_owned(),
        etag: format!("{}-{}", file.len(), modified.unwrap_or_default().as_nanos()),
        version_id: None,
        sequencer: None,
        sidecars: sidecars.iter().map(sidecars::local_ref).collect::<Result<_, _>>()?,
    };
    let version = Version::derive(&source, &preset.identity(), &choice.family.identity());
    let work = out_dir.join(format!(".{version}"));
    let is_empty = std::fs::read_dir(out_dir).map_or(true, |mut entries| entries.next().is_none());
    if !is_empty && !work.exists() {
        let message = format!("{}: the folder is not empty; name a new one.", out_dir.display());
        return Err(JobError::new(ErrorKind::BadRequest, message));
    }
    Ok(work)
}

/// A bar on a terminal, JSON lines where asked, a line for each stage elsewhere; and once, where the preview plays.
async fn show(mut status: watch::Receiver<Status>, out_dir: &Path, json: bool) {
    let begun = Instant::now();
    let bar = (!json && std::io::stderr().is_terminal()).then(|| {
        let style = ProgressStyle::with_template("{prefix} [{wide_bar}] {percent:>3}%\n{wide_msg}");
        ProgressBar::new(1000).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
    });
    let mut last_stage = "";
    let mut plays = false;
    loop {
        let now = status.borrow_and_update().clone();
        match &bar {
            Some(bar) => {
                bar.set_prefix(now.stage);
                bar.set_message(pace(&now));
                bar.set_position((now.percent * 10.0) as u64);
            }
            None if json => println!("{}", serde_json::json!({ "progress": now })),
            None if now.stage != last_stage => eprintln!("{}", now.stage),
            None => {}
        }
        // Of a clip that is complete by then there is nothing to see early.
        if !plays && now.preview.as_ref().is_some_and(|p| p.playable_ms < p.duration_ms) {
            plays = true;
            let say = || say_preview(out_dir, begun.elapsed(), json);
            bar.as_ref().map_or_else(say, |bar| bar.suspend(say));
        }
        last_stage = now.stage;
        if status.changed().await.is_err() {
            break;
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

fn say_preview(out_dir: &Path, after: Duration, json: bool) {
    let path = out_dir.join(PublishedFile::Preview(PreviewFile::Multivariant).to_string());
    let after_s = (after.as_secs_f64() * 10.0).round() / 10.0;
    if json {
        println!("{}", serde_json::json!({ "preview": { "path": path, "after_s": after_s } }));
    } else {
        println!("preview {} (plays after {after_s} s)", path.display());
    }
}

/// Speed, what is left, and what each rung costs so far.
fn pace(status: &Status) -> String {
    let speed = status.speed.map(|speed| format!("{speed:.1}× real time"));
    let left = status.eta_s.map(|eta_s| format!("{eta_s:.0} s left"));
    let rungs = status.rungs.iter().map(|rung| format!("{} {:.0} kb/s", rung.name, rung.kbps));
    speed.into_iter().chain(left).chain(rungs).collect::<Vec<_>>().join(" · ")
}

fn say_done(proven: &Proven, out_dir: &Path, json: bool) -> anyhow::Result<()> {
    if json {
        let Proven { asset, proof, cpu_seconds, peak_child_mib, .. } = proven;
        let cost = serde_json::json!({ "cpu_seconds": cpu_seconds, "peak_child_mib": peak_child_mib });
        println!("{}", serde_json::json!({ "done": { "asset": asset, "proof": proof, "cost": cost } }));
        return Ok(());
    }
    let main = out_dir.join("main.m3u8");
    println!(
        "{} ({} renditions, {:.2} s)",
        main.display(),
        proven.proof.renditions,
        proven.plan.duration_s()
    );
    println!(
        "  {:.1} CPU seconds, at most {} MiB for one media child",
        proven.cpu_seconds, proven.peak_child_mib
    );
    for should in &proven.proof.shoulds {
        println!("  should: {should}");
    }
    Ok(())
}
