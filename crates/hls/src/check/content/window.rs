//! A file, or a range of one, read piece by piece.

use super::super::source::{HEAD_BYTES, Source, SourceError};
use super::Failure;

/// Keeps the piece that was read last.
pub(super) struct Window<'s> {
    source: &'s dyn Source,
    path: &'s str,
    /// Where the range begins in the file.
    offset: u64,
    length: u64,
    /// Bytes from `piece_at` on, counted from the begin of the range.
    piece: Vec<u8>,
    piece_at: u64,
}

impl<'s> Window<'s> {
    pub(super) fn new(source: &'s dyn Source, path: &'s str, offset: u64, length: u64) -> Window<'s> {
        Window { source, path, offset, length, piece: Vec::new(), piece_at: 0 }
    }

    /// Bytes of the range.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Exactly `count` bytes from `at` on.
    pub(super) fn get(&mut self, at: u64, count: usize) -> Result<&[u8], Failure> {
        let end = at.checked_add(count as u64).filter(|end| *end <= self.length);
        let end = end.ok_or("ends within a box")?;
        if at < self.piece_at || end > self.piece_at + self.piece.len() as u64 {
            self.fetch(at, count)?;
        }
        let from = (at - self.piece_at) as usize;
        self.piece.get(from..from + count).ok_or(Failure::Broken("has fewer bytes than its size says"))
    }

    /// Reads somewhat more than asked for: what comes next is asked for next.
    fn fetch(&mut self, at: u64, count: usize) -> Result<(), SourceError> {
        let length = (count.max(HEAD_BYTES) as u64).min(self.length - at) as usize;
        let bytes = self.source.read_at(self.path, self.offset.saturating_add(at), length)?;
        (self.piece, self.piece_at) = (bytes.unwrap_or_default(), at);
        Ok(())
    }
}
