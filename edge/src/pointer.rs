//! Which version of an asset is live. Every call for links asks, so callers share an answer for a second: a publication
//! or a rollback shows that much later at most.

use std::time::Duration;

use flodrama_asset::document::Pointer;
use flodrama_asset::{AssetId, ErrorKind, ObjectKey, Version};
use flodrama_store::Store;
use moka::future::Cache;

use crate::error::EdgeError;

const FRESH: Duration = Duration::from_secs(1);
/// Answers kept: about 100 bytes each.
const KEPT: u64 = 10_000;

#[derive(Clone)]
pub(crate) struct Pointers {
    store: Store,
    kept: Cache<AssetId, Version>,
}

impl Pointers {
    pub(crate) fn new(store: Store) -> Pointers {
        Pointers { store, kept: Cache::builder().max_capacity(KEPT).time_to_live(FRESH).build() }
    }

    /// The version that plays. That there is none is not kept: who waits for an episode sees it at once.
    pub(crate) async fn live(&self, asset: &AssetId) -> Result<Version, EdgeError> {
        if let Some(version) = self.kept.get(asset).await {
            return Ok(version);
        }
        let read = async {
            match self.store.get_json::<Pointer>(&ObjectKey::Pointer(asset.clone())).await? {
                Some((pointer, _)) => Ok(pointer.version),
                None => Err(EdgeError::new(ErrorKind::NotFound, "This title is not published.")),
            }
        };
        self.kept.try_get_with_by_ref(asset, read).await.map_err(EdgeError::shared)
    }
}
