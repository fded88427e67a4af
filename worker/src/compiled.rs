//! What a device's driver compiled while an encoder was tried. NVIDIA's compiles libav's scaler for the card at hand, which
//! takes ten seconds, and keeps it in a folder; children have none in common, so those on a device get a copy of the
//! trial's. A trial reads nothing that anybody uploaded, and no child but a trial adds to it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// More than this is nothing that a scaler needs, and is not kept.
const MAX_BYTES: u64 = 64 << 20;

/// Files by their paths below the driver's folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compiled(Arc<Vec<(PathBuf, Vec<u8>)>>);

impl Compiled {
    /// The driver's folder, below a child's own.
    pub const FOLDER: &str = "compiled";
    /// Where NVIDIA's driver finds its name.
    pub const VARIABLE: &str = "CUDA_CACHE_PATH";

    /// What there is in `folder`.
    ///
    /// # Errors
    /// The file system's, and `FileTooLarge`.
    pub fn read(folder: &Path) -> io::Result<Compiled> {
        let mut files = Vec::new();
        let mut left = MAX_BYTES;
        let mut folders = vec![folder.to_owned()];
        while let Some(at) = folders.pop() {
            for entry in fs::read_dir(at)? {
                let entry = entry?;
                let kind = entry.file_type()?;
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_file() {
                    let bytes = entry.metadata()?.len();
                    left = left.checked_sub(bytes).ok_or(io::ErrorKind::FileTooLarge)?;
                    let path = entry.path();
                    let name = path.strip_prefix(folder).map_err(io::Error::other)?;
                    files.push((name.to_owned(), fs::read(&path)?));
                }
            }
        }
        Ok(Compiled(Arc::new(files)))
    }

    /// Puts it into `folder`, which is made.
    ///
    /// # Errors
    /// The file system's.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        for (name, bytes) in self.0.iter() {
            let path = folder.join(name);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(path, bytes)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_folder_has_another_one_gets() {
        let folder = tempfile::tempdir().expect("a folder");
        let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
        fs::create_dir_all(one.join("f/3")).expect("folders");
        fs::write(one.join("index"), "A").expect("a file");
        fs::write(one.join("f/3/c76b0e8eae1871"), "code").expect("a file");
        // A link is nothing that was compiled.
        std::os::unix::fs::symlink("/etc/hostname", one.join("link")).expect("a link");
        let compiled = Compiled::read(&one).expect("read");
        compiled.write(&other).expect("written");
        assert_eq!(fs::read(other.join("f/3/c76b0e8eae1871")).expect("the file"), b"code");
        assert!(other.join("index").exists() && !other.join("link").exists());
        assert_eq!(Compiled::read(&other).expect("read").0.len(), 2);
    }

    #[test]
    fn there_may_be_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        Compiled::default().write(&folder.path().join("none")).expect("written");
        assert_eq!(Compiled::read(&folder.path().join("none")).expect("read"), Compiled::default());
        assert!(Compiled::read(&folder.path().join("absent")).is_err());
    }
}
