//! What the multivariant playlist declares against what the segments hold.

use super::codecs::{agree, is_audio};
use super::content::{Container, Format};
use super::multivariant::{Entry, Multivariant};
use super::playlist::Playlist;
use super::report::Findings;
use super::rule::*;
use super::tree::{Role, Tree};
use crate::mp4::Handler;

/// FRAME-RATE has three decimals, and constant rates are written as 23.976 where they are 24000/1001.
const RATE_TOLERANCE: f64 = 0.005;

pub(super) fn check(multivariant: &Multivariant<'_>, tree: &Tree, findings: &mut Findings) {
    let path = multivariant.path;
    for stream in multivariant.variants.iter().chain(&multivariant.iframes) {
        let Some(playlist) = tree.named_by(stream) else { continue };
        let members = || multivariant.group("AUDIO", stream.get("AUDIO")).filter(|media| media.uri.is_some());
        let group: Vec<&Playlist> = members().filter_map(|media| tree.named_by(media)).collect();
        let is_complete = group.len() == members().count();
        check_codecs(path, stream, playlist, (&group, is_complete), findings);
        check_resolution(path, stream, playlist, findings);
        check_range(path, stream, playlist, findings);
    }
    for variant in &multivariant.variants {
        if let Some(playlist) = tree.named_by(variant) {
            check_frame_rate(path, variant, playlist, findings);
        }
    }
    for playlist in tree.of(Role::Subtitles) {
        if playlist.formats.iter().any(|format| format.codecs == "wvtt") {
            findings.of(&SUBTITLES_AS_TEXT, &playlist.path, "WebVTT in MP4");
        }
    }
}

fn check_codecs(
    path: &str,
    stream: &Entry<'_>,
    playlist: &Playlist,
    (group, is_complete): (&[&Playlist], bool),
    findings: &mut Findings,
) {
    let declared: Vec<&str> = stream.codecs().collect();
    if declared.is_empty() {
        return;
    }
    let all = || std::iter::once(playlist).chain(group.iter().copied());
    let formats = || all().flat_map(|playlist| playlist.formats.iter().map(move |f| (playlist, f)));
    for (of, format) in formats().filter(|(_, format)| format.handler != Handler::Other) {
        // That no audio at all is named has its own finding.
        let is_unnamed = of.path != playlist.path && !declared.iter().any(|codec| is_audio(codec));
        if !is_unnamed && !declared.iter().any(|codec| agree(codec, &format.codecs)) {
            let found = format!("CODECS=\"{}\", but {} holds {}", declared.join(","), of.path, format.codecs);
            findings.at(&CODECS_AS_MEDIA, path, stream.line, found);
        }
    }
    // Nothing is absent from what was not looked into; packed audio does not say what it is.
    let is_plain = |f: &Format| f.container != Container::PackedAudio;
    let is_complete = is_complete
        && all().all(|p| p.is_known && !p.formats.is_empty())
        && formats().all(|(_, f)| is_plain(f));
    if !is_complete {
        return;
    }
    for (is_of_kind, handler, kind) in [(true, Handler::Audio, "audio"), (false, Handler::Video, "video")] {
        let claimed = declared.iter().find(|codec| is_audio(codec) == is_of_kind && !is_text(codec));
        if let Some(codec) = claimed
            && formats().all(|(_, format)| format.handler != handler)
        {
            findings.at(&CODECS_NOT_ABSENT, path, stream.line, format!("{codec}, but no {kind}"));
        }
    }
}

fn is_text(codec: &str) -> bool {
    ["wvtt", "stpp", "tx3g"].iter().any(|text| codec.starts_with(text))
}

fn check_resolution(path: &str, stream: &Entry<'_>, playlist: &Playlist, findings: &mut Findings) {
    let Some(declared) = stream.resolution() else { return };
    for format in playlist.formats.iter().filter(|f| f.handler == Handler::Video && !f.sizes.is_empty()) {
        if !format.sizes.contains(&declared) {
            let (width, height) = format.sizes[0];
            let found = format!("RESOLUTION={}x{}, the picture has {width}x{height}", declared.0, declared.1);
            findings.at(&RESOLUTION_AS_MEDIA, path, stream.line, found);
        }
    }
}

fn check_range(path: &str, stream: &Entry<'_>, playlist: &Playlist, findings: &mut Findings) {
    let declared = stream.get("VIDEO-RANGE").unwrap_or("SDR");
    for transfer in playlist.formats.iter().filter_map(|format| format.transfer) {
        let measured = match transfer {
            16 => "PQ",
            18 => "HLG",
            // Not said after all.
            0 | 2 => continue,
            _ => "SDR",
        };
        if declared != measured {
            let found = format!("VIDEO-RANGE={declared}, transfer characteristics {transfer} ({measured})");
            findings.at(&RANGE_AS_MEDIA, path, stream.line, found);
        }
    }
}

fn check_frame_rate(path: &str, variant: &Entry<'_>, playlist: &Playlist, findings: &mut Findings) {
    let Some(declared) = variant.frame_rate() else { return };
    let contents = playlist.segments.iter().filter_map(|segment| segment.content.as_ref());
    let parts: Vec<_> = contents.filter_map(|content| content.of(Handler::Video)).collect();
    let seconds: f64 = parts.iter().filter_map(|part| part.duration_s()).sum();
    if seconds <= 0.0 {
        return;
    }
    let measured = parts.iter().map(|part| part.samples).sum::<usize>() as f64 / seconds;
    // Ticks round, and the last frame may stand longer.
    let is_constant = parts.iter().all(|part| part.sample_ticks.1 - part.sample_ticks.0 <= 1);
    let off = measured / declared - 1.0;
    // Of a rate that varies, the largest is to be declared.
    if off > RATE_TOLERANCE || (is_constant && off < -RATE_TOLERANCE) {
        let found = format!("FRAME-RATE={declared}, measured {measured:.3}");
        findings.at(&FRAME_RATE_AS_MEDIA, path, variant.line, found);
    }
}
