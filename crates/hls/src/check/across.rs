//! Rules that playlists keep together.

use super::multivariant::Multivariant;
use super::playlist::Playlist;
use super::report::Findings;
use super::rule::{
    ALIGNED_BOUNDARIES, INDEPENDENT_SEGMENTS, SAME_DISCONTINUITIES, SAME_TARGET_DURATION, SAME_TIME_RANGE,
};
use super::tree::{Role, Tree};

/// Audio ends on a frame of its own; the longest of those in use is HE-AAC's at 44.1 kHz.
const AUDIO_FRAME_S: f64 = 2048.0 / 44_100.0;

/// EXTINF is written with six decimals.
const ROUNDING_S: f64 = 1e-5;

pub(super) fn check(multivariant: &Multivariant<'_>, tree: &Tree, findings: &mut Findings) {
    let Some((index, reference)) = tree.reference(multivariant) else { return };
    let frame_s = multivariant.variants[index].frame_rate().map_or(AUDIO_FRAME_S, |rate| 1.0 / rate);

    check_independence(multivariant, tree, findings);
    for (role, playlist) in tree.playlists().filter(|(_, playlist)| !playlist.segments.is_empty()) {
        let unit_s = if role == Role::Video { frame_s } else { frame_s.max(AUDIO_FRAME_S) };
        let within_s = unit_s + ROUNDING_S;
        check_time_range(role, playlist, reference, within_s, findings);
        if matches!(role, Role::Video | Role::Audio) {
            check_target_duration(playlist, reference, findings);
            check_discontinuities(playlist, reference, within_s, findings);
        }
        if role == Role::Video {
            check_boundaries(playlist, reference, within_s, findings);
        }
    }
}

fn check_independence(multivariant: &Multivariant<'_>, tree: &Tree, findings: &mut Findings) {
    if multivariant.independent_segments {
        return;
    }
    for playlist in tree.of(Role::Video).filter(|playlist| !playlist.independent_segments) {
        findings.of(
            &INDEPENDENT_SEGMENTS,
            &playlist.path,
            "EXT-X-INDEPENDENT-SEGMENTS neither here nor in the multivariant playlist",
        );
    }
}

fn check_time_range(
    role: Role,
    playlist: &Playlist,
    reference: &Playlist,
    within_s: f64,
    findings: &mut Findings,
) {
    // A sheet may be filled up with tiles beyond the end.
    let tile_s = playlist.segments.last().and_then(|sheet| sheet.tiles).map_or(0.0, |tiles| tiles.duration_s);
    let within_s = if role == Role::Images { within_s + tile_s } else { within_s };
    let (here_s, there_s) = (playlist.duration_s(), reference.duration_s());
    if (here_s - there_s).abs() > within_s {
        let found = format!("{here_s:.3} s, but {} lasts {there_s:.3} s", reference.path);
        findings.of(&SAME_TIME_RANGE, &playlist.path, found);
    }
}

fn check_target_duration(playlist: &Playlist, reference: &Playlist, findings: &mut Findings) {
    let (Some(here_s), Some(there_s)) = (playlist.target_duration_s, reference.target_duration_s) else {
        return;
    };
    if here_s != there_s {
        let found = format!("{here_s} s, but {} has {there_s} s", reference.path);
        findings.of(&SAME_TARGET_DURATION, &playlist.path, found);
    }
}

fn check_discontinuities(playlist: &Playlist, reference: &Playlist, within_s: f64, findings: &mut Findings) {
    let times = |p: &Playlist| -> Vec<f64> {
        p.segments.iter().filter(|s| s.discontinuity).map(|s| s.start_s).collect()
    };
    let (here, there) = (times(playlist), times(reference));
    let agree = here.len() == there.len() && here.iter().zip(&there).all(|(a, b)| (a - b).abs() <= within_s);
    if !agree {
        let found = format!("discontinuities at {here:?} s, but {} has {there:?} s", reference.path);
        findings.of(&SAME_DISCONTINUITIES, &playlist.path, found);
    }
}

/// The first boundary that differs tells enough: the ones after it differ too.
fn check_boundaries(playlist: &Playlist, reference: &Playlist, within_s: f64, findings: &mut Findings) {
    let mut pairs = playlist.segments.iter().zip(&reference.segments);
    let apart = pairs.find(|(here, there)| (here.start_s - there.start_s).abs() > within_s);
    if let Some((here, there)) = apart {
        findings.at(
            &ALIGNED_BOUNDARIES,
            &playlist.path,
            here.file.line,
            format!("starts at {:.3} s, but in {} at {:.3} s", here.start_s, reference.path, there.start_s),
        );
    } else if playlist.segments.len() != reference.segments.len() {
        let (here, there) = (playlist.segments.len(), reference.segments.len());
        let found = format!("{here} segments, but {} has {there}", reference.path);
        findings.of(&ALIGNED_BOUNDARIES, &playlist.path, found);
    }
}
