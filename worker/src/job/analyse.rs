//! Samples the source where the preset wants a ladder for each title. What counts is what the ledger has: whoever
//! commits a sample first decides its numbers for all, so that a job that is resumed, also elsewhere, has the same plan.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::Path;

use flodrama_media::SourceInfo;
use flodrama_media::task::{Limits, Task};
use tokio::task::JoinSet;

use super::Job;
use super::ledger::{Commit, Ledger, TaskResult};
use super::status::{ANALYSE, Sender, enter};
use crate::child::{Children, Heard};
use crate::error::{JobError, Result};
use crate::plan::tasks::NamedTask;
use crate::plan::{Complexity, Preset, title};

/// Everything that sampling needs.
#[derive(Clone, Copy)]
struct Sampling<'a> {
    children: &'a Children,
    input: &'a Path,
    ledger: &'a Ledger,
    slots: usize,
}

/// The commits of all samples; none where the preset's ladder is fixed.
pub async fn analyse(job: &Job, source: &SourceInfo, status: &Sender) -> Result<BTreeMap<String, Commit>> {
    let tasks = title::samples(source, &job.preset, &job.limits);
    if tasks.is_empty() {
        return Ok(BTreeMap::new());
    }
    enter(status, "analyse", ANALYSE.0);
    let at = Sampling { children: &job.children, input: &job.input, ledger: &job.ledger, slots: job.slots };
    at.run(tasks, |share| enter(status, "analyse", ANALYSE.0 + (ANALYSE.1 - ANALYSE.0) * share)).await
}

/// What samples say together; `None` where there are none.
pub fn complexity(samples: &BTreeMap<String, Commit>) -> Option<Complexity> {
    let sampled = samples.values().filter_map(|commit| match &commit.result {
        TaskResult::Sampled(sampled) => Some(sampled),
        TaskResult::Written(_) | TaskResult::Subtitles(_) | TaskResult::Stills(_) => None,
    });
    let complexity = Complexity::of(sampled);
    (complexity.samples > 0).then_some(complexity)
}

/// The complexity of a source outside of a job, and the CPU seconds that it took.
pub async fn measure(
    children: &Children,
    input: &Path,
    source: &SourceInfo,
    preset: &Preset,
    limits: &Limits,
    slots: usize,
) -> Result<(Option<Complexity>, f64)> {
    let ledger = Ledger::Folder(children.scratch.clone());
    let tasks = title::samples(source, preset, limits);
    let samples = Sampling { children, input, ledger: &ledger, slots }.run(tasks, |_| {}).await?;
    let cpu_ms = samples.values().map(|commit| match &commit.result {
        TaskResult::Sampled(sampled) => sampled.cpu_ms,
        TaskResult::Written(_) | TaskResult::Subtitles(_) | TaskResult::Stills(_) => 0,
    });
    Ok((complexity(&samples), cpu_ms.sum::<u64>() as f64 / 1000.0))
}

impl Sampling<'_> {
    /// Runs the tasks that have no commit yet. `progress` is told which share of all trials is done.
    async fn run(self, tasks: Vec<NamedTask>, progress: impl Fn(f64)) -> Result<BTreeMap<String, Commit>> {
        let trials = |task: &NamedTask| match &task.task {
            Task::Sample(sample) => sample.trials.len() as u64,
            _ => 0,
        };
        let total: u64 = tasks.iter().map(trials).sum();
        let names: Vec<String> = tasks.iter().map(|task| task.name.clone()).collect();
        let committed = self.ledger.commits().await?;
        let is_done = |task: &NamedTask| committed.contains_key(&task.name);
        let (done, open): (Vec<_>, Vec<_>) = tasks.into_iter().partition(is_done);
        let mut open = VecDeque::from(open);
        let mut tried: HashMap<String, u64> =
            done.iter().map(|task| (task.name.clone(), trials(task))).collect();
        let (heard, mut hearing) = tokio::sync::mpsc::unbounded_channel::<(String, u64)>();
        let mut running: JoinSet<Result<()>> = JoinSet::new();
        loop {
            while running.len() < self.slots.max(1)
                && let Some(task) = open.pop_front()
            {
                let (children, ledger) = (self.children.clone(), self.ledger.clone());
                let (input, heard) = (self.input.to_owned(), heard.clone());
                running.spawn(async move {
                    let hear = |said: Heard<'_>| {
                        if let Heard::Progress(trials) = said {
                            // Nobody hears it where the job has ended.
                            let _ = heard.send((task.name.clone(), trials));
                        }
                    };
                    let finished = children.run(&task.name, &task.task, Some(&input), hear).await?;
                    // A sample has no files, so there is no tree to take them from.
                    ledger.commit(&task.name, Commit::of(finished)?, Path::new(""), |_| true).await.map(drop)
                });
            }
            tokio::select! {
                Some((name, trials)) = hearing.recv() => {
                    tried.insert(name, trials);
                    progress(tried.values().sum::<u64>() as f64 / total.max(1) as f64);
                }
                ended = running.join_next() => match ended {
                    Some(ended) => ended.map_err(|e| JobError::internal("sample", e))??,
                    None => break,
                },
            }
        }
        // Not what was measured here: what the ledger has, another worker's numbers included.
        let mut commits = self.ledger.commits().await?;
        commits.retain(|name, _| names.contains(name));
        match commits.len() == names.len() {
            true => Ok(commits),
            false => Err(JobError::internal("analyse", "a sample that was committed is gone")),
        }
    }
}
