//! Small files, written so that a reader after a crash finds the old bytes or the new ones, never a part.
//!
//! Nothing is fsynced: this survives the death of the process, not a loss of power.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The disk refused.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}", path.display())]
pub struct DiskError {
    action: &'static str,
    path: PathBuf,
    #[source]
    pub(crate) source: io::Error,
}

pub(crate) type Result<T> = std::result::Result<T, DiskError>;

pub(crate) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DiskError {
    move |source| DiskError { action, path: path.to_owned(), source }
}

/// Who may read a file.
#[derive(Clone, Copy)]
pub(crate) enum Access {
    /// Mode 0600: secrets.
    Owner,
    /// The process's umask decides.
    Ordinary,
}

/// Makes `path` a folder, with its parents.
pub(crate) fn create_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(failed("create the folder", path))
}

/// Opens `path` for writing without emptying it, creating it where it is absent.
pub(crate) fn open(path: &Path) -> Result<fs::File> {
    fs::OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(failed("open", path))
}

/// The names in a folder, in no order. Names that are not Unicode are not ours and are left out.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).map_err(failed("list", folder))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed("list", folder))?;
        names.extend(entry.file_name().into_string().ok());
    }
    Ok(names)
}

/// The whole file, or nothing where it does not exist.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(failed("read", path)(e)),
    }
}

/// The file's JSON, or nothing where it does not exist.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let Some(bytes) = read(path)? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|e| failed("understand", path)(e.into()))
}

/// Replaces the file in one step. One writer at a time per path: the caller holds the lock.
pub(crate) fn write(path: &Path, bytes: &[u8], access: Access) -> Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    let temporary = PathBuf::from(name);
    let mode = match access {
        Access::Owner => 0o600,
        Access::Ordinary => 0o666,
    };
    fs::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(mode)
        .open(&temporary)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&temporary, path))
        .map_err(failed("write", path))
}

/// [`write`] of JSON.
pub(crate) fn write_json<T: Serialize>(path: &Path, value: &T, access: Access) -> Result<()> {
    let bytes = serde_json::to_vec(value).map_err(|e| failed("write", path)(e.into()))?;
    write(path, &bytes, access)
}

/// Deletes a file; one that is already gone is fine.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(failed("delete", path)(e)),
        _ => Ok(()),
    }
}

/// Deletes a folder and all in it; one that is already gone is fine.
pub(crate) fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(failed("delete", path)(e)),
        _ => Ok(()),
    }
}

/// Makes `to` hold the bytes of `from`, which is never written again: a second name for the same bytes where the
/// file system has such, else a copy.
pub(crate) fn duplicate(from: &Path, to: &Path) -> Result<()> {
    fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(drop)).map_err(failed("write", to))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn secrets_are_for_their_owner_alone() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("secret.json");
        write_json(&path, &"s", Access::Owner).expect("write");
        assert_eq!(fs::metadata(&path).expect("file").permissions().mode() & 0o777, 0o600);
        assert_eq!(read_json::<String>(&path).expect("read").as_deref(), Some("s"));
    }

    #[test]
    fn an_error_names_the_file() {
        let error =
            write(Path::new("/nowhere/at/all.json"), b"", Access::Ordinary).expect_err("no such folder");
        assert_eq!(error.to_string(), "cannot write /nowhere/at/all.json");
    }
}
