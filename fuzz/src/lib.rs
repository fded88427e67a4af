//! What the targets share: a presentation as one input.

use std::collections::BTreeMap;

use flodrama_hls::check::{Source, SourceError};

/// The multivariant playlist, where a check begins.
pub const MAIN: &str = "main.m3u8";

/// The files of a presentation, by path.
pub struct Files(BTreeMap<String, Vec<u8>>);

impl Files {
    /// Reads files out of one input, each behind a line `== PATH`; what comes before the first such line is
    /// `main.m3u8`. Text, so that seeds can be read and written by hand, and so that what libFuzzer puts together from
    /// two inputs is a presentation again.
    pub fn read(input: &[u8]) -> Files {
        let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let mut path = MAIN.to_owned();
        for line in input.split_inclusive(|b| *b == b'\n') {
            match line.strip_prefix(b"== ") {
                Some(name) => path = String::from_utf8_lossy(name).trim().to_owned(),
                None => files.entry(path.clone()).or_default().extend(line),
            }
        }
        Files(files)
    }

    /// These files and no others.
    pub fn of<const N: usize>(files: [(&str, &[u8]); N]) -> Files {
        Files(files.into_iter().map(|(path, bytes)| (path.to_owned(), bytes.to_vec())).collect())
    }

    /// The same files, with what `change` makes of those that are text.
    pub fn changed(&self, change: impl Fn(&str, &str) -> String) -> Files {
        let changed = |(path, bytes): (&String, &Vec<u8>)| {
            let bytes = match std::str::from_utf8(bytes) {
                Ok(text) => change(path, text).into_bytes(),
                Err(_) => bytes.clone(),
            };
            (path.clone(), bytes)
        };
        Files(self.0.iter().map(changed).collect())
    }

    /// The files that are text.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.values().filter_map(|bytes| std::str::from_utf8(bytes).ok())
    }
}

impl Source for Files {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        Ok(self.0.get(path).cloned())
    }

    fn size(&self, path: &str) -> Result<Option<u64>, SourceError> {
        Ok(self.0.get(path).map(|bytes| bytes.len() as u64))
    }

    fn read_at(&self, path: &str, offset: u64, length: usize) -> Result<Option<Vec<u8>>, SourceError> {
        let Some(bytes) = self.0.get(path) else { return Ok(None) };
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        Ok(Some(bytes[from..][..length.min(bytes.len() - from)].to_vec()))
    }
}

/// What a check says of a presentation, for people. Whatever is in it, the check comes to an end and counts right.
pub fn checked(files: &Files) -> String {
    let report = flodrama_hls::check(MAIN, files).expect("files in memory can always be read");
    assert!(report.looked_into <= report.segments, "{} of {}", report.looked_into, report.segments);
    serde_json::to_string(&report).expect("a report is JSON");
    report.to_string()
}
