//! Rollback: another version live again, by one conditional write of the pointer.

use flodrama_asset::document::Pointer;
use flodrama_asset::{AssetId, ObjectKey, PublishedFile, Version};
use time::OffsetDateTime;

use crate::{Condition, Put, Store, StoreError};

/// Why a version cannot be made live.
#[derive(Debug, thiserror::Error)]
pub enum RollbackError {
    /// The asset has no pointer.
    #[error("nothing is published under the name '{0}'")]
    NothingPublished(AssetId),
    /// The live version is the first.
    #[error("{0} has no earlier version to go back to")]
    NoEarlier(AssetId),
    /// The version was never made, or was collected as garbage.
    #[error("{0} has no version {1}")]
    NoSuchVersion(AssetId, Version),
    /// Somebody else wrote the pointer at the same moment.
    #[error("somebody else moved {0} at the same moment: look at `flodrama status` and try again")]
    Moved(AssetId),
    /// The bucket failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes `to` live, or the version before the live one, `at` this moment. Gives the pointer as it stands then; it is the
/// old one where that version is live already.
///
/// # Errors
/// See [`RollbackError`]. The pointer is then as it was.
pub async fn roll_back(
    store: &Store,
    asset: &AssetId,
    to: Option<Version>,
    at: OffsetDateTime,
) -> Result<Pointer, RollbackError> {
    let key = ObjectKey::Pointer(asset.clone());
    let found = store.get_json::<Pointer>(&key).await?;
    let (before, etag) = found.ok_or_else(|| RollbackError::NothingPublished(asset.clone()))?;
    let version = to.or_else(|| before.previous.clone());
    let version = version.ok_or_else(|| RollbackError::NoEarlier(asset.clone()))?;
    if version == before.version {
        return Ok(before);
    }
    let main = ObjectKey::Published(asset.clone(), version.clone(), PublishedFile::Multivariant);
    let missing = || RollbackError::NoSuchVersion(asset.clone(), version.clone());
    if store.head(&main).await?.is_none() {
        return Err(missing());
    }
    // Back to where it was: nothing is undone any more.
    let undone = before.undone.clone().or_else(|| Some(before.version.clone()));
    let after = Pointer {
        version: version.clone(),
        previous: Some(before.version.clone()),
        published_at: at,
        // The newest upload stays the measure: an older one that is delivered late must not come back by itself.
        source: before.source.clone(),
        undone: undone.filter(|undone| *undone != version),
    };
    let Put::Written(etag) = store.put_json(&key, &after, Condition::IfMatch(etag)).await? else {
        return Err(RollbackError::Moved(asset.clone()));
    };
    // The collection of garbage takes this file first, and then looks at the pointer once more. So either it sees us, or
    // we see it.
    if store.head(&main).await?.is_none() {
        return match store.put_json(&key, &before, Condition::IfMatch(etag)).await? {
            Put::Written(_) => Err(missing()),
            Put::Refused => Err(RollbackError::Moved(asset.clone())),
        };
    }
    Ok(after)
}
