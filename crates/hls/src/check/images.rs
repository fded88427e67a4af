//! Rules of images playlists.

use super::playlist::{Playlist, Segment};
use super::report::Findings;
use super::rule::TILES_FIT;
use super::tree::{Role, Tree};

/// DURATION is written with three decimals and EXTINF with six; over a sheet of tiles this may add up.
const ROUNDING_S_PER_TILE: f64 = 0.0006;

pub(super) fn check(tree: &Tree, findings: &mut Findings) {
    for playlist in tree.of(Role::Images) {
        for (index, sheet) in playlist.segments.iter().enumerate() {
            let is_last = index + 1 == playlist.segments.len();
            check_sheet(playlist, sheet, is_last, findings);
        }
    }
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
