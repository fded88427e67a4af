//! From a viewer and an asset to the links that play it.

use std::sync::Arc;

use flodrama_asset::access::{Access, Country};
use flodrama_asset::document::AssetDocument;
use flodrama_asset::{AssetId, ErrorKind, PreviewFile, PublishedFile, Version};
use flodrama_store::{Store, asset_status};
use serde::Serialize;
use time::OffsetDateTime;

use crate::auth::Viewer;
use crate::clock::Clock;
use crate::config;
use crate::document::Documents;
use crate::entitlement::{Asked, Grant, Known, Refusal, grant, grant_preview};
use crate::error::EdgeError;
use crate::platform::Platform;
use crate::pointer::Pointers;
use crate::rules::Rules;
use crate::sign::{Folder, Signed, Signer, expires_at, ttl_s, view_parameter};

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
    /// For the multivariant playlist.
    pub(crate) signed: Arc<Signed>,
    /// Cookies carry one policy: for whoever may have a part of a version alone, links carry theirs.
    pub(crate) delivery: Delivery,
}

/// What a playback call asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub(crate) delivery: Delivery,
    /// What is encoded so far of an asset that is being made.
    pub(crate) preview: bool,
    /// What it will play on, if the app says so.
    pub(crate) platform: Option<&'static Platform>,
}

/// Who asks from where.
pub(crate) struct Caller {
    pub(crate) viewer: Option<Viewer>,
    pub(crate) country: Option<Country>,
}

/// Makes links.
#[derive(Clone)]
pub(crate) struct Links {
    pub(crate) store: Store,
    pub(crate) pointers: Pointers,
    pub(crate) documents: Documents,
    pub(crate) rules: Rules,
    pub(crate) signer: Arc<Signer>,
    pub(crate) settings: config::Playback,
    /// Cognito groups whose members see what is not published yet.
    pub(crate) editors: Arc<[String]>,
    pub(crate) clock: Clock,
}

impl Links {
    /// The question that decides, asked now.
    pub(crate) fn asked<'a>(&'a self, caller: &'a Caller) -> Asked<'a> {
        let Caller { viewer, country } = caller;
        Asked { viewer: viewer.as_ref(), country: *country, now: self.clock.now(), editors: &self.editors }
    }

    /// The links to what the caller wishes, if they may have it.
    pub(crate) async fn playback(
        &self,
        caller: &Caller,
        asset: &AssetId,
        wish: Wish,
    ) -> Result<(Playback, Opened), EdgeError> {
        let access = self.rules.get(asset).await?;
        if wish.preview {
            return self.preview(&access, caller, asset, wish).await;
        }
        let grant = grant(&access, asset, &self.asked(caller))?;
        let version = self.pointers.live(asset).await?;
        let document = self.documents.get(asset, &version).await?;
        let opened = self.open(&grant, version, document.duration_ms, wish.delivery)?;
        let (poster, storyboard) = (poster(&document), Some(PublishedFile::Storyboard));
        Ok((self.answer(&grant, &opened, wish, PublishedFile::Multivariant, [poster, storyboard])?, opened))
    }

    async fn preview(
        &self,
        access: &Access,
        caller: &Caller,
        asset: &AssetId,
        wish: Wish,
    ) -> Result<(Playback, Opened), EdgeError> {
        if caller.viewer.is_none() {
            return Err(Refusal::SignIn.into());
        }
        let status = asset_status(&self.store, asset).await?;
        let Some((version, preview)) = status.and_then(|status| status.version.zip(status.preview)) else {
            return Err(EdgeError::new(ErrorKind::NotFound, "There is no preview of this title now."));
        };
        let grant = grant_preview(access, asset, preview.early_play, &self.asked(caller))?;
        let opened = self.open(&grant, version, preview.duration_ms, wish.delivery)?;
        let main = PublishedFile::Preview(PreviewFile::Multivariant);
        Ok((self.answer(&grant, &opened, Wish { platform: None, ..wish }, main, [None, None])?, opened))
    }

    fn answer(
        &self,
        grant: &Grant<'_>,
        Opened { version, signed, delivery }: &Opened,
        wish: Wish,
        manifest: PublishedFile,
        [poster, storyboard]: [Option<PublishedFile>; 2],
    ) -> Result<Playback, EdgeError> {
        let asset = grant.asset();
        let whole = grant.caps().are_none();
        let cookies = *delivery == Delivery::Cookies;
        let link = |file: &PublishedFile, signed: &Signed| match delivery {
            Delivery::Links => self.link(asset, version, file, signed),
            Delivery::Cookies => self.signer.cdn().file(asset, version, file),
        };
        // A picture, by the version's signature or by one for its own folder.
        let picture = |file: Option<PublishedFile>| -> Result<Option<String>, EdgeError> {
            let Some(file) = file else { return Ok(None) };
            if whole {
                return Ok(Some(link(&file, signed)));
            }
            let signed = self.signer.open_folder(grant, version, folder(&file)?, signed.expires_at());
            let signed = signed.map_err(EdgeError::internal)?;
            Ok(Some(link(&file, &signed)))
        };
        let mut query: Vec<String> = Vec::new();
        query.extend((!whole).then(|| view_parameter(grant.caps())));
        query.extend(wish.platform.map(|platform| format!("platform={platform}")));
        query.extend((!cookies).then(|| signed.query()));
        let mark = if query.is_empty() { "" } else { "?" };
        let address = self.signer.cdn().file(asset, version, &manifest);
        let names = signed.cookies().into_iter().map(|(name, _)| name).collect();
        Ok(Playback {
            manifest_url: format!("{address}{mark}{}", query.join("&")),
            poster_url: picture(poster)?,
            storyboard_url: picture(storyboard)?,
            expires_at: signed.expires_at(),
            cookies: cookies.then_some(names),
        })
    }

    /// The signed poster of a version. It opens no more than posters: a title may be known before it may be watched.
    pub(crate) fn poster(
        &self,
        known: &Known<'_>,
        version: &Version,
        document: &AssetDocument,
    ) -> Result<Option<String>, EdgeError> {
        let Some(file) = poster(document) else { return Ok(None) };
        let until = self.expires_at(document.duration_ms, None);
        let signed = self.signer.open_poster(known, version, folder(&file)?, until);
        let signed = signed.map_err(EdgeError::internal)?;
        Ok(Some(self.link(known.asset(), version, &file, &signed)))
    }

    fn open(
        &self,
        grant: &Grant<'_>,
        version: Version,
        duration_ms: u64,
        wished: Delivery,
    ) -> Result<Opened, EdgeError> {
        let expires_at = self.expires_at(duration_ms, grant.until());
        let signed = self.signer.open(grant, &version, expires_at).map_err(EdgeError::internal)?;
        let delivery = if grant.caps().are_none() { wished } else { Delivery::Links };
        Ok(Opened { version, signed, delivery })
    }

    /// The end of links that are made now, and of the grant at the latest.
    fn expires_at(&self, duration_ms: u64, until: Option<OffsetDateTime>) -> OffsetDateTime {
        let config::Playback { min_ttl_s, pause_allowance_s } = self.settings;
        let end = expires_at(self.clock.now(), ttl_s(min_ttl_s, pause_allowance_s, duration_ms));
        until.map_or(end, |until| until.min(end))
    }

    fn link(&self, asset: &AssetId, version: &Version, file: &PublishedFile, signed: &Signed) -> String {
        format!("{}?{}", self.signer.cdn().file(asset, version, file), signed.query())
    }
}

/// The folder of a picture, which has one.
fn folder(file: &PublishedFile) -> Result<Folder, EdgeError> {
    let folder = Folder::of(&file.to_string());
    folder.ok_or_else(|| EdgeError::new(ErrorKind::Internal, "This title is published incompletely."))
}

/// The JPEG, which everything shows, of the width nearest to a player's.
fn poster(document: &AssetDocument) -> Option<PublishedFile> {
    let nearest = document.posters.iter().min_by_key(|poster| poster.width.abs_diff(POSTER_WIDTH))?;
    PublishedFile::parse(&nearest.jpeg)
}
