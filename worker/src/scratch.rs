//! The scratch folder. Each worker has a part of its own, and takes away what workers left that died.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the name of a part begins with; its lock is a file beside it.
const PART: &str = "worker-";
const LOCK: &str = ".lock";
/// Media children of a dead worker are killed with it, but may write for a moment.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// A worker's own part of the scratch folder, empty at first. It is gone with this value; where the process is killed, the
/// next worker that begins on this folder removes it: the lock ends with the process, however that ends.
#[derive(Debug)]
pub struct Scratch {
    part: PathBuf,
    lock: PathBuf,
    /// Locked as long as this lives.
    _held: File,
}

impl Scratch {
    /// Makes a part in `folder`, which is made where it is absent.
    ///
    /// # Errors
    /// The file system's.
    pub fn open(folder: &Path) -> io::Result<Scratch> {
        // Children work in a folder of their own, where a relative path would lead elsewhere.
        let folder = std::path::absolute(folder)?;
        fs::create_dir_all(&folder)?;
        sweep(&folder)?;
        loop {
            let lock = tempfile::Builder::new().prefix(PART).suffix(LOCK).tempfile_in(&folder)?;
            let (held, lock) = lock.keep().map_err(|e| e.error)?;
            // Another worker that begins may take the file for a dead one's, before it is locked and after.
            if held.try_lock().is_ok() && is_same(&held, &lock) {
                let part = lock.with_extension("");
                fs::create_dir(&part)?;
                return Ok(Scratch { part, lock, _held: held });
            }
        }
    }
}

impl AsRef<Path> for Scratch {
    fn as_ref(&self) -> &Path {
        &self.part
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove(&self.part, &self.lock);
    }
}

/// Removes the parts that nobody holds.
fn sweep(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let lock = entry?.path();
        let name = lock.file_name().unwrap_or_default().to_string_lossy();
        if !(name.starts_with(PART) && name.ends_with(LOCK)) {
            continue;
        }
        // Gone in between: somebody else swept it.
        let Ok(held) = File::open(&lock) else { continue };
        match held.try_lock() {
            Ok(()) if is_same(&held, &lock) => {
                let part = lock.with_extension("");
                tracing::info!(part = %part.display(), "a worker that died left this in scratch; it is removed");
                remove(&part, &lock);
            }
            Ok(()) | Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(e)) => return Err(e),
        }
    }
    Ok(())
}

/// The part first: without its lock nobody would find it.
fn remove(part: &Path, lock: &Path) {
    let gone = || match fs::remove_dir_all(part) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => fs::remove_file(lock),
    };
    let mut outcome = gone();
    for _ in 1..TRIES {
        if outcome.is_ok() {
            return;
        }
        std::thread::sleep(PAUSE);
        outcome = gone();
    }
    if let Err(e) = outcome {
        tracing::warn!(part = %part.display(), error = %e, "cannot remove a part of scratch; the next start tries again");
    }
}

/// Whether the file at `path` is the one that is open.
fn is_same(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<PathBuf> {
        fs::read_dir(folder).expect("folder").map(|entry| entry.expect("entry").path()).collect()
    }

    #[test]
    fn parts_of_the_dead_go_and_those_of_the_living_stay() {
        let folder = tempfile::tempdir().expect("folder");
        let living = Scratch::open(folder.path()).expect("part");
        fs::write(living.as_ref().join("source"), "at work").expect("file");
        // As a worker leaves it that was killed: nobody holds the lock.
        let dead = folder.path().join("worker-dead");
        fs::create_dir_all(dead.join("job/tree")).expect("folder");
        fs::write(dead.join("job/source"), "left").expect("file");
        fs::write(folder.path().join("worker-dead.lock"), "").expect("lock");
        fs::write(folder.path().join("of-somebody-else"), "").expect("file");

        let next = Scratch::open(folder.path()).expect("part");
        assert!(!dead.exists(), "{:?}", names(folder.path()));
        assert_eq!(fs::read(living.as_ref().join("source")).expect("kept"), b"at work");
        assert_ne!(next.as_ref(), living.as_ref());
        drop((next, living));
        assert_eq!(names(folder.path()), [folder.path().join("of-somebody-else")]);
    }
}
