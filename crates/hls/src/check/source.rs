//! Where a check gets files from.

use flodrama_asset::ErrorKind;

use super::path;

/// A presentation's files, by path below its root: forward slashes, no `.` or `..`, no query.
///
/// Blocking. A source over a network fetches ahead what [`ahead`](Source::ahead) names, on threads of its own.
pub trait Source {
    /// The whole file; `None` where there is none. Asked for playlists and WebVTT.
    ///
    /// # Errors
    /// The source cannot say.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError>;

    /// The size in bytes; `None` where there is no such file. Asked for media.
    ///
    /// # Errors
    /// The source cannot say.
    fn size(&self, path: &str) -> Result<Option<u64>, SourceError>;

    /// `length` bytes of a file from `offset` on, fewer where it ends before; `None` where there is no such file. Asked
    /// for media: mostly for the first [`HEAD_BYTES`] of a segment.
    ///
    /// # Errors
    /// The source cannot say.
    fn read_at(&self, path: &str, offset: u64, length: usize) -> Result<Option<Vec<u8>>, SourceError>;

    /// The file that `uri` names in `playlist`; `None` where it names none of this source. By default URIs are relative,
    /// and none leads out of the root.
    fn resolve(&self, playlist: &str, uri: &str) -> Option<String> {
        path::resolve(playlist, uri)
    }

    /// A parameter of the query that a playlist is asked for with, decoded; `None` where there is none.
    fn parameter(&self, _path: &str, _name: &str) -> Option<String> {
        None
    }

    /// Heads of files, by path and offset, that are asked for next.
    fn ahead(&self, _heads: &[(String, u64)]) {}

    /// How a file that was asked for before came; `None` where it came from no server.
    fn delivery(&self, _path: &str) -> Option<Delivery> {
        None
    }
}

/// How much of a segment is read at first: its boxes and the begin of its first sample, mostly.
pub const HEAD_BYTES: usize = 16 * 1024;

/// What a server's answer said beside the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Content-Type, without parameters, in lower case.
    pub content_type: Option<String>,
    /// True where the answer came compressed, by gzip or better.
    pub is_compressed: bool,
    /// True where another URL answered in the end.
    pub is_redirected: bool,
    /// True where it came over TLS, or did not leave the machine.
    pub is_private: bool,
}

/// A source could not answer.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {path}")]
pub struct SourceError {
    /// The file asked for.
    pub path: String,
    /// Why.
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl SourceError {
    /// The shared vocabulary's word for this: a read that may pass when tried again.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Unavailable
    }
}
