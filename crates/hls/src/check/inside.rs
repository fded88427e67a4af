//! Rules of what is within the segments of one playlist.

use super::content::{Container, Content, Part};
use super::playlist::{Playlist, Segment};
use super::report::{Findings, Tally};
use super::rule::*;
use super::tree::{Role, Tree};
use crate::mp4::{FirstPicture, Handler};

/// How much longer than the target duration a segment may be (Apple 7.7).
const ABOVE_TARGET_S: f64 = 0.5;
/// The distance of keyframes that Apple asks for, and of I-frames.
const KEYFRAMES_S: f64 = 2.0;
/// A second of television has 1001 ms, and the last I-frame may stand for longer.
const IFRAMES_S: f64 = 1.05;
/// EXTINF is written with three decimals at least.
const ROUNDING_S: f64 = 0.001;
/// Of a transport stream only the begin of each segment is read, so that the length of a frame is not known: one of 24 a
/// second is 0.042 s, and an access unit of AAC at 22 kHz 0.046 s.
const TS_FRAME_S: f64 = 0.05;

pub(super) fn check(tree: &Tree, findings: &mut Findings) {
    for (role, playlist) in tree.playlists() {
        match role {
            Role::Video | Role::Audio => {
                check_tracks(playlist, findings);
                check_keyframes(playlist, findings);
                check_continuity(playlist, findings);
                check_durations(playlist, findings);
            }
            Role::IFrames => check_iframes(playlist, findings),
            Role::Subtitles | Role::Images => {}
        }
        check_numbers(playlist, findings);
    }
}

fn contents(playlist: &Playlist) -> impl Iterator<Item = (&Segment, &Content)> {
    playlist.segments.iter().filter_map(|segment| Some((segment, segment.content.as_ref()?)))
}

fn check_tracks(playlist: &Playlist, findings: &mut Findings) {
    let mut several = Tally::new(&ONE_AUDIO_STREAM);
    let mut clocks = Tally::new(&PACKED_AUDIO_CLOCK);
    for (segment, content) in contents(playlist) {
        if content.container == Container::PackedAudio && content.parts.is_empty() {
            clocks.at(segment.file.line, || "no time in an ID3 tag".to_owned());
        }
        if content.audio_streams > 1 {
            several
                .at(segment.file.line, || format!("{} audio streams in one segment", content.audio_streams));
        }
    }
    several.tell(&playlist.path, findings);
    clocks.tell(&playlist.path, findings);
    let mut formats = playlist.formats.iter();
    if formats.any(|f| f.container == Container::Ts && f.codecs.starts_with("hvc1")) {
        findings.of(&HEVC_IN_MP4, &playlist.path, "HEVC in MPEG-2 TS");
    }
    if playlist.formats.iter().any(|format| format.may_have_fields) {
        findings.of(&FRAMES_NOT_FIELDS, &playlist.path, "H.264 that may hold fields (frame_mbs_only_flag 0)");
    }
    for (map, init) in playlist.maps.iter().zip(&playlist.inits) {
        let edits = init.iter().flat_map(|init| &init.tracks).map(|track| track.edits).max();
        if let Some(edits) = edits.filter(|edits| *edits > 1) {
            findings.at(&ONE_EDIT, &playlist.path, map.line, format!("{edits} edits of one track"));
        }
    }
}

fn check_keyframes(playlist: &Playlist, findings: &mut Findings) {
    let mut openings = Tally::new(&STARTS_WITH_IDR);
    let mut distances = Tally::new(&KEYFRAME_EACH_2_S);
    let mut last_s: Option<f64> = None;
    for segment in &playlist.segments {
        let Some(video) = segment.content.as_ref().and_then(|content| content.of(Handler::Video)) else {
            last_s = None;
            continue;
        };
        check_opening(segment, video, &mut openings);
        if segment.discontinuity {
            last_s = None;
        }
        let Some((first, last)) = video.keyframes.ends_s else { continue };
        let apart_s = last_s.map_or(0.0, |before| first - before).max(video.keyframes.apart_s);
        if apart_s > KEYFRAMES_S + video.frame_s() {
            distances.at(segment.file.line, || format!("{apart_s:.2} s from one keyframe to the next"));
        }
        last_s = Some(last);
    }
    openings.tell(&playlist.path, findings);
    distances.tell(&playlist.path, findings);
}

fn check_opening(segment: &Segment, video: &Part, openings: &mut Tally) {
    let path = segment.file.path.as_deref().unwrap_or_default();
    let found = match video.picture {
        _ if !video.is_sync => "begins with a sample that is flagged as depending on others",
        Some(FirstPicture::Dependent) => "begins with a picture that is no IDR picture",
        Some(FirstPicture::NotSeen) => "begins with a sample without a picture",
        Some(FirstPicture::Independent) | None => return,
    };
    openings.at(segment.file.line, || format!("{path} {found}"));
}

/// Decoding times of each track go on from segment to segment, and within them.
fn check_continuity(playlist: &Playlist, findings: &mut Findings) {
    let mut gaps = Tally::new(&DECODE_TIMES_GO_ON);
    let mut before: Option<(&Segment, &Content)> = None;
    for segment in &playlist.segments {
        let Some(content) = segment.content.as_ref().filter(|c| c.container == Container::Mp4) else {
            before = None;
            continue;
        };
        let before = before.replace((segment, content)).filter(|(b, _)| b.map == segment.map);
        for part in &content.parts {
            let last = before.and_then(|(_, c)| c.parts.iter().find(|last| last.track == part.track));
            let last = last.filter(|_| !segment.discontinuity);
            let expected = last.map(|last| last.decode_time.saturating_add(last.ticks));
            let gap = expected.filter(|expected| *expected != part.decode_time);
            if let Some((expected, found)) = gap.map(|gap| (gap, part.decode_time)).or(part.gap) {
                let path = segment.file.path.as_deref().unwrap_or_default();
                gaps.at(segment.file.line, || {
                    format!(
                        "{path}: tfdt {found} where {expected} comes next, in ticks of 1/{} s",
                        part.timescale
                    )
                });
            }
        }
    }
    gaps.tell(&playlist.path, findings);
}

/// EXTINF against the samples: no run of segments may differ by more than a frame, which is to say that the sum of the
/// differences stays within a band of a frame.
fn check_durations(playlist: &Playlist, findings: &mut Findings) {
    let mut drifts = Tally::new(&DURATIONS_AS_MEASURED);
    let mut long = Tally::new(&SEGMENT_NOT_TOO_LONG);
    let (mut sum_s, mut least_s, mut most_s) = (0.0_f64, 0.0_f64, 0.0_f64);
    for (index, segment) in playlist.segments.iter().enumerate() {
        // A segment without EXTINF has its own finding.
        let measured = measured(playlist, index).filter(|_| segment.duration_s > 0.0);
        let Some((measured_s, frame_s)) = measured else {
            (sum_s, least_s, most_s) = (0.0, 0.0, 0.0);
            continue;
        };
        sum_s += segment.duration_s - measured_s;
        (least_s, most_s) = (least_s.min(sum_s), most_s.max(sum_s));
        if most_s - least_s > frame_s + ROUNDING_S {
            drifts.at(segment.file.line, || {
                format!("EXTINF {} s, measured {measured_s:.3} s: {sum_s:+.3} s in all", segment.duration_s)
            });
            // What comes behind is judged by itself.
            (sum_s, least_s, most_s) = (0.0, 0.0, 0.0);
        }
        let limit_s = playlist.target_duration_s.map(|target_s| target_s as f64 + ABOVE_TARGET_S);
        if limit_s.is_some_and(|limit_s| measured_s > limit_s + ROUNDING_S) {
            long.at(segment.file.line, || format!("{measured_s:.3} s of media"));
        }
    }
    drifts.tell(&playlist.path, findings);
    long.tell(&playlist.path, findings);
}

/// Seconds of a segment by its samples, or by where the next one begins, and seconds of a frame.
fn measured(playlist: &Playlist, index: usize) -> Option<(f64, f64)> {
    let content = playlist.segments[index].content.as_ref()?;
    let main = content.main()?;
    if let Some(duration_s) = main.duration_s() {
        return Some((duration_s, main.frame_s()));
    }
    let next = playlist.segments.get(index + 1).filter(|next| !next.discontinuity);
    let next = next.and_then(|next| next.content.as_ref()).filter(|next| next.container == content.container);
    let ticks = match next.and_then(|next| next.of(main.handler)) {
        Some(next) => next.decode_time.wrapping_sub(main.decode_time) % crate::ts::WRAP,
        // None follows: of video it is known when it ends.
        None => Some(main.ticks).filter(|ticks| *ticks > 0)?,
    };
    Some((ticks as f64 / crate::ts::TICKS_PER_S, TS_FRAME_S))
}

fn check_iframes(playlist: &Playlist, findings: &mut Findings) {
    let mut openings = Tally::new(&STARTS_WITH_IDR);
    let mut several = Tally::new(&IFRAME_IS_ONE_SAMPLE);
    for (segment, content) in contents(playlist) {
        if let Some(video) = content.of(Handler::Video) {
            check_opening(segment, video, &mut openings);
        }
        let samples: usize = content.parts.iter().map(|part| part.samples).sum();
        let is_bad = !content.is_whole || samples != 1;
        let is_read = segment.map.is_some_and(|map| playlist.inits[map].is_some());
        if content.container == Container::Mp4 && is_read && is_bad {
            several.at(segment.file.line, || match (content.is_whole, samples) {
                (_, 0) => "no moof box in the range".to_owned(),
                (true, samples) => format!("{samples} samples in the range"),
                (false, samples) => format!("a moof box of {samples} samples that the range does not hold"),
            });
        }
    }
    openings.tell(&playlist.path, findings);
    several.tell(&playlist.path, findings);
    let mean_s = playlist.duration_s() / playlist.segments.len().max(1) as f64;
    if mean_s > IFRAMES_S + ROUNDING_S {
        let found = format!("an I-frame each {mean_s:.1} s on average");
        findings.of(&IFRAME_EACH_SECOND, &playlist.path, found);
    }
}

fn check_numbers(playlist: &Playlist, findings: &mut Findings) {
    let mut negative = Tally::new(&NOT_NEGATIVE);
    for (segment, content) in contents(playlist) {
        if let Some(part) = content.parts.iter().find(|part| part.has_negative) {
            let path = segment.file.path.as_deref().unwrap_or_default();
            negative.at(segment.file.line, || {
                format!("{path}: tfdt {}, or a duration or size, with its highest bit set", part.decode_time)
            });
        }
    }
    negative.tell(&playlist.path, findings);
}
