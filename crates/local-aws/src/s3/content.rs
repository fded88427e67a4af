//! Object bytes on disk: files that are written once and read until nobody needs them.

use std::io::{self, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use crate::{disk, random};

/// Large enough that a read costs more than the hop to the thread that makes it.
const READ_BYTES: usize = 256 * 1024;

/// One file, and how much of the object it holds. A multipart object has one per part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Piece {
    pub file: String,
    pub size: u64,
}

/// The bytes of one object or part. The files go with the last holder, unless [`keep`](Content::keep) was called:
/// so a write that fails leaves nothing behind, and a reader of an object that is replaced reads on to the end.
#[derive(Debug)]
pub(super) struct Content {
    folder: PathBuf,
    pieces: Vec<Piece>,
    discard: AtomicBool,
}

/// A file name that no other content has.
pub(super) fn new_name() -> io::Result<String> {
    random::text(random::LOWER, 32)
}

impl Content {
    /// Content that nothing refers to yet.
    pub fn draft(folder: &Path, pieces: Vec<Piece>) -> Arc<Content> {
        Arc::new(Content { folder: folder.to_owned(), pieces, discard: AtomicBool::new(true) })
    }

    /// Content that a record on disk refers to.
    pub fn kept(folder: &Path, pieces: Vec<Piece>) -> Arc<Content> {
        Arc::new(Content { folder: folder.to_owned(), pieces, discard: AtomicBool::new(false) })
    }

    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    pub fn size(&self) -> u64 {
        self.pieces.iter().map(|p| p.size).sum()
    }

    /// A record refers to the files now.
    pub fn keep(&self) {
        self.discard.store(false, Ordering::SeqCst);
    }

    /// No record refers to the files any more.
    pub fn discard(&self) {
        self.discard.store(true, Ordering::SeqCst);
    }

    /// The same bytes under names of their own in `folder`.
    pub fn duplicate(&self, folder: &Path) -> io::Result<Arc<Content>> {
        let mut pieces = Vec::with_capacity(self.pieces.len());
        for piece in &self.pieces {
            pieces.push(Piece { file: new_name()?, size: piece.size });
        }
        let copy = Content::draft(folder, pieces);
        for (from, to) in self.pieces.iter().zip(&copy.pieces) {
            disk::duplicate(&self.folder.join(&from.file), &folder.join(&to.file))
                .map_err(io::Error::other)?;
        }
        Ok(copy)
    }

    /// The bytes in `range`, which lies within [`size`](Content::size).
    pub fn read(self: Arc<Self>, range: Range<u64>) -> impl Stream<Item = io::Result<Bytes>> + Send + Sync {
        let mut spans = Vec::new();
        let mut start = 0;
        for (index, piece) in self.pieces.iter().enumerate() {
            let from = range.start.max(start);
            let to = range.end.min(start + piece.size);
            if from < to {
                spans.push((index, from - start, to - from));
            }
            start += piece.size;
        }
        futures::stream::iter(spans.into_iter().map(io::Result::Ok))
            .and_then(move |(index, offset, length)| {
                let content = self.clone();
                async move {
                    let mut file =
                        tokio::fs::File::open(content.folder.join(&content.pieces[index].file)).await?;
                    file.seek(SeekFrom::Start(offset)).await?;
                    let bytes = ReaderStream::with_capacity(file.take(length), READ_BYTES);
                    // Holds the content, so that its files stay until the last byte is out.
                    Ok(bytes.inspect_ok(move |_| _ = &content))
                }
            })
            .try_flatten()
    }
}

impl Drop for Content {
    fn drop(&mut self) {
        if !self.discard.load(Ordering::SeqCst) {
            return;
        }
        for piece in &self.pieces {
            if let Err(error) = disk::remove(&self.folder.join(&piece.file)) {
                tracing::warn!(%error, "bytes that nothing refers to stay on disk until the next start");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three_pieces(folder: &Path) -> Arc<Content> {
        let mut pieces = Vec::new();
        for bytes in ["abc", "", "defgh"] {
            let file = new_name().expect("name");
            std::fs::write(folder.join(&file), bytes).expect("write");
            pieces.push(Piece { file, size: bytes.len() as u64 });
        }
        Content::draft(folder, pieces)
    }

    async fn text(content: &Arc<Content>, range: Range<u64>) -> String {
        let chunks: Vec<Bytes> = content.clone().read(range).try_collect().await.expect("read");
        String::from_utf8(chunks.concat()).expect("text")
    }

    #[tokio::test]
    async fn ranges_cross_pieces() {
        let folder = tempfile::tempdir().expect("folder");
        let content = three_pieces(folder.path());
        assert_eq!(content.size(), 8);
        for (range, expected) in [(0..8, "abcdefgh"), (2..5, "cde"), (3..4, "d"), (7..8, "h"), (0..0, "")] {
            assert_eq!(text(&content, range).await, expected);
        }
    }

    #[tokio::test]
    async fn a_copy_outlives_its_source_and_a_draft_outlives_nobody() {
        let folder = tempfile::tempdir().expect("folder");
        let content = three_pieces(folder.path());
        let copy = content.duplicate(folder.path()).expect("copy");
        drop(content);
        assert_eq!(text(&copy, 0..8).await, "abcdefgh");
        assert_eq!(disk::names(folder.path()).expect("names").len(), 3);
        drop(copy);
        assert_eq!(disk::names(folder.path()).expect("names").len(), 0);
    }

    #[tokio::test]
    async fn a_reader_of_replaced_content_reads_to_the_end() {
        let folder = tempfile::tempdir().expect("folder");
        let content = three_pieces(folder.path());
        content.keep();
        let stream = content.clone().read(0..8);
        content.discard();
        drop(content);
        let chunks: Vec<Bytes> = stream.try_collect().await.expect("read");
        assert_eq!(chunks.concat(), b"abcdefgh");
        assert_eq!(disk::names(folder.path()).expect("names").len(), 0);
    }
}
