//! Runs the tasks of a plan that are not committed yet, and publishes a preview of what they have so far.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flodrama_media::SourceInfo;
use flodrama_media::fault::Fault;
use tokio::task::JoinSet;

use super::Job;
use super::ledger::Commit;
use super::preview::Preview;
use super::sessions::{Again, Sessions};
use super::sidecars;
use super::status::{Encoding, Sender};
use crate::child::Heard;
use crate::error::{JobError, Result};
use crate::family;
use crate::plan::Plan;
use crate::plan::tasks::NamedTask;

/// Tasks that run beside those that fill the cores, at most: an episode in more languages is rare.
const BESIDE: usize = 8;

/// Tasks that wait, and how many of them may run.
struct Lane {
    waiting: VecDeque<NamedTask>,
    running: usize,
    most: usize,
}

impl Lane {
    fn new(waiting: VecDeque<NamedTask>, most: usize) -> Lane {
        Lane { waiting, running: 0, most }
    }
}

/// Lanes: sound, what fills the cores, what a device does.
const DEVICE: usize = 2;

/// A task that came to an end.
struct Ended {
    lane: usize,
    task: NamedTask,
    /// The cap on open encoders that it was started under.
    cap: u32,
    outcome: Result<Commit>,
}

/// Runs every task of the plan that is not committed yet: `slots` at a time, and sound beside them.
pub async fn encode(
    job: &Job,
    source: &SourceInfo,
    plan: &Plan,
    status: &Sender,
) -> Result<BTreeMap<String, Commit>> {
    let mut commits = job.ledger.commits().await?;
    let tasks = plan.tasks(source, &job.tree, &job.limits);
    // Names of the plan only: a ledger may hold nothing else.
    commits.retain(|name, _| tasks.iter().any(|t| t.name == *name));
    let (done, open): (Vec<_>, Vec<_>) = tasks.into_iter().partition(|t| commits.contains_key(&t.name));
    let (stills, open): (Vec<_>, Vec<_>) = open.into_iter().partition(NamedTask::needs_all_chunks);
    let stills = stills.into_iter().next();
    let mut encoding = Encoding::new(status.clone(), plan, done.iter().map(|t| t.frames).sum());
    let preview = Preview::new(plan, &job.ledger, &job.tree, job.preset.early_play);
    for commit in commits.values() {
        commit.segments.iter().for_each(|segment| encoding.segment(segment));
        preview.committed(commit);
    }
    let encoding = Arc::new(Mutex::new(encoding));
    let (outcome, ()) = tokio::join!(
        async {
            let outcome = run(job, open, plan.encoders(), &preview, &encoding).await;
            preview.end(outcome.is_ok());
            outcome
        },
        preview.write(status),
    );
    commits.extend(outcome?);
    if let Some(stills) = stills {
        // They are cut from the I-frame rendition, some of which another worker may have made.
        for commit in commits.values() {
            job.ledger.restore(commit, &job.tree).await?;
        }
        let commit = one(job, &stills, &preview, &encoding).await?;
        commits.insert(stills.name, commit);
    }
    Ok(commits)
}

async fn run(
    job: &Job,
    open: Vec<NamedTask>,
    encoders: u32,
    preview: &Preview,
    encoding: &Arc<Mutex<Encoding>>,
) -> Result<BTreeMap<String, Commit>> {
    let (beside, others): (VecDeque<_>, VecDeque<_>) = open.into_iter().partition(NamedTask::is_beside);
    let (device, filling): (VecDeque<_>, VecDeque<_>) = others.into_iter().partition(NamedTask::is_on_device);
    let mut sessions = Sessions::new(job.device_sessions, encoders);
    let mut lanes = [
        Lane::new(beside, BESIDE),
        Lane::new(filling, job.slots),
        // A chunk on a device needs a core for the rest: demuxing, muxing, what the device does not decode.
        Lane::new(device, sessions.chunks().min(job.slots)),
    ];
    let mut pause = Duration::ZERO;
    let mut commits = BTreeMap::new();
    let mut running = JoinSet::new();
    loop {
        for (number, lane) in lanes.iter_mut().enumerate() {
            while lane.running < lane.most
                && let Some(mut task) = lane.waiting.pop_front()
            {
                lane.running += 1;
                // Cores are about to fall idle: the last chunks spread their rungs over them.
                if lane.waiting.len() < job.slots {
                    task.spread(job.slots);
                }
                let (job, preview, encoding) = (job.clone(), preview.clone(), Arc::clone(encoding));
                let (cap, task) = (sessions.cap(), task.limited_to(sessions.each()));
                let pause = std::mem::take(&mut pause);
                running.spawn(async move {
                    tokio::time::sleep(pause).await;
                    let outcome = one(&job, &task, &preview, &encoding).await;
                    Ended { lane: number, task, cap, outcome }
                });
            }
        }
        // Dropping the set on an error ends the other children.
        let Some(ended) = running.join_next().await else { return Ok(commits) };
        let Ended { lane, task, cap, outcome } = ended.map_err(|e| JobError::internal("task", e))?;
        lanes[lane].running -= 1;
        match outcome {
            Ok(commit) => drop(commits.insert(task.name, commit)),
            Err(e) if e.fault == Some(Fault::SessionLimit) => match sessions.refused(cap) {
                Again::After(wait) => {
                    tracing::warn!(
                        task = task.name,
                        cap = sessions.cap(),
                        detail = e.detail,
                        "device is full"
                    );
                    pause = wait;
                    lanes[DEVICE].most = sessions.chunks().min(job.slots);
                    lanes[DEVICE].waiting.push_front(task);
                }
                Again::GiveUp => return Err(e),
            },
            Err(e) => return Err(e),
        }
    }
}

/// Runs one task to its commit.
async fn one(job: &Job, task: &NamedTask, preview: &Preview, encoding: &Mutex<Encoding>) -> Result<Commit> {
    let heard = |heard: Heard<'_>| {
        let mut encoding = encoding.lock().expect("no holder panics");
        match heard {
            Heard::Progress(done) if task.frames > 0 => encoding.chunk(&task.name, done),
            Heard::Segment(segment) => encoding.segment(segment),
            Heard::Progress(_) | Heard::Track(_) => {}
        }
        preview.hear(heard);
    };
    let finished = job.children.run(&task.name, &task.task, Some(job.input_of(task)?), heard).await;
    let commit = match finished {
        Ok(finished) => Commit::of(finished)?,
        Err(e) if task.is_dispensable() && sidecars::may_go_without(&e) => {
            tracing::warn!(task = task.name, detail = e.detail, "left out: {}", e.message);
            Commit::left_out(&e.message)
        }
        Err(e) if task.is_on_device() => return Err(JobError { fault: family::blame(&e), ..e }),
        Err(e) => return Err(e),
    };
    let commit = job.ledger.commit(&task.name, commit, &job.tree, |path| preview.has_stored(path)).await?;
    preview.committed(&commit);
    if task.frames > 0 {
        encoding.lock().expect("no holder panics").chunk(&task.name, task.frames);
    }
    Ok(commit)
}
