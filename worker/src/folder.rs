//! A presentation on disk, as the HLS rules read it.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use flodrama_hls::check::{Source, SourceError};

/// Files below a folder. Some texts may still be in memory: they stand in place of files.
#[derive(Clone, Debug)]
pub struct Folder {
    /// The folder.
    pub root: PathBuf,
    /// Texts that are not written yet, by path below the folder.
    pub texts: BTreeMap<String, String>,
}

impl Folder {
    fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// `None` where there is no such file; what is no file is none.
    fn open(&self, path: &str) -> Result<Option<(File, Metadata)>, SourceError> {
        let opened = || -> io::Result<Option<(File, Metadata)>> {
            let path = self.root.join(path);
            // Asked before it is opened: a pipe would wait for a writer.
            if !std::fs::metadata(&path)?.is_file() {
                return Ok(None);
            }
            let file = File::open(path)?;
            let metadata = file.metadata()?;
            Ok(Some((file, metadata)))
        };
        match opened() {
            Ok(opened) => Ok(opened),
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(e) => Err(failed(path, e)),
        }
    }
}

impl Source for Folder {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        if let Some(text) = self.text(path) {
            return Ok(Some(text.as_bytes().to_vec()));
        }
        let Some((file, metadata)) = self.open(path)? else { return Ok(None) };
        read_at(&file, 0, metadata.len() as usize).map(Some).map_err(|e| failed(path, e))
    }

    fn size(&self, path: &str) -> Result<Option<u64>, SourceError> {
        if let Some(text) = self.text(path) {
            return Ok(Some(text.len() as u64));
        }
        Ok(self.open(path)?.map(|(_, metadata)| metadata.len()))
    }

    fn read_at(&self, path: &str, offset: u64, length: usize) -> Result<Option<Vec<u8>>, SourceError> {
        if let Some(text) = self.text(path) {
            let from = text.as_bytes().get(offset as usize..).unwrap_or_default();
            return Ok(Some(from[..length.min(from.len())].to_vec()));
        }
        let Some((file, _)) = self.open(path)? else { return Ok(None) };
        read_at(&file, offset, length).map(Some).map_err(|e| failed(path, e))
    }
}

/// `length` bytes, fewer where the file ends before.
fn read_at(file: &File, offset: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let mut done = 0;
    while done < length {
        match file.read_at(&mut bytes[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    bytes.truncate(done);
    Ok(bytes)
}

fn failed(path: &str, error: io::Error) -> SourceError {
    SourceError { path: path.to_owned(), source: error.into() }
}
