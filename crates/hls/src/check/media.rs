//! Rules of one media playlist.

use super::content::Container;
use super::playlist::Playlist;
use super::report::Findings;
use super::rule::*;
use super::tree::Role;

pub(super) fn check(role: Role, playlist: &Playlist, findings: &mut Findings) {
    let path = playlist.path.as_str();
    if playlist.segments.is_empty() {
        findings.of(&HAS_SEGMENTS, path, "no segment");
        return;
    }
    if !playlist.is_vod {
        findings.of(&IS_VOD, path, "not declared VOD");
    }
    if !playlist.has_endlist {
        findings.of(&HAS_ENDLIST, path, "no EXT-X-ENDLIST");
    }
    if playlist.i_frames_only != (role == Role::IFrames) {
        let is = if playlist.i_frames_only { "declares" } else { "does not declare" };
        findings.of(&IFRAMES_ONLY, path, format!("{is} EXT-X-I-FRAMES-ONLY"));
    }
    if role == Role::Images && !playlist.images_only {
        findings.of(&IMAGES_ONLY, path, "does not declare EXT-X-IMAGES-ONLY");
    }
    check_map(playlist, findings);
    check_durations(role, playlist, findings);
}

/// Fragmented MP4 cannot be decoded without its initialisation section.
fn check_map(playlist: &Playlist, findings: &mut Findings) {
    let Some(first) = playlist.segments.first() else { return };
    let looks_so = first.content.as_ref().is_some_and(|content| content.container == Container::Mp4);
    let is_named_so = first.file.path.as_deref().is_some_and(|path| {
        [".m4s", ".mp4", ".m4v", ".m4a", ".cmfv", ".cmfa"].iter().any(|extension| path.ends_with(extension))
    });
    // One that comes later leaves the first segment without.
    let has_map = playlist.maps.first().is_some_and(|map| map.line < first.file.line);
    if (looks_so || is_named_so) && !has_map {
        findings.at(&HAS_MAP, &playlist.path, first.file.line, "no EXT-X-MAP before the first segment");
    }
}

fn check_durations(role: Role, playlist: &Playlist, findings: &mut Findings) {
    let path = playlist.path.as_str();
    let Some(target_s) = playlist.target_duration_s else {
        findings.of(&HAS_TARGET_DURATION, path, "no target duration");
        return;
    };
    for segment in playlist.segments.iter().filter(|s| s.duration_s.round() > target_s as f64) {
        let found = format!("{} s with a target duration of {target_s} s", segment.duration_s);
        findings.at(&WITHIN_TARGET_DURATION, path, segment.file.line, found);
    }
    if matches!(role, Role::Video | Role::Audio) && target_s != 6 {
        findings.of(&TARGET_DURATION_SIX, path, format!("a target duration of {target_s} s"));
    }
}
