//! Several workers on one episode (docs/adr/0025-several-workers.md): the one that has the upload's message plans, offers
//! chunks on the queue, and assembles; others encode chunks. The commits in the bucket are what both go by.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Mutex;
use std::time::Duration;

use flodrama_asset::{JobFile, ObjectKey};
use flodrama_store::{Condition, Put, Store};

use super::claims::Claims;
use super::ledger::{Commit, Ledger};
use crate::error::{JobError, Result};
use crate::intake::Queue;
use crate::intake::offer::Offer;
use crate::plan::Plan;

/// How often a worker looks for what others have finished.
pub const LOOK: Duration = Duration::from_secs(2);
/// How often a helper looks whether its help is wanted still.
const WANTED: Duration = Duration::from_secs(10);

/// When others are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sharing {
    /// Workers that are asked, at most.
    pub helpers: u32,
    /// Seconds that an episode lasts at least.
    pub from_s: u32,
}

/// What sharing a job takes.
#[derive(Clone, Debug)]
pub struct Share {
    store: Store,
    queue: Queue,
    offer: Offer,
    sharing: Sharing,
    /// Who is on which chunk.
    pub claims: Claims,
}

impl Share {
    /// Of the job that `offer` is about.
    pub fn new(store: &Store, queue: &Queue, offer: Offer, sharing: Sharing) -> Share {
        // Unlike any other at work: two processes of one machine have other numbers, two machines other moments.
        let now = time::OffsetDateTime::now_utc().unix_timestamp_nanos();
        let worker = format!("{}-{now:x}", std::process::id());
        let claims = Claims::new(store.clone(), offer.asset.clone(), offer.version.clone(), worker);
        Share { store: store.clone(), queue: queue.clone(), offer, sharing, claims }
    }

    fn key(&self, file: JobFile) -> ObjectKey {
        ObjectKey::Job(self.offer.asset.clone(), self.offer.version.clone(), file)
    }

    /// True for episodes that are long enough. Does not depend on what is done already: whoever goes on with a shared
    /// job shares it too.
    pub fn is_worth_it(&self, plan: &Plan) -> bool {
        self.sharing.helpers > 0 && plan.duration_s() >= f64::from(self.sharing.from_s)
    }

    /// Writes the plan and asks for help with `open` chunks, of which one is our own.
    ///
    /// # Errors
    /// Bucket's and queue's: the job then goes on alone.
    pub async fn ask(&self, plan: &Plan, open: usize) -> Result<()> {
        match self.store.put_json(&self.key(JobFile::Plan), plan, Condition::Always).await? {
            Put::Written(_) | Put::Refused => {}
        }
        let body = self.offer.body().map_err(|e| JobError::internal("offer", e))?;
        let asked = open.saturating_sub(1).min(self.sharing.helpers as usize);
        for _ in 0..asked {
            let sent = self.queue.send(body.as_str(), Duration::ZERO).await;
            sent.map_err(|e| JobError::internal("offer", e))?;
        }
        tracing::info!(asset = %self.offer.asset, version = %self.offer.version, asked, "help is asked for");
        Ok(())
    }

    /// True where whoever has the upload executes this very plan. Reasons do not count: they tell of each machine.
    ///
    /// # Errors
    /// The bucket's.
    pub async fn has_plan(&self, plan: &Plan) -> Result<bool> {
        let Some((theirs, _)) = self.store.get_json::<Plan>(&self.key(JobFile::Plan)).await? else {
            return Ok(false);
        };
        // Through the same text, so that a number's last bit is the same.
        let text = serde_json::to_vec(plan).map_err(|e| JobError::internal("plan", e))?;
        let ours: Plan = serde_json::from_slice(&text).map_err(|e| JobError::internal("plan", e))?;
        let bare = |plan: Plan| Plan { reasons: Vec::new(), ..plan };
        Ok(bare(theirs) == bare(ours))
    }

    /// Comes when nobody wants the version any more: its plan was taken away, or it failed.
    pub async fn unwanted(&self) {
        loop {
            tokio::time::sleep(WANTED).await;
            let plan = self.store.head(&self.key(JobFile::Plan)).await;
            let failure = self.store.head(&self.key(JobFile::Failure)).await;
            if matches!(plan, Ok(None)) || matches!(failure, Ok(Some(_))) {
                return;
            }
        }
    }
}

/// What other workers have committed since this one began.
#[derive(Debug)]
pub struct Others {
    /// Tasks whose commits are known here.
    known: Mutex<BTreeSet<String>>,
    /// Commits that nobody took from here yet.
    found: Mutex<BTreeMap<String, Commit>>,
}

impl Others {
    /// Where the commits of `known` tasks are nothing new.
    pub fn new(known: impl Iterator<Item = String>) -> Others {
        Others { known: Mutex::new(known.collect()), found: Mutex::default() }
    }

    /// A task is committed by ourselves.
    pub fn ours(&self, task: &str) {
        self.known.lock().expect("no holder panics").insert(task.to_owned());
    }

    /// What another worker made of a task, if it is known by now.
    pub fn take(&self, task: &str) -> Option<Commit> {
        self.found.lock().expect("no holder panics").remove(task)
    }

    /// Looks for commits of others until dropped, and tells `hear` of each one.
    pub async fn watch(&self, ledger: &Ledger, hear: impl Fn(&str, &Commit)) -> Infallible {
        loop {
            tokio::time::sleep(LOOK).await;
            let names = match ledger.names().await {
                Ok(names) => names,
                // They are found later, at the latest when their turn comes.
                Err(e) => {
                    tracing::warn!(detail = e.detail, "cannot look for what others have finished");
                    continue;
                }
            };
            for name in names {
                if self.known.lock().expect("no holder panics").contains(&name) {
                    continue;
                }
                if let Ok(Some(commit)) = ledger.find(&name).await {
                    hear(&name, &commit);
                    self.ours(&name);
                    self.found.lock().expect("no holder panics").insert(name, commit);
                }
            }
        }
    }
}
