//! Multipart uploads: parts read from the file as they are sent, a few in flight, nothing left behind on failure.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_s3::primitives::{ByteStream, Length};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use flodrama_asset::ErrorKind;
use futures::stream::{self, StreamExt, TryStreamExt};

use crate::{Store, StoreError, Stored, unquoted};

/// Parts are this large, unless the file needs more than [`MAX_PARTS`] of them.
const PART_SIZE: u64 = 16 * 1024 * 1024;
/// S3's limit.
const MAX_PARTS: u64 = 10_000;
/// One connection to S3 seldom fills a network card; four parts take 64 MiB at most.
const IN_FLIGHT: usize = 4;

type Progress<'a> = &'a (dyn Fn(u64) + Send + Sync);

/// A part of the file: its number, counted from 1, and its place in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    number: i32,
    offset: u64,
    size: u64,
}

impl Store {
    /// Sends a file in parts. A failure ends the upload at S3 too; a dropped future leaves its parts to the bucket's
    /// lifecycle rule.
    pub(crate) async fn put_parts(
        &self,
        stored: &Stored,
        path: &Path,
        size: u64,
        progress: Progress<'_>,
    ) -> Result<String, StoreError> {
        let request = self.client.create_multipart_upload().bucket(&self.bucket).key(&stored.key);
        let request = request.content_type(stored.content_type).cache_control(stored.cache_control);
        let created =
            request.send().await.map_err(|e| StoreError::sdk("CreateMultipartUpload", &stored.key, e))?;
        let Some(id) = created.upload_id else {
            let problem = "S3 named no upload id";
            return Err(StoreError::new(
                "CreateMultipartUpload",
                &stored.key,
                ErrorKind::Unavailable,
                problem,
            ));
        };
        let sent = self.send_parts(&stored.key, &id, path, size, progress).await;
        if sent.is_err() {
            let abort =
                self.client.abort_multipart_upload().bucket(&self.bucket).key(&stored.key).upload_id(&id);
            // The first failure is the one to report; what the abort leaves, the lifecycle rule collects.
            if let Err(error) = abort.send().await {
                tracing::debug!(key = stored.key, %error, "an unfinished upload was left behind");
            }
        }
        sent
    }

    async fn send_parts(
        &self,
        key: &str,
        id: &str,
        path: &Path,
        size: u64,
        progress: Progress<'_>,
    ) -> Result<String, StoreError> {
        let done = AtomicU64::new(0);
        let done = &done;
        let mut parts: Vec<CompletedPart> = stream::iter(parts(size))
            .map(|part| async move {
                let sent = self.send_part(key, id, path, part).await?;
                progress(done.fetch_add(part.size, Ordering::Relaxed) + part.size);
                Ok::<_, StoreError>(sent)
            })
            .buffer_unordered(IN_FLIGHT)
            .try_collect()
            .await?;
        parts.sort_by_key(|part| part.part_number);
        let list = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let request = self.client.complete_multipart_upload().bucket(&self.bucket).key(key).upload_id(id);
        let completed = request.multipart_upload(list).send().await;
        Ok(unquoted(completed.map_err(|e| StoreError::sdk("CompleteMultipartUpload", key, e))?.e_tag))
    }

    async fn send_part(
        &self,
        key: &str,
        id: &str,
        path: &Path,
        part: Part,
    ) -> Result<CompletedPart, StoreError> {
        let body = if part.size == 0 {
            ByteStream::from_static(b"")
        } else {
            let range =
                ByteStream::read_from().path(path).offset(part.offset).length(Length::Exact(part.size));
            range.build().await.map_err(|e| StoreError::file("UploadPart", key, std::io::Error::other(e)))?
        };
        let request = self.client.upload_part().bucket(&self.bucket).key(key).upload_id(id);
        let sent = request.part_number(part.number).body(body).send().await;
        let sent = sent.map_err(|e| StoreError::sdk("UploadPart", key, e))?;
        Ok(CompletedPart::builder().part_number(part.number).set_e_tag(sent.e_tag).build())
    }
}

/// Cuts a file of `size` bytes. An empty file is one empty part, because S3 completes no upload without parts.
fn parts(size: u64) -> impl Iterator<Item = Part> {
    let part_size = PART_SIZE.max(size.div_ceil(MAX_PARTS));
    let count = size.div_ceil(part_size).max(1);
    (0..count).zip(1..).map(move |(index, number)| {
        let offset = index * part_size;
        Part { number, offset, size: part_size.min(size - offset) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_file_once() {
        for size in [0, 1, PART_SIZE - 1, PART_SIZE, PART_SIZE + 1, 5 * PART_SIZE + 7, 5 << 40] {
            let mut end = 0;
            let mut count = 0;
            for part in parts(size) {
                assert_eq!(part.offset, end, "of {size}");
                end += part.size;
                count += 1;
                assert_eq!(part.number, count, "of {size}");
            }
            assert_eq!(end, size);
            assert!((1..=10_000).contains(&count), "{count} parts of {size}");
        }
    }
}
