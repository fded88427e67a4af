//! Where a check gets files from.

use std::collections::BTreeMap;

use flodrama_asset::ErrorKind;

/// A presentation's files, by path below its root: forward slashes, no `.` or `..`, no query.
///
/// Blocking. A caller that reads over a network fetches ahead, or blocks on a thread of its own.
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

/// A presentation held in memory: texts whole, media by size alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryTree {
    /// Playlists and WebVTT.
    pub texts: BTreeMap<String, Vec<u8>>,
    /// Sizes of all other files, in bytes.
    pub sizes: BTreeMap<String, u64>,
}

impl Source for MemoryTree {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        Ok(self.texts.get(path).cloned())
    }

    fn size(&self, path: &str) -> Result<Option<u64>, SourceError> {
        let text = || self.texts.get(path).map(|text| text.len() as u64);
        Ok(self.sizes.get(path).copied().or_else(text))
    }
}
