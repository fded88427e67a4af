//! The catalogue as players and pages see it.

use std::sync::Arc;
use std::time::Duration;

use flodrama_asset::access::Access;
use flodrama_asset::document::Chapter;
use flodrama_asset::{AssetId, ErrorKind, Version};
use flodrama_store::{AssetStatus, asset_status, catalogue};
use futures::stream::{self, StreamExt, TryStreamExt};
use moka::future::Cache;
use serde::Serialize;
use time::OffsetDateTime;

use crate::entitlement::{Known, grant_preview, known};
use crate::error::EdgeError;
use crate::playback::{Caller, Links};

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
    /// From when it plays to this viewer, where that is still to come.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    opens_at: Option<OffsetDateTime>,
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

    /// Every asset that the caller may know of, by id.
    pub(crate) async fn list(&self, caller: &Caller) -> Result<List, EdgeError> {
        let read = async { Ok::<_, EdgeError>(Arc::new(catalogue(&self.links.store).await?)) };
        let all = self.all.try_get_with((), read).await.map_err(EdgeError::shared)?;
        let entries: Vec<Option<Asset>> = stream::iter(all.iter().cloned())
            .map(|status| self.list_entry(caller, status))
            .buffered(IN_FLIGHT)
            .try_collect()
            .await?;
        Ok(List { assets: entries.into_iter().flatten().collect() })
    }

    /// One asset, if the caller may know of it.
    pub(crate) async fn get(&self, caller: &Caller, asset: &AssetId) -> Result<Asset, EdgeError> {
        let access = self.links.rules.get(asset).await?;
        let known = known(&access, asset, &self.links.asked(caller))?;
        match asset_status(&self.links.store, asset).await? {
            Some(status) => self.describe(caller, &access, &known, status).await,
            None => Err(EdgeError::new(ErrorKind::NotFound, "There is no such title.")),
        }
    }

    /// As [`Assets::describe`], but what is broken of one title costs its own details alone, not everybody's catalogue: a
    /// broken publication is listed without them, and one whose rules cannot be read is not listed.
    async fn list_entry(&self, caller: &Caller, status: AssetStatus) -> Result<Option<Asset>, EdgeError> {
        let asset = status.asset.clone();
        let access = match self.links.rules.get(&asset).await {
            Err(error) if error.kind() == ErrorKind::AccessUnreadable => {
                tracing::error!(%asset, code = %error.kind(), cause = error.causes(), "not listed");
                return Ok(None);
            }
            access => access?,
        };
        let Ok(known) = known(&access, &asset, &self.links.asked(caller)) else { return Ok(None) };
        match self.describe(caller, &access, &known, status.clone()).await {
            Err(error) if error.kind() == ErrorKind::Internal => {
                tracing::warn!(%asset, %error, cause = error.causes(), "listed without details");
                Ok(Some(Asset {
                    live_version: status.live.clone(),
                    opens_at: known.opens_at(),
                    status: AssetStatus { preview: None, ..status },
                    about: None,
                }))
            }
            described => described.map(Some),
        }
    }

    async fn describe(
        &self,
        caller: &Caller,
        access: &Access,
        known: &Known<'_>,
        mut status: AssetStatus,
    ) -> Result<Asset, EdgeError> {
        // What one may not play is not offered.
        let asked = self.links.asked(caller);
        let may = |early_play| grant_preview(access, known.asset(), early_play, &asked).is_ok();
        status.preview = status.preview.filter(|preview| may(preview.early_play));
        let live_version = status.live.clone();
        let about = match &live_version {
            Some(version) => Some(self.about(known, version).await?),
            None => None,
        };
        Ok(Asset { status, live_version, opens_at: known.opens_at(), about })
    }

    async fn about(&self, known: &Known<'_>, version: &Version) -> Result<About, EdgeError> {
        let document = self.links.documents.get(known.asset(), version).await?;
        let poster_url = self.links.poster(known, version, &document)?;
        let (title, thumbhash) = (document.title.clone(), document.thumbhash.clone());
        let chapters = document.chapters.clone();
        Ok(About { title, duration_ms: document.duration_ms, thumbhash, chapters, poster_url })
    }
}
