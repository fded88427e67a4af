//! Runs the tasks of a plan that are not committed yet, and publishes a preview of what they have so far.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use flodrama_asset::document::EarlyPlay;
use flodrama_media::SourceInfo;
use flodrama_media::fault::Fault;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Job;
use super::claims::Turn;
use super::ledger::Commit;
use super::preview::Preview;
use super::sessions::{Again, Sessions};
use super::share::{LOOK, Others, Share};
use super::sidecars;
use super::status::{Encoding, Sender};
use crate::child::Heard;
use crate::error::{JobError, Result};
use crate::family;
use crate::plan::Plan;
use crate::plan::tasks::NamedTask;

/// Tasks that run beside those that fill the cores, at most: an episode in more languages is rare.
const BESIDE: usize = 8;

/// A chunk that another worker has had for so long, while we had nothing better to do, is made here as well: a silent child
/// is ended after as long, so that worker is very slow.
const PATIENCE: Duration = Duration::from_secs(300);

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
    /// Nothing where another worker is on it.
    outcome: Result<Option<Commit>>,
}

/// What the tasks of one job have in common.
#[derive(Clone)]
struct Work {
    job: Job,
    /// Set where other workers may be on the same episode.
    share: Option<Share>,
    preview: Preview,
    encoding: Arc<Mutex<Encoding>>,
    others: Arc<Others>,
    /// Output frames of each chunk.
    frames: Arc<BTreeMap<String, u64>>,
}

/// Runs every task of the plan that is not committed yet: `slots` at a time, and sound beside them. Of a long episode
/// other workers are asked to take chunks, and what they commit counts as it comes.
pub async fn encode(
    job: &Job,
    source: &SourceInfo,
    plan: &Plan,
    status: &Sender,
) -> Result<BTreeMap<String, Commit>> {
    let share = job.share.as_ref().filter(|share| share.is_worth_it(plan));
    let (work, open, mut commits) =
        Work::begin(job, share, source, plan, (status, job.preset.early_play)).await?;
    let (stills, open): (Vec<_>, Vec<_>) = open.into_iter().partition(NamedTask::needs_all_chunks);
    if let Some(share) = share {
        let chunks = open.iter().filter(|task| task.frames > 0).count();
        if let Err(e) = share.ask(plan, chunks).await {
            tracing::warn!(detail = e.detail, "nobody can be asked for help");
        }
    }
    let (outcome, ()) = tokio::join!(
        async {
            let outcome = work.attended(work.run(open, plan.encoders(), true)).await;
            work.preview.end(outcome.is_ok());
            outcome
        },
        work.preview.write(status),
    );
    commits.extend(outcome?);
    if let Some(stills) = stills.into_iter().next() {
        // They are cut from the I-frame rendition, some of which another worker may have made.
        for commit in commits.values() {
            job.ledger.restore(commit, &job.tree).await?;
        }
        let commit = work.make(&stills).await?;
        commits.insert(stills.name, commit);
    }
    Ok(commits)
}

/// Encodes the chunks that nobody else is on. Gives how many.
pub async fn help(
    job: &Job,
    share: &Share,
    source: &SourceInfo,
    plan: &Plan,
    status: &Sender,
) -> Result<usize> {
    // Who has the upload writes the preview.
    let (work, mut open, _) =
        Work::begin(job, Some(share), source, plan, (status, EarlyPlay::Nobody)).await?;
    open.retain(|task| task.frames > 0);
    let made = work.attended(work.run(open, plan.encoders(), false)).await?;
    Ok(made.len())
}

impl Work {
    /// What is done already, and the tasks that are not.
    async fn begin(
        job: &Job,
        share: Option<&Share>,
        source: &SourceInfo,
        plan: &Plan,
        (status, early_play): (&Sender, EarlyPlay),
    ) -> Result<(Work, Vec<NamedTask>, BTreeMap<String, Commit>)> {
        let mut commits = job.ledger.commits().await?;
        let tasks = plan.tasks(source, &job.tree, &job.limits);
        // Names of the plan only: a ledger may hold nothing else.
        commits.retain(|name, _| tasks.iter().any(|t| t.name == *name));
        let frames = tasks.iter().map(|t| (t.name.clone(), t.frames)).collect();
        let (done, open): (Vec<_>, Vec<_>) = tasks.into_iter().partition(|t| commits.contains_key(&t.name));
        let mut encoding = Encoding::new(status.clone(), plan, done.iter().map(|t| t.frames).sum());
        let preview = Preview::new(plan, &job.ledger, &job.tree, early_play);
        for commit in commits.values() {
            commit.segments.iter().for_each(|segment| encoding.segment(segment));
            preview.committed(commit);
        }
        let work = Work {
            job: job.clone(),
            share: share.cloned(),
            preview,
            encoding: Arc::new(Mutex::new(encoding)),
            others: Arc::new(Others::new(commits.keys().cloned())),
            frames: Arc::new(frames),
        };
        Ok((work, open, commits))
    }

    fn encoding(&self) -> MutexGuard<'_, Encoding> {
        self.encoding.lock().expect("no holder panics")
    }

    /// Runs the tasks, and meanwhile, where others take part, renews our claims and looks for what they finish.
    async fn attended<T>(&self, tasks: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            outcome = tasks => outcome,
            never = self.attend() => match never {},
        }
    }

    async fn attend(&self) -> Infallible {
        let Some(share) = &self.share else { return std::future::pending().await };
        let watch = self.others.watch(&self.job.ledger, |task, commit| self.adopt(task, commit));
        let (never, _) = tokio::join!(share.claims.keep(), watch);
        match never {}
    }

    /// Another worker has made a task of ours.
    fn adopt(&self, task: &str, commit: &Commit) {
        let Some(frames) = self.frames.get(task) else { return };
        let mut encoding = self.encoding();
        commit.segments.iter().for_each(|segment| encoding.segment(segment));
        if *frames > 0 {
            encoding.chunk(task, *frames);
        }
        drop(encoding);
        self.preview.committed(commit);
    }

    /// Runs tasks until there are none. `to_the_end`: waits for those that other workers are on, and does them where those
    /// are gone; a helper leaves them.
    async fn run(
        &self,
        open: Vec<NamedTask>,
        encoders: u32,
        to_the_end: bool,
    ) -> Result<BTreeMap<String, Commit>> {
        let job = &self.job;
        let (beside, others): (VecDeque<_>, VecDeque<_>) = open.into_iter().partition(NamedTask::is_beside);
        let (device, filling): (VecDeque<_>, VecDeque<_>) =
            others.into_iter().partition(NamedTask::is_on_device);
        let mut sessions = Sessions::new(job.device_sessions, encoders);
        let mut lanes = [
            Lane::new(beside, BESIDE),
            Lane::new(filling, job.slots),
            // A chunk on a device needs a core for the rest: demuxing, muxing, what the device does not decode.
            Lane::new(device, sessions.chunks().min(job.slots)),
        ];
        let mut pause = Duration::ZERO;
        let mut elsewhere: HashMap<String, Instant> = HashMap::new();
        let mut commits = BTreeMap::new();
        let mut running = JoinSet::new();
        loop {
            for (number, lane) in lanes.iter_mut().enumerate() {
                while lane.running < lane.most
                    && let Some(mut task) = lane.waiting.pop_front()
                {
                    if let Some(commit) = self.others.take(&task.name) {
                        commits.insert(task.name, commit);
                        continue;
                    }
                    lane.running += 1;
                    // Cores are about to fall idle: the last chunks spread their rungs over them.
                    if lane.waiting.len() < job.slots {
                        task.spread(job.slots);
                    }
                    let work = self.clone();
                    let (cap, task) = (sessions.cap(), task.limited_to(sessions.each()));
                    let since = elsewhere.get(&task.name);
                    let pause = if since.is_some() { LOOK } else { std::mem::take(&mut pause) };
                    let insists = since.is_some_and(|since| since.elapsed() >= PATIENCE);
                    running.spawn(async move {
                        tokio::time::sleep(pause).await;
                        let outcome = work.one(&task, insists).await;
                        Ended { lane: number, task, cap, outcome }
                    });
                }
            }
            // Dropping the set on an error ends the other children.
            let Some(ended) = running.join_next().await else { return Ok(commits) };
            let Ended { lane, task, cap, outcome } = ended.map_err(|e| JobError::internal("task", e))?;
            lanes[lane].running -= 1;
            match outcome {
                Ok(Some(commit)) => drop(commits.insert(task.name, commit)),
                Ok(None) if to_the_end => {
                    elsewhere.entry(task.name.clone()).or_insert_with(Instant::now);
                    lanes[lane].waiting.push_back(task);
                }
                Ok(None) => {}
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

    /// Runs one task to its commit; nothing where another worker is on it, unless this one `insists`.
    async fn one(&self, task: &NamedTask, insists: bool) -> Result<Option<Commit>> {
        let Some(share) = &self.share else { return self.make(task).await.map(Some) };
        match share.claims.take(&task.name).await {
            Ok(Turn::Ours) => {}
            Ok(Turn::Theirs) if insists => {
                tracing::warn!(task = task.name, "another worker is too slow with it")
            }
            Ok(Turn::Theirs) => return Ok(None),
            Ok(Turn::Done(commit)) => {
                self.adopt(&task.name, &commit);
                self.others.ours(&task.name);
                return Ok(Some(*commit));
            }
            // A claim is a hint: without it a chunk is made twice, at worst.
            Err(e) => tracing::warn!(task = task.name, detail = e.detail, "cannot claim"),
        }
        let made = self.make(task).await?;
        share.claims.let_go(&task.name);
        Ok(Some(made))
    }

    /// Makes what one task asks for, and commits it.
    async fn make(&self, task: &NamedTask) -> Result<Commit> {
        let job = &self.job;
        let heard = |heard: Heard<'_>| {
            let mut encoding = self.encoding();
            match heard {
                Heard::Progress(done) if task.frames > 0 => encoding.chunk(&task.name, done),
                Heard::Segment(segment) => encoding.segment(segment),
                Heard::Progress(_) | Heard::Track(_) => {}
            }
            self.preview.hear(heard);
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
        self.others.ours(&task.name);
        let is_stored = |path: &str| self.preview.has_stored(path);
        let commit = job.ledger.commit(&task.name, commit, &job.tree, is_stored).await?;
        self.preview.committed(&commit);
        if task.frames > 0 {
            self.encoding().chunk(&task.name, task.frames);
        }
        Ok(commit)
    }
}
