//! The catalogue as players and pages see it.

use std::sync::Arc;
use std::time::Duration;

use flodrama_asset::document::Chapter;
use flodrama_asset::{AssetId, ErrorKind, Version};
use flodrama_store::{AssetStatus, asset_status, catalogue};
use futures::stream::{self, StreamExt, TryStreamExt};
use moka::future::Cache;
use serde::Serialize;

use crate::auth::Viewer;
use crate::entitlement::{grant, grant_preview};
use crate::error::EdgeError;
use crate::playback::Links;

/// A catalogue costs several S3 requests an asset, so that callers share one for this long.
const FRESH: Duration = Duration::from_secs(2);

/// Documents read side by side.
const IN_FLIGHT: usize = 16;

/// One asset: where it stands and, where a version is live, what it is.
#[derive(Debug, Serialize)]
pub(crate) struct Asset {
    #[serde(flatten)]
    status: AssetStatus,
    /// The version that plays, also while a newer one is worked on.
    live_version: Option<Version>,
    #[serde(flatten)]
    about: Option<About>,
}

#[derive(Debug, Serialize)]
struct About {
    title: String,
    duration_ms: u64,
    thumbhash: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    chapters: Vec<Chapter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    poster_url: Option<String>,
}

/// `GET /v1/assets`.
#[derive(Debug, Serialize)]
pub(crate) struct List {
    assets: Vec<Asset>,
}

/// Reads the catalogue.
#[derive(Clone)]
pub(crate) struct Assets {
    links: Links,
    all: Cache<(), Arc<Vec<AssetStatus>>>,
}

impl Assets {
    pub(crate) fn new(links: Links) -> Assets {
        Assets { links, all: Cache::builder().max_capacity(1).time_to_live(FRESH).build() }
    }

    /// Every asset, by id.
    pub(crate) async fn list(&self, viewer: &Viewer) -> Result<List, EdgeError> {
        let read = async { Ok::<_, EdgeError>(Arc::new(catalogue(&self.links.store).await?)) };
        let all = self.all.try_get_with((), read).await.map_err(EdgeError::shared)?;
        let assets = stream::iter(all.iter().cloned())
            .map(|status| self.list_entry(viewer, status))
            .buffered(IN_FLIGHT)
            .try_collect()
            .await?;
        Ok(List { assets })
    }

    /// One asset.
    pub(crate) async fn get(&self, viewer: &Viewer, asset: &AssetId) -> Result<Asset, EdgeError> {
        match asset_status(&self.links.store, asset).await? {
            Some(status) => self.describe(viewer, status).await,
            None => Err(EdgeError::new(ErrorKind::NotFound, "There is no such title.")),
        }
    }

    /// As [`Assets::describe`], but a broken publication costs its own details alone, not everybody's catalogue.
    async fn list_entry(&self, viewer: &Viewer, status: AssetStatus) -> Result<Asset, EdgeError> {
        match self.describe(viewer, status.clone()).await {
            Err(error) if error.kind() == ErrorKind::Internal => {
                tracing::warn!(asset = %status.asset, %error, cause = error.causes(), "listed without details");
                Ok(Asset {
                    live_version: status.live.clone(),
                    status: AssetStatus { preview: None, ..status },
                    about: None,
                })
            }
            described => described,
        }
    }

    async fn describe(&self, viewer: &Viewer, mut status: AssetStatus) -> Result<Asset, EdgeError> {
        // What one may not play is not offered.
        let editors = &self.links.preview_groups;
        status.preview = status
            .preview
            .filter(|preview| grant_preview(viewer, &status.asset, preview.early_play, editors).is_some());
        let live_version = status.live.clone();
        let about = match &live_version {
            Some(version) => Some(self.about(viewer, &status.asset, version).await?),
            None => None,
        };
        Ok(Asset { status, live_version, about })
    }

    async fn about(&self, viewer: &Viewer, asset: &AssetId, version: &Version) -> Result<About, EdgeError> {
        let document = self.links.documents.get(asset, version).await?;
        let poster_url = self.links.poster(grant(viewer, asset), version, &document)?;
        let (title, thumbhash) = (document.title.clone(), document.thumbhash.clone());
        let chapters = document.chapters.clone();
        Ok(About { title, duration_ms: document.duration_ms, thumbhash, chapters, poster_url })
    }
}
