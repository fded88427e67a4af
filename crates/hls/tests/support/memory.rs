//! A presentation in memory, to be changed and checked.

use std::collections::BTreeMap;

use flodrama_hls::check::{Delivery, Source, SourceError};

/// A presentation held in memory: texts whole, media as their first bytes and their size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryTree {
    /// Playlists and WebVTT.
    pub texts: BTreeMap<String, Vec<u8>>,
    /// Sizes of all other files, in bytes.
    pub sizes: BTreeMap<String, u64>,
    /// First bytes of those; what follows up to their size is zeros.
    pub heads: BTreeMap<String, Vec<u8>>,
    /// How files came, where that is to be known.
    pub deliveries: BTreeMap<String, Delivery>,
}

impl Source for MemoryTree {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        Ok(self.texts.get(path).cloned())
    }

    fn size(&self, path: &str) -> Result<Option<u64>, SourceError> {
        let text = || self.texts.get(path).map(|text| text.len() as u64);
        Ok(self.sizes.get(path).copied().or_else(text))
    }

    fn read_at(&self, path: &str, offset: u64, length: usize) -> Result<Option<Vec<u8>>, SourceError> {
        let Some(size) = self.size(path)? else { return Ok(None) };
        let head = self.heads.get(path).or_else(|| self.texts.get(path));
        let length = (length as u64).min(size.saturating_sub(offset)) as usize;
        let from = usize::try_from(offset).ok().and_then(|offset| head?.get(offset..)).unwrap_or_default();
        let mut bytes = from[..length.min(from.len())].to_vec();
        bytes.resize(length, 0);
        Ok(Some(bytes))
    }

    fn delivery(&self, path: &str) -> Option<Delivery> {
        self.deliveries.get(path).cloned()
    }
}
