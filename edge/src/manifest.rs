//! Playlists and storyboards as viewers get them: stored once, signed on the way out. Both forms are kept, because
//! viewers of an asset share a signature until the next step of ten minutes.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use flodrama_asset::{AssetId, ErrorKind, ObjectKey, PublishedFile, Version};
use flodrama_hls::rewrite::{append_query, append_query_vtt};
use flodrama_store::Store;
use moka::future::Cache;
use sha2::{Digest, Sha256};

use crate::error::EdgeError;

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

#[derive(Clone)]
pub(crate) struct Manifests {
    store: Store,
    /// Of published versions: immutable.
    lasting: Shelf,
    /// Of previews.
    growing: Shelf,
}

#[derive(Clone)]
struct Shelf {
    /// As stored, by key.
    stored: Cache<String, Bytes>,
    /// As sent, by key and query.
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
    pub(crate) fn new(store: Store, cache_bytes: u64) -> Manifests {
        let growing = cache_bytes / GROWING_PART;
        Manifests {
            store,
            lasting: Shelf::new(cache_bytes - growing, None),
            growing: Shelf::new(growing, Some(GROWING_FRESH)),
        }
    }

    /// The manifest with `query` on every URI; as it is stored where the query is empty.
    pub(crate) async fn get(
        &self,
        asset: &AssetId,
        version: &Version,
        file: &PublishedFile,
        query: &str,
    ) -> Result<Arc<Manifest>, EdgeError> {
        let key = ObjectKey::Published(asset.clone(), version.clone(), file.clone());
        let id = format!("{key}?{query}");
        let shelf = if file.grows() { &self.growing } else { &self.lasting };
        let make = async {
            let stored = self.stored(shelf, &key).await?;
            let (query, is_vtt) = (query.to_owned(), *file == PublishedFile::Storyboard);
            // A long playlist takes milliseconds to compress: not on a thread that serves others.
            let made = tokio::task::spawn_blocking(move || sign(&stored, &query, is_vtt)).await;
            made.map_err(EdgeError::internal)?.map(Arc::new)
        };
        shelf.signed.try_get_with(id, make).await.map_err(EdgeError::shared)
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

fn sign(stored: &Bytes, query: &str, is_vtt: bool) -> Result<Manifest, EdgeError> {
    let plain = if query.is_empty() {
        stored.clone()
    } else {
        let text = std::str::from_utf8(stored).map_err(EdgeError::internal)?;
        Bytes::from(if is_vtt { append_query_vtt(text, query) } else { append_query(text, query) })
    };
    // The repeated query compresses to nearly nothing at the fastest level already.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&plain).map_err(EdgeError::internal)?;
    let gzip = Bytes::from(encoder.finish().map_err(EdgeError::internal)?);
    let etag = hex::encode(&Sha256::digest(&plain)[..16]);
    Ok(Manifest { plain, gzip, etag })
}
