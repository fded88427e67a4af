//! Rules of when media really begin and end, over all playlists.

use super::content::{Content, Part};
use super::multivariant::Multivariant;
use super::playlist::Playlist;
use super::report::Findings;
use super::rule::{
    AUDIO_ENDS_WITH_VIDEO, NO_TINY_LAST_AUDIO, SAME_AUDIO_EDITS, SAME_FIRST_TIMESTAMP, VTT_CLOCK,
};
use super::source::{Source, SourceError};
use super::subtitles;
use super::tree::{Role, Tree};
use crate::mp4::Handler;

/// Audio begins and ends on an access unit of its own; the longest in use is HE-AAC's at 44.1 kHz.
const AUDIO_FRAME_S: f64 = 2048.0 / 44_100.0;
/// For what is lost where times are counted in other units.
const ROUNDING_S: f64 = 0.002;
/// Shorter last segments of audio made hls.js stall.
const TINY_S: f64 = 0.1;
/// Edits that skip the same are written in other ticks.
const EDIT_ROUNDING_S: f64 = 0.001;
/// Viewers see nothing of a subtitle that is this late.
const CLOCK_S: f64 = 0.5;

pub(super) fn check(
    multivariant: &Multivariant<'_>,
    tree: &Tree,
    source: &dyn Source,
    findings: &mut Findings,
) -> Result<(), SourceError> {
    for audio in tree.of(Role::Audio) {
        check_last(audio, findings);
    }
    check_edits(tree, findings);
    let Some((_, reference)) = tree.reference(multivariant) else { return Ok(()) };
    for role in [Role::Video, Role::Audio] {
        for playlist in tree.of(role) {
            check_start(playlist, reference, findings);
            check_end(playlist, reference, findings);
        }
    }
    check_subtitles(tree, reference, source, findings)
}

fn first(playlist: &Playlist) -> Option<(&Content, &Part)> {
    let content = playlist.segments.first()?.content.as_ref()?;
    Some((content, content.main()?))
}

/// How far apart two tracks may be.
fn tolerance_s(here: &Part, there: &Part) -> f64 {
    let audio = [here, there].iter().any(|part| part.handler == Handler::Audio);
    let frame_s = here.frame_s().max(there.frame_s());
    ROUNDING_S + if audio { frame_s.max(AUDIO_FRAME_S) } else { frame_s }
}

fn check_start(playlist: &Playlist, reference: &Playlist, findings: &mut Findings) {
    let (Some((content, here)), Some((other, there))) = (first(playlist), first(reference)) else { return };
    // Clocks of transport streams and of packed audio are one, those of MP4 another.
    let is_mp4 = |c: &Content| c.container == super::content::Container::Mp4;
    if is_mp4(content) != is_mp4(other) {
        return;
    }
    if (here.start_s - there.start_s).abs() > tolerance_s(here, there) {
        let found =
            format!("begins at {:.3} s, but {} at {:.3} s", here.start_s, reference.path, there.start_s);
        findings.of(&SAME_FIRST_TIMESTAMP, &playlist.path, found);
    }
}

fn check_end(playlist: &Playlist, reference: &Playlist, findings: &mut Findings) {
    // Sound that stops early is in none of the last segments.
    let last = |playlist: &Playlist, handler| -> Option<(Part, f64)> {
        let contents = playlist.segments.iter().rev().map_while(|segment| segment.content.as_ref());
        let part = contents.into_iter().find_map(|content| content.of(handler))?;
        Some((part.clone(), part.end_s?))
    };
    let Some((audio, audio_s)) = last(playlist, Handler::Audio) else { return };
    // Audio beside the picture of its own segments ends with that.
    let video = last(playlist, Handler::Video).or_else(|| last(reference, Handler::Video));
    let Some((video, video_s)) = video else { return };
    if (audio_s - video_s).abs() > tolerance_s(&audio, &video) {
        let found = format!("audio ends at {audio_s:.3} s, video at {video_s:.3} s");
        findings.of(&AUDIO_ENDS_WITH_VIDEO, &playlist.path, found);
    }
}

fn check_last(playlist: &Playlist, findings: &mut Findings) {
    if let [_, .., last] = &playlist.segments[..]
        && last.duration_s < TINY_S
    {
        let found = format!("the last segment lasts {} s", last.duration_s);
        findings.at(&NO_TINY_LAST_AUDIO, &playlist.path, last.file.line, found);
    }
}

fn check_edits(tree: &Tree, findings: &mut Findings) {
    let mut known: Vec<(&str, f64, &str)> = Vec::new();
    for playlist in tree.of(Role::Audio) {
        let tracks = playlist.inits.iter().flatten().flat_map(|init| &init.tracks);
        for track in tracks.filter(|track| track.handler == Handler::Audio) {
            let codecs = track.entry.codecs.as_str();
            match known.iter().find(|(c, ..)| *c == codecs) {
                None => known.push((codecs, track.shift_s, &playlist.path)),
                Some((_, shift_s, other)) if (shift_s - track.shift_s).abs() > EDIT_ROUNDING_S => {
                    let found = format!("shifted by {:.4} s, but {other} by {shift_s:.4} s", track.shift_s);
                    findings.of(&SAME_AUDIO_EDITS, &playlist.path, found);
                }
                Some(_) => {}
            }
        }
    }
}

/// Cue times are counted from X-TIMESTAMP-MAP, which has to name the begin of the picture.
fn check_subtitles(
    tree: &Tree,
    reference: &Playlist,
    source: &dyn Source,
    findings: &mut Findings,
) -> Result<(), SourceError> {
    let Some((_, video)) = first(reference) else { return Ok(()) };
    for playlist in tree.of(Role::Subtitles) {
        let Some(path) = playlist.segments.first().and_then(|segment| segment.file.path.as_deref()) else {
            continue;
        };
        let Some(text) = source.read(path)?.and_then(|bytes| String::from_utf8(bytes).ok()) else { continue };
        let Some(zero_s) = subtitles::clock_zero_s(&text) else { continue };
        if (zero_s - video.start_s).abs() > CLOCK_S {
            let found =
                format!("time 0 of its cues is {zero_s:.3} s, but video begins at {:.3} s", video.start_s);
            findings.of(&VTT_CLOCK, path, found);
        }
    }
    Ok(())
}
