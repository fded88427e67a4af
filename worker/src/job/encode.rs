//! Runs the tasks of a plan that are not committed yet, and publishes a preview of what they have so far.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use flodrama_media::SourceInfo;
use tokio::task::JoinSet;

use super::Job;
use super::ledger::Commit;
use super::preview::Preview;
use super::status::{Encoding, Sender};
use crate::child::Heard;
use crate::error::{JobError, Result};
use crate::plan::Plan;
use crate::plan::tasks::NamedTask;

/// Tasks that run beside those that fill the cores, at most: an episode in more languages is rare.
const BESIDE: usize = 8;

/// Tasks that wait, and how many of them may run.
struct Lane {
    waiting: VecDeque<NamedTask>,
    free: usize,
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
            let outcome = run(job, open, &preview, &encoding).await;
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
    preview: &Preview,
    encoding: &Arc<Mutex<Encoding>>,
) -> Result<BTreeMap<String, Commit>> {
    let (beside, filling): (VecDeque<_>, VecDeque<_>) = open.into_iter().partition(NamedTask::is_beside);
    let mut lanes = [Lane { waiting: beside, free: BESIDE }, Lane { waiting: filling, free: job.slots }];
    let mut commits = BTreeMap::new();
    let mut running = JoinSet::new();
    loop {
        for (lane, Lane { waiting, free }) in lanes.iter_mut().enumerate() {
            while *free > 0
                && let Some(mut task) = waiting.pop_front()
            {
                *free -= 1;
                // Cores are about to fall idle: the last chunks spread their rungs over them.
                if waiting.len() < job.slots {
                    task.spread(job.slots);
                }
                let (job, preview, encoding) = (job.clone(), preview.clone(), Arc::clone(encoding));
                running.spawn(async move {
                    let commit = one(&job, &task, &preview, &encoding).await?;
                    Ok::<_, JobError>((lane, task.name, commit))
                });
            }
        }
        // Dropping the set on an error ends the other children.
        let Some(finished) = running.join_next().await else { return Ok(commits) };
        let (lane, name, commit) = finished.map_err(|e| JobError::internal("task", e))??;
        lanes[lane].free += 1;
        commits.insert(name, commit);
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
    let finished = job.children.run(&task.name, &task.task, Some(&job.input), heard).await?;
    let commit = Commit::of(finished)?;
    job.ledger.commit(&task.name, &commit, &job.tree, |path| preview.has_stored(path)).await?;
    preview.committed(&commit);
    if task.frames > 0 {
        encoding.lock().expect("no holder panics").chunk(&task.name, task.frames);
    }
    Ok(commit)
}
