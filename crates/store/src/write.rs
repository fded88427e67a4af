//! Writing: conditional puts of documents, files of a published tree, editors' uploads.

use std::path::Path;
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use bytes::Bytes;
use flodrama_asset::{ErrorKind, ObjectKey};
use serde::Serialize;

use crate::error::status;
use crate::{Store, StoreError, Stored, quoted, unquoted};

/// Files below this size go up in one request.
const SINGLE_PUT_BELOW: u64 = 16 * 1024 * 1024;
/// S3 answers 409 where two conditional writes of a key overlap; it asks to be tried again.
const CONFLICT_TRIES: u32 = 5;
const CONFLICT_PAUSE: Duration = Duration::from_millis(100);

/// When a put may happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Whatever is there.
    Always,
    /// Only where there is no such object.
    IfAbsent,
    /// Only over the object with this etag (without quotes).
    IfMatch(String),
}

/// How a conditional put ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Put {
    /// The object is there, with this etag.
    Written(String),
    /// The condition did not hold: somebody else's write stands.
    ///
    /// It can be our own: where S3's answer is lost, the SDK sends the request again and that one is refused. So a
    /// caller reads what stands before it concludes that it lost.
    Refused,
}

impl Store {
    /// Writes an object if the condition holds.
    pub async fn put(
        &self,
        key: &ObjectKey,
        bytes: impl Into<Bytes>,
        when: Condition,
    ) -> Result<Put, StoreError> {
        let stored = Stored::from(key);
        let bytes = bytes.into();
        let mut tries = 1;
        loop {
            let error = match self.put_body(&stored, ByteStream::from(bytes.clone()), &when).await {
                Ok(etag) => return Ok(Put::Written(etag)),
                Err(e) => e,
            };
            match status(&error) {
                // 404: If-Match on an object that is gone.
                Some(412) => return Ok(Put::Refused),
                Some(404) if matches!(when, Condition::IfMatch(_)) => return Ok(Put::Refused),
                Some(409) if tries == CONFLICT_TRIES => return Ok(Put::Refused),
                Some(409) => {
                    tokio::time::sleep(CONFLICT_PAUSE * tries).await;
                    tries += 1;
                }
                _ => return Err(StoreError::sdk("PutObject", &stored.key, error)),
            }
        }
    }

    /// Writes a JSON document if the condition holds.
    pub async fn put_json<T: Serialize>(
        &self,
        key: &ObjectKey,
        value: &T,
        when: Condition,
    ) -> Result<Put, StoreError> {
        let bytes =
            serde_json::to_vec(value).map_err(|e| StoreError::json("PutObject", &key.to_string(), e))?;
        self.put(key, bytes, when).await
    }

    /// Writes a file, whatever is there, and returns its etag. Large files go up in parts, a few at a time.
    pub async fn put_file(&self, key: &ObjectKey, path: &Path) -> Result<String, StoreError> {
        let stored = Stored::from(key);
        let file_failed = |e| StoreError::file("PutObject", &stored.key, e);
        let size = tokio::fs::metadata(path).await.map_err(file_failed)?.len();
        if size >= SINGLE_PUT_BELOW {
            return self.put_parts(&stored, path, size, &|_| {}).await;
        }
        let body = ByteStream::from(tokio::fs::read(path).await.map_err(file_failed)?);
        let sent = self.put_body(&stored, body, &Condition::Always).await;
        sent.map_err(|e| StoreError::sdk("PutObject", &stored.key, e))
    }

    /// Copies an object within the bucket, whatever is at its new key; false where there is none to copy.
    pub async fn copy(&self, from: &ObjectKey, to: &ObjectKey) -> Result<bool, StoreError> {
        let stored = Stored::from(to);
        // No key of ours but an upload's holds a character that a header does not.
        let source = format!("{}/{from}", self.bucket);
        let request = self.client.copy_object().bucket(&self.bucket).key(&stored.key).copy_source(source);
        match request.send().await {
            Ok(_) => Ok(true),
            Err(e) if status(&e) == Some(404) => Ok(false),
            Err(e) => Err(StoreError::sdk("CopyObject", &stored.key, e)),
        }
    }

    /// Removes an object; one that is not there is removed already.
    pub async fn delete(&self, key: &ObjectKey) -> Result<(), StoreError> {
        let path = key.to_string();
        match self.client.delete_object().bucket(&self.bucket).key(&path).send().await {
            Ok(_) => Ok(()),
            Err(e) if status(&e) == Some(404) => Ok(()),
            Err(e) => Err(StoreError::sdk("DeleteObject", &path, e)),
        }
    }

    /// Removes objects by key, at most 1000 at a time (S3's limit); those that are not there are removed already.
    pub(crate) async fn delete_all(&self, keys: &[String]) -> Result<(), StoreError> {
        const OPERATION: &str = "DeleteObjects";
        let first = keys.first().map_or("", String::as_str);
        let unbuilt = |e: aws_sdk_s3::error::BuildError| {
            StoreError::new(OPERATION, first, ErrorKind::Internal, "the request could not be made")
                .with_source(e)
        };
        let objects = keys.iter().map(|key| ObjectIdentifier::builder().key(key).build());
        let objects = objects.collect::<Result<Vec<_>, _>>().map_err(unbuilt)?;
        let batch = Delete::builder().set_objects(Some(objects)).quiet(true).build().map_err(unbuilt)?;
        let sent = self.client.delete_objects().bucket(&self.bucket).delete(batch).send().await;
        let left = sent.map_err(|e| StoreError::sdk(OPERATION, first, e))?.errors.unwrap_or_default();
        match left.first() {
            None => Ok(()),
            Some(e) => {
                let problem = format!("{} objects stay: {}", left.len(), e.code().unwrap_or("no error code"));
                Err(StoreError::new(OPERATION, e.key().unwrap_or(first), ErrorKind::Unavailable, problem))
            }
        }
    }

    /// Uploads an editor's file and returns its etag. `progress` gets the bytes that S3 has so far.
    ///
    /// Always by the multipart API, whatever the size: so every upload appears at once and whole, in one kind of
    /// event.
    pub async fn upload(
        &self,
        object_key: &str,
        path: &Path,
        progress: impl Fn(u64) + Send + Sync,
    ) -> Result<String, StoreError> {
        let stored = Stored::from(&ObjectKey::Upload(object_key.to_owned()));
        let metadata = tokio::fs::metadata(path).await;
        let size = metadata.map_err(|e| StoreError::file("CreateMultipartUpload", &stored.key, e))?.len();
        self.put_parts(&stored, path, size, &progress).await
    }

    async fn put_body(
        &self,
        stored: &Stored,
        body: ByteStream,
        when: &Condition,
    ) -> Result<String, aws_sdk_s3::error::SdkError<aws_sdk_s3::operation::put_object::PutObjectError>> {
        let request = self.client.put_object().bucket(&self.bucket).key(&stored.key).body(body);
        let request = request.content_type(stored.content_type).cache_control(stored.cache_control);
        let request = match when {
            Condition::Always => request,
            Condition::IfAbsent => request.if_none_match("*"),
            Condition::IfMatch(etag) => request.if_match(quoted(etag)),
        };
        Ok(unquoted(request.send().await?.e_tag))
    }
}
