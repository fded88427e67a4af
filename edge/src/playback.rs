//! From a viewer and an asset to the links that play it.

use std::sync::Arc;

use flodrama_asset::document::AssetDocument;
use flodrama_asset::{AssetId, ErrorKind, PreviewFile, PublishedFile, Version};
use flodrama_store::{Store, asset_status};
use serde::Serialize;
use time::OffsetDateTime;

use crate::auth::Viewer;
use crate::clock::Clock;
use crate::config;
use crate::document::Documents;
use crate::entitlement::{Grant, grant_preview};
use crate::error::EdgeError;
use crate::pointer::Pointers;
use crate::sign::{Signed, Signer, expires_at, ttl_s};

/// Poster width that suits a player page, pixels.
const POSTER_WIDTH: u32 = 1280;

/// How the answer's links are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// Each link carries its signature.
    Links,
    /// Cookies carry it.
    Cookies,
}

/// The answer's body.
#[derive(Debug, Serialize)]
pub(crate) struct Playback {
    manifest_url: String,
    /// Absent where the version has no poster.
    #[serde(skip_serializing_if = "Option::is_none")]
    poster_url: Option<String>,
    /// Absent of a preview, which has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    storyboard_url: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
    /// Names of the cookies that the answer sets.
    #[serde(skip_serializing_if = "Option::is_none")]
    cookies: Option<Vec<&'static str>>,
}

/// What a published version is opened with.
pub(crate) struct Opened {
    pub(crate) version: Version,
    pub(crate) signed: Arc<Signed>,
}

/// Makes links.
#[derive(Clone)]
pub(crate) struct Links {
    pub(crate) store: Store,
    pub(crate) pointers: Pointers,
    pub(crate) documents: Documents,
    pub(crate) signer: Arc<Signer>,
    pub(crate) settings: config::Playback,
    /// Cognito groups whose members may play previews.
    pub(crate) preview_groups: Arc<[String]>,
    pub(crate) clock: Clock,
}

impl Links {
    /// The links to the live version of what was granted.
    pub(crate) async fn playback(
        &self,
        grant: Grant<'_>,
        delivery: Delivery,
    ) -> Result<(Playback, Opened), EdgeError> {
        let asset = grant.asset();
        let version = self.pointers.live(asset).await?;
        let document = self.documents.get(asset, &version).await?;
        let signed = self.open(grant, &version, document.duration_ms)?;
        let opened = Opened { version, signed };
        let (poster, storyboard) = (poster(&document), Some(PublishedFile::Storyboard));
        let playback =
            self.answer(asset, &opened, delivery, &PublishedFile::Multivariant, poster, storyboard);
        Ok((playback, opened))
    }

    /// The links to what is encoded so far of an asset that is being made, for those who may play it.
    pub(crate) async fn preview(
        &self,
        viewer: &Viewer,
        asset: &AssetId,
        delivery: Delivery,
    ) -> Result<(Playback, Opened), EdgeError> {
        let status = asset_status(&self.store, asset).await?;
        let Some((version, preview)) = status.and_then(|status| status.version.zip(status.preview)) else {
            return Err(EdgeError::new(ErrorKind::NotFound, "There is no preview of this title now."));
        };
        let Some(grant) = grant_preview(viewer, asset, preview.early_play, &self.preview_groups) else {
            return Err(EdgeError::new(
                ErrorKind::Forbidden,
                "Titles that are still being prepared are for editors.",
            ));
        };
        let signed = self.open(grant, &version, preview.duration_ms)?;
        let opened = Opened { version, signed };
        let main = PublishedFile::Preview(PreviewFile::Multivariant);
        Ok((self.answer(asset, &opened, delivery, &main, None, None), opened))
    }

    fn answer(
        &self,
        asset: &AssetId,
        Opened { version, signed }: &Opened,
        delivery: Delivery,
        manifest: &PublishedFile,
        poster: Option<PublishedFile>,
        storyboard: Option<PublishedFile>,
    ) -> Playback {
        let link = |file: &PublishedFile| match delivery {
            Delivery::Links => self.link(asset, version, file, signed),
            Delivery::Cookies => self.signer.cdn().file(asset, version, file),
        };
        let cookies = signed.cookies().into_iter().map(|(name, _)| name).collect();
        Playback {
            manifest_url: link(manifest),
            poster_url: poster.map(|file| link(&file)),
            storyboard_url: storyboard.map(|file| link(&file)),
            expires_at: signed.expires_at(),
            cookies: (delivery == Delivery::Cookies).then_some(cookies),
        }
    }

    /// The signed poster of a version.
    pub(crate) fn poster(
        &self,
        grant: Grant<'_>,
        version: &Version,
        document: &AssetDocument,
    ) -> Result<Option<String>, EdgeError> {
        let signed = self.open(grant, version, document.duration_ms)?;
        Ok(poster(document).map(|file| self.link(grant.asset(), version, &file, &signed)))
    }

    fn open(&self, grant: Grant<'_>, version: &Version, duration_ms: u64) -> Result<Arc<Signed>, EdgeError> {
        let config::Playback { min_ttl_s, pause_allowance_s } = self.settings;
        let ttl_s = ttl_s(min_ttl_s, pause_allowance_s, duration_ms);
        let expires_at = expires_at(self.clock.now(), ttl_s);
        self.signer.open(grant, version, expires_at).map_err(EdgeError::internal)
    }

    fn link(&self, asset: &AssetId, version: &Version, file: &PublishedFile, signed: &Signed) -> String {
        format!("{}?{}", self.signer.cdn().file(asset, version, file), signed.query())
    }
}

/// The JPEG, which everything shows, of the width nearest to a player's.
fn poster(document: &AssetDocument) -> Option<PublishedFile> {
    let nearest = document.posters.iter().min_by_key(|poster| poster.width.abs_diff(POSTER_WIDTH))?;
    PublishedFile::parse(&nearest.jpeg)
}
