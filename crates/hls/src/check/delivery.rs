//! Rules of how files come: only where they come from a server.

use super::playlist::Playlist;
use super::report::{Findings, Tally};
use super::rule::*;
use super::source::{Delivery, Source};
use super::tree::{Role, Tree};

const PLAYLIST_TYPES: &[&str] =
    &["application/vnd.apple.mpegurl", "audio/mpegurl", "application/x-mpegurl", "audio/x-mpegurl"];
/// By extension; others are not looked at.
const MEDIA_TYPES: &[(&str, &[&str])] = &[
    ("m4s", &["video/iso.segment", "audio/iso.segment", "video/mp4", "audio/mp4"]),
    ("mp4", &["video/mp4", "audio/mp4"]),
    ("m4v", &["video/mp4"]),
    ("m4a", &["audio/mp4"]),
    ("ts", &["video/mp2t"]),
    ("aac", &["audio/aac", "audio/aacp"]),
    ("vtt", &["text/vtt", "text/plain"]),
    ("webvtt", &["text/vtt", "text/plain"]),
    ("jpg", &["image/jpeg"]),
];
/// What is played whatever it is sent as, by name alone.
const EXTENSIONS: &[&str] = &[
    "m4s", "mp4", "m4v", "m4a", "cmfv", "cmfa", "cmft", "ts", "aac", "ac3", "ec3", "mp3", "vtt", "webvtt",
    "jpg", "jpeg", "png",
];

pub(super) fn check(root: &str, tree: &Tree, source: &dyn Source, findings: &mut Findings) {
    check_playlist(root, source, findings);
    for (role, playlist) in tree.playlists() {
        if playlist.path != root {
            check_playlist(&playlist.path, source, findings);
        }
        check_media(role, playlist, source, findings);
    }
}

fn check_playlist(path: &str, source: &dyn Source, findings: &mut Findings) {
    if extension(path) != Some("m3u8".into()) {
        findings.of(&KNOWN_EXTENSIONS, path, "a playlist that is not named .m3u8");
    }
    let Some(delivery) = source.delivery(path) else { return };
    if !delivery.is_compressed {
        findings.of(&PLAYLISTS_COMPRESSED, path, "came uncompressed");
    }
    if !delivery.is_private {
        findings.of(&SENT_PRIVATELY, path, "came over plain HTTP");
    }
    let kind = delivery.content_type.as_deref().unwrap_or("nothing");
    if !PLAYLIST_TYPES.contains(&kind) {
        findings.of(&CONTENT_TYPES, path, format!("came as {kind}"));
    }
}

fn check_media(role: Role, playlist: &Playlist, source: &dyn Source, findings: &mut Findings) {
    let mut names = Tally::new(&KNOWN_EXTENSIONS);
    let mut redirects = Tally::new(&NO_REDIRECTS);
    let mut kinds = Tally::new(&CONTENT_TYPES);
    let mut plain = Tally::new(&SENT_PRIVATELY);
    let files = playlist.maps.iter().chain(playlist.segments.iter().map(|segment| &segment.file));
    for file in files {
        let Some(path) = &file.path else { continue };
        let extension = extension(path);
        if !extension.as_deref().is_some_and(|extension| EXTENSIONS.contains(&extension)) {
            names.at(file.line, || format!("{path} is not named as media"));
        }
        let Some(Delivery { content_type, is_redirected, is_private, .. }) = source.delivery(path) else {
            continue;
        };
        if is_redirected && role != Role::Images {
            redirects.at(file.line, || format!("{path} came from another URL"));
        }
        if !is_private {
            plain.at(file.line, || format!("{path} came over plain HTTP"));
        }
        let known = MEDIA_TYPES.iter().find(|(e, _)| Some(*e) == extension.as_deref());
        let kind = content_type.as_deref().unwrap_or("nothing");
        if known.is_some_and(|(_, kinds)| !kinds.contains(&kind)) {
            kinds.at(file.line, || format!("{path} came as {kind}"));
        }
    }
    for tally in [names, redirects, kinds, plain] {
        tally.tell(&playlist.path, findings);
    }
}

/// What follows the last dot of a file's name, in lower case. Queries are no part of a name.
fn extension(path: &str) -> Option<String> {
    let name = path.split('?').next().unwrap_or_default().rsplit('/').next()?;
    Some(name.rsplit_once('.')?.1.to_ascii_lowercase())
}
