//! Garbage: what is left of versions that are neither live nor the one before, and that nobody works on.
//!
//! Only media, playlists, commits and claims are taken. What jobs say of themselves (`progress.json`, `failure.json`,
//! `plan.json`, `report.json`) stays: it is small, and `status` tells from it what became of an upload.

use std::collections::BTreeSet;
use std::time::Duration;

use flodrama_asset::document::Pointer;
use flodrama_asset::{AssetId, JobFile, ObjectKey, PublishedFile, Version};
use time::OffsetDateTime;

use crate::{Condition, Store, StoreError, Summary};

/// Keys that one DeleteObjects takes (S3).
const BATCH: usize = 1000;

/// A job whose progress was written within this is at work, whatever age is asked for.
const AT_WORK: Duration = Duration::from_secs(3600);

/// What is left of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Garbage {
    /// The asset.
    pub asset: AssetId,
    /// The version.
    pub version: Version,
    /// Keys, in the order in which they go.
    pub keys: Vec<String>,
    /// Bytes in all.
    pub bytes: u64,
}

/// How a sweep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swept {
    /// It is gone.
    Gone,
    /// The version came into use meanwhile: what was left is left.
    InUse,
}

/// Every version that nobody needs `now`, none of whose objects was written within `age`.
///
/// # Errors
/// The bucket's.
pub async fn garbage(store: &Store, age: Duration, now: OffsetDateTime) -> Result<Vec<Garbage>, StoreError> {
    let (published, jobs) = tokio::try_join!(store.list_folders("vod/"), store.list_folders("jobs/"))?;
    let assets: BTreeSet<AssetId> =
        published.iter().chain(&jobs).filter_map(|name| name.parse().ok()).collect();
    let mut found = Vec::new();
    for asset in assets {
        let (vod, jobs) = (format!("vod/{asset}/"), format!("jobs/{asset}/"));
        let (published, jobs) = tokio::try_join!(store.list_folders(&vod), store.list_folders(&jobs))?;
        let versions: BTreeSet<Version> =
            published.iter().chain(&jobs).filter_map(|name| name.parse().ok()).collect();
        for version in versions {
            found.extend(left_of(store, &asset, version, age, now).await?);
        }
    }
    Ok(found)
}

async fn left_of(
    store: &Store,
    asset: &AssetId,
    version: Version,
    age: Duration,
    now: OffsetDateTime,
) -> Result<Option<Garbage>, StoreError> {
    if in_use(store, asset, &version, age, now).await? {
        return Ok(None);
    }
    let (vod, job) = (format!("vod/{asset}/{version}/"), format!("jobs/{asset}/{version}/"));
    let (media, records) = tokio::try_join!(store.list(&vod), store.list(&job))?;
    if media.iter().chain(&records).any(|object| object.last_modified + age > now) {
        return Ok(None);
    }
    let is_record = |object: &&Summary| {
        let name = object.key.strip_prefix(&job).unwrap_or_default();
        name.starts_with("commits/") || name.starts_with("claims/")
    };
    let main = main(asset, &version).to_string();
    // Commits before what they speak of: whoever takes this version up again must not believe that it is there.
    let (first, rest): (Vec<_>, Vec<_>) = media.iter().partition(|object| object.key == main);
    let all: Vec<&Summary> = first.into_iter().chain(records.iter().filter(is_record)).chain(rest).collect();
    let garbage = Garbage {
        asset: asset.clone(),
        keys: all.iter().map(|object| object.key.clone()).collect(),
        bytes: all.iter().map(|object| object.size).sum(),
        version,
    };
    Ok((!garbage.keys.is_empty()).then_some(garbage))
}

/// Removes garbage, batch by batch, and looks before each one whether the version has come into use: live, the one
/// before, or worked on within `age` before `now`.
///
/// # Errors
/// The bucket's. What is left then is found as garbage again.
pub async fn sweep(
    store: &Store,
    garbage: &Garbage,
    age: Duration,
    now: OffsetDateTime,
) -> Result<Swept, StoreError> {
    let Garbage { asset, version, keys, .. } = garbage;
    if in_use(store, asset, version, age, now).await? {
        return Ok(Swept::InUse);
    }
    // Without this file a rollback does not take the version. One that took it a moment ago shows in the pointer now, or
    // finds the file gone after its own write: see `roll_back`.
    let main = main(asset, version);
    if let Some(text) = store.get(&main).await? {
        store.delete(&main).await?;
        if is_needed(store, asset, version).await? {
            let _ = store.put(&main, text.bytes, Condition::IfAbsent).await?;
            return Ok(Swept::InUse);
        }
    }
    for batch in keys.chunks(BATCH) {
        if in_use(store, asset, version, age, now).await? {
            return Ok(Swept::InUse);
        }
        store.delete_all(batch).await?;
    }
    Ok(Swept::Gone)
}

fn main(asset: &AssetId, version: &Version) -> ObjectKey {
    ObjectKey::Published(asset.clone(), version.clone(), PublishedFile::Multivariant)
}

async fn is_needed(store: &Store, asset: &AssetId, version: &Version) -> Result<bool, StoreError> {
    let pointer = store.get_json::<Pointer>(&ObjectKey::Pointer(asset.clone())).await?;
    Ok(pointer.is_some_and(|(p, _)| p.version == *version || p.previous.as_ref() == Some(version)))
}

/// A job writes its progress before anything else, and each second from then on.
async fn in_use(
    store: &Store,
    asset: &AssetId,
    version: &Version,
    age: Duration,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let progress = ObjectKey::Job(asset.clone(), version.clone(), JobFile::Progress);
    let head = store.head(&progress).await?;
    Ok(head.is_some_and(|head| head.last_modified + age.max(AT_WORK) > now)
        || is_needed(store, asset, version).await?)
}
