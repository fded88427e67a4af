//! `asset.json` of published versions. Immutable, so what was read once is good for ever.

use std::sync::Arc;

use flodrama_asset::document::AssetDocument;
use flodrama_asset::{AssetId, ErrorKind, ObjectKey, PublishedFile, Version};
use flodrama_store::Store;
use moka::future::Cache;

use crate::error::EdgeError;

/// Documents kept: a few KB each.
const KEPT: u64 = 5_000;

#[derive(Clone)]
pub(crate) struct Documents {
    store: Store,
    kept: Cache<(AssetId, Version), Arc<AssetDocument>>,
}

impl Documents {
    pub(crate) fn new(store: Store) -> Documents {
        Documents { store, kept: Cache::new(KEPT) }
    }

    /// The document of a version that the pointer names. Without it the publication is broken, which is our fault.
    pub(crate) async fn get(
        &self,
        asset: &AssetId,
        version: &Version,
    ) -> Result<Arc<AssetDocument>, EdgeError> {
        let read = async {
            let key = ObjectKey::Published(asset.clone(), version.clone(), PublishedFile::Asset);
            match self.store.get_json::<AssetDocument>(&key).await? {
                Some((document, _)) => Ok(Arc::new(document)),
                None => Err(EdgeError::new(ErrorKind::Internal, "This title is published incompletely.")),
            }
        };
        self.kept.try_get_with((asset.clone(), version.clone()), read).await.map_err(EdgeError::shared)
    }
}
