//! Playlists and storyboards as viewers get them: stored once, shaped for whom and what they are for, signed on the way
//! out. Both forms are kept, because viewers of an asset share a signature until the next step of ten minutes.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use flodrama_asset::access::Caps;
use flodrama_asset::{AssetId, ErrorKind, ObjectKey, PublishedFile, Version};
use flodrama_hls::rewrite::{append_query, append_query_by, append_query_vtt};
use flodrama_hls::shape::{Shape, shape};
use flodrama_store::Store;
use moka::future::Cache;
use sha2::{Digest, Sha256};

use crate::error::EdgeError;
use crate::metrics::Counter;
use crate::platform::Platform;
use crate::sign::{Folder, Pass, Signer};

/// What keeping an entry costs besides its text, bytes.
const OVERHEAD: usize = 256;

/// A playlist ready to send.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) plain: Bytes,
    pub(crate) gzip: Bytes,
    /// Without quotes: the plain form's. The compressed form's is this and `-gzip`.
    pub(crate) etag: String,
}

/// How long what grows is good for: players that ask in the same moment share one answer.
const GROWING_FRESH: Duration = Duration::from_secs(1);
/// What grows is small and short-lived: this part of the memory is its.
const GROWING_PART: u64 = 8;

/// A manifest that a request may have.
#[derive(Clone)]
pub(crate) struct Wanted {
    pub(crate) asset: AssetId,
    pub(crate) version: Version,
    pub(crate) file: PublishedFile,
    /// How the request passed.
    pub(crate) pass: Pass,
    /// What it plays on, if it says so.
    pub(crate) platform: Option<&'static Platform>,
}

#[derive(Clone)]
pub(crate) struct Manifests {
    store: Store,
    signer: Arc<Signer>,
    /// Of published versions: immutable.
    lasting: Shelf,
    /// Of previews.
    growing: Shelf,
    hits: Arc<Counter>,
    misses: Arc<Counter>,
}

#[derive(Clone)]
struct Shelf {
    /// As stored, by key.
    stored: Cache<String, Bytes>,
    /// As sent, by all that decides it.
    signed: Cache<String, Arc<Manifest>>,
}

impl Shelf {
    /// `fresh`: how long an entry is good for; for ever where none is given.
    fn new(bytes: u64, fresh: Option<Duration>) -> Shelf {
        let mut stored = Cache::builder()
            .max_capacity(bytes / 2)
            .weigher(|key: &String, text: &Bytes| weight(key.len() + text.len()));
        let mut signed = Cache::builder()
            .max_capacity(bytes / 2)
            .weigher(|key: &String, m: &Arc<Manifest>| weight(key.len() + m.plain.len() + m.gzip.len()));
        if let Some(fresh) = fresh {
            (stored, signed) = (stored.time_to_live(fresh), signed.time_to_live(fresh));
        }
        Shelf { stored: stored.build(), signed: signed.build() }
    }
}

impl Manifests {
    pub(crate) fn new(store: Store, signer: Arc<Signer>, cache_bytes: u64) -> Manifests {
        let growing = cache_bytes / GROWING_PART;
        Manifests {
            store,
            signer,
            lasting: Shelf::new(cache_bytes - growing, None),
            growing: Shelf::new(growing, Some(GROWING_FRESH)),
            hits: Arc::default(),
            misses: Arc::default(),
        }
    }

    /// The manifest with signatures on every URI; as it is stored where cookies carry them.
    pub(crate) async fn get(&self, wanted: Wanted) -> Result<Arc<Manifest>, EdgeError> {
        let Wanted { asset, version, file, .. } = &wanted;
        let key = ObjectKey::Published(asset.clone(), version.clone(), file.clone());
        let id = format!("{key}?{}", wanted.difference());
        let shelf = if file.grows() { &self.growing } else { &self.lasting };
        if let Some(manifest) = shelf.signed.get(&id).await {
            self.hits.add();
            return Ok(manifest);
        }
        let mut made_here = false;
        let make = async {
            made_here = true;
            let stored = self.stored(shelf, &key).await?;
            let signer = Arc::clone(&self.signer);
            // A long playlist takes milliseconds to compress: not on a thread that serves others.
            let made = tokio::task::spawn_blocking(move || wanted.make(&stored, &signer)).await;
            made.map_err(EdgeError::internal)?.map(Arc::new)
        };
        // Boxed, here and in `http`: what few requests come to would make the state of all of them large.
        let found = Box::pin(shelf.signed.try_get_with(id, make)).await.map_err(EdgeError::shared);
        if made_here {
            self.misses.add()
        } else {
            self.hits.add()
        }
        found
    }

    /// Lookups of signed manifests that found one, or somebody who was making it, and those that made it.
    pub(crate) fn lookups(&self) -> (u64, u64) {
        (self.hits.get(), self.misses.get())
    }

    /// Memory that stored and signed manifests take, bytes.
    pub(crate) async fn bytes(&self) -> u64 {
        let mut bytes = 0;
        for shelf in [&self.lasting, &self.growing] {
            // The caches add up what came in when they are at leisure.
            shelf.stored.run_pending_tasks().await;
            shelf.signed.run_pending_tasks().await;
            bytes += shelf.stored.weighted_size() + shelf.signed.weighted_size();
        }
        bytes
    }

    async fn stored(&self, shelf: &Shelf, key: &ObjectKey) -> Result<Bytes, EdgeError> {
        let read = async {
            match self.store.get(key).await? {
                // A copy of its own: the answer's bytes are a part of a buffer that is many times as large, which an
                // entry would hold on to and the weigher not see.
                Some(object) => Ok(Bytes::copy_from_slice(&object.bytes)),
                None => Err(EdgeError::new(ErrorKind::NotFound, "There is no such file in this version.")),
            }
        };
        shelf.stored.try_get_with(key.to_string(), read).await.map_err(EdgeError::shared)
    }
}

fn weight(bytes: usize) -> u32 {
    u32::try_from(bytes + OVERHEAD).unwrap_or(u32::MAX)
}

impl Wanted {
    /// What tells this form of a file from others of the same file.
    fn difference(&self) -> String {
        let platform = self.shaping_platform().map_or("", |platform| platform.name);
        match &self.pass {
            Pass::Query(suffix) => format!("{suffix}&{platform}"),
            Pass::Cookies => format!("&{platform}"),
            Pass::Narrow(narrow) => {
                format!("{} {}&{platform}", narrow.caps(), narrow.until().unix_timestamp())
            }
        }
    }

    /// Media playlists are the same everywhere; a preview is too short a time there.
    fn shaping_platform(&self) -> Option<&'static Platform> {
        self.platform.filter(|_| self.file == PublishedFile::Multivariant)
    }

    fn make(&self, stored: &Bytes, signer: &Signer) -> Result<Manifest, EdgeError> {
        let text = std::str::from_utf8(stored).map_err(EdgeError::internal)?;
        let is_vtt = self.file == PublishedFile::Storyboard;
        let signed = match &self.pass {
            Pass::Cookies => self.shaped(text, &Caps::default()),
            Pass::Query(suffix) if is_vtt => append_query_vtt(text, suffix),
            Pass::Query(suffix) => append_query(&self.shaped(text, &Caps::default()), suffix),
            Pass::Narrow(narrow) => append_query_by(&self.shaped(text, narrow.caps()), |uri| {
                let folder = Folder::of(uri).ok_or_else(|| EdgeError::internal(NoFolder))?;
                let signed = signer.pass_on(narrow, &self.asset, &self.version, folder);
                signed.map(|signed| signed.query()).map_err(EdgeError::internal)
            })?,
        };
        pack(Bytes::from(signed))
    }

    fn shaped(&self, text: &str, caps: &Caps) -> String {
        let platform = self.shaping_platform();
        if caps.are_none() && platform.is_none() {
            return text.to_owned();
        }
        let (start_bps, drop_peak_bps) =
            platform.map_or((None, 0), |platform| (Some(platform.start_bps), platform.drop_peak_bps));
        let audio = |language: &str| caps.include_audio(language);
        let Caps { max_height, hdr, .. } = *caps;
        shape(text, &Shape { max_height, hdr, audio: &audio, drop_peak_bps, start_bps })
    }
}

/// Without a folder, a signature for the file would be one for the version.
#[derive(Debug, thiserror::Error)]
#[error("the multivariant playlist names a file that is in no rendition's folder")]
struct NoFolder;

fn pack(plain: Bytes) -> Result<Manifest, EdgeError> {
    // The repeated query compresses to nearly nothing at the fastest level already.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&plain).map_err(EdgeError::internal)?;
    let gzip = Bytes::from(encoder.finish().map_err(EdgeError::internal)?);
    let etag = hex::encode(&Sha256::digest(&plain)[..16]);
    Ok(Manifest { plain, gzip, etag })
}
