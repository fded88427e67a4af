//! Downloading an upload to a local file: always the bytes that the event named, never those that replaced them.

use std::path::Path;
use std::time::Duration;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use flodrama_asset::{ErrorKind, SourceRef};
use tokio::fs::File;
use tokio::io::{AsyncWriteExt, BufWriter};

use crate::error::status;
use crate::read::size_of;
use crate::{Store, StoreError, quoted, unquoted};

const OPERATION: &str = "GetObject";
/// Bodies that break off in a row, each after less than [`REAL_GAIN`], before we give up.
const MAX_BREAKS: u32 = 5;
/// A body that brought this many bytes was worth it: the count of breaks starts anew.
const REAL_GAIN: u64 = 16 * 1024 * 1024;
const BREAK_PAUSE: Duration = Duration::from_millis(200);
const WRITE_BUFFER: usize = 1024 * 1024;

impl Store {
    /// Downloads exactly the content that `source` names into a new file at `to` and returns its size in bytes.
    /// `progress` gets bytes so far and bytes in all.
    ///
    /// The size is asked for apart, and S3's checksum compared where it has one of the whole object: an upload that
    /// arrives shortened or changed would else be told to its editor as a bad file.
    ///
    /// Fails with `NotFound` where the object is gone, `Superseded` where another content took its place, and
    /// `Unavailable` where bodies keep breaking off or are not what S3 has.
    pub async fn download(
        &self,
        source: &SourceRef,
        to: &Path,
        progress: impl Fn(u64, u64),
    ) -> Result<u64, StoreError> {
        let file_failed = |e| StoreError::file(OPERATION, &source.key, e);
        let file = File::create(to).await.map_err(file_failed)?;
        let mut file = BufWriter::with_capacity(WRITE_BUFFER, file);
        let total = self.size(source).await?;
        let mut received = 0;
        let mut breaks = 0;
        loop {
            let output = self.open(source, received).await?;
            let promised = received + size_of(output.content_length());
            if promised != total {
                let problem = format!("S3 has {total} bytes and sends {promised}");
                return Err(StoreError::new(OPERATION, &source.key, ErrorKind::Unavailable, problem));
            }
            let start = received;
            let mut body = output.body;
            let broken = loop {
                match body.next().await {
                    Some(Ok(bytes)) => {
                        file.write_all(&bytes).await.map_err(file_failed)?;
                        received += bytes.len() as u64;
                        progress(received, total);
                    }
                    Some(Err(e)) => break Some(e),
                    None => break None,
                }
            };
            // All are there, and yet the body ends badly: their checksum is another.
            if received == total && broken.is_none() {
                file.flush().await.map_err(file_failed)?;
                return Ok(total);
            }
            breaks = if received - start >= REAL_GAIN { 1 } else { breaks + 1 };
            if breaks >= MAX_BREAKS || received >= total {
                let problem = format!("got {received} of {total} bytes, after {breaks} broken bodies");
                let short = StoreError::new(OPERATION, &source.key, ErrorKind::Unavailable, problem);
                return Err(match broken {
                    Some(e) => short.with_source(e),
                    None => short,
                });
            }
            tokio::time::sleep(BREAK_PAUSE * breaks).await;
        }
    }

    /// Bytes of the content that `source` names.
    async fn size(&self, source: &SourceRef) -> Result<u64, StoreError> {
        let request = self.client.head_object().bucket(&source.bucket).key(&source.key);
        let request = match &source.version_id {
            Some(version) => request.version_id(version),
            None => request.if_match(quoted(&source.etag)),
        };
        let head = request.send().await.map_err(|e| StoreError::sdk("HeadObject", &source.key, e))?;
        // As for the body: not every store knows the condition.
        if source.version_id.is_none() && unquoted(head.e_tag.clone()) != source.etag {
            return Err(superseded(source));
        }
        Ok(size_of(head.content_length()))
    }

    /// Opens the body from byte `from` on.
    async fn open(&self, source: &SourceRef, from: u64) -> Result<GetObjectOutput, StoreError> {
        let request = self.client.get_object().bucket(&source.bucket).key(&source.key);
        let request = match &source.version_id {
            Some(version) => request.version_id(version),
            None => request.if_match(quoted(&source.etag)),
        };
        let request = if from > 0 { request.range(format!("bytes={from}-")) } else { request };
        let output = request.send().await.map_err(|e| match status(&e) {
            // 416: what is there now ends before the bytes that we already have.
            Some(416) => superseded(source),
            _ => StoreError::sdk(OPERATION, &source.key, e),
        })?;
        // Some S3-compatible stores know no If-Match on GET and send whatever is there.
        if source.version_id.is_none() && unquoted(output.e_tag.clone()) != source.etag {
            return Err(superseded(source));
        }
        Ok(output)
    }
}

fn superseded(source: &SourceRef) -> StoreError {
    StoreError::new(OPERATION, &source.key, ErrorKind::Superseded, "another upload took its place")
}
