//! `access.json` of assets, as the edge decides by it: read anew every moment, because editors change it at any time.

use std::sync::Arc;
use std::time::Duration;

use flodrama_asset::access::Access;
use flodrama_asset::{AssetId, ErrorKind, ObjectKey};
use flodrama_store::Store;
use moka::future::Cache;

use crate::error::EdgeError;

/// How long a change may take to hold.
const FRESH: Duration = Duration::from_secs(2);

/// Documents kept: below 1 KB each.
const KEPT: u64 = 10_000;

#[derive(Clone)]
pub(crate) struct Rules {
    store: Store,
    kept: Cache<AssetId, Arc<Access>>,
}

impl Rules {
    pub(crate) fn new(store: Store) -> Rules {
        Rules { store, kept: Cache::builder().max_capacity(KEPT).time_to_live(FRESH).build() }
    }

    /// The rules of an asset: those for whoever is signed in where there is no document.
    ///
    /// A document that cannot be read, or cannot be understood, is an error: nobody is let in by mistake.
    pub(crate) async fn get(&self, asset: &AssetId) -> Result<Arc<Access>, EdgeError> {
        let read = async {
            let Some(object) = self.store.get(&ObjectKey::Access(asset.clone())).await? else {
                return Ok(Arc::default());
            };
            Access::parse(&object.bytes).map(Arc::new).map_err(|bad| {
                let sentence = "This title cannot be opened until we have mended something.";
                EdgeError::new(ErrorKind::AccessUnreadable, sentence).caused_by(bad)
            })
        };
        self.kept.try_get_with(asset.clone(), read).await.map_err(EdgeError::shared)
    }
}
