//! Is there room? Asked before work starts, because a full disk in the middle helps nobody.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// An upload is kept once in the bucket and once in scratch, and its renditions, which seldom outweigh it, likewise.
const COPIES: u64 = 4;
/// Renditions of a file that is small for its length.
const FLOOR: u64 = 256 << 20;

/// Refuses to start where the files and what is made of them will not fit below `data`, which exists.
pub fn check(data: &Path, files: &[PathBuf]) -> anyhow::Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    let sizes = files.iter().map(|f| std::fs::metadata(f).map(|m| m.len()));
    let total: u64 = sizes.sum::<std::io::Result<u64>>()?;
    let disk = rustix::fs::statvfs(data).with_context(|| format!("cannot use {}", data.display()))?;
    let free = disk.f_bavail * disk.f_frsize;
    let needed = total * COPIES + FLOOR;
    if free < needed {
        bail!(
            "There is not enough space in {}: {} MB are free, about {} MB are needed.",
            data.display(),
            free >> 20,
            needed >> 20
        );
    }
    Ok(())
}
