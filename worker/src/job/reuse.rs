//! A version that differs from another of its asset by its subtitle files alone has the same pictures and sound: they are
//! copied within the bucket, commit by commit, and the job finds them done. The other version may be live, or still be at
//! work: what it has by now is taken over.

use std::sync::Arc;

use flodrama_asset::document::Progress;
use flodrama_asset::{AssetId, JobFile, ObjectKey, SourceRef, Version};
use flodrama_store::{Condition, Put, Store};
use tokio::task::JoinSet;

use super::ledger::{Commit, Ledger, TaskResult, published};
use crate::error::{JobError, Result};

/// Copies under way at a time.
const IN_FLIGHT: usize = 16;

/// Takes over what other versions of the asset have, where `version_of` their uploads under this preset and family proves
/// that nothing but subtitle files tells them from `version`. Gives the number of tasks that are spared.
///
/// # Errors
/// The bucket's. What was taken over until then stands.
pub async fn take_over(
    store: &Store,
    asset: &AssetId,
    version: &Version,
    source: &SourceRef,
    version_of: impl Fn(&SourceRef) -> Version,
) -> Result<usize> {
    let mut spared = 0;
    for name in store.list_folders(&format!("jobs/{asset}/")).await? {
        let Ok(other) = name.parse::<Version>() else { continue };
        if other == *version {
            continue;
        }
        let progress = ObjectKey::Job(asset.clone(), other.clone(), JobFile::Progress);
        let Some((progress, _)) = store.get_json::<Progress>(&progress).await? else { continue };
        let with_its_files = SourceRef { sidecars: progress.source.sidecars, ..source.clone() };
        if version_of(&with_its_files) == other {
            spared += take_from(store, asset, &other, version).await?;
        }
    }
    Ok(spared)
}

async fn take_from(store: &Store, asset: &AssetId, other: &Version, version: &Version) -> Result<usize> {
    let ledger = |version: &Version| Ledger::Bucket(store.clone(), asset.clone(), version.clone());
    let done = ledger(version).names().await?;
    let mut spared = 0;
    for (task, commit) in ledger(other).commits().await? {
        let of_subtitles = matches!(commit.result, TaskResult::Subtitles(_));
        if of_subtitles || done.contains(&task) || !copy(store, asset, other, version, &commit).await? {
            continue;
        }
        let key = ObjectKey::Job(asset.clone(), version.clone(), JobFile::Commit(task));
        match store.put_json(&key, &commit, Condition::IfAbsent).await? {
            Put::Written(_) | Put::Refused => spared += 1,
        }
    }
    Ok(spared)
}

/// Copies the files of a commit; false where one is gone, so that the task has to be done again.
async fn copy(store: &Store, asset: &AssetId, from: &Version, to: &Version, commit: &Commit) -> Result<bool> {
    let names = Arc::new((store.clone(), asset.clone(), from.clone(), to.clone()));
    let mut files = commit.files().into_iter();
    let mut running = JoinSet::new();
    let mut whole = true;
    loop {
        while running.len() < IN_FLIGHT
            && whole
            && let Some(path) = files.next()
        {
            let names = Arc::clone(&names);
            running.spawn(async move {
                let (store, asset, from, to) = &*names;
                Ok::<_, JobError>(
                    store.copy(&published(asset, from, &path)?, &published(asset, to, &path)?).await?,
                )
            });
        }
        let Some(copied) = running.join_next().await else { return Ok(whole) };
        whole &= copied.map_err(|e| JobError::internal("copy", e))??;
    }
}
