//! Claims: hints by which workers on one episode keep out of each other's way. Correctness never rests on them: what two
//! workers make of one chunk is the same, and its commit is written once.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use flodrama_asset::{AssetId, JobFile, ObjectKey, Version};
use flodrama_store::{Condition, Put, Store};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::ledger::Commit;
use crate::error::Result;

/// A claim is renewed so often while its chunk is at work.
const BEAT: Duration = Duration::from_secs(5);
/// Who has not renewed a claim for so long is gone. Measured by whoever looks, from its own first look: clocks of two
/// machines are never compared.
const GONE_AFTER: Duration = Duration::from_secs(30);
/// Nobody waits longer than this for claims to be taken back.
const RELEASE_WITHIN: Duration = Duration::from_secs(5);

/// `claims/<task>.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Claim {
    /// Who: a name for this run of a job, of no other meaning.
    worker: String,
    /// Counts renewals, so that each is another content.
    beat: u64,
}

/// Whose turn a task is.
#[derive(Clone, Debug)]
pub enum Turn {
    /// Ours.
    Ours,
    /// Another worker is on it.
    Theirs,
    /// Nobody's any more: it is done.
    Done(Box<Commit>),
}

/// The claims on one version's tasks, as one worker sees them.
#[derive(Clone, Debug)]
pub struct Claims {
    store: Store,
    asset: AssetId,
    version: Version,
    worker: String,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Ours, with the entity tag of the claim and its count of renewals.
    held: HashMap<String, (String, u64)>,
    /// Others', with the entity tag and when it was first seen.
    seen: HashMap<String, (String, Instant)>,
}

impl Claims {
    /// Nothing is claimed yet. `worker` names this run of a job, like no other.
    pub fn new(store: Store, asset: AssetId, version: Version, worker: String) -> Claims {
        Claims { store, asset, version, worker, state: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }

    fn key(&self, file: JobFile) -> ObjectKey {
        ObjectKey::Job(self.asset.clone(), self.version.clone(), file)
    }

    /// Claims a task, if it is to be had.
    ///
    /// # Errors
    /// The bucket's.
    pub async fn take(&self, task: &str) -> Result<Turn> {
        let key = self.key(JobFile::Claim(task.to_owned()));
        let ours = Claim { worker: self.worker.clone(), beat: 0 };
        if let Put::Written(etag) = self.store.put_json(&key, &ours, Condition::IfAbsent).await? {
            self.state().held.insert(task.to_owned(), (etag, 0));
            return Ok(Turn::Ours);
        }
        let commit = self.key(JobFile::Commit(task.to_owned()));
        if let Some((commit, _)) = self.store.get_json(&commit).await? {
            return Ok(Turn::Done(Box::new(commit)));
        }
        // Taken back in between: it is looked at again.
        let Some((found, etag)) = self.store.get_json::<Claim>(&key).await? else { return Ok(Turn::Theirs) };
        if found.worker != self.worker && !self.is_gone(task, &etag, Instant::now()) {
            return Ok(Turn::Theirs);
        }
        match self.store.put_json(&key, &ours, Condition::IfMatch(etag)).await? {
            Put::Written(etag) => {
                self.state().held.insert(task.to_owned(), (etag, 0));
                Ok(Turn::Ours)
            }
            Put::Refused => Ok(Turn::Theirs),
        }
    }

    /// True where a claim has been the same since long before `now`.
    fn is_gone(&self, task: &str, etag: &str, now: Instant) -> bool {
        let mut state = self.state();
        match state.seen.get(task) {
            Some((known, since)) if known == etag => now.duration_since(*since) >= GONE_AFTER,
            _ => {
                state.seen.insert(task.to_owned(), (etag.to_owned(), now));
                false
            }
        }
    }

    /// A task of ours is over: committed, or given up. Its claim stays, and ages.
    pub fn let_go(&self, task: &str) {
        self.state().held.remove(task);
    }

    /// Renews what is ours, until dropped. Failures are not worth a word: at worst a chunk is made twice.
    pub async fn keep(&self) -> Infallible {
        loop {
            tokio::time::sleep(BEAT).await;
            let held: Vec<_> = self.state().held.clone().into_iter().collect();
            for (task, (etag, beat)) in held {
                let key = self.key(JobFile::Claim(task.clone()));
                let claim = Claim { worker: self.worker.clone(), beat: beat + 1 };
                let renewed = self.store.put_json(&key, &claim, Condition::IfMatch(etag)).await;
                let mut state = self.state();
                match (renewed, state.held.get_mut(&task)) {
                    (Ok(Put::Written(etag)), Some(held)) => *held = (etag, beat + 1),
                    // Somebody took us for gone. What we make is still good.
                    (Ok(Put::Refused), Some(_)) => drop(state.held.remove(&task)),
                    _ => {}
                }
            }
        }
    }

    /// Takes back what is ours and unfinished, so that others need not wait until it has aged.
    pub async fn release(&self) {
        let held: Vec<_> = std::mem::take(&mut self.state().held).into_keys().collect();
        let all = async {
            for task in held {
                if let Err(e) = self.store.delete(&self.key(JobFile::Claim(task))).await {
                    tracing::warn!(error = %e, "a claim stays until it has aged");
                }
            }
        };
        // Longer, and a spot instance would be taken away meanwhile.
        let _ = tokio::time::timeout(RELEASE_WITHIN, all).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_claim_is_gone_where_it_has_not_changed_for_long() {
        let store = Store::connect("b", Some("http://127.0.0.1:9")).await;
        let (asset, version) = ("demo".parse().expect("id"), "v0123456789abcdef".parse().expect("version"));
        let claims = Claims::new(store, asset, version, "w".into());
        let begun = Instant::now();
        let after = |s| begun + Duration::from_secs(s);
        for (etag, s, gone) in
            [("1", 0, false), ("1", 29, false), ("2", 31, false), ("2", 60, false), ("2", 61, true)]
        {
            assert_eq!(claims.is_gone("chunk-0000", etag, after(s)), gone, "{etag} after {s} s");
        }
        assert!(!claims.is_gone("chunk-0001", "2", after(61)), "each has its own age");
    }
}
