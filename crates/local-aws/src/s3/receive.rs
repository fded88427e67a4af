//! A request's body on its way to disk, hashed as it passes.

use std::io;
use std::path::Path;
use std::sync::Arc;

use futures::StreamExt;
use openssl::hash::{Hasher, MessageDigest};
use s3s::dto::StreamingBlob;
use s3s::{S3Error, S3Result, s3_error};
use tokio::io::AsyncWriteExt;

use super::checksums::{Checksums, Declared};
use super::content::{Content, Piece, new_name};

/// Small chunks are gathered to this before they go to the thread that writes.
const WRITE_BYTES: usize = 256 * 1024;

/// A body that is whole on disk and is what its sender said it was.
pub(super) struct Received {
    pub content: Arc<Content>,
    pub md5: Vec<u8>,
    pub checksums: Checksums,
}

/// Writes `body` to a new file of `folder`. An error leaves no file.
pub(super) async fn receive(
    folder: &Path,
    body: Option<StreamingBlob>,
    declared: Declared,
) -> S3Result<Received> {
    let file = new_name().map_err(S3Error::internal_error)?;
    let path = folder.join(&file);
    // Held from the start, so that a client that goes away half-way leaves nothing.
    let unfinished = Content::draft(folder, vec![Piece { file: file.clone(), size: 0 }]);
    let mut md5 = Hasher::new(MessageDigest::md5()).map_err(S3Error::internal_error)?;
    let mut hasher = declared.hasher();
    let mut size = 0;

    let written = tokio::fs::File::create(&path).await.map_err(S3Error::internal_error)?;
    let mut writer = tokio::io::BufWriter::with_capacity(WRITE_BYTES, written);
    if let Some(mut body) = body {
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(incomplete)?;
            md5.update(&chunk).map_err(S3Error::internal_error)?;
            hasher.update(&chunk);
            size += chunk.len() as u64;
            writer.write_all(&chunk).await.map_err(S3Error::internal_error)?;
        }
    }
    writer.flush().await.map_err(S3Error::internal_error)?;

    let md5 = md5.finish().map_err(S3Error::internal_error)?.to_vec();
    let checksums = declared.check(&md5, hasher.finalize().into())?;
    unfinished.keep();
    Ok(Received { content: Content::draft(folder, vec![Piece { file, size }]), md5, checksums })
}

/// A body that broke off, or whose chunk signatures are wrong: the protocol layer's own answer where it has one.
fn incomplete(error: s3s::StdError) -> S3Error {
    match error.downcast::<S3Error>() {
        Ok(error) => *error,
        Err(error) => {
            let cause = io::Error::other(error);
            s3_error!(cause, IncompleteBody, "The request body ended before it was whole.")
        }
    }
}
