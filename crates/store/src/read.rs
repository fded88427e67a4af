//! Reading objects that fit in memory: documents and playlists.

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use bytes::Bytes;
use flodrama_asset::ObjectKey;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;

use crate::error::status;
use crate::{Store, StoreError, quoted, unquoted};

/// The SDK retries requests, not bodies: a body that breaks off is asked for again this often in all.
const BODY_TRIES: u32 = 3;

/// What S3 says of an object without sending it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Bytes.
    pub size: u64,
    /// Entity tag, without quotes.
    pub etag: String,
    /// When it was written, to the second.
    pub last_modified: OffsetDateTime,
    /// S3 version id, where the bucket keeps versions.
    pub version_id: Option<String>,
}

/// An object in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its content.
    pub bytes: Bytes,
    /// Entity tag, without quotes.
    pub etag: String,
}

/// What [`Store::get_if_changed`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The object still has the etag that the caller knows.
    Unchanged,
    /// The object is another one now.
    Changed(Object),
    /// There is no object any more.
    Gone,
}

impl Store {
    /// Size, etag and time of an object; `None` where there is none.
    pub async fn head(&self, key: &ObjectKey) -> Result<Option<Head>, StoreError> {
        let path = key.to_string();
        let head = match self.client.head_object().bucket(&self.bucket).key(&path).send().await {
            Ok(head) => head,
            Err(e) if status(&e) == Some(404) => return Ok(None),
            Err(e) => return Err(StoreError::sdk("HeadObject", &path, e)),
        };
        Ok(Some(Head {
            size: size_of(head.content_length()),
            // Buckets without versions say "null".
            version_id: head.version_id.filter(|id| !id.is_empty() && id != "null"),
            etag: unquoted(head.e_tag),
            last_modified: head.last_modified.map_or(OffsetDateTime::UNIX_EPOCH, |t| utc(&t)),
        }))
    }

    /// A whole object; `None` where there is none.
    pub async fn get(&self, key: &ObjectKey) -> Result<Option<Object>, StoreError> {
        // The SDK's requests are thousands of bytes of state, which every future around them would carry along.
        Ok(match Box::pin(self.fetch(key, None)).await? {
            Change::Changed(object) => Some(object),
            Change::Unchanged | Change::Gone => None,
        })
    }

    /// A whole object, unless it still has the `etag` that the caller knows.
    pub async fn get_if_changed(&self, key: &ObjectKey, etag: &str) -> Result<Change, StoreError> {
        Box::pin(self.fetch(key, Some(etag))).await
    }

    /// A JSON document and its etag; `None` where there is none. Fails with `Internal` on another document.
    pub async fn get_json<T: DeserializeOwned>(
        &self,
        key: &ObjectKey,
    ) -> Result<Option<(T, String)>, StoreError> {
        let Some(object) = self.get(key).await? else { return Ok(None) };
        let document = serde_json::from_slice(&object.bytes)
            .map_err(|e| StoreError::json("GetObject", &key.to_string(), e))?;
        Ok(Some((document, object.etag)))
    }

    async fn fetch(&self, key: &ObjectKey, known: Option<&str>) -> Result<Change, StoreError> {
        let path = key.to_string();
        let mut tries = 1;
        loop {
            let request = self.client.get_object().bucket(&self.bucket).key(&path);
            let output = match request.set_if_none_match(known.map(quoted)).send().await {
                Ok(output) => output,
                Err(e) => match status(&e) {
                    Some(304) => return Ok(Change::Unchanged),
                    Some(404) if !is_missing_bucket(&e) => return Ok(Change::Gone),
                    _ => return Err(StoreError::sdk("GetObject", &path, e)),
                },
            };
            match whole(output).await {
                // Some S3-compatible stores know no If-None-Match on GET and send the object again.
                Ok(object) if known == Some(&object.etag) => return Ok(Change::Unchanged),
                Ok(object) => return Ok(Change::Changed(object)),
                Err(_) if tries < BODY_TRIES => tries += 1,
                Err(e) => return Err(StoreError::body("GetObject", &path, e)),
            }
        }
    }
}

async fn whole(output: GetObjectOutput) -> Result<Object, aws_smithy_types::byte_stream::error::Error> {
    let etag = unquoted(output.e_tag);
    Ok(Object { bytes: output.body.collect().await?.into_bytes(), etag })
}

fn is_missing_bucket(error: &impl aws_sdk_s3::error::ProvideErrorMetadata) -> bool {
    error.code() == Some("NoSuchBucket")
}

pub(crate) fn size_of(content_length: Option<i64>) -> u64 {
    content_length.and_then(|n| u64::try_from(n).ok()).unwrap_or(0)
}

pub(crate) fn utc(t: &aws_smithy_types::DateTime) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(t.secs()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
