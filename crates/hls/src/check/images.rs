//! Rules of images playlists.

use super::multivariant::Multivariant;
use super::playlist::{Playlist, Segment};
use super::report::Findings;
use super::rule::{SHEET_SIZE, THUMBNAILS_PRESENT, TILES_FIT};
use super::source::{HEAD_BYTES, Source, SourceError};
use super::tree::{Role, Tree};

/// Above this, Roku asks for thumbnails.
const SHORT_S: f64 = 15.0 * 60.0;

/// DURATION is written with three decimals and EXTINF with six; over a sheet of tiles this may add up.
const ROUNDING_S_PER_TILE: f64 = 0.0006;

pub(super) fn check(
    multivariant: &Multivariant<'_>,
    tree: &Tree,
    source: &dyn Source,
    findings: &mut Findings,
) -> Result<(), SourceError> {
    for playlist in tree.of(Role::Images) {
        for (index, sheet) in playlist.segments.iter().enumerate() {
            let is_last = index + 1 == playlist.segments.len();
            check_sheet(playlist, sheet, is_last, findings);
            check_size(playlist, sheet, source, findings)?;
        }
    }
    let longest_s = tree.of(Role::Video).map(Playlist::duration_s).fold(0.0, f64::max);
    if longest_s > SHORT_S && multivariant.images.is_empty() {
        let found = format!("{:.0} minutes without thumbnails", longest_s / 60.0);
        findings.of(&THUMBNAILS_PRESENT, multivariant.path, found);
    }
    Ok(())
}

/// A sheet is as large as its tiles are together; the last one may have fewer rows.
fn check_size(
    playlist: &Playlist,
    sheet: &Segment,
    source: &dyn Source,
    findings: &mut Findings,
) -> Result<(), SourceError> {
    let (Some(tiles), Some(path), Some(_)) = (sheet.tiles, &sheet.file.path, sheet.bytes) else {
        return Ok(());
    };
    let head = source.read_at(path, 0, HEAD_BYTES)?.unwrap_or_default();
    let Some((width, height)) = jpeg_size(&head) else { return Ok(()) };
    let (declared, rows) = (tiles.sheet, tiles.rows);
    let is_short = width == declared.0 && height < declared.1 && height % (declared.1 / rows) == 0;
    if (width, height) != declared && !is_short {
        let found = format!("{path} has {width}x{height}, its tiles make {}x{}", declared.0, declared.1);
        findings.at(&SHEET_SIZE, &playlist.path, sheet.file.line, found);
    }
    Ok(())
}

/// Width and height out of a frame header (ITU-T T.81 B.2.2); `None` where this is no JPEG.
fn jpeg_size(bytes: &[u8]) -> Option<(u64, u64)> {
    let mut rest = bytes.strip_prefix(b"\xff\xd8")?;
    while let [0xff, marker, high, low, ..] = *rest {
        let length = usize::from(high) << 8 | usize::from(low);
        let is_frame = matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc);
        if let (true, Some([h, l, w, v])) = (is_frame, rest.get(5..9)) {
            return Some((u64::from(*w) << 8 | u64::from(*v), u64::from(*h) << 8 | u64::from(*l)));
        }
        rest = rest.get(2 + length..)?;
    }
    None
}

fn check_sheet(playlist: &Playlist, sheet: &Segment, is_last: bool, findings: &mut Findings) {
    let Some(tiles) = sheet.tiles else {
        findings.at(&TILES_FIT, &playlist.path, sheet.file.line, "no EXT-X-TILES");
        return;
    };
    let full_s = tiles.count as f64 * tiles.duration_s;
    let excess_s = sheet.duration_s - full_s;
    let tolerance_s = tiles.count as f64 * ROUNDING_S_PER_TILE;
    // The last sheet may be short; no sheet may be long.
    if excess_s > tolerance_s || (!is_last && excess_s < -tolerance_s) {
        let found = format!(
            "{} s for {} tiles of {} s, which make {full_s} s",
            sheet.duration_s, tiles.count, tiles.duration_s
        );
        findings.at(&TILES_FIT, &playlist.path, sheet.file.line, found);
    }
}
